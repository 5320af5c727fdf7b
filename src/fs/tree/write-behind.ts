// Group commit: gathers what changed and writes it, one commit at a time, each the whole tree of one moment, or, where the
// store is full, as much of it as needs no more room.
import { PosixError } from '../../base/errno.ts';
import { Attempts, isQuota, RELIEF_WAITS_MS, waitsFor } from './attempts.ts';
import type { Chunk, ChunkCache } from './chunk.ts';
import { DirtySet } from './dirty-set.ts';
import { type Inode, Lag } from './inode.ts';
import { pageOf } from './records.ts';
import type { Room } from './room.ts';
import { type Batch, type ChunkRange, type Durability, type Store, StoreError } from './store.ts';
import { cutChunk, growthOf, isCut, subsetOf } from './subset.ts';
import { Ticket } from './ticket.ts';
import type { CommitSource, WriteBehindOptions } from './write-behind-options.ts';

/** What a page of metadata is taken for in the count of unsaved bytes. */
const PAGE_ESTIMATE = 4096;
export class WriteBehind {
  /** Changes so far. */
  operation = 0;
  commits = 0;
  failures = 0;
  private readonly store: Store;
  private readonly cache: ChunkCache;
  private readonly source: CommitSource;
  private readonly options: WriteBehindOptions;
  private readonly room: Room;
  private dirty = new DirtySet();
  /** What the commit under way writes. */
  private flying: { ticket: Ticket; set: DirtySet } | undefined;
  private next: Ticket | undefined;
  private preparing = false;
  /** Files whose end is not stored. */
  private readonly lagging = new Set<Inode>();
  /** Whether a relaxed commit went through that no strict one has followed. */
  private undurable = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hurried = false;
  /** Whether something has changed since the last commit began that it took. */
  private fresh = false;
  /** Whether room was made since the last commit began. */
  private freedSince = false;
  private readonly attempts = new Attempts();
  /** Whether parts are stored while there is no room for everything: names need not wait for it then. */
  private parts = false;
  private lost: StoreError | undefined;

  constructor(store: Store, cache: ChunkCache, source: CommitSource, options: WriteBehindOptions) {
    this.store = store;
    this.cache = cache;
    this.source = source;
    this.options = options;
    this.room = options.room;
  }

  /** Bytes that a commit has yet to write or is writing; metadata is estimated. */
  get dirtyBytes(): number {
    return this.contentBytes + this.metadataBytes;
  }

  /** Those of file content. */
  get contentBytes(): number {
    return this.dirty.bytes + (this.flying?.set.bytes ?? 0);
  }

  private get metadataBytes(): number {
    const flying = this.flying?.set;
    const { pages, extras } = this.dirty;
    return (pages.size + extras.size + (flying ? flying.pages.size + flying.extras.size : 0)) * PAGE_ESTIMATE;
  }

