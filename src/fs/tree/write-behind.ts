// Group commit: gathers what changed and writes it, one commit at a time, each the whole tree of one moment.
import { PosixError } from '../../base/errno.ts';
import type { Chunk, ChunkCache } from './chunk.ts';
import { DirtySet } from './dirty-set.ts';
import type { Inode } from './inode.ts';
import { pageOf } from './records.ts';
import { type Batch, type ChunkRange, type Durability, type Store, StoreError } from './store.ts';

/** What a page of metadata is taken for in the count of unsaved bytes. */
const PAGE_ESTIMATE = 4096;
/** Waits before a failed commit is tried again when nobody asks for it, the least and the most, ms. */
const RETRIES_MS = [1000, 30_000] as const;
const FULL_RETRIES_MS = [30_000, 600_000] as const;
/**
 * Waits before further attempts of a commit for which the store gave up its reserve, ms: browsers count freed room late
 * (Chromium 156: in one of six runs not yet when the next transaction begins).
 */
const RELIEF_WAITS_MS = [100, 400, 1600];
/**
 * Bytes of chunks from which on a commit that found no room is not tried again by those who ask for one: what an aborted
 * transaction wrote counts against the quota, so that each attempt makes a full store fuller.
 */
const COSTLY_ATTEMPT = 2 ** 20;

/** Where the records of what is dirty come from. */
export interface CommitSource {
  /** What has to be loaded before a commit can be put together, undefined where there is nothing. */
  prepare(): Promise<void> | undefined;
  /** The metadata of a commit with these pages and second records, as it is now; may add to `extras`. */
  metadata(pages: Set<number>, extras: Set<number>): Pick<Batch, 'puts' | 'removals' | 'superblock'>;
}

export interface WriteBehindOptions {
  /** How long a change waits for others, ms. */
  interval: number;
  /** Unsaved bytes from which on a commit does not wait. */
  eagerBytes: number;
  /** Unsaved bytes from which on writers wait. */
  dirtyLimit: number;
  /** Told of each failed commit; undefined when one went through again. */
  onFailure: (error: StoreError | undefined) => void;
}

/** A commit that is under way or is to come, and those who wait for it. */
class Ticket {
  durability: Durability = 'relaxed';
  /** Attempts since the store gave its reserve up; undefined while it was not asked for it. */
  relieved: number | undefined;
  readonly done: Promise<void>;
  resolve!: () => void;
  reject!: (error: PosixError) => void;
  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Those who wait have the rejection; a commit that nobody waits for tells onFailure.
    this.done.catch(() => {});
  }
}

export class WriteBehind {
  /** Changes so far. */
  operation = 0;
  commits = 0;
  failures = 0;
  private readonly store: Store;
  private readonly cache: ChunkCache;
  private readonly source: CommitSource;
  private readonly options: WriteBehindOptions;
  private dirty = new DirtySet();
  /** What the commit under way writes. */
  private flying: { ticket: Ticket; set: DirtySet } | undefined;
  private next: Ticket | undefined;
  private preparing = false;
  /** Whether a relaxed commit went through that no strict one has followed. */
  private undurable = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hurried = false;
  private retryMs = 0;
  /** Set by a commit that found no room: what it was to add, the refusal, and when. Until something is dropped. */
  private full: { bytes: number; refused: StoreError; at: number } | undefined;
  private lost: StoreError | undefined;

  constructor(store: Store, cache: ChunkCache, source: CommitSource, options: WriteBehindOptions) {
    this.store = store;
    this.cache = cache;
    this.source = source;
    this.options = options;
  }

  /** Bytes that a commit has yet to write or is writing; metadata is estimated. */
  get dirtyBytes(): number {
    const flying = this.flying?.set;
    const pages = this.dirty.pages.size + (flying?.pages.size ?? 0);
    return this.dirty.bytes + (flying?.bytes ?? 0) + pages * PAGE_ESTIMATE;
  }

  /** The inode's page has to be written. */
  inode(inode: Inode): void {
    this.dirty.pages.add(pageOf(inode.ino));
    if (this.timer === undefined) this.schedule(this.options.interval);
  }

