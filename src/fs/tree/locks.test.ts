// Locks: ranges, conflicts, flock, and what is reserved before it is held.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ask,
  clients,
  expectSound,
  flock,
  held,
  inode,
  lock,
  other,
  R,
  settled,
  short,
  U,
  W,
  wait,
} from '../../../test/lock-requests.ts';
import { OFFSET_MAX, type Range, setRange } from './lock-ranges.ts';
import type { LockClient, LockKind, LockRequest } from './locks.ts';

describe('5.9 ranges of one owner', () => {
  const range = (type: number, start: number, end: number, pid = 1): Range => ({
    type,
    start: BigInt(start),
    end: BigInt(end),
    pid,
    file: 1,
  });
  const after = (...sets: Range[]): string => sets.reduce<Range[]>(setRange, []).map(short).join(' ');

  it.each([
    ['one', 'R0-9', [range(R, 0, 9)]],
    ['apart of one type', 'R0-9 R11-20', [range(R, 11, 20), range(R, 0, 9)]],
    ['adjacent of one type: merged', 'R0-20', [range(R, 0, 9), range(R, 10, 20)]],
    ['adjacent from below: merged', 'W0-20', [range(W, 10, 20), range(W, 0, 9)]],
    ['overlapping of one type: merged', 'R0-20', [range(R, 0, 12), range(R, 7, 20)]],
    ['a bridge between two: all one', 'W0-30', [range(W, 0, 9), range(W, 20, 30), range(W, 10, 19)]],
    ['contained, of one type: nothing', 'R0-30', [range(R, 0, 30), range(R, 5, 6)]],
    ['adjacent of two types: two', 'R0-9 W10-20', [range(R, 0, 9), range(W, 10, 20)]],
    ['in the middle, of the other type: split', 'R0-4 W5-6 R7-9', [range(R, 0, 9), range(W, 5, 6)]],
    ['over the end of the other: cut', 'W0-4 R5-20', [range(W, 0, 9), range(R, 5, 20)]],
    ['over the start of the other: cut', 'R0-12 W13-20', [range(W, 10, 20), range(R, 0, 12)]],
    ['over the other: replaced', 'W0-20', [range(R, 5, 6), range(R, 8, 9), range(W, 0, 20)]],
    ['back to one type: merged', 'R0-9', [range(R, 0, 9), range(W, 5, 6), range(R, 5, 6)]],
    ['unlock in the middle: split', 'R0-4 R7-9', [range(R, 0, 9), range(U, 5, 6)]],
    ['unlock across two', 'R0-4 W16-20', [range(R, 0, 9), range(W, 10, 20), range(U, 5, 15)]],
    ['unlock what is not locked', 'R0-9', [range(R, 0, 9), range(U, 10, 20)]],
    ['unlock all', '', [range(R, 0, 9), range(W, 20, 30), range(U, 0, 100)]],
  ])('%s', (_, expected, sets) => {
    expect(after(...sets)).toBe(expected);
  });

  it('merged locks keep the process of the oldest part, cut ones their own', () => {
    const pids = (...sets: Range[]): number[] => sets.reduce<Range[]>(setRange, []).map(({ pid }) => pid);
    expect(pids(range(R, 0, 9, 1), range(R, 10, 19, 2))).toEqual([1]);
    expect(pids(range(R, 0, 9, 1), range(W, 4, 5, 2))).toEqual([1, 2, 1]);
    expect(pids(range(W, 5, 9, 1), range(R, 10, 20, 2), range(R, 5, 9, 3))).toEqual([3]);
  });

  it('numbers up to 2^63 - 1 are exact', () => {
    const big = (start: bigint, end: bigint): Range => ({ type: W, start, end, pid: 1, file: 1 });
    const two53 = 2n ** 53n;
    expect(setRange([big(two53, two53)], big(two53 + 2n, OFFSET_MAX)).map(short)).toEqual([
      `W${two53}-${two53}`,
      `W${two53 + 2n}-${OFFSET_MAX}`,
    ]);
    expect(setRange([big(two53, two53)], big(two53 + 1n, OFFSET_MAX)).map(short)).toEqual([`W${two53}-${OFFSET_MAX}`]);
    expect(setRange([big(0n, OFFSET_MAX)], { ...big(OFFSET_MAX, OFFSET_MAX), type: U }).map(short)).toEqual([
      `W0-${OFFSET_MAX - 1n}`,
    ]);
  });
});

