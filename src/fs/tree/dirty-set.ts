// What changed since a commit began, by what has to be written for it.
import type { Chunk } from './chunk.ts';
import type { ChunkRange } from './store.ts';

const covers = (outer: ChunkRange, inner: ChunkRange): boolean => outer.from <= inner.from && outer.to >= inner.to;

export class DirtySet {
  /** Metadata pages by number. */
  readonly pages = new Set<number>();
  /** Inode numbers whose second record has to be written or removed. */
  readonly extras = new Set<number>();
  /** Ranges of stored chunks that are void, by inode number. What is in `chunks` is written after they are dropped. */
  readonly drops = new Map<number, ChunkRange[]>();
  /** Whether something was removed that took room. */
  frees = false;
  private theChunks = new Set<Chunk>();
  private chunkBytes = 0;

  get chunks(): ReadonlySet<Chunk> {
    return this.theChunks;
  }

  /** Bytes of the chunks. */
  get bytes(): number {
    return this.chunkBytes;
  }

  get empty(): boolean {
    return this.pages.size === 0 && this.chunks.size === 0 && this.drops.size === 0 && this.extras.size === 0;
  }

  /** Adds a chunk, or notes that one that is in it already has another length now. */
  add(chunk: Chunk, length: number): void {
    if (chunk.dirty) this.chunkBytes -= chunk.length;
    else {
      chunk.dirty = true;
      this.theChunks.add(chunk);
    }
    this.chunkBytes += length;
    chunk.length = length;
  }

  remove(chunk: Chunk): void {
    if (!chunk.dirty) return;
    chunk.dirty = false;
    this.theChunks.delete(chunk);
    this.chunkBytes -= chunk.length;
  }

  drop(range: ChunkRange): void {
    const ranges = this.drops.get(range.ino) ?? [];
    if (ranges.some((other) => covers(other, range))) return;
    this.drops.set(range.ino, [...ranges.filter((other) => !covers(range, other)), range]);
  }

  /** Another set with the chunks of this one, which has none then. */
  splitChunks(): DirtySet {
    const rest = new DirtySet();
    rest.theChunks = this.theChunks;
    rest.chunkBytes = this.chunkBytes;
    this.theChunks = new Set();
    this.chunkBytes = 0;
    return rest;
  }

  /** Takes back what a failed commit was to write. */
  merge(failed: DirtySet): void {
    for (const page of failed.pages) this.pages.add(page);
    for (const ino of failed.extras) this.extras.add(ino);
    for (const ranges of failed.drops.values()) for (const range of ranges) this.drop(range);
    for (const chunk of failed.chunks) if (!chunk.dropped) this.add(chunk, chunk.length);
    if (failed.frees) this.frees = true;
  }
}