  /** The inode's second record has to be written or removed. */
  extra(ino: number): void {
    this.dirty.extras.add(ino);
  }

  /** The chunk has changed; it has `length` bytes of content now. The inode's page is told apart. */
  wrote(chunk: Chunk, length: number): void {
    this.cache.unlist(chunk);
    this.dirty.add(chunk, length);
    if (this.dirty.bytes > this.options.eagerBytes) this.hurry();
  }

  /** The chunk is no part of its file any more. */
  forget(chunk: Chunk): void {
    this.dirty.remove(chunk);
  }

  drop(range: ChunkRange): void {
    this.dirty.drop(range);
    // There may be room now.
    this.full = undefined;
    if (this.failures > 0 && !this.flying) this.schedule(this.options.interval);
  }

  /** Undefined where a writer may go on, else what it has to wait for before it asks again. */
  room(): Promise<void> | undefined {
    if (this.dirty.bytes + (this.flying?.set.bytes ?? 0) <= this.options.dirtyLimit) return undefined;
    return (this.flying?.ticket ?? this.ask('relaxed')).done;
  }

  /** Resolves when everything that has changed is stored for good. Rejects with PosixError ENOSPC or EIO. */
  sync(): Promise<void> {
    const { flying } = this;
    if (this.dirty.empty && !this.preparing) {
      if (flying?.ticket.durability === 'strict') return flying.ticket.done;
      if (!flying && !this.undurable && !this.lost) return Promise.resolve();
    }
    return this.ask('strict').done;
  }

