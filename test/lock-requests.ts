// Requests for locks as tests write them, and what became of them.
import { expect } from 'vitest';
import { errnoName, PosixError } from '../src/base/errno.ts';
import { Inode } from '../src/fs/tree/inode.ts';
import { F_RDLCK, F_UNLCK, F_WRLCK, OFFSET_MAX, type Range } from '../src/fs/tree/lock-ranges.ts';
import { type LockClient, type LockGrant, type LockRequest, LockTable } from '../src/fs/tree/locks.ts';
import { S_IFREG } from '../src/fs/tree/mode.ts';

export const [R, W, U] = [F_RDLCK, F_WRLCK, F_UNLCK];
export const inode = new Inode(2, 1, S_IFREG | 0o644);
export const other = new Inode(3, 1, S_IFREG | 0o644);

/** A request of owner `owner`, who is process 100 + owner and has the file open as file 10 + owner. */
export const ask = (owner: number, type: number, start = 0, end = 9, more: Partial<LockRequest> = {}): LockRequest => ({
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
export const flock = (owner: number, type: number, more: Partial<LockRequest> = {}): LockRequest =>
  ask(owner, type, 0, 0, { kind: 'flock', end: OFFSET_MAX, ...more });

/** What a request that may wait came to: 'waits', 'granted' or an errno. */
export interface Waiting {
  state: string;
}

export const outcome = (attempt: () => unknown): string => {
  try {
    attempt();
    return 'ok';
  } catch (error) {
    if (error instanceof PosixError) return errnoName(error.errno);
    throw error;
  }
};

/** Locks at once, as a reply that arrives does. */
export const lock = (client: LockClient, request: LockRequest): string => outcome(() => client.set(request)?.commit());

/** Asks to wait; what is granted is held as soon as it comes. */
export function wait(client: LockClient, request: LockRequest, unique = 1n, log?: string[]): Waiting {
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
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const short = ({ type, start, end }: Pick<Range, 'type' | 'start' | 'end'>): string =>
  `${'RW-'[type]}${start}-${end}`;
export const held = (client: LockClient): string[] =>
  [...client.entries()].map((entry) => `${entry.waiting ? '?' : ''}${entry.owner}:${short(entry)}`);

export function clients(count = 1, limits = {}): { table: LockTable; all: LockClient[]; one: LockClient } {
  const table = new LockTable();
  const all = Array.from({ length: count }, () => table.client(limits));
  return { table, all, one: all[0] as LockClient };
}

/** No two locks of different owners conflict, and whoever waits has somebody to wait for. */
export function expectSound(all: readonly LockClient[]): void {
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
