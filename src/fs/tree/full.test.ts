// A store that is full: what is refused, what goes on, and what is in it when the tree is opened again.

import { describe, expect, test } from 'vitest';
import { errnoOf } from '../../../test/errno-of.ts';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { QuotaStore } from '../../../test/quota-store.ts';
import { contentOf } from '../../../test/tree-driver.ts';
import { Errno } from '../../base/errno.ts';
import { readerOf } from '../../base/iov.ts';
import { checkStored } from './check-stored.ts';
import { checkTree } from './check-tree.ts';
import type { Inode } from './inode.ts';
import { Tree, type TreeOptions } from './tree.ts';

const CHUNK = 4096;
const owner = { uid: 0, gid: 0 };
const ENOSPC = { errno: Errno.ENOSPC };
const make = (tree: Tree, name: string): Inode => tree.mknod(tree.root, name, { mode: 0o100644, ...owner });
const bytes = (length: number, value = 1): ReturnType<typeof readerOf> => readerOf(new Uint8Array(length).fill(value));

interface Full {
  inner: MemoryStore;
  store: QuotaStore;
  tree: Tree;
  /** Three chunks, stored. */
  kept: Inode;
  /** Two chunks, stored, and two more that found no room. */
  grown: Inode;
}

/** A tree whose last commit found no room; metadata always does. */
async function full(options: TreeOptions = {}): Promise<Full> {
  const inner = new MemoryStore();
  const store = new QuotaStore(inner);
  const tree = await Tree.open(store, { chunkSize: CHUNK, commitInterval: 1e9, ...options });
  const kept = make(tree, 'kept');
  const grown = make(tree, 'grown');
  await tree.write(kept, 0, 3 * CHUNK, bytes(3 * CHUNK, 7));
  await tree.write(grown, 0, 2 * CHUNK, bytes(2 * CHUNK, 1));
  await tree.sync();
  store.limit = store.used + CHUNK;
  await tree.write(grown, 2 * CHUNK, 2 * CHUNK, bytes(2 * CHUNK, 2));
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  return { inner, store, tree, kept, grown };
}

/** What is stored, opened by another. */
async function reopened(inner: MemoryStore): Promise<{ tree: Tree; content: Map<string, Uint8Array> }> {
  expect(await checkStored(inner)).toEqual([]);
  const tree = await Tree.open(inner, { commitInterval: 1e9 });
  const content = new Map<string, Uint8Array>();
  for (const { name, inode } of tree.readdir(tree.root, 0)) content.set(name, await contentOf(tree, inode));
  expect(checkTree(tree)).toEqual([]);
  return { tree, content };
}

