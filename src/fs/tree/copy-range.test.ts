// Copies where chunks have to be loaded, where the store fails, where room runs out: what tree-model.test.ts does not meet.
import { describe, expect, test } from 'vitest';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { contentOf } from '../../../test/tree-driver.ts';
import { errnoName, PosixError } from '../../base/errno.ts';
import { readerOf } from '../../base/iov.ts';
import { checkTree } from './check-tree.ts';
import { COPY_MAX } from './copy-range.ts';
import type { Inode } from './inode.ts';
import { Tree } from './tree.ts';

const CHUNK = 4096;
const owner = { uid: 0, gid: 0 };
const make = (tree: Tree, name: string): Inode => tree.mknod(tree.root, name, { mode: 0o644, ...owner });
const fill = (length: number, value: number): ReturnType<typeof readerOf> =>
  readerOf(new Uint8Array(length).fill(value));
const errno = async (later: unknown): Promise<string> => {
  try {
    await later;
    return 'ok';
  } catch (error) {
    if (error instanceof PosixError) return errnoName(error.errno);
    throw error;
  }
};

/** A tree whose file `source` lies in the store alone. */
async function cold(chunks: number) {
  const store = new FaultyStore(new MemoryStore());
  const before = await Tree.open(store, { chunkSize: CHUNK });
  const made = make(before, 'source');
  for (let i = 0; i < chunks; i++) await before.write(made, i * CHUNK, CHUNK, fill(CHUNK, i + 1));
  await before.close();
  const tree = await Tree.open(store, { chunkSize: CHUNK });
  return { store, tree, source: tree.lookup(tree.root, 'source') as Inode, target: make(tree, 'target') };
}

describe('5.15 a copy', () => {
  test('at once where everything is in memory, a promise where chunks have to be loaded', async () => {
    const { tree, source, target } = await cold(5);
    const later = tree.copyRange(source, 100, target, 50, 3 * CHUNK);
    expect(later).toBeInstanceOf(Promise);
    expect(await later).toBe(3 * CHUNK);
    expect(tree.copyRange(source, 100, target, 50, 3 * CHUNK)).toBe(3 * CHUNK);
    const bytes = await contentOf(tree, target);
    expect([...bytes.subarray(48, 52)]).toEqual([0, 0, 1, 1]);
    expect(bytes.at(-1)).toBe(4);
    expect(target.size).toBe(50 + 3 * CHUNK);
    expect(checkTree(tree)).toEqual([]);
    await tree.close();
  });

  test('both files are kept while it waits, although their names go', async () => {
    const { store, tree, source, target } = await cold(2);
    let open = (): void => {};
    store.chunkGate = new Promise((resolve) => {
      open = resolve;
    });
    const later = tree.copyRange(source, 0, target, 0, 2 * CHUNK);
    tree.unlink(tree.root, 'source');
    tree.unlink(tree.root, 'target');
    expect(tree.inode(source.ino)).toBe(source);
    open();
    expect(await later).toBe(2 * CHUNK);
    expect([...tree.inodes()]).toEqual([tree.root]);
    await tree.close();
  });

  test('it ends where the source was cut meanwhile', async () => {
    const { store, tree, source, target } = await cold(3);
    let open = (): void => {};
    store.chunkGate = new Promise((resolve) => {
      open = resolve;
    });
    const later = tree.copyRange(source, 0, target, 0, 3 * CHUNK);
    tree.setattr(source, { size: CHUNK + 7 });
    open();
    expect(await later).toBe(CHUNK + 7);
    expect(target.size).toBe(CHUNK + 7);
    await tree.close();
  });

  test('what cannot be read is EIO, and a short copy where something was copied before it', async () => {
    const { store, tree, source, target } = await cold(3);
    store.unreadable = (ino, index) => ino === source.ino && index === 1;
    expect(await errno(tree.copyRange(source, CHUNK, target, 0, CHUNK))).toBe('EIO');
    expect(target.size).toBe(0);
    expect(await tree.copyRange(source, 0, target, 0, 3 * CHUNK)).toBe(CHUNK);
    expect(target.size).toBe(CHUNK);
    await tree.close();
  });

  test('no more than COPY_MAX of content at a time, however much hole', async () => {
    const tree = await Tree.open(new MemoryStore());
    const source = make(tree, 'source');
    for (let at = 0; at < COPY_MAX + 2 * tree.chunkSize; at += tree.chunkSize) {
      await tree.write(source, at, tree.chunkSize, fill(tree.chunkSize, 1));
    }
    const target = make(tree, 'target');
    const copied = await tree.copyRange(source, 0, target, 0, source.size);
    expect(copied).toBeGreaterThanOrEqual(COPY_MAX);
    expect(copied).toBeLessThan(source.size);
    const sparse = make(tree, 'sparse');
    tree.setattr(sparse, { size: 2 ** 41 });
    expect(tree.copyRange(sparse, 5, make(tree, 'other'), 0, 2 ** 41)).toBe(2 ** 41 - 5);
    await tree.close();
  });
});

