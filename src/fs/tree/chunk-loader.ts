// Brings chunks into memory, keeps them there while somebody waits for others, and applies cuts made in the meantime.
import { PosixError } from '../../base/errno.ts';
import { Chunk, type ChunkCache, STORED } from './chunk.ts';
import type { Inode } from './inode.ts';
import { type Store, StoreError } from './store.ts';
import type { WriteBehind } from './write-behind.ts';

/** Cut chunks that are loaded at once. */
const PREPARE_BATCH = 64;

/** Turns what a store failed with into what a request is answered. */
function posix(error: unknown): unknown {
  return error instanceof StoreError ? new PosixError('EIO', error.message) : error;
}

export class ChunkLoader {
  private readonly store: Store;
  private readonly cache: ChunkCache;
  private readonly behind: WriteBehind;
  private readonly chunkSize: number;
  /** Whether anything is to be fetched before it is asked for. */
  readonly readsAhead: boolean;
  /** Chunks that were cut while they were not in memory: loaded before the next commit, which has to write them. */
  private readonly cuts = new Set<Chunk>();
  /** Those of them that could not be loaded for the commit that is being prepared. */
  private readonly unreadable = new Set<Chunk>();

  constructor(store: Store, cache: ChunkCache, behind: WriteBehind, chunkSize: number, readsAhead: boolean) {
    this.store = store;
    this.cache = cache;
    this.behind = behind;
    this.chunkSize = chunkSize;
    this.readsAhead = readsAhead;
  }

  /** What the store has of the chunk from `within` on is void. */
  cut(chunk: Chunk, within: number): void {
    chunk.cut = Math.min(chunk.cut, within);
    chunk.shorten(within);
    this.cuts.add(chunk);
  }

  /** The chunk is in memory, or gone: a cut of it needs nothing more. */
  settleCut(chunk: Chunk): void {
    if (chunk.cut === Number.POSITIVE_INFINITY) return;
    chunk.cut = Number.POSITIVE_INFINITY;
    this.cuts.delete(chunk);
  }

  /**
   * Loads cut chunks for a commit, some at a time: called until it is undefined. A chunk that cannot be read does not
   * hold the commit up: it stays cut, and the next commit tries again.
   */
  prepare(): Promise<void> | undefined {
    const batch: Chunk[] = [];
    for (const chunk of this.cuts) {
      if (this.unreadable.has(chunk)) continue;
      batch.push(chunk);
      if (batch.length === PREPARE_BATCH) break;
    }
    if (batch.length > 0) return Promise.all(batch.map((chunk) => this.applyCut(chunk))).then(() => {});
    this.unreadable.clear();
    return undefined;
  }

  private async applyCut(chunk: Chunk): Promise<void> {
    const start = chunk.index * this.chunkSize;
    try {
      this.unpin(await this.load(chunk.inode, start, start + 1));
    } catch (error) {
      // Whoever reads the chunk is told.
      if (!(error instanceof PosixError)) throw error;
      this.unreadable.add(chunk);
    }
  }

  /** Loads and pins the allocated chunks of a range; what was pinned has to be unpinned. */
  async load(inode: Inode, offset: number, end: number): Promise<Chunk[]> {
    const { chunkSize } = this;
    const pinned: Chunk[] = [];
    const loads: Promise<void>[] = [];
    for (let index = Math.floor(offset / chunkSize); index * chunkSize < end; index++) {
      if (!inode.runs?.has(index)) continue;
      inode.chunks ??= new Map();
      let chunk = inode.chunks.get(index);
      if (!chunk) {
        chunk = new Chunk(inode, index, STORED);
        inode.chunks.set(index, chunk);
      }
      chunk.pins++;
      this.cache.unlist(chunk);
      pinned.push(chunk);
      if (!chunk.bytes) {
        chunk.loading ??= this.fetch(chunk);
        loads.push(chunk.loading);
      }
    }
    try {
      await Promise.all(loads);
      return pinned;
    } catch (error) {
      this.unpin(pinned);
      throw posix(error);
    }
  }

  /**
   * Begins to load the allocated chunks `from` to `to` - 1 that are not in memory. A failure is kept from everybody:
   * who reads the chunk tries again.
   */
  fetchAhead(inode: Inode, from: number, to: number): void {
    const { runs } = inode;
    for (let index = runs?.next(from); index !== undefined && index < to; index = runs?.next(index + 1)) {
      if (inode.chunks?.has(index)) continue;
      inode.chunks ??= new Map();
      const chunk = new Chunk(inode, index, STORED);
      inode.chunks.set(index, chunk);
      this.cache.markAhead(chunk);
      chunk.loading = this.fetch(chunk);
      chunk.loading.catch(() => {});
    }
  }

  private async fetch(chunk: Chunk): Promise<void> {
    const { inode, index } = chunk;
    try {
      const bytes = await this.store.chunk(inode.ino, index);
      // Dropped, or overwritten as a whole, while it was on its way.
      if (chunk.dropped || chunk.bytes) return;
      const { cut } = chunk;
      if (!bytes) {
        // There is nothing to cut, and no commit is to fail for it.
        this.settleCut(chunk);
        throw new StoreError('damaged', `Chunk ${index} of inode ${inode.ino} is missing.`);
      }
      chunk.stored = bytes.length;
      chunk.valid = Math.min(chunk.valid, bytes.length);
      const kept = bytes.length > cut ? bytes.slice(0, cut) : bytes;
      this.cache.resize(chunk, kept);
      chunk.length = kept.length;
      if (cut === Number.POSITIVE_INFINITY) return;
      this.settleCut(chunk);
      if (kept !== bytes) {
        this.behind.wrote(chunk, kept.length);
        this.behind.inode(inode);
      }
    } finally {
      chunk.loading = undefined;
      if (!chunk.bytes) this.cache.unmarkAhead(chunk);
      // Whoever waited for it may have gone, because another chunk could not be read.
      if (chunk.pins === 0) {
        this.settle(chunk);
        this.cache.trim();
      }
    }
  }

  /** Lets go of what `load` has pinned. */
  unpin(pinned: readonly Chunk[]): void {
    for (const chunk of pinned) {
      chunk.pins--;
      if (chunk.pins === 0) this.settle(chunk);
    }
    this.cache.trim();
  }

  /** Nobody holds the chunk: from now on it may be evicted, or forgotten where there is nothing of it. */
  private settle(chunk: Chunk): void {
    if (chunk.dropped) return;
    if (!chunk.bytes) {
      if (chunk.cut === Number.POSITIVE_INFINITY && !chunk.loading) this.cache.remove(chunk);
    } else if (!chunk.dirty && !chunk.flying) this.cache.touch(chunk);
  }
}
