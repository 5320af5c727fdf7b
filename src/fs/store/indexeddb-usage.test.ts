// What the store says of its room, and when it takes its reserve again.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { afterEach, expect, test, vi } from 'vitest';
import { readerOf } from '../../base/iov.ts';
import { Tree } from '../tree/tree.ts';
import { IndexedDbStore } from './indexeddb-store.ts';
import type { Reserve } from './origin-reserve.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
afterEach(() => {
  vi.restoreAllMocks();
});

const none: Reserve = { take: async () => false, release: async () => false };

test('what is available is what the browser would still give, less what was stored since it was asked', async () => {
  const estimate = vi.fn(async () => ({ quota: 100_000_000, usage: 30_000_000 }));
  vi.stubGlobal('navigator', { storage: { estimate } });
  const store = new IndexedDbStore('t', { factory: new IDBFactory(), reserve: none });
  const tree = await Tree.open(store, { commitInterval: 1e9 });
  expect(estimate).toHaveBeenCalledTimes(1);
  expect(store.usage().available).toBe(70_000_000);
  const file = tree.mknod(tree.root, 'f', { mode: 0o100644, uid: 0, gid: 0 });
  await tree.write(file, 0, 20_000_000, readerOf(new Uint8Array(20_000_000)));
  // What is not stored yet needs room too.
  expect(tree.available).toBe(50_000_000);
  await tree.sync();
  expect(store.usage().available).toBeLessThanOrEqual(50_000_000);
  expect(store.usage().available).toBeGreaterThan(49_000_000);
  expect(tree.statfs().bavail * 4096).toBeLessThanOrEqual(50_000_000);
  // Asked again, a while later.
  estimate.mockImplementation(async () => ({ quota: 60_000_000, usage: 59_000_000 }));
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000);
  tree.setattr(file, { mode: 0o600 });
  await tree.sync();
  await vi.waitUntil(() => store.usage().available <= 1_000_000);
  expect(tree.statfs().bavail).toBe(Math.floor(tree.available / 4096));
  await tree.close();
});

test('a reserve that was given up is taken again when the commit has ended, and not before', async () => {
  const taken: string[] = [];
  const reserve: Reserve = {
    take: async () => {
      taken.push('take');
      return true;
    },
    release: async () => {
      taken.push('release');
      return true;
    },
  };
  const store = new IndexedDbStore('t', { factory: new IDBFactory(), reserve });
  const { superblock } = await store.open();
  expect(superblock).toBeUndefined();
  await vi.waitUntil(() => taken.length === 1);
  expect(await store.relieve()).toBe(true);
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000);
  const batch = { schema: 2, chunkSize: 4096, pageSize: 32, generation: 1, commit: 1, operation: 1 };
  await store.commit({ superblock: batch, puts: [], removals: [], drops: [], chunks: [] }, 'relaxed');
  await new Promise((resolve) => setImmediate(resolve));
  expect(taken).toEqual(['take', 'release']);
  store.restore();
  await vi.waitUntil(() => taken.length === 3);
  expect(taken).toEqual(['take', 'release', 'take']);
  await store.close();
});
