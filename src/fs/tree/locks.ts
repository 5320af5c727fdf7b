// Advisory locks on the files of a tree, POSIX and flock, of all who have the tree open. What is decided is reserved
// first and held once it is committed, so that an answer that never arrives leaves no lock.
import { PosixError } from '../../base/errno.ts';
import type { Inode } from './inode.ts';
import { conflicts, F_UNLCK, OFFSET_MAX, overlap, type Range, setRange } from './lock-ranges.ts';

/** The two sorts that do not know of each other: fcntl(2)'s, by ranges, and flock(2)'s, of whole files. */
export type LockKind = 'posix' | 'flock';

/** A lock that is asked for, or with F_UNLCK given back. A flock's range is the whole file. */
export interface LockRequest extends Range {
  readonly inode: Inode;
  readonly kind: LockKind;
  /** Whose it is: 64 bits that mean something to its client only. */
  readonly owner: bigint;
}

/** What stands against a request; `pid` is 0 where another client has it. */
export type Conflict = Pick<Range, 'type' | 'start' | 'end' | 'pid'>;

/** One lock for who wants to look: held, or waited for. */
export interface LockEntry extends LockRequest {
  readonly waiting: boolean;
}

export interface LockLimits {
  /** Requests of one client that may wait at once. */
  maxWaiting: number;
  /** Locks of one client. */
  maxLocks: number;
}

const LIMITS: LockLimits = { maxWaiting: 128, maxLocks: 65_536 };
const BLOCKED = Symbol('blocked');

/** The ranges of one owner on one file. */
interface Owned {
  readonly client: LockClient;
  readonly owner: bigint;
  readonly ranges: readonly Range[];
}

/** Owners by key; in the order in which they came, which is the one that Linux looks for conflicts in. */
type Held = Map<string, Owned>;

interface FileLocks {
  readonly posix: Held;
  readonly flock: Held;
  readonly reserved: LockGrant[];
}

interface Waiter {
  readonly client: LockClient;
  readonly request: LockRequest;
  /** Names the request, for interrupt(). */
  readonly unique: bigint;
  readonly resolve: (grant: LockGrant | undefined) => void;
  readonly reject: (error: PosixError) => void;
}

/** A lock that was decided. Exactly one of commit() and cancel() counts, the first. */
export class LockGrant {
  readonly client: LockClient;
  readonly request: LockRequest;
  private readonly table: LockTable;

  constructor(table: LockTable, client: LockClient, request: LockRequest) {
    this.table = table;
    this.client = client;
    this.request = request;
  }

  /** The answer is with its guest: the lock is held. */
  commit(): void {
    this.table.settle(this, true);
  }

  /** The answer will not arrive: nothing was locked. */
  cancel(): void {
    this.table.settle(this, false);
  }
}

export class LockTable {
  private readonly files = new Map<Inode, FileLocks>();
  /** In the order of their arrival, over all files and clients. */
  private waiters: Waiter[] = [];
  private clients = 0;

  /** Someone with owners of its own: one session. */
  client(limits: Partial<LockLimits> = {}): LockClient {
    return new LockClient(this, this.clients++, { ...LIMITS, ...limits });
  }

  /** Files that have locks, for tests and counts. */
  get size(): number {
    return this.files.size;
  }

  // --- what is held, and what stands in the way

  private of(inode: Inode): FileLocks {
    const known = this.files.get(inode);
    if (known) return known;
    const made: FileLocks = { posix: new Map(), flock: new Map(), reserved: [] };
    this.files.set(inode, made);
    return made;
  }

  private tidy(inode: Inode): void {
    const file = this.files.get(inode);
    if (file && file.posix.size + file.flock.size + file.reserved.length === 0) this.files.delete(inode);
  }

  private ranges(client: LockClient, { inode, kind, owner }: LockRequest): readonly Range[] {
    return this.files.get(inode)?.[kind].get(client.key(owner))?.ranges ?? [];
  }

