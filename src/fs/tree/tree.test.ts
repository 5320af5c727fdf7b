// Rules of the tree that a random walk does not name: numbers, generations, times, paths, limits, sizes.

import { describe, expect, test } from 'vitest';
import { errnoOf } from '../../../test/errno-of.ts';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { contentOf } from '../../../test/tree-driver.ts';
import { readerOf } from '../../base/iov.ts';
import { checkTree } from './check-tree.ts';
import type { Inode } from './inode.ts';
import { FILE_SIZE_MAX, LINK_MAX } from './mode.ts';
import { Tree, type TreeOptions } from './tree.ts';

const CHUNK = 4096;
const owner = { uid: 0, gid: 0 };
const open = (options: TreeOptions = {}): Promise<Tree> =>
  Tree.open(new MemoryStore(), { chunkSize: CHUNK, ...options });
const make = (tree: Tree, name: string, dir = tree.root): Inode => tree.mknod(dir, name, { mode: 0o644, ...owner });
const bytes = (length: number, value = 1): ReturnType<typeof readerOf> => readerOf(new Uint8Array(length).fill(value));

describe('5.5 5.6 numbers and generations', () => {
  test('the root is 1, generation 0; others get 1 to 2^31 - 1 from a base of the tree on', async () => {
    const tree = await open({ random: () => 0.5 });
    expect([tree.root.ino, tree.root.generation]).toEqual([1, 0]);
    expect(make(tree, 'a').generation).toBe(2 ** 30 + 1);
    await tree.close();
  });

  test('generations wrap to 1, never to 0', async () => {
    const tree = await open({ random: () => 1 - 2 ** -40 });
    expect([make(tree, 'a').generation, make(tree, 'b').generation]).toEqual([1, 2]);
    await tree.close();
  });

  test('a number is free when names and holds are gone, and comes back with another generation', async () => {
    const tree = await open({ reuseInodeNumbers: true });
    const first = make(tree, 'a');
    tree.hold(first);
    tree.hold(first);
    tree.unlink(tree.root, 'a');
    tree.drop(first);
    expect(make(tree, 'b').ino).not.toBe(first.ino);
    tree.drop(first);
    expect(tree.inode(first.ino)).toBeUndefined();
    const next = make(tree, 'c');
    expect(next.ino).toBe(first.ino);
    expect(next.generation).not.toBe(first.generation);
    await tree.close();
  });

  test('a pair that a crash has lost is not given out again', async () => {
    const store = new FaultyStore(new MemoryStore());
    const tree = await Tree.open(store, { commitInterval: 1e9 });
    await tree.sync();
    store.fate = () => 'stop';
    const lost = make(tree, 'a');
    const again = await Tree.open(store, { commitInterval: 1e9 });
    const other = make(again, 'b');
    expect(other.ino).toBe(lost.ino);
    expect(other.generation).not.toBe(lost.generation);
  });

  test('pairs that two sessions in a row have lost are not given out again', async () => {
    const store = new FaultyStore(new MemoryStore());
    const first = await Tree.open(store, { commitInterval: 1e9 });
    await first.sync();
    const seen = new Set<string>();
    for (let session = 0; session < 3; session++) {
      const tree = await Tree.open(store, { commitInterval: 1e9 });
      // The commit that follows the opening by itself; what comes after it is lost.
      await tree.sync();
      store.fate = () => 'fail';
      const { ino, generation } = make(tree, 'a');
      seen.add(`${ino} ${generation}`);
      await tree.close().catch(() => {});
      store.fate = () => 'store';
    }
    expect(seen.size).toBe(3);
  });
});

