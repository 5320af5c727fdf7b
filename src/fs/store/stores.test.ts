// What every store must do: keep a tree whole over closing, failing commits and crashes between and inside commits.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import fc from 'fast-check';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { type Fate, FaultyStore } from '../../../test/faulty-store.ts';
import { contentOf, dumpTree, TreeDriver } from '../../../test/tree-driver.ts';
import { type Step, steps, TreeModel } from '../../../test/tree-model.ts';
import { readerOf } from '../../base/iov.ts';
import { checkTree } from '../tree/check-tree.ts';
import type { Inode } from '../tree/inode.ts';
import type { Store } from '../tree/store.ts';
import { Tree, type TreeOptions } from '../tree/tree.ts';
import { DirStore } from './dir-store.ts';
import { IndexedDbStore } from './indexeddb-store.ts';
import { MemoryStore } from './memory-store.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
const CHUNK = 4096;
const START = 1_000_000;
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** Makes a place for one tree and returns what opens a store in it, again and again. */
type Place = () => () => Store;

const places: Record<string, Place> = {
  memory: () => {
    const store = new MemoryStore();
    return () => store;
  },
  indexeddb: () => {
    const factory = new IDBFactory();
    return () => new IndexedDbStore('t', { factory });
  },
  folder: () => {
    const folder = mkdtempSync(join(tmpdir(), 'store-'));
    folders.push(folder);
    return () => new DirStore(folder, { garbageLimit: 100_000 });
  },
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Does the steps; every few of them waits for a sync or lets commits run. Returns the operations after each. */
async function work(tree: Tree, clock: { s: number }, changes: readonly Step[], synced: (operation: number) => void) {
  const model = new TreeModel(CHUNK);
  const driver = new TreeDriver(tree, clock as { s: number; ns: number });
  const operations: number[] = [];
  for (const [i, change] of changes.entries()) {
    await model.step(change, i, driver);
    const { operations: at } = tree.counters;
    operations.push(at);
    if (change[4] % 7 === 0)
      tree.sync().then(
        () => synced(at),
        () => {},
      );
    if (change[4] % 3 === 0) await turn();
    if (change[4] % 11 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return { model, operations };
}

/** The model as it was when the tree had seen this many changes. */
async function replay(changes: readonly Step[], operations: readonly number[], until: number): Promise<TreeModel> {
  const model = new TreeModel(CHUNK);
  for (const [i, change] of changes.entries()) {
    if ((operations[i] as number) > until) break;
    await model.step(change, i);
  }
  return model;
}

const optionsOf = (clock: { s: number; ns: number }, cacheLimit: number): TreeOptions => ({
  clock: () => ({ ...clock }),
  chunkSize: CHUNK,
  cacheLimit,
  commitInterval: 0,
});

async function expectTree(store: Store, model: TreeModel): Promise<void> {
  const tree = await Tree.open(store, { commitInterval: 1e9 });
  const dump = model.dump();
  expect(await dumpTree(tree)).toEqual(dump);
  expect(checkTree(tree)).toEqual([]);
  expect(tree.counters.inodes).toBe(new Set(dump.map(({ same }) => same)).size);
  await tree.close();
}

const runs = { memory: 150, indexeddb: 60, folder: 60 } as const;

describe.each(Object.keys(places) as (keyof typeof runs)[])('%s store', (kind) => {
  const place = places[kind] as Place;
  const numRuns = runs[kind];

  test('after any changes and a close the tree is found again, orphans apart', async () => {
    await fc.assert(
      fc.asyncProperty(steps(80), fc.constantFrom(CHUNK, 2 ** 30), async (changes, cacheLimit) => {
        const open = place();
        const clock = { s: START, ns: 0 };
        const tree = await Tree.open(open(), optionsOf(clock, cacheLimit));
        const { model } = await work(tree, clock, changes, () => {});
        const known = new Map([...tree.inodes()].map((inode) => [inode.ino, inode.generation]));
        const { operations } = tree.counters;
        await tree.close();
        await expectTree(open(), model);
        const again = await Tree.open(open());
        for (const inode of again.inodes()) expect(inode.generation).toBe(known.get(inode.ino));
        expect(again.counters.operations).toBe(operations);
        await again.close();
      }),
      { numRuns },
    );
  });

  test('a crash in any commit leaves the tree of the last commit, never less than what was synced', async () => {
    const fates = fc.constantFrom<Fate>('stop', 'stop-after');
    await fc.assert(
      fc.asyncProperty(
        steps(80),
        fc.nat(12),
        fates,
        fc.constantFrom(CHUNK, 2 ** 30),
        async (changes, at, fate, limit) => {
          const open = place();
          const clock = { s: START, ns: 0 };
          const store = new FaultyStore(open());
          store.fate = (commit) => (commit === at ? fate : 'store');
          // A limit on unsaved bytes would make writers wait for ever for a store that stands still.
          const tree = await Tree.open(store, { ...optionsOf(clock, 2 ** 30), cacheLimit: Math.max(limit, 2 ** 22) });
          let synced = 0;
          const { operations } = await work(tree, clock, changes, (operation) => {
            synced = Math.max(synced, operation);
          });
          await turn();
          await store.close();
          const found = open();
          const { superblock } = await found.open();
          await found.close();
          expect(superblock?.operation ?? 0).toBeGreaterThanOrEqual(synced);
          if (superblock) await expectTree(open(), await replay(changes, operations, superblock.operation));
        },
      ),
      { numRuns },
    );
  });

  test('commits that fail lose nothing: the next that goes through has everything', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps(80),
        // A store that is full has the tree refuse what comes next: full.test.ts.
        fc.infiniteStream(fc.constantFrom<Fate>('store', 'fail')),
        async (changes, fates) => {
          const open = place();
          const clock = { s: START, ns: 0 };
          const store = new FaultyStore(open());
          const tree = await Tree.open(store, optionsOf(clock, 2 ** 22));
          const list = [...fates.take(100)];
          store.fate = (commit) => list[commit % 100] as Fate;
          const { model } = await work(tree, clock, changes, () => {});
          store.fate = () => 'store';
          // The commit under way may still fail those who wait for it.
          await Promise.allSettled([tree.sync()]);
          await tree.sync();
          expect(tree.dirtyBytes).toBe(0);
          await tree.close();
          await expectTree(open(), model);
        },
      ),
      { numRuns },
    );
  });

  test('5.6 what was unlinked and held is reaped at the next open, its chunks too', async () => {
    const open = place();
    const tree = await Tree.open(open(), { chunkSize: CHUNK });
    const owner = { uid: 0, gid: 0 };
    const file = tree.mknod(tree.root, 'f', { mode: 0o644, ...owner });
    await tree.write(file, 0, 10 * CHUNK, readerOf(new Uint8Array(10 * CHUNK).fill(1)));
    tree.setxattr(file, 'user.x', new Uint8Array(5), 0);
    tree.hold(file);
    tree.unlink(tree.root, 'f');
    await tree.sync();
    expect(tree.inode(file.ino)).toBe(file);
    await tree.close();
    const store = open();
    const again = await Tree.open(store, { reuseInodeNumbers: true });
    expect(again.inode(file.ino)).toBeUndefined();
    await again.sync();
    for (let index = 0; index < 10; index++) expect(await store.chunk(file.ino, index)).toBeUndefined();
    const next = again.mknod(again.root, 'g', { mode: 0o644, ...owner });
    expect(next.ino).toBe(file.ino);
    expect(next.generation).not.toBe(file.generation);
    await again.close();
    const last = await Tree.open(open());
    expect(checkTree(last)).toEqual([]);
    expect(last.listxattr(last.lookup(last.root, 'g') as Inode)).toEqual([]);
    await last.close();
  });

  test('a file of many chunks, holes among them, is read back with a small cache', async () => {
    const open = place();
    const tree = await Tree.open(open(), { chunkSize: CHUNK, cacheLimit: 4 * CHUNK });
    const file = tree.mknod(tree.root, 'f', { mode: 0o644, uid: 0, gid: 0 });
    const expected = new Uint8Array(300 * CHUNK);
    for (let i = 0; i < 300; i += i % 7 === 0 ? 2 : 1) {
      expected.fill(i + 1, i * CHUNK + i, (i + 1) * CHUNK);
      await tree.write(file, i * CHUNK + i, CHUNK - i, readerOf(expected.subarray(i * CHUNK + i, (i + 1) * CHUNK)));
    }
    await tree.close();
    const again = await Tree.open(open(), { cacheLimit: 4 * CHUNK });
    const found = again.lookup(again.root, 'f') as Inode;
    expect(found.blocks).toBe(file.blocks);
    expect(Buffer.compare(await contentOf(again, found), expected.subarray(0, found.size))).toBe(0);
    expect(again.counters.cachedBytes).toBeLessThanOrEqual(4 * CHUNK);
    await again.close();
  });
});