  private assign(client: LockClient, { inode, kind, owner }: LockRequest, ranges: readonly Range[]): void {
    const held = this.of(inode)[kind];
    const key = client.key(owner);
    client.held += ranges.length - (held.get(key)?.ranges.length ?? 0);
    if (ranges.length > 0) held.set(key, { client, owner, ranges });
    else held.delete(key);
    this.tidy(inode);
  }

  /** The first lock of another that conflicts with a request: held ones as fs/locks.c lists them, then what is reserved. */
  private conflict(client: LockClient, request: LockRequest): { client: LockClient; range: Range } | undefined {
    const file = this.files.get(request.inode);
    if (!file) return undefined;
    const key = client.key(request.owner);
    for (const [other, { client: holder, ranges }] of file[request.kind]) {
      const range = other === key ? undefined : ranges.find((held) => conflicts(held, request));
      if (range) return { client: holder, range };
    }
    for (const { client: holder, request: range } of file.reserved) {
      if (range.kind !== request.kind || !conflicts(range, request) || holder.key(range.owner) === key) continue;
      return { client: holder, range };
    }
    return undefined;
  }

  /** Whether a lock of the owner with this key conflicts with a request of another. */
  private inTheWay(key: string, request: LockRequest): boolean {
    const file = this.files.get(request.inode);
    if (!file) return false;
    if (file[request.kind].get(key)?.ranges.some((range) => conflicts(range, request))) return true;
    return file.reserved.some(
      ({ client, request: range }) =>
        range.kind === request.kind && conflicts(range, request) && client.key(range.owner) === key,
    );
  }

  /**
   * The first lock against a request (fs/locks.c posix_test_lock). With F_UNLCK, which F_OFD_GETLK may ask for: the
   * owner's own first lock in the range.
   */
  test(client: LockClient, request: LockRequest): Conflict | undefined {
    if (request.type === F_UNLCK) return this.ranges(client, request).find((range) => overlap(range, request));
    const found = this.conflict(client, request);
    if (!found) return undefined;
    const { type, start, end, pid } = found.range;
    return { type, start, end, pid: found.client === client ? pid : 0 };
  }

  // --- locking

  /** One try, without waking anyone. undefined: done, with nothing to grant. ENOLCK. */
  private attempt(client: LockClient, request: LockRequest): LockGrant | undefined | typeof BLOCKED {
    let mine = this.ranges(client, request);
    if (request.kind === 'flock' && mine.length > 0) {
      if (mine[0]?.type === request.type) return undefined;
      // A conversion gives the old lock up first, and for good where the new one is not to be had (flock_lock_inode).
      this.assign(client, request, []);
      mine = [];
    }
    const unlock = request.type === F_UNLCK;
    if (!unlock && this.conflict(client, request)) return BLOCKED;
    const after = setRange(mine, request);
    const more = after.length - mine.length;
    if (more > 0 && client.count + more > client.limits.maxLocks) throw new PosixError('ENOLCK', 'too many locks');
    if (unlock) {
      this.assign(client, request, after);
      return undefined;
    }
    const grant = new LockGrant(this, client, request);
    this.of(request.inode).reserved.push(grant);
    client.reserved++;
    return grant;
  }

  /** As LockClient.set(). */
  set(client: LockClient, request: LockRequest): LockGrant | undefined {
    try {
      const grant = this.attempt(client, request);
      if (grant === BLOCKED) throw new PosixError('EAGAIN', 'locked by another');
      return grant;
    } finally {
      this.wake(request.inode);
    }
  }

  /** As LockClient.wait(). */
  wait(
    client: LockClient,
    request: LockRequest,
    unique: bigint,
  ): LockGrant | undefined | Promise<LockGrant | undefined> {
    try {
      const grant = this.attempt(client, request);
      if (grant !== BLOCKED) return grant;
      if (this.deadlocks(client, request)) throw new PosixError('EDEADLK');
      if (client.waiting >= client.limits.maxWaiting) throw new PosixError('ENOLCK', 'too many requests wait');
    } finally {
      this.wake(request.inode);
    }
    return new Promise((resolve, reject) => {
      client.waiting++;
      this.waiters.push({ client, request, unique, resolve, reject });
    });
  }

