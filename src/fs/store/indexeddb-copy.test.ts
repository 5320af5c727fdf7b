// Copies of trees: whole or none, a little at a time, from any format.
import { IDBDatabase, IDBFactory, IDBKeyRange, IDBObjectStore } from 'fake-indexeddb';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { dumpTree, TreeDriver } from '../../../test/tree-driver.ts';
import { steps, TreeModel } from '../../../test/tree-model.ts';
import { readerOf } from '../../base/iov.ts';
import { checkTree } from '../tree/check-tree.ts';
import { SCHEMA, StoreError } from '../tree/store.ts';
import { Tree } from '../tree/tree.ts';
import { copyDatabase } from './indexeddb-copy.ts';
import { IndexedDbStore } from './indexeddb-store.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
afterEach(() => {
  vi.restoreAllMocks();
});

const NEVER = 1e9;
const open = (factory: IDBFactory, name: string): Promise<Tree> =>
  Tree.open(new IndexedDbStore(name, { factory }), { commitInterval: NEVER });

/** A tree of `files` files of 200,000 bytes. */
async function make(factory: IDBFactory, files: number): Promise<void> {
  const tree = await open(factory, 'from');
  for (let i = 0; i < files; i++) {
    const inode = tree.mknod(tree.root, `file-${i}`, { mode: 0o644, uid: 0, gid: 0 });
    await tree.write(inode, 0, 200_000, readerOf(new Uint8Array(200_000).fill(i + 1)));
  }
  await tree.close();
}

async function dump(factory: IDBFactory, name: string) {
  const tree = await open(factory, name);
  expect(checkTree(tree)).toEqual([]);
  const found = await dumpTree(tree);
  await tree.close();
  return found;
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  );

test('a copy has everything, and does not share it', async () => {
  await fc.assert(
    fc.asyncProperty(steps(80), async (changes) => {
      const factory = new IDBFactory();
      const clock = { s: 1, ns: 0 };
      const store = new IndexedDbStore('from', { factory });
      const tree = await Tree.open(store, { commitInterval: NEVER, chunkSize: 4096, clock: () => ({ ...clock }) });
      const model = new TreeModel(4096);
      const driver = new TreeDriver(tree, clock);
      for (const [i, change] of changes.entries()) await model.step(change, i, driver);
      await tree.close();
      await copyDatabase('from', 'to', { factory });
      const original = await dump(factory, 'from');
      expect(await dump(factory, 'to')).toEqual(original);
      const copy = await open(factory, 'to');
      copy.mkdir(copy.root, 'only here', { mode: 0o755, uid: 0, gid: 0 });
      await copy.close();
      expect(await dump(factory, 'from')).toEqual(original);
    }),
    { numRuns: 40 },
  );
});

test('progress ends with everything, and no transaction has more than 4 MiB', async () => {
  const factory = new IDBFactory();
  await make(factory, 100);
  const seen: [number, number][] = [];
  const written: number[] = [];
  const { transaction } = IDBDatabase.prototype;
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...parameters) {
    written.push(0);
    return transaction.apply(this, parameters);
  });
  const { put } = IDBObjectStore.prototype;
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value, key) {
    written[written.length - 1] = (written.at(-1) as number) + ((value as { length?: number }).length ?? 0);
    return put.call(this, value, key);
  });
  await copyDatabase('from', 'to', { factory, onProgress: (done, total) => seen.push([done, total]) });
  expect(seen.at(-1)?.[0]).toBe(seen.at(-1)?.[1]);
  expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).sort((a, b) => a - b));
  expect(Math.max(...written)).toBeLessThanOrEqual(4 * 2 ** 20);
  expect(written.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(100 * 200_000);
});

test('a copy that fails or is given up at any step is no tree, and the next one is whole', async () => {
  const factory = new IDBFactory();
  await make(factory, 3);
  const original = await dump(factory, 'from');
  let puts = 0;
  const { put } = IDBObjectStore.prototype;
  const spy = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value, key) {
    puts++;
    return put.call(this, value, key);
  });
  await copyDatabase('from', 'whole', { factory });
  const all = puts;
  expect(all).toBeGreaterThan(10);
  for (let at = 0; at < all; at++) {
    for (const how of ['fail', 'cancel'] as const) {
      const name = `to-${at}-${how}`;
      const controller = new AbortController();
      puts = 0;
      spy.mockImplementation(function (this: IDBObjectStore, value, key) {
        if (puts++ === at) {
          if (how === 'fail') throw new DOMException('full', 'QuotaExceededError');
          controller.abort('enough');
        }
        return put.call(this, value, key);
      });
      const code = await codeOf(copyDatabase('from', name, { factory, signal: controller.signal }));
      spy.mockImplementation(put);
      if (code === 'none') {
        // Given up when there was nothing more to copy.
        expect(how).toBe('cancel');
        expect(await dump(factory, name)).toEqual(original);
        continue;
      }
      expect(code).toBe(how === 'fail' ? 'quota' : 'enough');
      const { superblock } = await new IndexedDbStore(name, { factory, readOnly: true }).open();
      expect(superblock).toBeUndefined();
    }
  }
  expect(await dump(factory, 'whole')).toEqual(original);
});

test('a tree that is written while it is copied gives no copy', async () => {
  const factory = new IDBFactory();
  await make(factory, 3);
  const tree = await open(factory, 'from');
  let wrote: Promise<void> | undefined;
  const onProgress = (): void => {
    if (wrote) return;
    tree.mkdir(tree.root, 'meanwhile', { mode: 0o755, uid: 0, gid: 0 });
    wrote = tree.sync();
  };
  expect(await codeOf(copyDatabase('from', 'to', { factory, onProgress }))).toBe('stale');
  await wrote;
  const { superblock } = await new IndexedDbStore('to', { factory, readOnly: true }).open();
  expect(superblock).toBeUndefined();
  await tree.close();
});

test('nothing is copied over a tree, from nowhere, or from an empty database', async () => {
  const factory = new IDBFactory();
  await make(factory, 1);
  const original = await dump(factory, 'from');
  await copyDatabase('from', 'to', { factory });
  expect(await codeOf(copyDatabase('from', 'to', { factory }))).toBe('name');
  expect(await codeOf(copyDatabase('nowhere', 'new', { factory }))).toBe('name');
  expect(await dump(factory, 'to')).toEqual(original);
  const empty = new IndexedDbStore('empty', { factory });
  await empty.open();
  await copyDatabase('empty', 'copy', { factory });
  expect((await new IndexedDbStore('copy', { factory }).open()).superblock).toBeUndefined();
});

test('the superblock of a copy is in this format', async () => {
  const factory = new IDBFactory();
  await make(factory, 1);
  await copyDatabase('from', 'to', { factory });
  const { superblock } = await new IndexedDbStore('to', { factory, readOnly: true }).open();
  expect(superblock?.schema).toBe(SCHEMA);
});
