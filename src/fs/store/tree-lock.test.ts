// The lock of a tree, over a stand-in for the browser's lock manager.
import { expect, test } from 'vitest';
import { FakeLocks } from '../../../test/fake-locks.ts';
import { lockedTrees, lockName, lockTree } from './tree-lock.ts';

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('one holds a tree, another is told, a third tree is free', async () => {
  const locks = new FakeLocks();
  const { manager } = locks;
  await lockTree('a', { locks: manager });
  await expect(lockTree('a', { locks: manager })).rejects.toMatchObject({ name: 'StoreError', code: 'locked' });
  await lockTree('b', { locks: manager });
  expect(locks.names).toEqual([lockName('a'), lockName('b')]);
  expect([...(await lockedTrees(manager))]).toEqual(['a', 'b']);
});

test('what was released can be taken again', async () => {
  const { manager } = new FakeLocks();
  const lock = await lockTree('a', { locks: manager });
  lock.release();
  await soon();
  await lockTree('a', { locks: manager });
});

test('who waits gets it when it is released', async () => {
  const locks = new FakeLocks();
  const { manager } = locks;
  const first = await lockTree('a', { locks: manager });
  let got = false;
  const second = lockTree('a', { locks: manager, how: 'wait' }).then((lock) => {
    got = true;
    return lock;
  });
  await soon();
  expect(got).toBe(false);
  first.release();
  (await second).release();
  await soon();
  expect(locks.names).toEqual([]);
});

test('who gives up waiting is told why, and is out of the queue', async () => {
  const locks = new FakeLocks();
  const { manager } = locks;
  const first = await lockTree('a', { locks: manager });
  const controller = new AbortController();
  const second = lockTree('a', { locks: manager, how: 'wait', signal: controller.signal });
  await soon();
  controller.abort(new Error('enough'));
  await expect(second).rejects.toThrow('enough');
  await expect(lockTree('a', { locks: manager, how: 'wait', signal: controller.signal })).rejects.toThrow('enough');
  first.release();
  await soon();
  expect(locks.names).toEqual([]);
  await lockTree('a', { locks: manager });
});

test('from whom it is stolen is told, once, and releases what is not his', async () => {
  const locks = new FakeLocks();
  const { manager } = locks;
  const told: string[] = [];
  const first = await lockTree('a', { locks: manager, onStolen: () => told.push('first') });
  await lockTree('a', { locks: manager, how: 'steal', onStolen: () => told.push('second') });
  await soon();
  expect(told).toEqual(['first']);
  first.release();
  await soon();
  expect(told).toEqual(['first']);
  await expect(lockTree('a', { locks: manager })).rejects.toMatchObject({ code: 'locked' });
});

test('a lock that was released is stolen from nobody', async () => {
  const { manager } = new FakeLocks();
  let told = false;
  const first = await lockTree('a', {
    locks: manager,
    onStolen: () => {
      told = true;
    },
  });
  first.release();
  await lockTree('a', { locks: manager, how: 'steal' });
  await soon();
  expect(told).toBe(false);
});

test('a refused lock is named as such', async () => {
  const refusing = { request: () => Promise.reject(new DOMException('no', 'SecurityError')) };
  const locks = refusing as unknown as LockManager;
  await expect(lockTree('a', { locks })).rejects.toMatchObject({ code: 'unavailable' });
});

test('without Web Locks it is granted, and nothing is known to be locked', async () => {
  (await lockTree('a', { locks: undefined })).release();
  expect((await lockedTrees(undefined)).size).toBe(0);
});