  /** Ends a reservation: its lock is held now, or nobody has it. */
  settle(grant: LockGrant, held: boolean): void {
    const { client, request } = grant;
    const file = this.files.get(request.inode);
    const place = file ? file.reserved.indexOf(grant) : -1;
    if (!file || place < 0) return;
    file.reserved.splice(place, 1);
    client.reserved--;
    if (held) {
      const mine = request.kind === 'flock' ? [] : this.ranges(client, request);
      this.assign(client, request, setRange(mine, request));
    } else {
      this.tidy(request.inode);
    }
    this.wake(request.inode);
  }

  /**
   * Whether waiting would close a circle: an owner in the way waits for another, and so on, back to who asks
   * (fs/locks.c posix_locks_deadlock, which gives up after ten owners; this does not). Only owners who wait are looked
   * at, of whom there are few, however many locks there are.
   */
  private deadlocks(client: LockClient, request: LockRequest): boolean {
    if (request.kind === 'flock') return false;
    const self = client.key(request.owner);
    const waiting = new Map<string, LockRequest[]>();
    for (const waiter of this.waiters) {
      const key = waiter.client.key(waiter.request.owner);
      if (waiter.request.kind === 'flock' || key === self) continue;
      const requests = waiting.get(key);
      if (requests) requests.push(waiter.request);
      else waiting.set(key, [waiter.request]);
    }
    const reached = [request];
    for (let next = reached.pop(); next; next = reached.pop()) {
      if (next !== request && this.inTheWay(self, next)) return true;
      for (const [key, requests] of waiting) {
        if (!this.inTheWay(key, next)) continue;
        waiting.delete(key);
        reached.push(...requests);
      }
    }
    return false;
  }

  // --- waiting

  /** Lets those who wait for the file try again, in the order in which they came. */
  private wake(inode: Inode): void {
    if (this.waiters.length === 0) return;
    // A flock's try can give an old lock up, for which others have waited; each time there is one lock less.
    for (let before = -1; before !== this.heldBy(inode); ) {
      before = this.heldBy(inode);
      for (const waiter of this.waiters.filter(({ request }) => request.inode === inode)) this.retry(waiter);
    }
  }

  private heldBy(inode: Inode): number {
    return this.files.get(inode)?.flock.size ?? 0;
  }

  private retry(waiter: Waiter): void {
    const { client, request } = waiter;
    let grant: LockGrant | undefined | typeof BLOCKED;
    try {
      grant = this.attempt(client, request);
      if (grant === BLOCKED) {
        if (!this.deadlocks(client, request)) return;
        throw new PosixError('EDEADLK');
      }
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      this.remove(waiter);
      waiter.reject(error);
      return;
    }
    this.remove(waiter);
    waiter.resolve(grant);
  }

  private remove(waiter: Waiter): void {
    this.waiters = this.waiters.filter((other) => other !== waiter);
    waiter.client.waiting--;
  }

  /** Refuses the requests of a client that wait and that are chosen. Returns whether there were any. */
  refuse(client: LockClient, chosen: (request: LockRequest, unique: bigint) => boolean, error: PosixError): boolean {
    const refused = this.waiters.filter((w) => w.client === client && chosen(w.request, w.unique));
    for (const waiter of refused) {
      this.remove(waiter);
      waiter.reject(error);
    }
    return refused.length > 0;
  }

  // --- the end of an open file, and of a client

  /** Whatever was locked, or is being locked, through an open file that is closed for the last time. */
  closed(client: LockClient, inode: Inode, file: number): void {
    const locks = this.files.get(inode);
    if (!locks) return;
    this.refuse(client, (request) => request.inode === inode && request.file === file, new PosixError('EBADF'));
    for (const grant of [...locks.reserved]) {
      if (grant.client === client && grant.request.file === file) grant.cancel();
    }
    for (const kind of ['posix', 'flock'] as const) {
      for (const { client: holder, owner, ranges } of [...locks[kind].values()]) {
        if (holder !== client) continue;
        const rest = ranges.filter((range) => range.file !== file);
        if (rest.length < ranges.length) this.assign(client, { ...whole(inode, kind, owner) }, rest);
      }
    }
    this.wake(inode);
  }