describe('names', () => {
  test.each(['', '.', '..', 'a/b', 'a\0b'])('%j cannot be made', async (name) => {
    const tree = await open();
    expect(errnoOf(() => make(tree, name))).toBe(22);
    await tree.close();
  });

  test('255 bytes are a name, 256 are ENAMETOOLONG everywhere', async () => {
    const tree = await open();
    make(tree, 'x'.repeat(255));
    const long = 'x'.repeat(256);
    const { root } = tree;
    for (const action of [
      () => make(tree, long),
      () => tree.lookup(root, long),
      () => tree.unlink(root, long),
      () => tree.rename(root, 'x'.repeat(255), root, long, 0, owner),
      () => tree.symlink(root, 's', 'y'.repeat(4096), owner),
    ]) {
      expect(errnoOf(action)).toBe(36);
    }
    await tree.close();
  });

  test('5.7 in a removed directory everything is ENOENT', async () => {
    const tree = await open();
    const dir = tree.mkdir(tree.root, 'd', { mode: 0o755, ...owner });
    const file = make(tree, 'f');
    tree.hold(dir);
    tree.rmdir(tree.root, 'd');
    expect(dir.nlink).toBe(0);
    expect(dir.parent).toBeUndefined();
    for (const action of [
      () => make(tree, 'x', dir),
      () => tree.mkdir(dir, 'x', { mode: 0o755, ...owner }),
      () => tree.lookup(dir, '..'),
      () => tree.link(file, dir, 'x'),
      () => tree.rename(tree.root, 'f', dir, 'x', 0, owner),
    ]) {
      expect(errnoOf(action)).toBe(2);
    }
    expect([...tree.readdir(dir, 0)]).toEqual([]);
    tree.drop(dir);
    expect(checkTree(tree)).toEqual([]);
    await tree.close();
  });

  test('a file has LINK_MAX names at most, and all of them survive', async () => {
    const store = new MemoryStore();
    const tree = await Tree.open(store);
    const file = make(tree, 'n1');
    for (let i = 2; i <= LINK_MAX; i++) tree.link(file, tree.root, `n${i}`);
    expect(errnoOf(() => tree.link(file, tree.root, 'one more'))).toBe(31);
    await tree.close();
    const again = await Tree.open(store);
    expect(again.lookup(again.root, `n${LINK_MAX}`)?.nlink).toBe(LINK_MAX);
    expect(checkTree(again)).toEqual([]);
    await again.close();
  });

  test('names, targets and xattr names are bytes', async () => {
    const store = new MemoryStore();
    const tree = await Tree.open(store);
    const name = String.fromCharCode(...Array.from({ length: 255 }, (_, i) => (i === 46 ? 1 : i + 1)));
    make(tree, name);
    const link = tree.symlink(tree.root, 's', '\x80\xff\x01', owner);
    tree.setxattr(link, 'user.\xe9', new Uint8Array([0, 255]), 0);
    await tree.close();
    const again = await Tree.open(store);
    expect(again.lookup(again.root, name)).toBeDefined();
    const found = again.lookup(again.root, 's') as Inode;
    expect(found.target).toBe('\x80\xff\x01');
    expect(again.getxattr(found, 'user.\xe9')).toEqual(new Uint8Array([0, 255]));
    await again.close();
  });
});

describe('paths', () => {
  test('directories nested deeper than any stack have no path where it would be too long, and answer', async () => {
    const tree = await open();
    let dir = tree.root;
    const nested: Inode[] = [];
    for (let i = 0; i < 20_000; i++) {
      dir = tree.mkdir(dir, 'd', { mode: 0o755, ...owner });
      nested.push(dir);
    }
    expect(tree.path(nested.at(-1) as Inode)).toBeUndefined();
    expect(tree.path(nested[2046] as Inode)).toBe('/d'.repeat(2047));
    expect(tree.path(nested[2047] as Inode)).toBeUndefined();
    await tree.close();
  });

  test('follow renames of directories above, and every other name when the first goes', async () => {
    const tree = await open();
    const { root } = tree;
    const a = tree.mkdir(root, 'a', { mode: 0o755, ...owner });
    const b = tree.mkdir(a, 'b', { mode: 0o755, ...owner });
    const file = make(tree, 'f', b);
    expect([root, b, file].map((inode) => tree.path(inode))).toEqual(['/', '/a/b', '/a/b/f']);
    tree.rename(root, 'a', root, 'z', 0, owner);
    expect(tree.path(file)).toBe('/z/b/f');
    tree.link(file, root, 'g');
    tree.unlink(b, 'f');
    expect(tree.path(file)).toBe('/g');
    tree.hold(file);
    tree.unlink(root, 'g');
    expect(tree.path(file)).toBeUndefined();
    await tree.close();
  });

  test('an exchange of directories moves what is below both', async () => {
    const tree = await open();
    const [a, b] = ['a', 'b'].map((name) => tree.mkdir(tree.root, name, { mode: 0o755, ...owner })) as [Inode, Inode];
    const [x, y] = [make(tree, 'x', a), make(tree, 'y', b)];
    expect([x, y].map((inode) => tree.path(inode))).toEqual(['/a/x', '/b/y']);
    tree.rename(tree.root, 'a', tree.root, 'b', 2, owner);
    expect([x, y].map((inode) => tree.path(inode))).toEqual(['/b/x', '/a/y']);
    await tree.close();
  });
});

test('5.16 times before 1970 and to the nanosecond survive', async () => {
  const store = new MemoryStore();
  const tree = await Tree.open(store);
  const file = make(tree, 'f');
  tree.setattr(file, {
    atime: { s: -1, ns: 999_999_999 },
    mtime: { s: -(2 ** 33), ns: 1 },
    ctime: { s: 2 ** 33, ns: 2 },
  });
  await tree.close();
  const again = await Tree.open(store);
  expect(again.lookup(again.root, 'f')).toMatchObject({
    ...{ atime: -1, atimensec: 999_999_999, mtime: -(2 ** 33), mtimensec: 1, ctime: 2 ** 33, ctimensec: 2 },
  });
  await again.close();
});

