// Reads ahead of those who read a file from front to back, so that what they ask for next is in memory by then.
import type { ChunkCache } from './chunk.ts';
import type { ChunkLoader } from './chunk-loader.ts';
import type { Inode } from './inode.ts';

/** Readers that are followed at once. */
const STREAMS = 16;
/** Chunks that are fetched together, at least and at most: each batch is twice the one before. */
const BATCH = { least: 2, most: 32 } as const;
/** Chunks that were fetched ahead and not read yet take this part of the cache at most: two batches. */
const SHARE = 1 / 4;

/** One reader. A read goes on with it when it begins where the last one ended, or in what was fetched for it. */
class Stream {
  /** Undefined: this one follows nobody. */
  inode: Inode | undefined;
  /** The chunk behind the last one that was read. */
  next = 0;
  /** Where its last read began: chunks before it were passed. */
  passed = 0;
  /** The chunk behind the last one that was fetched for it. */
  fetched = 0;
  /** Where the batch that was fetched last begins: when it is read, the next one is fetched. */
  mark = 0;
  /** Chunks of that batch. */
  batch = 0;
  /** When it was last read from, in reads that were looked at. */
  at = 0;
}

export class ReadAhead {
  private readonly cache: ChunkCache;
  private readonly loader: ChunkLoader;
  private readonly chunkSize: number;
  private readonly streams = Array.from({ length: STREAMS }, () => new Stream());
  /** Streams that follow somebody. */
  private active = 0;
  private now = 0;

  constructor(cache: ChunkCache, loader: ChunkLoader, chunkSize: number) {
    this.cache = cache;
    this.loader = loader;
    this.chunkSize = chunkSize;
  }

  /**
   * Told of a read of the chunks `first` to `last`. A stream begins with a read that found something missing, and
   * brings more with the next one that follows it: nothing is fetched for one who reads here and there.
   */
  read(inode: Inode, first: number, last: number, missed: boolean): void {
    if (!this.loader.readsAhead || (this.active === 0 && !missed)) return;
    const stream = this.find(inode, first);
    if (!stream) {
      if (missed) this.begin(inode, last + 1);
      return;
    }
    stream.at = ++this.now;
    // A small read in a chunk that was counted.
    if (last < stream.next) return;
    this.retire(inode, stream.passed, first);
    stream.passed = first;
    stream.next = last + 1;
    if (stream.next > stream.mark) this.fetch(stream, inode, last + 1 - first);
  }

  private find(inode: Inode, first: number): Stream | undefined {
    for (const stream of this.streams) {
      if (stream.inode !== inode || first < stream.next - 1) continue;
      if (first <= stream.next || first < stream.fetched) return stream;
    }
    return undefined;
  }

  /** Takes a stream that follows nobody, else one that nothing was fetched for, else the one that rested longest. */
  private begin(inode: Inode, next: number): void {
    if (next >= this.end(inode)) return;
    const rank = ({ inode: followed, batch, at }: Stream): number => (followed ? at + (batch ? this.now : 0) : -1);
    const stream = this.streams.reduce((best, other) => (rank(other) < rank(best) ? other : best));
    if (!stream.inode) this.active++;
    stream.inode = inode;
    stream.next = stream.passed = stream.fetched = stream.mark = next;
    stream.batch = 0;
    stream.at = ++this.now;
  }

  /** The chunk behind the last of the file. */
  private end(inode: Inode): number {
    return Math.ceil(inode.size / this.chunkSize);
  }

  private fetch(stream: Stream, inode: Inode, asked: number): void {
    const { cache, chunkSize } = this;
    const end = this.end(inode);
    if (stream.next >= end) {
      stream.inode = undefined;
      this.active--;
      return;
    }
    const share = Math.floor((cache.limit * SHARE) / chunkSize);
    const batch = Math.min(Math.max(stream.batch * 2, asked, BATCH.least), BATCH.most, share >> 1);
    // Where others have the share, the next read tries again: smaller batches would cost as many transactions as chunks.
    if (batch < BATCH.least || cache.unread + batch > share) return;
    const from = Math.max(stream.fetched, stream.next);
    const to = Math.min(from + batch, end);
    if (from >= to) return;
    stream.batch = batch;
    stream.mark = from;
    stream.fetched = to;
    this.loader.fetchAhead(inode, from, to);
  }

  /** What was fetched for a stream that has passed it is the first to be let go of. */
  private retire(inode: Inode, from: number, to: number): void {
    const { chunks } = inode;
    if (!chunks) return;
    for (let index = from; index < to; index++) {
      const chunk = chunks.get(index);
      if (chunk?.once) this.cache.retire(chunk);
    }
  }
}
