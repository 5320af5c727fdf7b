// Chunks while a load or a commit of them is under way.
import { expect, test, vi } from 'vitest';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { contentOf } from '../../../test/tree-driver.ts';
import { readerOf } from '../../base/iov.ts';
import { checkTree } from './check-tree.ts';
import type { Inode } from './inode.ts';
import type { Superblock } from './store.ts';
import { Tree } from './tree.ts';

const CHUNK = 4096;
const bytes = (length: number, value: number): ReturnType<typeof readerOf> =>
  readerOf(new Uint8Array(length).fill(value));

/** A gate, and what opens it. */
function gate(): { wait: Promise<void>; open: () => void } {
  let open = (): void => {};
  const wait = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait, open };
}

/** A tree with a stored file of four chunks (1, 2, 3, 4), none of them in memory. */
async function cold(cacheLimit: number): Promise<{ store: FaultyStore; inner: MemoryStore; tree: Tree; file: Inode }> {
  const inner = new MemoryStore();
  const first = await Tree.open(inner, { chunkSize: CHUNK });
  const made = first.mknod(first.root, 'f', { mode: 0o644, uid: 0, gid: 0 });
  for (let i = 0; i < 4; i++) await first.write(made, i * CHUNK, CHUNK, bytes(CHUNK, i + 1));
  await first.close();
  const store = new FaultyStore(inner);
  const tree = await Tree.open(store, { cacheLimit, dirtyLimit: 2 ** 20, commitInterval: 1e9 });
  return { store, inner, tree, file: tree.lookup(tree.root, 'f') as Inode };
}

test('a chunk that a commit is writing is not let go of before the commit has ended', async () => {
  const { store, tree, file } = await cold(CHUNK);
  const { wait, open } = gate();
  await tree.write(file, 0, CHUNK, bytes(CHUNK, 9));
  store.commitGate = wait;
  store.fate = () => 'fail';
  const failing = tree.sync();
  // Reads that pin the chunk of the commit together with others, more than the cache may hold.
  for (let i = 0; i < 3; i++) await tree.read(file, 0, 4 * CHUNK);
  open();
  await expect(failing).rejects.toMatchObject({ errno: 5 });
  store.fate = () => 'store';
  await tree.close();
  const again = await Tree.open(store, { commitInterval: 1e9 });
  expect((await contentOf(again, again.lookup(again.root, 'f') as Inode)).slice(0, CHUNK)).toEqual(
    new Uint8Array(CHUNK).fill(9),
  );
});

test('a chunk that is overwritten while it is loaded keeps what was written', async () => {
  const { store, tree, file } = await cold(2 ** 20);
  const { wait, open } = gate();
  store.chunkGate = wait;
  const reading = tree.read(file, 0, 10);
  expect(tree.write(file, 0, CHUNK, bytes(CHUNK, 9))).toBeUndefined();
  open();
  expect(await reading).toEqual([new Uint8Array(10).fill(9)]);
  expect(await tree.read(file, 0, 10)).toEqual([new Uint8Array(10).fill(9)]);
  expect(checkTree(tree)).toEqual([]);
  await tree.close();
});

test('a chunk that is cut off while it is loaded stays gone', async () => {
  const { store, tree, file } = await cold(2 ** 20);
  const { wait, open } = gate();
  store.chunkGate = wait;
  const reading = tree.read(file, CHUNK, CHUNK);
  tree.setattr(file, { size: 10 });
  tree.setattr(file, { size: 4 * CHUNK });
  open();
  expect(await reading).toEqual([new Uint8Array(CHUNK)]);
  expect((await contentOf(tree, file)).lastIndexOf(1)).toBe(9);
  expect(checkTree(tree)).toEqual([]);
  await tree.close();
});

test('a write into a part of a chunk that is not in memory changes that part alone', async () => {
  const { store, tree, file } = await cold(CHUNK);
  const { wait, open } = gate();
  store.chunkGate = wait;
  const one = tree.write(file, CHUNK + 10, 5, bytes(5, 9));
  const other = tree.write(file, CHUNK + 20, CHUNK, bytes(CHUNK, 8));
  open();
  await Promise.all([one, other]);
  const expected = new Uint8Array(4 * CHUNK);
  for (let i = 0; i < 4; i++) expected.fill(i + 1, i * CHUNK, (i + 1) * CHUNK);
  expected.fill(9, CHUNK + 10, CHUNK + 15).fill(8, CHUNK + 20, 2 * CHUNK + 20);
  expect(await contentOf(tree, file)).toEqual(expected);
  await tree.close();
});