const BYTES = 16;
const OWNERS = 4;
/** The model: for each owner, the type of lock on each byte. */
type Model = number[][];

const step = fc.record({
  owner: fc.nat(OWNERS - 1),
  type: fc.constantFrom(R, W, W, U),
  start: fc.nat(BYTES - 1),
  length: fc.integer({ min: 1, max: BYTES }),
});

describe('5.9 random locks of several owners in two sessions against a map of bytes', () => {
  it('each is granted exactly where the map allows it, and the table holds what the map holds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { all, table } = clients(2);
        const model: Model = Array.from({ length: OWNERS }, () => new Array<number>(BYTES).fill(U));
        for (const { owner, type, start, length } of steps) {
          const end = Math.min(start + length, BYTES) - 1;
          const client = all[owner % 2] as LockClient;
          const bytes = Array.from({ length: end - start + 1 }, (_, i) => start + i);
          const against = (who: number, byte: number): boolean => {
            const theirs = model[who]?.[byte] as number;
            return who !== owner && theirs !== U && (theirs === W || type === W);
          };
          const blocked = type !== U && model.some((_, who) => bytes.some((byte) => against(who, byte)));
          const found = type === U ? undefined : client.test(ask(owner, type, start, end));
          expect(found !== undefined).toBe(blocked);
          if (found) {
            expect(Number(found.start) <= end && Number(found.end) >= start).toBe(true);
            expect(found.type === W || type === W).toBe(true);
          }
          expect(lock(client, ask(owner, type, start, end))).toBe(blocked ? 'EAGAIN' : 'ok');
          if (!blocked) for (const byte of bytes) (model[owner] as number[])[byte] = type;
        }
        for (let owner = 0; owner < OWNERS; owner++) {
          const mine = [...(all[owner % 2] as LockClient).entries()].filter((entry) => Number(entry.owner) === owner);
          const map = new Array<number>(BYTES).fill(U);
          for (const { start, end, type } of mine) for (let i = Number(start); i <= Number(end); i++) map[i] = type;
          expect(map).toEqual(model[owner]);
          // As few as can be: what touches is of two types.
          for (const a of mine) expect(mine.some((b) => b.type === a.type && b.start === a.end + 1n)).toBe(false);
        }
        for (const client of all) client.end();
        expect(table.size).toBe(0);
        expect(all.map((client) => client.count)).toEqual([0, 0]);
      }),
    );
  });

  it('with waiting: no two hold what conflicts, nobody waits for what is free, and in the end nobody waits', async () => {
    const kind = fc.constantFrom<LockKind>('posix', 'posix', 'flock');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, kind), { maxLength: 40 }), async (steps) => {
        const { all, table } = clients(2, { maxWaiting: 3 });
        const request = (who: number, type: number, start: number, length: number): LockRequest =>
          ask(who, type, start, start + length - 1);
        for (const [{ owner, type, start, length }, sort] of steps) {
          const wanted = sort === 'flock' ? flock(owner, type) : request(owner, type, start, length);
          wait(all[owner % 2] as LockClient, wanted);
          await settled();
          expectSound(all);
        }
        for (let round = 0; round <= OWNERS * 3; round++) {
          for (const client of all)
            for (const { kind, owner } of [...client.entries()]) client.release(inode, kind, owner);
          await settled();
          expectSound(all);
        }
        expect(all.map(({ count, waiting }) => [count, waiting])).toEqual([
          [0, 0],
          [0, 0],
        ]);
        expect(table.size).toBe(0);
      }),
    );
  });
});

