// A tree of 100,000 inodes: how much memory its metadata takes, and what it takes to open it.
import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/fs/store/memory-store.ts';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import type { Store } from '../../src/fs/tree/store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { FaultyStore } from '../faulty-store.ts';
import { heapUsed } from './measure.ts';
import { fill } from './shape.ts';

const INODES = 100_000;
/** MB (10^6 bytes). */
const MEMORY_MB = 60;

test('100,000 inodes take at most 60 MB, and a new file among them a commit of two pages', async () => {
  const stored = new MemoryStore();
  await fill(stored, INODES);
  const image = await stored.open();
  const store = new FaultyStore({ ...unchanging(stored), open: async () => image });
  const before = await heapUsed();
  const tree = await Tree.open(store, { commitInterval: 1e9 });
  const megabytes = ((await heapUsed()) - before) / 1e6;
  expect(tree.counters.inodes).toBe(INODES);
  expect(megabytes).toBeLessThanOrEqual(MEMORY_MB);
  // And it is metadata that was measured.
  expect(megabytes).toBeGreaterThan(INODES / 1e4);
  await tree.sync();
  const directory = tree.lookup(tree.root, 'directory-050000');
  if (!directory) throw new Error('the directory is not there');
  tree.mknod(directory, 'new', { mode: 0o644, uid: 0, gid: 0 });
  await tree.sync();
  const { batch } = store.stored.at(-1) as (typeof store.stored)[number];
  expect({ puts: batch.puts.length, removals: batch.removals.length }).toEqual({ puts: 2, removals: 0 });
  expect(checkTree(tree)).toEqual([]);
  await tree.close();
});

/** A store whose commits are lost. */
const unchanging = (inner: Store): Store => ({
  open: () => inner.open(),
  chunk: (ino, index) => inner.chunk(ino, index),
  commit: async () => {},
  usage: () => inner.usage(),
  close: async () => {},
});
