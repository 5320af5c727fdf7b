// Locks that are waited for: who gets them when, deadlocks, and what ends a wait.
import { describe, expect, it } from 'vitest';
import {
  ask,
  clients,
  flock,
  held,
  inode,
  lock,
  other,
  outcome,
  R,
  settled,
  U,
  W,
  wait,
} from '../../../test/lock-requests.ts';
import { OFFSET_MAX } from './lock-ranges.ts';
import { type LockClient, type LockRequest, LockTable } from './locks.ts';

describe('5.9 waiting', () => {
  it('is granted when the range is given back, not before, and not by what lies beside it', async () => {
    const { one } = clients();
    lock(one, ask(1, W, 0, 19));
    const waiting = wait(one, ask(2, R, 5, 9));
    lock(one, ask(1, U, 10, 19));
    lock(one, ask(1, U, 0, 8));
    await settled();
    expect(waiting.state).toBe('waits');
    expect(held(one)).toEqual(['1:W9-9', '?2:R5-9']);
    lock(one, ask(1, U, 9, 9));
    await settled();
    expect(waiting.state).toBe('granted');
    expect(held(one)).toEqual(['2:R5-9']);
  });

  it('who came first is served first, and all readers together', async () => {
    const { one } = clients();
    const log: string[] = [];
    lock(one, ask(9, W));
    for (const [owner, type] of [
      [1, R],
      [2, R],
      [3, W],
      [4, R],
      [5, W],
    ] as const) {
      wait(one, ask(owner, type), BigInt(owner), log);
    }
    const release = async (...owners: number[]): Promise<string> => {
      for (const owner of owners) lock(one, ask(owner, U));
      await settled();
      return log.splice(0).join(' ');
    };
    expect(await release(9)).toBe('1 2 4');
    expect(await release(1, 2)).toBe('');
    expect(await release(4)).toBe('3');
    expect(await release(3)).toBe('5');
  });

  it('a lock that is free is had at once, an unlock never waits', () => {
    const { one } = clients();
    expect(wait(one, ask(1, W)).state).toBe('granted');
    expect(wait(one, ask(1, U)).state).toBe('granted');
    expect(held(one)).toEqual([]);
  });

  it('more than may wait are refused with ENOLCK, until one is served', async () => {
    const { all } = clients(2, { maxWaiting: 2 });
    const [one, two] = all as [LockClient, LockClient];
    lock(one, ask(1, W));
    const states = [2, 3, 4].map((owner) => wait(one, ask(owner, R)));
    expect(states.map(({ state }) => state)).toEqual(['waits', 'waits', 'ENOLCK']);
    expect(wait(two, ask(1, R)).state).toBe('waits');
    lock(one, ask(1, U));
    await settled();
    expect([one.waiting, two.waiting]).toEqual([0, 0]);
    expect(wait(one, ask(4, R)).state).toBe('granted');
  });

  it('interrupt ends one wait with EINTR, and nothing that does not wait', async () => {
    const { one } = clients();
    lock(one, ask(1, W));
    const [a, b] = [wait(one, ask(2, R), 2n ** 60n + 1n), wait(one, ask(3, R), 2n ** 60n)];
    expect(one.interrupt(7n)).toBe(false);
    expect(one.interrupt(2n ** 60n)).toBe(true);
    expect(one.interrupt(2n ** 60n)).toBe(false);
    await settled();
    expect([a.state, b.state]).toEqual(['waits', 'EINTR']);
    lock(one, ask(1, U));
    await settled();
    expect(held(one)).toEqual(['2:R0-9']);
  });

  it('no more locks than the limit: ENOLCK also for the one who waited, and for an unlock that splits', async () => {
    const { one } = clients(1, { maxLocks: 3 });
    lock(one, ask(1, W, 0, 9));
    lock(one, ask(1, W, 20, 29));
    const waiting = wait(one, ask(2, R, 0, 0));
    lock(one, ask(3, W, 40, 49));
    expect(lock(one, ask(3, W, 60, 69))).toBe('ENOLCK');
    expect(lock(one, ask(3, U, 41, 41))).toBe('ENOLCK');
    expect(lock(one, ask(3, W, 50, 59))).toBe('ok');
    expect(lock(one, ask(3, R, 45, 46))).toBe('ENOLCK');
    expect(lock(one, ask(1, U, 0, 0))).toBe('ok');
    await settled();
    expect(waiting.state).toBe('ENOLCK');
    expect(held(one)).toEqual(['1:W1-9', '1:W20-29', '3:W40-59']);
  });
});