describe('5.9 conflicts', () => {
  it('readers share, a writer does not', () => {
    const { one } = clients();
    expect(lock(one, ask(1, R))).toBe('ok');
    expect(lock(one, ask(2, R, 5, 20))).toBe('ok');
    expect(lock(one, ask(3, W, 20, 30))).toBe('EAGAIN');
    expect(lock(one, ask(3, W, 21, 30))).toBe('ok');
    expect(lock(one, ask(1, W))).toBe('EAGAIN');
    expect(lock(one, ask(2, U, 0, 9))).toBe('ok');
    expect(lock(one, ask(1, W))).toBe('ok');
  });

  it('ranges touch without conflict, and meet on one byte', () => {
    const { one } = clients();
    lock(one, ask(1, W, 0, 9));
    expect(lock(one, ask(2, W, 10, 19))).toBe('ok');
    expect(lock(one, ask(3, R, 9, 9))).toBe('EAGAIN');
  });

  it('a lock up to 2^63 - 1 reaches to the end of the file, wherever that is', () => {
    const { one } = clients();
    lock(one, ask(1, W, 100, 0, { end: OFFSET_MAX }));
    expect(lock(one, ask(2, W, 2 ** 52, 2 ** 52 + 1))).toBe('EAGAIN');
    expect(one.test(ask(2, W, 0, 200))).toEqual({ type: W, start: 100n, end: OFFSET_MAX, pid: 101 });
    expect(one.test(ask(2, W, 0, 99))).toBeUndefined();
  });

  it('test gives the first conflict as Linux lists them: owners by their first lock, ranges upwards', () => {
    const { one } = clients();
    lock(one, ask(2, R, 30, 39));
    lock(one, ask(1, R, 0, 9));
    lock(one, ask(2, R, 10, 19));
    expect(one.test(ask(3, W, 0, 99))).toEqual({ type: R, start: 10n, end: 19n, pid: 102 });
    lock(one, ask(2, U, 0, 99));
    lock(one, ask(2, R, 50, 59));
    expect(one.test(ask(3, W, 0, 99))).toEqual({ type: R, start: 0n, end: 9n, pid: 101 });
    expect(one.test(ask(3, R, 0, 99))).toBeUndefined();
    expect(one.test(ask(1, W, 0, 20))).toBeUndefined();
  });

  it("test with F_UNLCK gives the owner's own lock", () => {
    const { one } = clients();
    lock(one, ask(1, W, 5, 9));
    lock(one, ask(2, W, 10, 19));
    expect(one.test(ask(1, U, 0, 99))).toMatchObject({ type: W, start: 5n, end: 9n, pid: 101 });
    expect(one.test(ask(1, U, 10, 99))).toBeUndefined();
  });

  it('owners of two sessions differ though their numbers are one, and a foreign pid is 0', () => {
    const { all } = clients(2);
    const [a, b] = all as [LockClient, LockClient];
    expect(lock(a, ask(1, W))).toBe('ok');
    expect(lock(b, ask(1, W))).toBe('EAGAIN');
    expect(b.test(ask(1, R))).toEqual({ type: W, start: 0n, end: 9n, pid: 0 });
    expect(a.test(ask(1, R))).toBeUndefined();
    b.release(inode, 'posix', 1n);
    expect(held(a)).toEqual(['1:W0-9']);
  });

  it('owners are told apart by all 64 bits', () => {
    const { one } = clients();
    const owner = 0xffff_ffff_ffff_fffen;
    expect(lock(one, ask(0, W, 0, 9, { owner }))).toBe('ok');
    expect(lock(one, ask(0, W, 0, 9, { owner: owner + 1n }))).toBe('EAGAIN');
    expect(lock(one, ask(0, R, 0, 9, { owner }))).toBe('ok');
  });

  it('files, and the two kinds of locks, know nothing of each other', () => {
    const { one } = clients();
    expect(lock(one, ask(1, W))).toBe('ok');
    expect(lock(one, ask(2, W, 0, 9, { inode: other }))).toBe('ok');
    expect(lock(one, flock(3, W))).toBe('ok');
  });
});