describe('a full store', () => {
  test('every fsync that waits for the commit that found no room is ENOSPC, and the data stay in memory', async () => {
    const { store, tree, kept, grown } = await full();
    await tree.write(kept, 0, 1, bytes(1, 9));
    const outcomes = await Promise.allSettled([tree.sync(kept), tree.sync(grown), tree.sync()]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: ENOSPC });
    expect((await contentOf(tree, grown)).subarray(2 * CHUNK)).toEqual(new Uint8Array(2 * CHUNK).fill(2));
    expect(tree.dirtyBytes).toBeGreaterThanOrEqual(2 * CHUNK);
    store.limit *= 2;
    await tree.sync();
    expect(tree.dirtyBytes).toBe(0);
  });

  test('writes that need room and creations are ENOSPC until a commit succeeds', async () => {
    const { store, tree, kept, grown } = await full();
    const { root } = tree;
    const value = new Uint8Array(10);
    const refused: Record<string, () => unknown> = {
      write: () => tree.write(kept, 3 * CHUNK, 1, bytes(1)),
      mknod: () => make(tree, 'more'),
      mkdir: () => tree.mkdir(root, 'more', { mode: 0o755, ...owner }),
      symlink: () => tree.symlink(root, 'more', 'target', owner),
      tmpfile: () => tree.tmpfile(root, { mode: 0o600, ...owner }),
      link: () => tree.link(kept, root, 'more'),
      setxattr: () => tree.setxattr(kept, 'user.more', value, 0),
      fallocate: () => tree.fallocate(kept, 0, 3 * CHUNK, CHUNK),
    };
    for (const [name, action] of Object.entries(refused)) expect([name, errnoOf(action)]).toEqual([name, Errno.ENOSPC]);
    expect(checkTree(tree)).toEqual([]);
    expect(tree.counters).toMatchObject({ full: true });
    // What needs none goes on.
    await tree.write(kept, 10, 20, bytes(20, 3));
    tree.rename(root, 'kept', root, 'tpek', 0, owner);
    tree.setattr(kept, { mode: 0o600 });
    await tree.fallocate(kept, 3, CHUNK, 10);
    tree.setattr(grown, { size: 3 * CHUNK });
    store.limit *= 2;
    await tree.sync();
    expect(tree.counters).toMatchObject({ full: false });
    for (const [name, action] of Object.entries(refused)) {
      await action();
      if (tree.lookup(root, 'more')?.directory) tree.rmdir(root, 'more');
      else if (tree.lookup(root, 'more')) tree.unlink(root, 'more');
      expect([name, checkTree(tree).filter((finding) => !finding.includes('nobody holds it'))]).toEqual([name, []]);
    }
  });

  test('what is removed makes room at once, as much as it had and no more', async () => {
    const { tree, kept } = await full();
    // Two chunks are unsaved: the first two that are freed are theirs.
    await tree.fallocate(kept, 3, 0, 2 * CHUNK);
    expect(errnoOf(() => make(tree, 'more'))).toBe(Errno.ENOSPC);
    tree.setattr(kept, { size: 0 });
    const more = make(tree, 'more');
    await tree.write(more, 0, CHUNK, bytes(CHUNK, 5));
    expect(errnoOf(() => tree.write(more, CHUNK, 1, bytes(1)))).toBe(Errno.ENOSPC);
    await tree.sync();
    expect(tree.dirtyBytes).toBe(0);
    expect(tree.counters.full).toBe(false);
  });

  test('names, truncations and deletions are stored without the content that found no room', async () => {
    const { inner, tree, kept, grown } = await full();
    const first = await reopened(inner);
    expect([...first.content.keys()]).toEqual(['kept', 'grown']);
    expect(first.content.get('grown')).toEqual(new Uint8Array(2 * CHUNK).fill(1));
    tree.rename(tree.root, 'grown', tree.root, 'other', 0, owner);
    tree.setattr(grown, { size: CHUNK + 100 });
    tree.setattr(kept, { size: 2 * CHUNK });
    await tree.fallocate(kept, 3, 0, CHUNK);
    await Promise.allSettled([tree.sync()]);
    const { tree: again, content } = await reopened(inner);
    const expected = new Uint8Array(2 * CHUNK).fill(7, CHUNK);
    expect(content.get('kept')).toEqual(expected);
    expect(content.get('other')).toEqual(new Uint8Array(CHUNK + 100).fill(1));
    expect(again.inode(grown.ino)?.size).toBe(CHUNK + 100);
  });

  test('a file is cut where it was cut, though what was written behind the cut finds no room', async () => {
    const { inner, tree, kept, grown } = await full();
    expect(tree.dirtyBytes).toBeGreaterThan(2 * CHUNK);
    tree.setattr(kept, { size: 2 * CHUNK + 100 });
    // The chunk is longer again, and all but 100 bytes of it are new.
    await tree.write(kept, 2 * CHUNK + 100, 200, bytes(200, 8));
    await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
    const { content } = await reopened(inner);
    expect(content.get('kept')).toEqual(new Uint8Array(2 * CHUNK + 100).fill(7));
    expect(content.get('grown')).toEqual(new Uint8Array(2 * CHUNK).fill(1));
    // The same again, behind what a part has stored.
    tree.setattr(kept, { size: 2 * CHUNK + 50 });
    await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
    expect((await reopened(inner)).content.get('kept')).toEqual(new Uint8Array(2 * CHUNK + 50).fill(7));
    expect(grown.size).toBe(4 * CHUNK);
  });

  test('a file of many pieces gets its last one when there is room', async () => {
    const inner = new MemoryStore();
    const store = new QuotaStore(inner);
    const tree = await Tree.open(store, { chunkSize: CHUNK, commitInterval: 1e9 });
    const file = make(tree, 'f');
    for (let i = 0; i < 6; i++) await tree.write(file, 2 * i * CHUNK, CHUNK, bytes(CHUNK, i + 1));
    await tree.sync();
    store.limit = store.used + 1000;
    await tree.write(file, 12 * CHUNK, CHUNK, bytes(CHUNK, 9));
    await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
    expect((await reopened(inner)).content.get('f')?.length).toBe(11 * CHUNK);
    store.limit *= 2;
    await tree.sync();
    expect((await reopened(inner)).content.get('f')?.subarray(12 * CHUNK)).toEqual(new Uint8Array(CHUNK).fill(9));
  });

  test('a size that was set before content found no room is stored', async () => {
    const { inner, tree, kept } = await full();
    tree.setattr(kept, { size: 10 * CHUNK });
    await Promise.allSettled([tree.sync()]);
    expect((await reopened(inner)).content.get('kept')?.length).toBe(10 * CHUNK);
  });

  test('what is cut or grows while a commit is under way is told right by the part that follows', async () => {
    const inner = new MemoryStore();
    const quota = new QuotaStore(inner);
    const store = new FaultyStore(quota);
    const tree = await Tree.open(store, { chunkSize: CHUNK, commitInterval: 1e9 });
    const [cut, again, longer] = ['cut', 'again', 'longer'].map((name) => make(tree, name)) as [Inode, Inode, Inode];
    await tree.sync();
    for (const file of [cut, again, longer]) await tree.write(file, 0, CHUNK + 1000, bytes(CHUNK + 1000, 1));
    let open = (): void => {};
    store.commitGate = new Promise((resolve) => {
      open = resolve;
    });
    const synced = tree.sync();
    for (const file of [cut, again]) tree.setattr(file, { size: CHUNK + 500 });
    await tree.write(again, CHUNK + 500, 200, bytes(200, 2));
    tree.setattr(longer, { size: 3 * CHUNK });
    open();
    await synced;
    quota.limit = quota.used + 1000;
    await tree.write(make(tree, 'large'), 0, 2 * CHUNK, bytes(2 * CHUNK));
    await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
    const { content } = await reopened(inner);
    expect(content.get('cut')).toEqual(new Uint8Array(CHUNK + 500).fill(1));
    expect(content.get('again')).toEqual(new Uint8Array(CHUNK + 500).fill(1));
    expect(content.get('longer')).toEqual(Uint8Array.from({ length: 3 * CHUNK }, (_, i) => (i < CHUNK + 1000 ? 1 : 0)));
    expect(content.get('large')).toEqual(new Uint8Array(0));
  });

  test('a tree that was opened from a part says so until everything is stored', async () => {
    const { inner, store, tree } = await full();
    expect((await inner.open()).superblock?.partial).toBe(true);
    store.limit *= 2;
    await tree.sync();
    expect((await inner.open()).superblock).not.toHaveProperty('partial');
  });

  test('df tells what a refusal has taught, until more was stored', async () => {
    const { store, tree, grown } = await full();
    const stored = 5;
    expect(tree.counters.learnedLimit).toBe(stored * CHUNK);
    expect(tree.statfs()).toMatchObject({ blocks: 7, bavail: 0 });
    tree.setattr(grown, { size: 0 });
    await tree.sync();
    expect(tree.statfs()).toMatchObject({ blocks: stored, bavail: 2 });
    store.limit *= 2;
    await tree.write(grown, 0, 3 * CHUNK, bytes(3 * CHUNK));
    await tree.sync();
    expect(tree.counters.learnedLimit).toBeUndefined();
    expect(tree.statfs().bavail).toBeGreaterThan(1000);
  });
});

