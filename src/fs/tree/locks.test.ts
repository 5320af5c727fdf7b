import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errnoName, PosixError } from '../../base/errno.ts';
import { Inode } from './inode.ts';
import { F_RDLCK, F_UNLCK, F_WRLCK, OFFSET_MAX, type Range, setRange } from './lock-ranges.ts';
import { type LockClient, type LockGrant, type LockKind, type LockRequest, LockTable } from './locks.ts';
import { S_IFREG } from './mode.ts';

const [R, W, U] = [F_RDLCK, F_WRLCK, F_UNLCK];
const inode = new Inode(2, 1, S_IFREG | 0o644);
const other = new Inode(3, 1, S_IFREG | 0o644);

/** A request of owner `owner`, who is process 100 + owner and has the file open as file 10 + owner. */
const ask = (owner: number, type: number, start = 0, end = 9, more: Partial<LockRequest> = {}): LockRequest => ({
  inode,
  kind: 'posix',
  owner: BigInt(owner),
  type,
  start: BigInt(start),
  end: BigInt(end),
  pid: 100 + owner,
  file: 10 + owner,
  ...more,
});
const flock = (owner: number, type: number, more: Partial<LockRequest> = {}): LockRequest =>
  ask(owner, type, 0, 0, { kind: 'flock', end: OFFSET_MAX, ...more });

/** What a request that may wait came to: 'waits', 'granted' or an errno. */
interface Waiting {
  state: string;
}

const outcome = (attempt: () => unknown): string => {
  try {
    attempt();
    return 'ok';
  } catch (error) {
    if (error instanceof PosixError) return errnoName(error.errno);
    throw error;
  }
};

/** Locks at once, as a reply that arrives does. */
const lock = (client: LockClient, request: LockRequest): string => outcome(() => client.set(request)?.commit());

/** Asks to wait; what is granted is held as soon as it comes. */
function wait(client: LockClient, request: LockRequest, unique = 1n, log?: string[]): Waiting {
  const waiting: Waiting = { state: 'waits' };
  const granted = (grant: LockGrant | undefined): void => {
    waiting.state = 'granted';
    grant?.commit();
    log?.push(`${request.owner}`);
  };
  const failed = (error: unknown): void => {
    if (!(error instanceof PosixError)) throw error;
    waiting.state = errnoName(error.errno);
  };
  try {
    const grant = client.wait(request, unique);
    if (grant instanceof Promise) grant.then(granted, failed);
    else granted(grant);
  } catch (error) {
    failed(error);
  }
  return waiting;
}

/** Lets promises that are resolved tell so. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const short = ({ type, start, end }: Pick<Range, 'type' | 'start' | 'end'>): string => `${'RW-'[type]}${start}-${end}`;
const held = (client: LockClient): string[] =>
  [...client.entries()].map((entry) => `${entry.waiting ? '?' : ''}${entry.owner}:${short(entry)}`);

function clients(count = 1, limits = {}): { table: LockTable; all: LockClient[]; one: LockClient } {
  const table = new LockTable();
  const all = Array.from({ length: count }, () => table.client(limits));
  return { table, all, one: all[0] as LockClient };
}

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

/** No two locks of different owners conflict, and whoever waits has somebody to wait for. */
function expectSound(all: readonly LockClient[]): void {
  const entries = all.flatMap((client, number) => [...client.entries()].map((entry) => ({ ...entry, number })));
  const conflict = (a: (typeof entries)[number], b: (typeof entries)[number]): boolean =>
    (a.owner !== b.owner || a.number !== b.number) &&
    a.kind === b.kind &&
    (a.type === W || b.type === W) &&
    a.start <= b.end &&
    b.start <= a.end;
  const [waiters, holders] = [entries.filter((e) => e.waiting), entries.filter((e) => !e.waiting)];
  for (const a of holders) for (const b of holders) expect(conflict(a, b)).toBe(false);
  for (const a of waiters) expect(holders.some((b) => conflict(a, b))).toBe(true);
}

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