describe('5.9 flock', () => {
  it('shared by many, exclusive for one, whole files', () => {
    const { one } = clients();
    expect([lock(one, flock(1, R)), lock(one, flock(2, R)), lock(one, flock(3, W))]).toEqual(['ok', 'ok', 'EAGAIN']);
    expect([lock(one, flock(1, U)), lock(one, flock(2, U)), lock(one, flock(3, W))]).toEqual(['ok', 'ok', 'ok']);
    expect(lock(one, flock(3, W))).toBe('ok');
    expect(held(one)).toEqual([`3:W0-${OFFSET_MAX}`]);
  });

  it('a conversion that fails has lost the old lock', () => {
    const { one } = clients();
    lock(one, flock(1, R));
    lock(one, flock(2, R));
    expect(lock(one, flock(1, W))).toBe('EAGAIN');
    expect(held(one)).toEqual([`2:R0-${OFFSET_MAX}`]);
    expect(lock(one, flock(2, W))).toBe('ok');
  });

  it('a conversion that waits lets another in first, which waited for the old lock', async () => {
    const { one } = clients();
    lock(one, flock(1, R));
    lock(one, flock(2, R));
    const writer = wait(one, flock(3, W));
    const upgrade = wait(one, flock(1, W));
    lock(one, flock(2, U));
    await settled();
    expect([writer.state, upgrade.state]).toEqual(['granted', 'waits']);
    lock(one, flock(3, U));
    await settled();
    expect(upgrade.state).toBe('granted');
  });

  it('nobody looks for deadlocks among flocks', () => {
    const { one } = clients();
    lock(one, flock(1, W));
    lock(one, flock(2, W, { inode: other }));
    expect(wait(one, flock(1, W, { inode: other })).state).toBe('waits');
    expect(wait(one, flock(2, W)).state).toBe('waits');
  });
});

describe('5.9 what is decided is held when it is committed, and reserved until then', () => {
  it('two requests cannot both be granted', () => {
    const { one } = clients();
    const grant = one.set(ask(1, W));
    expect(lock(one, ask(2, W))).toBe('EAGAIN');
    expect(one.test(ask(2, W))).toEqual({ type: W, start: 0n, end: 9n, pid: 101 });
    grant?.commit();
    expect(held(one)).toEqual(['1:W0-9']);
  });

  it('what is cancelled was never locked, and leaves what the owner had', () => {
    const { one, table } = clients();
    one.set(ask(1, W))?.cancel();
    expect(table.size).toBe(0);
    lock(one, ask(1, R, 0, 99));
    one.set(ask(1, W, 10, 19))?.cancel();
    expect(held(one)).toEqual(['1:R0-99']);
  });

  it('only the first of commit and cancel counts', () => {
    const { one } = clients();
    const kept = one.set(ask(1, W));
    kept?.commit();
    kept?.cancel();
    expect(held(one)).toEqual(['1:W0-9']);
    const gone = one.set(ask(1, W, 20, 29));
    gone?.cancel();
    gone?.commit();
    expect([held(one), one.count]).toEqual([['1:W0-9'], 1]);
  });

  it('who waits for what is cancelled gets it', async () => {
    const { one } = clients();
    const grant = one.set(ask(1, W));
    const waiting = wait(one, ask(2, W));
    expect(waiting.state).toBe('waits');
    grant?.cancel();
    await settled();
    expect(waiting.state).toBe('granted');
  });

  it('a write lock that becomes a read lock lets readers in when it is committed', async () => {
    const { one } = clients();
    lock(one, ask(1, W));
    const reader = wait(one, ask(2, R));
    const grant = one.set(ask(1, R));
    await settled();
    expect(reader.state).toBe('waits');
    grant?.commit();
    await settled();
    expect(reader.state).toBe('granted');
  });
});