describe('file content', () => {
  test('a small file takes no more memory than its bytes, one page of blocks', async () => {
    const tree = await open({ chunkSize: 65536 });
    const file = make(tree, 'f');
    await tree.write(file, 0, 10, bytes(10));
    expect(tree.counters.cachedBytes).toBe(10);
    expect(file.blocks).toBe(8);
    await tree.close();
  });

  test('what is in memory is read and written without a promise, in place', async () => {
    const tree = await open();
    const file = make(tree, 'f');
    expect(tree.write(file, 0, 3 * CHUNK, bytes(3 * CHUNK))).toBeUndefined();
    const pieces = tree.read(file, 10, 2 * CHUNK) as Uint8Array[];
    expect(pieces.map((piece) => piece.length)).toEqual([CHUNK - 10, CHUNK, 10]);
    tree.write(file, 0, 20, bytes(20, 9));
    expect(pieces[0]?.[0]).toBe(9);
    await tree.close();
  });

  test('5.14 holes: no blocks, zeros, found by seek', async () => {
    const tree = await open();
    const file = make(tree, 'f');
    await tree.write(file, 5 * CHUNK, CHUNK, bytes(CHUNK));
    tree.setattr(file, { size: 10 * CHUNK });
    expect(file.blocks).toBe(CHUNK / 512);
    expect(tree.seek(file, 0, 3)).toBe(5 * CHUNK);
    expect(tree.seek(file, 5 * CHUNK + 7, 3)).toBe(5 * CHUNK + 7);
    expect(tree.seek(file, 5 * CHUNK, 4)).toBe(6 * CHUNK);
    expect(tree.seek(file, 1, 4)).toBe(1);
    expect(errnoOf(() => tree.seek(file, 6 * CHUNK, 3))).toBe(6);
    expect(errnoOf(() => tree.seek(file, 10 * CHUNK, 4))).toBe(6);
    await tree.fallocate(file, 3, 5 * CHUNK, CHUNK);
    expect(file.blocks).toBe(0);
    expect((await contentOf(tree, file)).every((byte) => byte === 0)).toBe(true);
    await tree.close();
  });

  test('5.14 holes are as fine as blocks, though chunks are larger', async () => {
    const size = 15 * 4096;
    const store = new MemoryStore();
    const tree = await Tree.open(store, { chunkSize: size });
    const file = make(tree, 'f');
    for (const block of [1, 3, 4, 16]) await tree.write(file, block * 4096, 4096, bytes(4096));
    await tree.write(file, 20 * 4096, 5, bytes(5));
    const seek = (offset: number, whence: number): number => tree.seek(file, offset, whence);
    expect([0, 4095, 4096, 4097, 8192, 3 * 4096, 5 * 4096, 17 * 4096].map((offset) => seek(offset, 3))).toEqual(
      [1, 1, 1, 4097 / 4096, 3, 3, 16, 20].map((block) => block * 4096),
    );
    expect([0, 4095, 4096, 4097, 8191, 3 * 4096, 16 * 4096].map((offset) => seek(offset, 4))).toEqual(
      [0, 4095 / 4096, 2, 2, 2, 5, 17].map((block) => block * 4096),
    );
    expect(seek(20 * 4096, 4)).toBe(file.size);
    await tree.fallocate(file, 3, 4 * 4096, 4096);
    await tree.write(file, 16 * 4096, 4096, bytes(4096, 0));
    expect([seek(3 * 4096, 4), seek(4 * 4096, 3)]).toEqual([4 * 4096, 20 * 4096]);
    tree.setattr(file, { size: 20 * 4096 });
    expect(errnoOf(() => seek(5 * 4096, 3))).toBe(6);
    await tree.close();

    // What is not in memory is data, chunk by chunk, and nobody waits for it.
    const second = await Tree.open(store, { chunkSize: size });
    const again = second.lookup(second.root, 'f') as Inode;
    expect([second.seek(again, 1, 3), second.seek(again, 1, 4)]).toEqual([1, 20 * 4096]);
    await second.close();
  });

  test('a byte at the far end of a sparse file, and none behind it', async () => {
    const tree = await open({ chunkSize: 8192 });
    const file = make(tree, 'f');
    await tree.write(file, FILE_SIZE_MAX - 1, 1, bytes(1, 7));
    expect(await tree.read(file, FILE_SIZE_MAX - 2, 10)).toEqual([new Uint8Array([0, 7])]);
    await tree.sync();
    tree.setattr(file, { size: 1 });
    expect(file.blocks).toBe(0);
    expect(errnoOf(() => tree.write(file, FILE_SIZE_MAX, 1, bytes(1)))).toBe(27);
    expect(errnoOf(() => tree.setattr(file, { size: FILE_SIZE_MAX + 1 }))).toBe(27);
    await tree.close();
  });

  test('a file that was cut while it was not in memory is zero there when it grows again, after a crash too', async () => {
    const store = new MemoryStore();
    const first = await Tree.open(store, { chunkSize: CHUNK });
    await first.write(make(first, 'f'), 0, 2 * CHUNK, bytes(2 * CHUNK));
    await first.close();
    const tree = await Tree.open(store, { commitInterval: 1e9 });
    const file = tree.lookup(tree.root, 'f') as Inode;
    tree.setattr(file, { size: 100 });
    tree.setattr(file, { size: 2 * CHUNK });
    await tree.sync();
    const again = await Tree.open(store, { commitInterval: 1e9 });
    const found = await contentOf(again, again.lookup(again.root, 'f') as Inode);
    expect(found.indexOf(0)).toBe(100);
    expect(found.lastIndexOf(1)).toBe(99);
  });

  test('a chunk that the store has lost is EIO, and other chunks and commits are not troubled', async () => {
    const store = new MemoryStore();
    const first = await Tree.open(store, { chunkSize: CHUNK });
    const { ino } = make(first, 'f');
    await first.write(first.inode(ino) as Inode, 0, 2 * CHUNK, bytes(2 * CHUNK));
    await first.close();
    const { superblock } = await store.open();
    if (superblock) {
      await store.commit({ superblock, puts: [], removals: [], drops: [{ ino, from: 1, to: 2 }], chunks: [] });
    }
    const tree = await Tree.open(store, { commitInterval: 1e9 });
    const file = tree.inode(ino) as Inode;
    await expect(tree.read(file, CHUNK, 10)).rejects.toMatchObject({ errno: 5 });
    expect(await tree.read(file, 0, 1)).toEqual([new Uint8Array([1])]);
    tree.setattr(file, { size: CHUNK + 5 });
    await Promise.allSettled([tree.sync()]);
    await tree.sync();
    await tree.close();
  });
});

