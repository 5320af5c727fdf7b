// Chunks of file content in memory, and the cache that lets go of clean ones where they are too many.
import type { Inode } from './inode.ts';

export const NOT_STORED = -1;
export const STORED = Number.POSITIVE_INFINITY;

/** A chunk that is in memory, or on its way there. What is behind the end of `bytes` is zero. */
export class Chunk {
  readonly inode: Inode;
  readonly index: number;
  /** Undefined while it is loaded from the store. Its buffer holds nothing else. */
  bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Bytes of content: the buffer may be longer, zeros behind. */
  length = 0;
  /** Of a chunk that was cut while it was not in memory: what the store has from here on is void. */
  cut = Number.POSITIVE_INFINITY;
  /** Bytes that the store has of it; NOT_STORED, or STORED where nobody has looked how many. */
  stored: number;
  /** How many of those are still content: the file may have been cut since. */
  valid: number;
  /** What `valid` is when the commit that is under way has ended well. */
  flown = 0;
  /** Changed since the last commit began. */
  dirty = false;
  /** In the commit that is under way. */
  flying = false;
  /** No part of the file any more. */
  dropped = false;
  /** Readers and writers that wait for their other chunks. */
  pins = 0;
  loading: Promise<void> | undefined;
  /** Fetched ahead of a reader, and not read yet. */
  ahead = false;
  /** Fetched ahead of a reader that has not passed it yet. */
  once = false;
  /** Neighbours in the list of what may be evicted, the longest unused first. */
  older: Chunk | undefined;
  newer: Chunk | undefined;
  listed = false;

  /** `stored`: STORED for a chunk that the file has already, NOT_STORED for a new one. */
  constructor(inode: Inode, index: number, stored: number) {
    this.inode = inode;
    this.index = index;
    this.stored = this.valid = stored;
  }

  /** What the store has of it from `within` on is content no more. */
  shorten(within: number): void {
    if (this.valid > within) this.valid = within;
    if (this.flown > within) this.flown = within;
  }
}

export class ChunkCache {
  /** Bytes of clean and dirty chunks together above which clean ones are let go. */
  limit: number;
  /** Bytes of all buffers. */
  bytes = 0;
  /** Chunks that were in memory when a read asked for them, and those that were not. */
  hits = 0;
  misses = 0;
  /** Chunks that were fetched ahead, and those of them that were read later. */
  fetchedAhead = 0;
  usedAhead = 0;
  /** Chunks fetched ahead that are in memory, or on their way, and were not read yet. */
  unread = 0;
  private oldest: Chunk | undefined;
  private newest: Chunk | undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Gives a chunk its buffer, or a longer one. */
  resize(chunk: Chunk, bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes += bytes.length - (chunk.bytes?.length ?? 0);
    chunk.bytes = bytes;
  }

  /** The chunk is fetched ahead of a reader. */
  markAhead(chunk: Chunk): void {
    chunk.ahead = chunk.once = true;
    this.unread++;
    this.fetchedAhead++;
  }

  /** A read asks for the chunk. */
  asked(chunk: Chunk): void {
    if (!chunk.ahead) return;
    this.usedAhead++;
    this.unmarkAhead(chunk);
  }

  /** The chunk is read, or gone before it was. */
  unmarkAhead(chunk: Chunk): void {
    if (!chunk.ahead) return;
    chunk.ahead = false;
    this.unread--;
  }

  /** Marks a chunk as just used, or as one that may be let go from now on: it must be clean, loaded and unpinned. */
  touch(chunk: Chunk): void {
    if (chunk === this.newest) return;
    this.unlist(chunk);
    chunk.listed = true;
    chunk.older = this.newest;
    if (this.newest) this.newest.newer = chunk;
    else this.oldest = chunk;
    this.newest = chunk;
  }

  /** The chunk goes before all others: its only reader is done with it. */
  retire(chunk: Chunk): void {
    chunk.once = false;
    if (!chunk.listed || chunk === this.oldest) return;
    this.unlist(chunk);
    chunk.listed = true;
    chunk.newer = this.oldest;
    if (this.oldest) this.oldest.older = chunk;
    else this.newest = chunk;
    this.oldest = chunk;
  }

  /** Keeps a chunk from being let go. */
  unlist(chunk: Chunk): void {
    if (!chunk.listed) return;
    chunk.listed = false;
    if (chunk.older) chunk.older.newer = chunk.newer;
    else this.oldest = chunk.newer;
    if (chunk.newer) chunk.newer.older = chunk.older;
    else this.newest = chunk.older;
    chunk.older = undefined;
    chunk.newer = undefined;
  }

  /** The chunk is no part of its file any more. */
  drop(chunk: Chunk): void {
    this.unlist(chunk);
    this.unmarkAhead(chunk);
    this.bytes -= chunk.bytes?.length ?? 0;
    chunk.bytes = undefined;
    chunk.dropped = true;
  }

  /** Lets clean chunks go until the limit is kept or none is left. */
  trim(): void {
    while (this.bytes > this.limit && this.oldest) {
      const chunk = this.oldest;
      this.unlist(chunk);
      this.unmarkAhead(chunk);
      this.bytes -= chunk.bytes?.length ?? 0;
      chunk.bytes = undefined;
      this.remove(chunk);
    }
  }

  /** The file has it in memory no more; many files have nothing there. */
  remove({ inode, index }: Chunk): void {
    inode.chunks?.delete(index);
    if (inode.chunks?.size === 0) inode.chunks = undefined;
  }
}
