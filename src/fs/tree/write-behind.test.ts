// Commits into a store that is full: what is given up for them, what is left out of them, and how often they are tried.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { QuotaStore } from '../../../test/quota-store.ts';
import { Errno } from '../../base/errno.ts';
import { S_IFREG } from './mode.ts';
import { Tree } from './tree.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const owner = { uid: 0, gid: 0 };
const ENOSPC = { errno: Errno.ENOSPC };

/** A tree with one file of 3 bytes, in a store that takes nothing more but what takes the place of something. */
async function fullStore(): Promise<{ inner: MemoryStore; store: QuotaStore; tree: Tree }> {
  const inner = new MemoryStore();
  const store = new QuotaStore(inner);
  const tree = await Tree.open(store);
  const file = tree.mknod(tree.root, 'file', { mode: S_IFREG | 0o644, ...owner });
  await tree.write(file, 0, 3, { copyTo: (target) => void target.fill(1) });
  await tree.sync();
  store.attempts = 0;
  store.limit = store.used;
  return { inner, store, tree };
}

/** Unsaved, and so much that an attempt to commit it is costly. There is room for its name. */
async function writeLarge({ store, tree }: { store: QuotaStore; tree: Tree }): Promise<void> {
  store.limit += 2000;
  const large = tree.mknod(tree.root, 'large', { mode: S_IFREG | 0o644, ...owner });
  await tree.write(large, 0, 2 ** 20, { copyTo: (target) => void target.fill(1) });
}

it('a removal is tried again while the room that was given up is not counted yet', async () => {
  const { store, tree } = await fullStore();
  store.late = true;
  store.reserve = 1;
  tree.unlink(tree.root, 'file');
  const synced = tree.sync();
  setTimeout(() => {
    store.limit *= 2;
  }, 300);
  await vi.advanceTimersByTimeAsync(600);
  await synced;
  expect(store).toMatchObject({ attempts: 4, reserve: 0 });
});

it('a removal that finds no room for good is refused, with nothing lost, and tried again in a second', async () => {
  const { store, tree } = await fullStore();
  store.late = true;
  store.reserve = 1;
  tree.unlink(tree.root, 'file');
  const synced = expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  await vi.advanceTimersByTimeAsync(2200);
  await synced;
  expect(store.attempts).toBe(5);
  store.limit *= 2;
  await tree.sync();
  expect(store.attempts).toBe(6);
});

it('the reserve is kept from what only adds', async () => {
  const { store, tree } = await fullStore();
  store.reserve = 1;
  tree.mknod(tree.root, 'more', { mode: S_IFREG | 0o644, ...owner });
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  expect(store).toMatchObject({ attempts: 1, reserve: 1 });
});

it('names that go without their content may have the reserve', async () => {
  const { store, tree } = await fullStore();
  store.reserve = 2000;
  store.limit += 2000;
  const large = tree.mknod(tree.root, 'large', { mode: S_IFREG | 0o644, ...owner });
  await tree.write(large, 0, 2 ** 20, { copyTo: (target) => void target.fill(1) });
  const synced = expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  await vi.advanceTimersByTimeAsync(1);
  await synced;
  expect(store).toMatchObject({ attempts: 3, reserve: 0 });
});

it('a large commit that found no room is tried again when something is removed, not by each sync', async () => {
  const full = await fullStore();
  const { store, tree } = full;
  await writeLarge(full);
  for (let i = 0; i < 3; i++) await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  // Everything, and then all but the content.
  expect(store.attempts).toBe(2);
  store.limit += 2 ** 20 - 3;
  tree.unlink(tree.root, 'file');
  await tree.sync();
  // First the removal, then the rest.
  expect(store.attempts).toBe(4);
  expect(tree.dirtyBytes).toBe(0);
});

