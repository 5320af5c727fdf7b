import { expect, test } from 'vitest';
import { MemoryStore } from '../../../test/memory-store.ts';
import { PosixError } from '../../base/errno.ts';
import { readerOf } from '../../base/iov.ts';
import { ReadOnlyTree } from './read-only-tree.ts';
import type { Batch } from './store.ts';
import { Tree } from './tree.ts';

const OWNER = { uid: 0, gid: 0 };
const FILE = { mode: 0o100644, ...OWNER };

/** Counts commits. */
class CountingStore extends MemoryStore {
  commits = 0;
  override async commit(batch: Batch): Promise<void> {
    this.commits++;
    await super.commit(batch);
  }
}

async function stored(): Promise<CountingStore> {
  const store = new CountingStore();
  const tree = await Tree.open(store);
  const file = tree.mknod(tree.root, 'f', FILE);
  await tree.write(file, 0, 3, readerOf(Uint8Array.of(1, 2, 3)));
  tree.setxattr(file, 'user.x', Uint8Array.of(7), 0);
  const orphan = tree.mknod(tree.root, 'orphan', FILE);
  tree.hold(orphan);
  tree.unlink(tree.root, 'orphan');
  await tree.close();
  store.commits = 0;
  return store;
}

test('shows what is stored, and writes nothing: no generation, no orphan, no root', async () => {
  const store = await stored();
  const before = (await store.open()).superblock;
  const view = await ReadOnlyTree.open(store, { commitInterval: 0 });
  const file = view.lookup(view.root, 'f');
  if (!file) throw new Error('f is missing');
  expect((await view.read(file, 0, 9)).map((bytes) => [...bytes])).toEqual([[1, 2, 3]]);
  expect([...view.getxattr(file, 'user.x')]).toEqual([7]);
  expect(view.counters.bytesStored).toBeGreaterThan(0);
  const orphan = [...view.inodes()].find(({ nlink }) => nlink === 0);
  if (!orphan) throw new Error('the orphan is gone');
  view.hold(orphan);
  view.drop(orphan);
  expect(view.inode(orphan.ino)).toBe(orphan);
  await view.sync();
  await new Promise((resolve) => setTimeout(resolve, 1));
  await view.close();

  const empty = new CountingStore();
  const nothing = await ReadOnlyTree.open(empty, { commitInterval: 0 });
  expect([...nothing.readdir(nothing.root, 0)]).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 1));
  await nothing.close();
  expect([store.commits, empty.commits]).toEqual([0, 0]);
  expect((await store.open()).superblock).toEqual(before);
});

/** Everything of a tree that changes it. A method that is not here and not in READING fails the test below. */
const CHANGING: Readonly<Record<string, (tree: Tree) => unknown>> = {
  mknod: (tree) => tree.mknod(tree.root, 'x', FILE),
  mkdir: (tree) => tree.mkdir(tree.root, 'x', FILE),
  symlink: (tree) => tree.symlink(tree.root, 'x', 'y', OWNER),
  tmpfile: (tree) => tree.tmpfile(tree.root, FILE),
  link: (tree) => tree.link(file(tree), tree.root, 'x'),
  unlink: (tree) => tree.unlink(tree.root, 'f'),
  rmdir: (tree) => tree.rmdir(tree.root, 'f'),
  rename: (tree) => tree.rename(tree.root, 'f', tree.root, 'x', 0, OWNER),
  setattr: (tree) => tree.setattr(file(tree), { mode: 0 }),
  restore: (tree) => tree.restore(file(tree), { mode: 0 }),
  strip: (tree) => tree.strip(file(tree), 0, 'user.x'),
  setFlags: (tree) => tree.setFlags(file(tree), 0),
  setxattr: (tree) => tree.setxattr(file(tree), 'user.y', Uint8Array.of(1), 0),
  removexattr: (tree) => tree.removexattr(file(tree), 'user.x'),
  write: (tree) => tree.write(file(tree), 0, 1, readerOf(Uint8Array.of(9))),
  fallocate: (tree) => tree.fallocate(file(tree), 0, 0, 100),
  copyRange: (tree) => tree.copyRange(file(tree), 0, file(tree), 100, 1),
  renewGenerations: (tree) => tree.renewGenerations(),
};
const file = (tree: Tree) => tree.lookup(tree.root, 'f') ?? tree.root;

const READING = new Set(
  'constructor makeRoot settle now inode inodes hold drop lookup path readdir lastCookie changed file getxattr listxattr xattrsChanged read keep modified seek statfs available pressure sync dirtyBytes counters close'.split(
    ' ',
  ),
);

test.each(Object.keys(CHANGING))('%s is EROFS and changes nothing', async (name) => {
  const view = await ReadOnlyTree.open(await stored());
  const { operations } = view.counters;
  expect(() => CHANGING[name]?.(view)).toThrow(PosixError);
  try {
    CHANGING[name]?.(view);
  } catch (error) {
    expect((error as PosixError).errno).toBe(30);
  }
  expect(view.counters.operations).toBe(operations);
  expect(view.dirtyBytes).toBe((await ReadOnlyTree.open(await stored())).dirtyBytes);
});

test('every method of a tree is known to read, or refused', () => {
  const unknown = Object.getOwnPropertyNames(Tree.prototype).filter(
    (name) => !READING.has(name) && !(name in CHANGING),
  );
  expect(unknown).toEqual([]);
});