test('chunks that a failed commit was to remove are removed by the next', async () => {
  const { store, inner, tree, file } = await cold(2 ** 20);
  tree.setattr(file, { size: CHUNK });
  store.fate = () => 'fail';
  await Promise.allSettled([tree.sync()]);
  store.fate = () => 'store';
  await tree.sync();
  expect([0, 1, 2, 3].map((index) => inner.chunk(file.ino, index) !== undefined)).toEqual([true, false, false, false]);
  await tree.close();
});

test('a chunk that cannot be read, or is missing, holds up no commit', async () => {
  const { store, inner, tree, file } = await cold(2 ** 20);
  const other = tree.mknod(tree.root, 'g', { mode: 0o644, uid: 0, gid: 0 });
  await tree.sync();
  const removed = { ino: file.ino, from: 1, to: 2 };
  const { superblock } = await inner.open();
  await inner.commit({ superblock: superblock as Superblock, puts: [], removals: [], drops: [removed], chunks: [] });
  store.unreadable = (_ino, index) => index === 3;
  for (const size of [3 * CHUNK + 100, CHUNK + 100]) {
    tree.setattr(file, { size });
    await tree.write(other, 0, 5, bytes(5, size));
    await tree.sync();
    expect(inner.chunk(other.ino, 0)).toEqual(new Uint8Array(5).fill(size));
  }
  await tree.close();
});

test('a cut of a chunk that could not be read is stored when it can be', async () => {
  const { store, inner, tree, file } = await cold(2 ** 20);
  store.unreadable = () => true;
  tree.setattr(file, { size: 3 * CHUNK + 100 });
  await tree.sync();
  expect(inner.chunk(file.ino, 3)).toHaveLength(CHUNK);
  store.unreadable = () => false;
  tree.setattr(file, { mode: 0o600 });
  await tree.sync();
  expect(inner.chunk(file.ino, 3)).toHaveLength(100);
  await tree.close();
});

test('many cut chunks are loaded some at a time', async () => {
  const inner = new MemoryStore();
  const first = await Tree.open(inner, { chunkSize: CHUNK });
  for (let i = 0; i < 200; i++) {
    const made = first.mknod(first.root, `f${i}`, { mode: 0o644, uid: 0, gid: 0 });
    await first.write(made, 0, CHUNK, bytes(CHUNK, i));
  }
  await first.close();
  let loading = 0;
  let most = 0;
  vi.spyOn(inner, 'chunk').mockImplementation((async () => {
    most = Math.max(most, ++loading);
    await new Promise((resolve) => setImmediate(resolve));
    loading--;
    return new Uint8Array(CHUNK);
  }) as unknown as typeof inner.chunk);
  const tree = await Tree.open(inner, { commitInterval: 1e9 });
  for (const { inode } of tree.readdir(tree.root, 0)) tree.setattr(inode, { size: 10 });
  await tree.sync();
  expect(most).toBe(64);
  await tree.close();
  vi.restoreAllMocks();
  const last = await Tree.open(inner);
  expect((await contentOf(last, last.lookup(last.root, 'f7') as Inode)).length).toBe(10);
  expect(inner.chunk((last.lookup(last.root, 'f199') as Inode).ino, 0)).toHaveLength(10);
  await last.close();
});

test('chunks that arrive after another one has failed can be let go of', async () => {
  const { store, tree, file } = await cold(CHUNK);
  const { wait, open } = gate();
  store.unreadable = (_ino, index) => index === 0;
  store.chunkGate = wait;
  const reading = tree.read(file, 0, 4 * CHUNK);
  await expect(reading).rejects.toMatchObject({ errno: 5 });
  open();
  await new Promise((resolve) => setImmediate(resolve));
  expect(tree.counters.chunkMisses).toBe(4);
  expect(tree.counters.cachedBytes).toBeLessThanOrEqual(CHUNK);
  await tree.close();
});

test('a file of which nothing is in memory any more keeps nothing', async () => {
  const { store, tree, file } = await cold(0);
  await contentOf(tree, file);
  expect(file.chunks).toBeUndefined();
  store.unreadable = () => true;
  await expect(tree.read(file, 0, 4 * CHUNK)).rejects.toMatchObject({ errno: 5 });
  expect(file.chunks).toBeUndefined();
  await tree.close();
});