describe('back-pressure', () => {
  test('a writer waits when too much is unsaved, and only then', async () => {
    const store = new FaultyStore(new MemoryStore());
    const tree = await Tree.open(store, { chunkSize: CHUNK, dirtyLimit: 8 * CHUNK, commitInterval: 1e9 });
    const file = make(tree, 'f');
    let waited = 0;
    for (let i = 0; i < 100; i++) {
      const later = tree.write(file, i * CHUNK, CHUNK, bytes(CHUNK, i));
      if (later) waited++;
      await later;
      expect(tree.dirtyBytes).toBeLessThanOrEqual(8 * CHUNK + CHUNK + 3 * 4096);
    }
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThan(100);
    const content = await contentOf(tree, file);
    expect(content.every((byte, at) => byte === Math.floor(at / CHUNK))).toBe(true);
    await tree.close();
  });

  test('a writer that waits for a store without room gets ENOSPC', async () => {
    const store = new FaultyStore(new MemoryStore());
    const tree = await Tree.open(store, { chunkSize: CHUNK, dirtyLimit: CHUNK, commitInterval: 1e9 });
    await tree.sync();
    store.fate = () => 'full';
    const file = make(tree, 'f');
    tree.write(file, 0, 2 * CHUNK, bytes(2 * CHUNK));
    await expect(tree.write(file, 2 * CHUNK, CHUNK, bytes(CHUNK))).rejects.toMatchObject({ errno: 28 });
    store.fate = () => 'store';
    await tree.write(file, 2 * CHUNK, CHUNK, bytes(CHUNK));
    expect(file.size).toBe(3 * CHUNK);
    await tree.close();
  });
});

test('commits go on by themselves after one has failed, and tell both', async () => {
  const store = new FaultyStore(new MemoryStore());
  const told: (string | undefined)[] = [];
  store.fate = (commit) => (commit === 0 ? 'fail' : 'store');
  const done = new Promise<void>((resolve) => {
    void Tree.open(store, {
      commitInterval: 0,
      onCommitFailure: (error) => {
        told.push(error?.code);
        if (!error) resolve();
      },
    });
  });
  await done;
  expect(told).toEqual(['io', undefined]);
});

test('statfs counts what is allocated', async () => {
  const tree = await Tree.open(new MemoryStore(1 << 20), { chunkSize: CHUNK });
  await tree.write(make(tree, 'f'), 0, 3 * CHUNK, bytes(3 * CHUNK));
  expect(tree.statfs()).toMatchObject({ bsize: 4096, blocks: 256, bfree: 253, bavail: 253, namelen: 255 });
  await tree.close();
});