it('names go on being stored, soon, while content finds no room', async () => {
  const full = await fullStore();
  const { inner, store, tree } = full;
  await writeLarge(full);
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  store.attempts = 0;
  tree.rename(tree.root, 'file', tree.root, 'elif', 0, owner);
  await vi.advanceTimersByTimeAsync(200);
  expect(store.attempts).toBe(1);
  const again = await Tree.open(inner);
  expect([...again.readdir(again.root, 0)].map(({ name, inode }) => [name, inode.size])).toEqual([
    ['large', 0],
    ['elif', 3],
  ]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(store.attempts).toBe(1);
});

it('a large commit that found no room is tried again by a sync half a minute later, however long the tree waits', async () => {
  const full = await fullStore();
  const { store, tree } = full;
  await writeLarge(full);
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  await vi.advanceTimersByTimeAsync(29_999);
  expect(store.attempts).toBe(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(store.attempts).toBe(4);
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  expect(store.attempts).toBe(4);
  await vi.advanceTimersByTimeAsync(31_000);
  store.limit += 2 ** 20;
  await tree.sync();
  expect(store.attempts).toBe(5);
});

it('a large commit that found no room is tried again by itself', async () => {
  const full = await fullStore();
  const { store, tree } = full;
  await writeLarge(full);
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(store.attempts).toBe(4);
  store.limit += 2 ** 20;
  await vi.advanceTimersByTimeAsync(59_999);
  expect(store.attempts).toBe(4);
  await vi.advanceTimersByTimeAsync(1);
  expect(store.attempts).toBe(5);
  expect(tree.dirtyBytes).toBe(0);
});

it('room that is counted late after a removal is waited for', async () => {
  const full = await fullStore();
  const { store, tree } = full;
  store.limit += 2000;
  const more = tree.mknod(tree.root, 'more', { mode: S_IFREG | 0o644, ...owner });
  await tree.write(more, 0, 5000, { copyTo: (target) => void target.fill(1) });
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  store.attempts = 0;
  tree.unlink(tree.root, 'file');
  const synced = tree.sync();
  setTimeout(() => {
    store.limit += 5000;
  }, 300);
  await vi.advanceTimersByTimeAsync(500);
  await synced;
  // The removal, then the rest at once, after 100 ms and after 400 more.
  expect(store.attempts).toBe(4);
});

it('what only adds names and found no room is tried again in a second', async () => {
  const { store, tree } = await fullStore();
  tree.mknod(tree.root, 'more', { mode: S_IFREG | 0o644, ...owner });
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  store.limit *= 2;
  await vi.advanceTimersByTimeAsync(1000);
  expect(store.attempts).toBe(2);
  expect(tree.dirtyBytes).toBe(0);
});

it('one removal after the other does not keep a full store from storing them', async () => {
  const { store, tree } = await fullStore();
  for (let i = 0; i < 20; i++) tree.mknod(tree.root, `${i}`, { mode: S_IFREG | 0o644, ...owner });
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  store.limit *= 100;
  for (let i = 0; i < 20; i++) {
    tree.unlink(tree.root, `${i}`);
    await vi.advanceTimersByTimeAsync(50);
  }
  expect(store.attempts).toBeGreaterThan(2);
});

it('a file that becomes shorter within a chunk makes room, too', async () => {
  const full = await fullStore();
  const { store, tree } = full;
  const file = tree.lookup(tree.root, 'file');
  if (!file) throw new Error('no file');
  store.limit += 100_000;
  await tree.write(file, 0, 50_000, { copyTo: (target) => void target.fill(1) });
  await tree.sync();
  store.limit = store.used;
  await writeLarge(full);
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  store.limit += 2 ** 20 - 45_000;
  await expect(tree.sync()).rejects.toMatchObject(ENOSPC);
  tree.setattr(file, { size: 10 });
  await tree.sync();
  expect(tree.dirtyBytes).toBe(0);
});

it('a sync that comes while a relaxed commit has all of it waits for a strict one', async () => {
  const store = new FaultyStore(new MemoryStore());
  const tree = await Tree.open(store);
  let open = (): void => {};
  store.commitGate = new Promise((resolve) => {
    open = resolve;
  });
  tree.mknod(tree.root, 'file', { mode: S_IFREG | 0o644, ...owner });
  await vi.advanceTimersByTimeAsync(200);
  expect(store.attempts.map(({ durability }) => durability)).toEqual(['relaxed']);
  const synced = tree.sync();
  open();
  await synced;
  expect(store.stored.map(({ durability }) => durability)).toEqual(['relaxed', 'strict']);
});