  /** Ends the timer. What is dirty stays so. */
  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private schedule(ms: number): void {
    if (this.lost) return;
    this.stop();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.hurried = false;
      this.full = undefined;
      if (!this.flying) this.ask('relaxed');
    }, ms);
  }

  private hurry(): void {
    if (this.hurried || this.flying || this.failures > 0) return;
    this.hurried = true;
    this.schedule(0);
  }

  /** The commit that begins next. */
  private ask(durability: Durability): Ticket {
    this.next ??= new Ticket();
    const ticket = this.next;
    if (durability === 'strict') ticket.durability = 'strict';
    this.pump();
    return ticket;
  }

  private pump(): void {
    const ticket = this.next;
    if (!ticket || this.flying || this.preparing) return;
    if (this.lost) {
      this.next = undefined;
      ticket.reject(new PosixError('EIO', this.lost.message));
      return;
    }
    const refused = this.hopeless(ticket);
    if (refused) {
      this.next = undefined;
      ticket.reject(new PosixError('ENOSPC', refused.message));
      return;
    }
    const prepared = this.store.ready?.() ?? this.source.prepare();
    if (!prepared) {
      this.begin(ticket);
      return;
    }
    this.preparing = true;
    prepared.then(
      () => {
        this.preparing = false;
        this.pump();
      },
      (error: unknown) => {
        this.preparing = false;
        this.next = undefined;
        this.failed(ticket, error);
      },
    );
  }

  /** Why a commit need not be tried: one that added no more found no room, a moment ago. */
  private hopeless(ticket: Ticket): StoreError | undefined {
    const { full } = this;
    if (!full || ticket.relieved !== undefined || this.dirty.bytes < full.bytes) return undefined;
    // Room may have come from elsewhere.
    return performance.now() - full.at < FULL_RETRIES_MS[0] ? full.refused : undefined;
  }

  /** Writes everything that is dirty. From here to the store's copies nothing is awaited: the batch is one moment. */
  private begin(ticket: Ticket): void {
    this.next = undefined;
    this.stop();
    this.hurried = false;
    const set = this.dirty;
    const metadata = this.source.metadata(set.pages, set.extras);
    this.dirty = new DirtySet();
    this.flying = { ticket, set };
    const batch: Batch = { ...metadata, drops: [...set.drops.values()].flat(), chunks: [] };
    for (const chunk of set.chunks) {
      const { inode, index, length } = chunk;
      const bytes = chunk.bytes as Uint8Array<ArrayBuffer>;
      chunk.dirty = false;
      chunk.flying = true;
      inode.chunksStored = true;
      batch.chunks.push({ ino: inode.ino, index, bytes: length === bytes.length ? bytes : bytes.slice(0, length) });
    }
    this.commit(batch, ticket.durability).then(
      () => this.succeeded(ticket, set),
      (error: unknown) => {
        this.land(set);
        const { bytes } = set;
        this.dirty.merge(set);
        if (bytes >= COSTLY_ATTEMPT && error instanceof StoreError && error.code === 'quota') {
          this.full = { bytes, refused: error, at: performance.now() };
        }
        const removes = batch.drops.length > 0 || batch.removals.length > 0;
        if (removes && error instanceof StoreError && error.code === 'quota') this.relieve(ticket, error);
        else this.failed(ticket, error);
      },
    );
  }

  /**
   * Storage that is full takes no commit, not even one that frees most of it: what it frees counts only afterwards.
   * So the store's reserve goes first, and the commit is made again, with what has changed since.
   */
  private relieve(ticket: Ticket, refused: StoreError): void {
    this.preparing = true;
    this.relief(ticket).then(
      (again) => {
        this.preparing = false;
        if (!again) {
          this.failed(ticket, refused);
          return;
        }
        const waiting = this.next;
        if (waiting?.durability === 'strict') ticket.durability = 'strict';
        if (waiting) ticket.done.then(waiting.resolve, waiting.reject);
        this.next = ticket;
        this.pump();
      },
      (error: unknown) => {
        this.preparing = false;
        this.failed(ticket, error);
      },
    );
  }

  /** Whether the refused commit is to be tried again: at once after the reserve was given up, then a few times more. */
  private async relief(ticket: Ticket): Promise<boolean> {
    if (ticket.relieved === undefined) {
      ticket.relieved = 0;
      if (await this.store.relieve?.()) return true;
      ticket.relieved = RELIEF_WAITS_MS.length;
      return false;
    }
    const wait = RELIEF_WAITS_MS[ticket.relieved++];
    if (wait === undefined) return false;
    await new Promise((resolve) => setTimeout(resolve, wait));
    return true;
  }

  private async commit(batch: Batch, durability: Durability): Promise<void> {
    await this.store.commit(batch, durability);
  }

  private land(set: DirtySet): void {
    this.flying = undefined;
    for (const chunk of set.chunks) chunk.flying = false;
  }

  private succeeded(ticket: Ticket, set: DirtySet): void {
    this.land(set);
    for (const chunk of set.chunks) if (!chunk.dirty && !chunk.dropped && chunk.pins === 0) this.cache.touch(chunk);
    this.cache.trim();
    this.commits++;
    this.undurable = ticket.durability === 'relaxed';
    if (this.failures > 0) this.options.onFailure(undefined);
    this.failures = 0;
    this.full = undefined;
    this.retryMs = 0;
    ticket.resolve();
    if (this.next) this.pump();
    else if (this.dirty.bytes > this.options.eagerBytes) this.hurry();
    else if (!this.dirty.empty) this.schedule(this.options.interval);
  }

  /** What the commit was to write is dirty again; it is tried again later and with the next change or sync. */
  private failed(ticket: Ticket, reason: unknown): void {
    const error =
      reason instanceof StoreError
        ? reason
        : new StoreError('io', `A commit failed: ${String(reason)}`, { cause: reason });
    this.failures++;
    if (error.code === 'lost') this.lost = error;
    this.options.onFailure(error);
    ticket.reject(new PosixError(error.code === 'quota' ? 'ENOSPC' : 'EIO', error.message));
    if (this.next) this.pump();
    if (this.flying || this.preparing) return;
    // Seldom where it is full, until something is removed.
    const [least, most] = error.code === 'quota' ? FULL_RETRIES_MS : RETRIES_MS;
    const wait = Math.max(this.retryMs, least);
    this.schedule(wait);
    this.retryMs = Math.min(wait * 2, most);
  }
}
