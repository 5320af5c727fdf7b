// What a commit writes: as much as has changed, however much there is.
import { beforeAll, describe, expect, test } from 'vitest';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { readerOf } from '../../base/iov.ts';
import type { Inode } from './inode.ts';
import type { Batch } from './store.ts';
import { Tree } from './tree.ts';

const owner = { uid: 0, gid: 0 };
const FILES = 100_000;

const bytesOf = ({ puts, chunks }: Batch): number =>
  puts.reduce((sum, [, { length }]) => sum + length, 0) + chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);

describe('5.20 in a directory of 100,000 names', () => {
  const store = new FaultyStore(new MemoryStore());
  let tree: Tree;
  let dir: Inode;

  beforeAll(async () => {
    tree = await Tree.open(store, { commitInterval: 1e9 });
    dir = tree.mkdir(tree.root, 'dir', { mode: 0o755, ...owner });
    for (let i = 0; i < FILES; i++) tree.mknod(dir, `file-${i}`, { mode: 0o100644, ...owner });
    await tree.sync();
  });

  /** The one commit that stores what `change` does. */
  async function commitOf(change: () => unknown): Promise<Batch> {
    const { length } = store.stored;
    await change();
    await tree.sync();
    expect(store.stored.length).toBe(length + 1);
    return store.stored.at(-1)?.batch as Batch;
  }

  test.each<[string, () => unknown]>([
    ['a new name', () => tree.mknod(dir, 'new', { mode: 0o100644, ...owner })],
    ['a name that is moved', () => tree.rename(dir, 'file-5000', dir, 'moved', 0, owner)],
    ['a name that is removed', () => tree.unlink(dir, 'file-70000')],
    ['a further name', () => tree.link(tree.lookup(dir, 'file-10') as Inode, dir, 'linked')],
    ['new attributes', () => tree.setattr(tree.lookup(dir, 'file-20') as Inode, { mode: 0o600 })],
    ['a small file', () => tree.write(tree.lookup(dir, 'new') as Inode, 0, 100, readerOf(new Uint8Array(100)))],
  ])('%s is at most three records of a few KiB', async (_, change) => {
    const batch = await commitOf(change);
    expect(batch.puts.length + batch.removals.length).toBeLessThanOrEqual(3);
    expect(batch.drops).toEqual([]);
    expect(bytesOf(batch)).toBeLessThan(16 * 1024);
  });

  test('a byte in a large file is one chunk', async () => {
    const file = tree.lookup(dir, 'file-30') as Inode;
    await tree.write(file, 0, 10 * 2 ** 20, readerOf(new Uint8Array(10 * 2 ** 20).fill(1)));
    await tree.sync();
    const batch = await commitOf(() => tree.write(file, 5 * 2 ** 20, 1, readerOf(new Uint8Array(1))));
    expect(batch.chunks).toHaveLength(1);
    expect(bytesOf(batch)).toBeLessThan(tree.chunkSize + 16 * 1024);
  });
});

test('5.20 only who asks for it has a strict commit, and a strict one that is tried again stays strict', async () => {
  const store = new FaultyStore(new MemoryStore());
  const tree = await Tree.open(store, { commitInterval: 0 });
  const make = (name: string): Inode => tree.mknod(tree.root, name, { mode: 0o100644, ...owner });
  const stored = async (count: number): Promise<void> => {
    while (store.stored.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  make('a');
  await stored(1);
  make('b');
  await stored(2);
  await tree.sync();
  expect(store.stored.map(({ durability }) => durability)).toEqual(['relaxed', 'relaxed', 'strict']);
  // The store finds no room for all, and then for the names alone.
  const file = make('c');
  await tree.write(file, 0, 10, readerOf(new Uint8Array(10)));
  const { length } = store.attempts;
  store.fate = (commit) => (commit === length ? 'full' : 'store');
  await expect(tree.sync()).rejects.toMatchObject({ errno: 28 });
  expect(store.attempts.slice(length).map(({ durability }) => durability)).toEqual(['strict', 'strict']);
  tree.unlink(tree.root, 'a');
  await tree.sync();
  expect(store.attempts.slice(length + 2).map(({ durability }) => durability)).toContain('strict');
  expect(tree.dirtyBytes).toBe(0);
  await tree.close();
});