describe('5.12 5.6 a file without a name', () => {
  test('is gone when the tree is opened again, also after a crash', async () => {
    const store = new FaultyStore(new MemoryStore());
    const tree = await Tree.open(store, { chunkSize: CHUNK });
    const inode = tree.tmpfile(tree.root, { mode: 0o600, ...owner });
    tree.hold(inode);
    await tree.write(inode, 0, CHUNK, fill(CHUNK, 1));
    await tree.sync();
    store.fate = () => 'stop';
    const again = await Tree.open(store, { chunkSize: CHUNK });
    store.fate = () => 'store';
    expect([...again.inodes()]).toEqual([again.root]);
    expect(again.counters.bytesStored).toBe(0);
  });

  test('is there again when it was linked', async () => {
    const store = new MemoryStore();
    const tree = await Tree.open(store, { chunkSize: CHUNK });
    const inode = tree.tmpfile(tree.root, { mode: 0o640, ...owner });
    tree.hold(inode);
    await tree.write(inode, 0, 3, fill(3, 7));
    tree.link(inode, tree.root, 'f');
    await tree.close();
    const again = await Tree.open(store, { chunkSize: CHUNK });
    const found = again.lookup(again.root, 'f') as Inode;
    expect(found).toMatchObject({ nlink: 1, mode: 0o100640, size: 3, unnamed: false });
    expect([...(await contentOf(again, found))]).toEqual([7, 7, 7]);
    await again.close();
  });
});

describe('5.13 flags', () => {
  test('are stored, and protect at once when the tree is opened again', async () => {
    const store = new MemoryStore();
    const tree = await Tree.open(store, { chunkSize: CHUNK });
    tree.setFlags(make(tree, 'f'), 0x10);
    await tree.close();
    const again = await Tree.open(store, { chunkSize: CHUNK });
    const found = again.lookup(again.root, 'f') as Inode;
    expect(found.flags).toBe(0x10);
    const attempts = [
      () => again.unlink(again.root, 'f'),
      () => again.write(found, 0, 1, fill(1, 1)),
      () => again.setattr(found, { size: 0 }),
    ];
    for (const attempt of attempts) expect(await errno((async () => attempt())())).toBe('EPERM');
    again.setFlags(found, 0);
    again.unlink(again.root, 'f');
    await again.close();
  });

  test('a write that waits was allowed when it came: a flag that is set meanwhile does not undo it', async () => {
    const { store, tree, source } = await cold(1);
    let open = (): void => {};
    store.chunkGate = new Promise((resolve) => {
      open = resolve;
    });
    const later = tree.write(source, 5, 2, fill(2, 9));
    tree.setFlags(source, 0x10);
    open();
    await later;
    expect([...(await contentOf(tree, source)).subarray(4, 8)]).toEqual([1, 9, 9, 1]);
    await tree.close();
  });
});