describe('5.9 deadlocks of POSIX locks', () => {
  it.each([2, 3, 4, 12])('a circle of %s owners is EDEADLK for the one who would close it', async (size) => {
    const { one } = clients();
    const owners = Array.from({ length: size }, (_, i) => i);
    for (const owner of owners) lock(one, ask(owner, W, owner * 10, owner * 10 + 9));
    const next = (owner: number): LockRequest => ask(owner, W, ((owner + 1) % size) * 10, ((owner + 1) % size) * 10);
    const states = owners.map((owner) => wait(one, next(owner)));
    expect(states.map(({ state }) => state)).toEqual([...owners.slice(1).map(() => 'waits'), 'EDEADLK']);
    // The last one gives up, and all are served, one after the other.
    for (const owner of [...owners].reverse()) {
      one.release(inode, 'posix', BigInt(owner));
      await settled();
    }
    expect(states.slice(0, -1).map(({ state }) => state)).toEqual(owners.slice(1).map(() => 'granted'));
  });

  it('a circle over several files and two sessions', () => {
    const { all } = clients(2);
    const [a, b] = all as [LockClient, LockClient];
    lock(a, ask(1, W));
    lock(b, ask(1, W, 0, 9, { inode: other }));
    expect(wait(a, ask(1, W, 0, 9, { inode: other })).state).toBe('waits');
    expect(wait(b, ask(1, R)).state).toBe('EDEADLK');
  });

  it('two readers who both want to write', () => {
    const { one } = clients();
    lock(one, ask(1, R));
    lock(one, ask(2, R));
    expect(wait(one, ask(1, W)).state).toBe('waits');
    expect(wait(one, ask(2, W)).state).toBe('EDEADLK');
  });

  it('through the second of two that stand in the way', () => {
    const { one } = clients();
    lock(one, ask(1, W, 0, 0));
    lock(one, ask(2, R, 5, 5));
    lock(one, ask(3, R, 5, 5));
    expect(wait(one, ask(3, W, 0, 0)).state).toBe('waits');
    expect(wait(one, ask(1, W, 5, 5)).state).toBe('EDEADLK');
  });

  it('a chain without a circle waits, and so does who waits for one that waits', () => {
    const { one } = clients();
    lock(one, ask(1, W, 0, 0));
    lock(one, ask(2, W, 1, 1));
    expect(wait(one, ask(2, W, 0, 0)).state).toBe('waits');
    expect(wait(one, ask(3, W, 1, 1)).state).toBe('waits');
    expect(wait(one, ask(4, W, 0, 1)).state).toBe('waits');
  });

  it('however many locks stand in the way of however many, only who waits is asked for whom', async () => {
    const one = new LockTable().client();
    for (let owner = 1000; owner < 3000; owner++) lock(one, ask(owner, R));
    const waiting = Array.from({ length: 128 }, (_, owner) => wait(one, ask(owner, W)));
    // Who holds one of the many waits for one that waits for it.
    lock(one, ask(128, W, 20, 29));
    expect(outcome(() => one.wait(ask(1000, W, 20, 29), 1n))).toBe('ENOLCK');
    one.interrupt(1n);
    await Promise.resolve();
    expect(new Set(waiting.map(({ state }) => state))).toEqual(new Set(['EINTR']));
    const waits = wait(one, ask(128, W));
    expect(waits.state).toBe('waits');
    expect(wait(one, ask(1000, W, 20, 29)).state).toBe('EDEADLK');
    for (let owner = 1000; owner < 3000; owner++) lock(one, ask(owner, U));
    await Promise.resolve();
    expect(waits.state).toBe('granted');
  });

  it('a circle that closes when another is served first', async () => {
    const { one } = clients();
    lock(one, ask(1, W, 0, 0));
    lock(one, ask(3, W, 2, 2));
    // 2 waits in two threads: for byte 0, and for what 3 has.
    const first = wait(one, ask(2, W, 0, 0));
    const three = wait(one, ask(3, W, 0, 0));
    const second = wait(one, ask(2, W, 2, 2));
    expect([first, three, second].map(({ state }) => state)).toEqual(['waits', 'waits', 'waits']);
    lock(one, ask(1, U, 0, 0));
    await settled();
    expect([first, three, second].map(({ state }) => state)).toEqual(['granted', 'EDEADLK', 'waits']);
  });
});

describe('5.9 release', () => {
  const fill = (client: LockClient): void => {
    lock(client, ask(1, W, 0, 9));
    lock(client, ask(1, R, 20, 29, { file: 99 }));
    lock(client, ask(1, W, 0, 9, { inode: other }));
    lock(client, flock(1, W));
    lock(client, ask(2, R, 40, 49));
  };

  it("an owner's locks of one kind on one file, all of them and no others", async () => {
    const { one } = clients();
    fill(one);
    const waiting = wait(one, ask(2, W, 0, 29));
    one.release(inode, 'posix', 1n);
    await settled();
    expect(waiting.state).toBe('granted');
    expect(held(one).sort()).toEqual(['1:W0-9', `1:W0-${OFFSET_MAX}`, '2:R40-49', '2:W0-29']);
    one.release(inode, 'flock', 1n);
    expect(held(one).sort()).toEqual(['1:W0-9', '2:R40-49', '2:W0-29']);
  });

  it('what was locked through an open file, also what waits or is decided', async () => {
    const { one } = clients();
    fill(one);
    const decided = one.set(ask(1, W, 60, 69));
    const waits = wait(one, ask(1, W, 40, 49));
    const next = wait(one, ask(3, W, 60, 69));
    one.closed(inode, 11);
    await settled();
    decided?.commit();
    expect([waits.state, next.state]).toEqual(['EBADF', 'granted']);
    expect(held(one).sort()).toEqual(['1:R20-29', '1:W0-9', '2:R40-49', '3:W60-69']);
  });

  it('the end of a session: all of its own, which others get; its requests are refused, theirs wait on', async () => {
    const { all, table } = clients(2);
    const [a, b] = all as [LockClient, LockClient];
    fill(a);
    a.set(ask(1, W, 60, 69));
    lock(b, ask(1, W, 70, 79));
    const [mine, theirs] = [wait(a, ask(1, W, 70, 70)), wait(b, ask(2, W, 0, 69))];
    const third = wait(b, ask(3, W, 70, 70));
    a.end();
    await settled();
    expect([mine.state, theirs.state, third.state]).toEqual(['ENOTCONN', 'granted', 'waits']);
    expect([held(a), a.count, a.waiting]).toEqual([[], 0, 0]);
    expect(held(b)).toEqual(['1:W70-79', '2:W0-69', '?3:W70-70']);
    b.end();
    await settled();
    expect([table.size, b.count, b.waiting]).toEqual([0, 0, 0]);
  });
});