  /** The inode's page has to be written. */
  inode(inode: Inode): void {
    this.dirty.pages.add(pageOf(inode.ino));
    // Where the store is full the timer is far off.
    if (this.timer === undefined || (this.parts && !this.fresh)) this.schedule(this.options.interval);
    this.fresh = true;
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

  /** The file is about to get more content than it has bytes. */
  grows(inode: Inode): void {
    if (inode.lag) return;
    inode.lag = new Lag(inode.size);
    this.lagging.add(inode);
  }

  /** The chunk is no part of its file any more. */
  forget(chunk: Chunk): void {
    this.dirty.remove(chunk);
  }

  drop(range: ChunkRange): void {
    this.dirty.drop(range);
  }

  /** The inode is gone. */
  removed(inode: Inode): void {
    this.lagging.delete(inode);
    this.freed();
  }

  /** There may be room now: content or an inode was removed. */
  freed(): void {
    this.dirty.frees = true;
    this.attempts.freed();
    // Once: who removes one thing after the other is not to put it off.
    if (!this.freedSince && this.failures > 0 && !this.flying && !this.preparing) this.schedule(this.options.interval);
    this.freedSince = true;
  }

  /** Undefined where a writer may go on, else what it has to wait for before it asks again. */
  pressure(): Promise<void> | undefined {
    if (this.contentBytes > this.options.dirtyLimit) return this.relaxed();
    return this.metadataPressure();
  }

  /** As pressure(), for whoever adds names or xattrs. */
  metadataPressure(): Promise<void> | undefined {
    return this.metadataBytes > this.options.metadataLimit ? this.relaxed() : undefined;
  }

  private relaxed(): Promise<void> {
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

  private schedule(ms: number, retry = false): void {
    if (this.lost) return;
    this.stop();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.hurried = false;
      if (retry) this.attempts.due();
      if (this.flying) return;
      this.next ??= new Ticket();
      this.pump();
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
    ticket.wanted = true;
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
    const { refusal } = this.attempts;
    if (!ticket.refused && refusal && !this.fresh && this.hopeless(ticket)) {
      this.next = undefined;
      ticket.reject(new PosixError('ENOSPC', refusal.message));
      if (this.timer === undefined) this.wake();
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

  private hopeless({ wanted }: Ticket): boolean {
    return this.attempts.hopeless(wanted, this.dirty.bytes);
  }

  /** Writes what is dirty. From here to the store's copies nothing is awaited: the batch is one moment. */
  private begin(ticket: Ticket): void {
    this.next = undefined;
    this.stop();
    this.hurried = false;
    this.fresh = false;
    this.freedSince = false;
    // Where something was removed that goes first: then there may be room for the rest.
    const { refusal } = this.attempts;
    if (!ticket.refused && refusal && (this.hopeless(ticket) || this.dirty.frees)) {
      ticket.refused = refusal;
      ticket.partial = this.leaves();
    }
    if (ticket.partial) this.beginPartial(ticket);
    else this.beginWhole(ticket);
  }

  /** Whether there is content that a commit can leave out. */
  private leaves(): boolean {
    for (const chunk of this.dirty.chunks) if (!isCut(chunk) || chunk.valid < chunk.length) return true;
    return false;
  }

  private beginWhole(ticket: Ticket): void {
    const set = this.dirty;
    const { used } = this.room;
    ticket.tried = true;
    const metadata = this.source.metadata(set.pages, set.extras, undefined);
    this.dirty = new DirtySet();
    this.flying = { ticket, set };
    const batch: Batch = { ...metadata, drops: [...set.drops.values()].flat(), chunks: [] };
    for (const chunk of set.chunks) {
      const { inode, index, length } = chunk;
      const bytes = chunk.bytes as Uint8Array<ArrayBuffer>;
      chunk.dirty = false;
      chunk.flying = true;
      chunk.flown = length;
      inode.chunksStored = true;
      batch.chunks.push({ ino: inode.ino, index, bytes: length === bytes.length ? bytes : bytes.slice(0, length) });
    }
    for (const { lag, size } of this.lagging) if (lag) lag.flown = size;
    this.commit(batch, ticket.durability).then(
      () => {
        let i = 0;
        for (const chunk of set.chunks) {
          chunk.stored = batch.chunks[i++]?.bytes.length ?? 0;
          chunk.valid = Math.min(chunk.flown, chunk.stored);
        }
        this.land(set);
        this.room.stored(used);
        this.succeeded(ticket, set);
      },
      (error: unknown) => {
        this.land(set);
        this.dirty.merge(set);
        this.fresh = true;
        if (isQuota(error)) this.refusedWhole(ticket, error, set);
        else this.failed(ticket, error);
      },
    );
  }

  private refusedWhole(ticket: Ticket, error: StoreError, set: DirtySet): void {
    const { dirty, room } = this;
    room.refused(room.used - growthOf(subsetOf(dirty.chunks, this.lagging, this.options.chunkSize)));
    this.attempts.refused(error, set.bytes);
    const first = !ticket.refused;
    ticket.refused = error;
    if (first && this.leaves()) {
      ticket.partial = true;
      this.again(ticket);
    } else if (ticket.waits) this.later(ticket, this.wait(ticket), error);
    else if (set.frees) this.later(ticket, this.relief(ticket), error);
    else this.failed(ticket, error);
  }

  /**
   * Writes names, attributes, truncations and deletions, and of content only what is shorter than what is stored: a tree
   * that is whole, in which files that lack something end where they are stored. What is left out stays dirty.
   */
  private beginPartial(ticket: Ticket): void {
    const set = this.dirty;
    const subset = subsetOf(set.chunks, this.lagging, this.options.chunkSize);
    const metadata = this.source.metadata(set.pages, set.extras, subset);
    this.dirty = set.splitChunks();
    for (const { ino } of subset.keys()) {
      this.dirty.pages.add(pageOf(ino));
      if (set.extras.has(ino)) this.dirty.extras.add(ino);
    }
    this.flying = { ticket, set };
    const cut = [...this.dirty.chunks].filter(isCut);
    const chunks = cut.map(cutChunk);
    const batch: Batch = { ...metadata, drops: [...set.drops.values()].flat(), chunks };
    this.commit(batch, ticket.durability).then(
      () => {
        for (const [i, chunk] of cut.entries()) chunk.stored = chunks[i]?.bytes.length ?? 0;
        this.land(set);
        this.storedPart(ticket, set);
      },
      (error: unknown) => {
        this.land(set);
        this.dirty.merge(set);
        this.fresh = true;
        if (isQuota(error)) this.later(ticket, ticket.waits ? this.wait(ticket) : this.relief(ticket), error);
        else this.failed(ticket, error);
      },
    );
  }

  /** A part was stored: if it has made room, the rest is tried again; else those who wait are refused. */
  private storedPart(ticket: Ticket, set: DirtySet): void {
    this.commits++;
    this.parts = true;
    this.undurable = ticket.durability === 'relaxed';
    if (set.frees && this.dirty.bytes > 0) {
      ticket.partial = false;
      ticket.waits = waitsFor(this.dirty.bytes);
      this.again(ticket);
    } else if (this.leaves()) this.refuse(ticket, ticket.refused as StoreError);
    else this.again(Object.assign(ticket, { partial: false }));
  }

  /** The same commit once more, with what has changed since, and for those too who have asked for another one. */
  private again(ticket: Ticket): void {
    const waiting = this.next;
    if (waiting?.durability === 'strict') ticket.durability = 'strict';
    if (waiting) ticket.done.then(waiting.resolve, waiting.reject);
    this.next = ticket;
    this.pump();
  }

  /** Tries a refused commit again when `attempt` says that it is worth it. */
  private later(ticket: Ticket, attempt: Promise<boolean>, refused: StoreError): void {
    this.preparing = true;
    attempt.then(
      (worth) => {
        this.preparing = false;
        if (worth) this.again(ticket);
        else this.failed(ticket, refused);
      },
      (error: unknown) => {
        this.preparing = false;
        this.failed(ticket, error);
      },
    );
  }

  /**
   * Storage that is full takes no commit, not even one that frees most of it: what it frees counts only afterwards. So
   * the store's reserve goes first.
   */
  private async relief(ticket: Ticket): Promise<boolean> {
    ticket.relieved = (await this.store.relieve?.()) ?? false;
    ticket.waits = RELIEF_WAITS_MS;
    return ticket.relieved;
  }

  private async wait(ticket: Ticket): Promise<boolean> {
    const [ms, ...waits] = ticket.waits ?? [];
    ticket.waits = waits;
    if (ms === undefined) return false;
    await new Promise((resolve) => setTimeout(resolve, ms));
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
    for (const chunk of set.chunks) if (!chunk.dirty && !chunk.dropped && chunk.pins === 0) this.cache.touch(chunk);
    for (const inode of this.lagging) {
      const { lag } = inode;
      if (lag) lag.stored = lag.flown;
      if (lag?.stored !== inode.size) continue;
      inode.lag = undefined;
      this.lagging.delete(inode);
    }
    this.cache.trim();
    this.commits++;
    this.undurable = ticket.durability === 'relaxed';
    if (this.failures > 0) this.options.onFailure(undefined);
    this.failures = 0;
    this.attempts.succeeded();
    this.parts = false;
    if (ticket.relieved) this.store.restore?.();
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
    if (error.code === 'lost') this.lost = error;
    this.parts = false;
    // What adds no content is small, and what it removes makes room: tried as often as what fails for another reason.
    this.attempts.failed(error.code === 'quota' && !ticket.partial && this.dirty.bytes > 0);
    this.reject(ticket, error);
  }

  /** Everything is stored but content that finds no room. */
  private refuse(ticket: Ticket, refused: StoreError): void {
    if (ticket.tried) this.attempts.failed(true);
    this.reject(ticket, refused);
  }

  private reject(ticket: Ticket, error: StoreError): void {
    this.failures++;
    this.options.onFailure(error);
    if (ticket.relieved) this.store.restore?.();
    ticket.reject(new PosixError(error.code === 'quota' ? 'ENOSPC' : 'EIO', error.message));
    if (this.next) this.pump();
    if (!this.flying && !this.preparing) this.wake();
  }

  /** Sets the timer after a failure. */
  private wake(): void {
    if (this.freedSince || (this.parts && this.fresh)) this.schedule(this.options.interval);
    else this.schedule(this.attempts.wait, true);
  }
}
