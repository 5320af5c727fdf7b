// The lock of a tree, over a stand-in for the browser's lock manager.
import { expect, test } from 'vitest';
import { lockName, lockTree } from './tree-lock.ts';

/** Holds exclusive locks as the Web Locks API does, for `ifAvailable` requests. */
class Locks {
  readonly held = new Set<string>();

  async request(name: string, options: LockOptions, callback: (lock: Lock | null) => unknown): Promise<unknown> {
    await Promise.resolve();
    if (this.held.has(name)) return callback(null);
    this.held.add(name);
    try {
      return await callback({ name, mode: options.mode ?? 'exclusive' });
    } finally {
      this.held.delete(name);
    }
  }
}

const manager = (locks: Locks): LockManager => locks as unknown as LockManager;

test('one holds a tree, another is told, a third tree is free', async () => {
  const locks = new Locks();
  await lockTree('a', manager(locks));
  await expect(lockTree('a', manager(locks))).rejects.toMatchObject({ name: 'StoreError', code: 'locked' });
  await lockTree('b', manager(locks));
  expect([...locks.held]).toEqual([lockName('a'), lockName('b')]);
});

test('what was released can be taken again', async () => {
  const locks = new Locks();
  const lock = await lockTree('a', manager(locks));
  lock.release();
  await new Promise((resolve) => setImmediate(resolve));
  await lockTree('a', manager(locks));
});

test('a refused lock is named as such', async () => {
  const refusing = { request: () => Promise.reject(new DOMException('no', 'SecurityError')) };
  await expect(lockTree('a', refusing as unknown as LockManager)).rejects.toMatchObject({ code: 'unavailable' });
});

test('without Web Locks it is granted', async () => {
  (await lockTree('a', undefined)).release();
});