  /** All of a client's. */
  end(client: LockClient): void {
    if (client.count + client.waiting === 0) return;
    this.refuse(client, () => true, new PosixError('ENOTCONN', 'the session is over'));
    for (const [inode, locks] of [...this.files]) {
      for (const grant of [...locks.reserved]) if (grant.client === client) grant.cancel();
      for (const kind of ['posix', 'flock'] as const) {
        for (const { client: holder, owner } of [...locks[kind].values()]) {
          if (holder === client) this.assign(client, whole(inode, kind, owner), []);
        }
      }
      this.wake(inode);
    }
  }

  *entries(client: LockClient): Iterable<LockEntry> {
    for (const [inode, locks] of this.files) {
      for (const kind of ['posix', 'flock'] as const) {
        for (const { client: holder, owner, ranges } of locks[kind].values()) {
          if (holder === client) for (const range of ranges) yield { ...range, inode, kind, owner, waiting: false };
        }
      }
      for (const grant of locks.reserved) if (grant.client === client) yield { ...grant.request, waiting: false };
    }
    for (const waiter of this.waiters) if (waiter.client === client) yield { ...waiter.request, waiting: true };
  }
}

/** The request that gives up everything that an owner has on a file. */
const whole = (inode: Inode, kind: LockKind, owner: bigint): LockRequest => ({
  inode,
  kind,
  owner,
  type: F_UNLCK,
  start: 0n,
  end: OFFSET_MAX,
  pid: 0,
  file: 0,
});

/** The locks of one session, beside those of others. */
export class LockClient {
  readonly limits: LockLimits;
  /** Ranges held, locks decided and not yet taken, and requests that wait. Only the table changes them. */
  held = 0;
  reserved = 0;
  waiting = 0;
  private readonly table: LockTable;
  private readonly number: number;

  constructor(table: LockTable, number: number, limits: LockLimits) {
    this.table = table;
    this.number = number;
    this.limits = limits;
  }

  /** Locks that are held or about to be. */
  get count(): number {
    return this.held + this.reserved;
  }

  /** What names an owner among those of all clients. */
  key(owner: bigint): string {
    return `${this.number}:${owner}`;
  }

  /** The first lock of another owner that stands against the request, or undefined. */
  test(request: LockRequest): Conflict | undefined {
    return this.table.test(this, request);
  }

  /**
   * Locks or unlocks at once. A lock is only reserved: the grant is to be committed or cancelled; undefined where there
   * is nothing to grant. EAGAIN where another has it, ENOLCK above the limit.
   */
  set(request: LockRequest): LockGrant | undefined {
    return this.table.set(this, request);
  }

  /**
   * As set(), but waits for a lock that another has: first come, first served. ENOLCK also where too many wait,
   * EDEADLK where the wait could never end; rejects with EDEADLK and ENOLCK too, EINTR after interrupt(), EBADF where
   * the open file is closed, ENOTCONN at the end of the session.
   */
  wait(request: LockRequest, unique: bigint): LockGrant | undefined | Promise<LockGrant | undefined> {
    return this.table.wait(this, request, unique);
  }

  /** Ends the wait of the request of that number with EINTR. Returns whether it waited. */
  interrupt(unique: bigint): boolean {
    return this.table.refuse(this, (_, waiting) => waiting === unique, new PosixError('EINTR'));
  }

  /** Gives up everything that an owner has on a file, of one kind. */
  release(inode: Inode, kind: LockKind, owner: bigint): void {
    if (this.count > 0) this.table.set(this, whole(inode, kind, owner));
  }

  /** The open file is closed for the last time: with it goes what was locked through it. */
  closed(inode: Inode, file: number): void {
    if (this.count + this.waiting > 0) this.table.closed(this, inode, file);
  }

  /** The end of the session. */
  end(): void {
    this.table.end(this);
  }

  entries(): Iterable<LockEntry> {
    return this.table.entries(this);
  }
}
