// A tree that is looked at while another tab writes it.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IndexedDbStore } from '../fs/store/indexeddb-store.ts';
import type { StoreError } from '../fs/tree/store.ts';
import { Tree } from '../fs/tree/tree.ts';
import { Viewer } from './viewer.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const FILE = { mode: 0o100644, uid: 0, gid: 0 };
const names = (tree: Tree): string[] => [...tree.readdir(tree.root, 0)].map(({ name }) => name).sort();
const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
};

async function setUp() {
  const factory = new IDBFactory();
  const writer = await Tree.open(new IndexedDbStore('d', { factory }), { commitInterval: 1e8 });
  writer.mknod(writer.root, 'a', FILE);
  await writer.sync();
  const seen: string[][] = [];
  const gone: unknown[] = [];
  const viewer = new Viewer('d', {
    factory,
    tree: {},
    onTree: (tree) => seen.push(names(tree)),
    onGone: (error) => gone.push(error),
  });
  return { factory, writer, viewer, seen, gone };
}

/** Until the next look, and what comes of it. */
async function look(): Promise<void> {
  await vi.advanceTimersByTimeAsync(2000);
  await settle();
}

test('shows what is stored, and again when the writer has stored more; the writer writes on', async () => {
  const { writer, viewer, seen, gone } = await setUp();
  await viewer.open();
  expect(seen).toEqual([['a']]);
  await look();
  expect(seen).toHaveLength(1);
  writer.mknod(writer.root, 'b', FILE);
  await look();
  // It is not stored yet.
  expect(seen).toHaveLength(1);
  await writer.sync();
  await look();
  expect(seen).toEqual([['a'], ['a', 'b']]);
  writer.unlink(writer.root, 'a');
  await writer.sync();
  await look();
  expect(seen).toEqual([['a'], ['a', 'b'], ['b']]);
  await viewer.close();
  writer.mknod(writer.root, 'c', FILE);
  await writer.sync();
  await look();
  expect(seen).toHaveLength(3);
  expect(gone).toEqual([]);
});

test('is told when the tree is deleted', async () => {
  const { factory, writer, viewer, gone } = await setUp();
  await viewer.open();
  await writer.close();
  await new Promise((resolve) => {
    factory.deleteDatabase('d').onsuccess = resolve;
  });
  await look();
  expect(gone.map((error) => (error as StoreError).code)).toEqual(['lost']);
  await look();
  expect(gone).toHaveLength(1);
});

test('a tree that is not there cannot be looked at, and is not made', async () => {
  const factory = new IDBFactory();
  const viewer = new Viewer('d', { factory, tree: {}, onTree: () => {}, onGone: () => {} });
  await expect(viewer.open()).rejects.toMatchObject({ name: 'StoreError', code: 'name' });
  expect(await factory.databases()).toEqual([]);
});