describe('a limit that was set', () => {
  test('is kept to the block, at once, and told by df', async () => {
    const tree = await Tree.open(new MemoryStore(), { chunkSize: 5 * CHUNK, limit: 20 * CHUNK, commitInterval: 1e9 });
    const one = make(tree, 'one');
    const two = make(tree, 'two');
    expect(tree.statfs()).toMatchObject({ blocks: 20, bavail: 20 });
    for (let i = 0; i < 12; i++) await tree.write(one, i * CHUNK, CHUNK, bytes(CHUNK));
    for (let i = 0; i < 8; i++) await tree.write(two, i * CHUNK, 1, bytes(1));
    expect(tree.counters.bytesStored).toBe(20 * CHUNK);
    expect(tree.statfs()).toMatchObject({ blocks: 20, bavail: 0 });
    expect(errnoOf(() => tree.write(one, 12 * CHUNK, 1, bytes(1)))).toBe(Errno.ENOSPC);
    expect(errnoOf(() => make(tree, 'three'))).toBe(Errno.ENOSPC);
    expect(one.size).toBe(12 * CHUNK);
    // The rest of the last block is there.
    await tree.write(two, 7 * CHUNK, CHUNK, bytes(CHUNK, 2));
    tree.setattr(one, { size: 11 * CHUNK });
    await tree.write(two, 8 * CHUNK, CHUNK, bytes(CHUNK));
    expect(checkTree(tree)).toEqual([]);
    await tree.sync();
    expect(tree.counters.full).toBe(false);
    await tree.close();
  });

  test('that is less than what is there lets nothing be added and everything be removed', async () => {
    const inner = new MemoryStore();
    const first = await Tree.open(inner, { chunkSize: CHUNK });
    await first.write(make(first, 'f'), 0, 10 * CHUNK, bytes(10 * CHUNK));
    await first.close();
    const tree = await Tree.open(inner, { limit: 4 * CHUNK });
    const file = tree.lookup(tree.root, 'f') as Inode;
    expect(tree.statfs()).toMatchObject({ blocks: 10, bavail: 0 });
    await tree.write(file, 0, CHUNK, bytes(CHUNK, 2));
    expect(errnoOf(() => tree.write(file, 10 * CHUNK, 1, bytes(1)))).toBe(Errno.ENOSPC);
    tree.setattr(file, { size: CHUNK });
    await tree.write(file, CHUNK, 3 * CHUNK, bytes(3 * CHUNK));
    expect(errnoOf(() => tree.write(file, 4 * CHUNK, 1, bytes(1)))).toBe(Errno.ENOSPC);
    await tree.close();
  });
});
