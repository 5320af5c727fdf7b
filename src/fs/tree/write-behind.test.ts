// Commits into a store that is full: what is given up for them, and how often they are tried.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemoryStore } from '../../../test/memory-store.ts';
import { Errno } from '../../base/errno.ts';
import { S_IFREG } from './mode.ts';
import { type Batch, StoreError } from './store.ts';
import { Tree } from './tree.ts';

/** Full until `refusals` more commits were refused; has a reserve to give up, once. */
class FullStore extends MemoryStore {
  refusals = 0;
  reserve = true;
  attempts = 0;
  override async commit(batch: Batch): Promise<void> {
    this.attempts++;
    if (this.refusals > 0) {
      this.refusals--;
      throw new StoreError('quota', 'full');
    }
    return super.commit(batch);
  }
  async relieve(): Promise<boolean> {
    const held = this.reserve;
    this.reserve = false;
    return held;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const owner = { uid: 0, gid: 0 };

async function withStoredFile(): Promise<{ store: FullStore; tree: Tree }> {
  const store = new FullStore();
  const tree = await Tree.open(store);
  const file = tree.mknod(tree.root, 'file', { mode: S_IFREG | 0o644, ...owner });
  await tree.write(file, 0, 3, { copyTo: (target) => void target.fill(1) });
  await tree.sync();
  store.attempts = 0;
  return { store, tree };
}

/** Unsaved, and so much that an attempt to commit it is costly. */
async function writeLarge(tree: Tree): Promise<void> {
  const large = tree.mknod(tree.root, 'large', { mode: S_IFREG | 0o644, ...owner });
  await tree.write(large, 0, 2 ** 20, { copyTo: (target) => void target.fill(1) });
}

it('a removal is tried again while the room that was given up is not counted yet', async () => {
  const { store, tree } = await withStoredFile();
  store.refusals = 3;
  tree.unlink(tree.root, 'file');
  const synced = tree.sync();
  await vi.advanceTimersByTimeAsync(600);
  await synced;
  expect(store.attempts).toBe(4);
  expect(store.reserve).toBe(false);
});

it('a removal that finds no room for good is refused, with nothing lost', async () => {
  const { store, tree } = await withStoredFile();
  store.refusals = 5;
  tree.unlink(tree.root, 'file');
  const synced = expect(tree.sync()).rejects.toMatchObject({ errno: Errno.ENOSPC });
  await vi.advanceTimersByTimeAsync(3000);
  await synced;
  expect(store.attempts).toBe(5);
  await tree.sync();
  expect(store.attempts).toBe(6);
});

it('the reserve is kept from what only adds', async () => {
  const { store, tree } = await withStoredFile();
  store.refusals = 1;
  tree.mknod(tree.root, 'more', { mode: S_IFREG | 0o644, ...owner });
  await expect(tree.sync()).rejects.toMatchObject({ errno: Errno.ENOSPC });
  expect(store).toMatchObject({ attempts: 1, reserve: true });
});

it('a large commit that found no room is tried again when something is removed, not by each sync', async () => {
  const { store, tree } = await withStoredFile();
  store.refusals = 1;
  await writeLarge(tree);
  for (let i = 0; i < 3; i++) await expect(tree.sync()).rejects.toMatchObject({ errno: Errno.ENOSPC });
  expect(store).toMatchObject({ attempts: 1, reserve: true });
  tree.unlink(tree.root, 'file');
  await tree.sync();
  expect(store.attempts).toBe(2);
});

it('a large commit that found no room is tried again by a sync half a minute later, however long the tree waits', async () => {
  const { store, tree } = await withStoredFile();
  store.refusals = 2;
  await writeLarge(tree);
  await expect(tree.sync()).rejects.toMatchObject({ errno: Errno.ENOSPC });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(store.attempts).toBe(2);
  await expect(tree.sync()).rejects.toMatchObject({ errno: Errno.ENOSPC });
  expect(store.attempts).toBe(2);
  await vi.advanceTimersByTimeAsync(31_000);
  await tree.sync();
  expect(store.attempts).toBe(3);
});

it('a large commit that found no room is tried again by itself', async () => {
  const { store, tree } = await withStoredFile();
  store.refusals = 2;
  await writeLarge(tree);
  await expect(tree.sync()).rejects.toMatchObject({ errno: Errno.ENOSPC });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(store.attempts).toBe(2);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(store.attempts).toBe(3);
  expect(tree.dirtyBytes).toBe(0);
});

it('room that is given up serves a large commit too, if it removes something', async () => {
  const { store, tree } = await withStoredFile();
  store.refusals = 1;
  await writeLarge(tree);
  tree.unlink(tree.root, 'file');
  await tree.sync();
  expect(store).toMatchObject({ attempts: 2, reserve: false });
});
