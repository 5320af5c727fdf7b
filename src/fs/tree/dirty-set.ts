// What changed since a commit began, by what has to be written for it.
import type { Chunk } from './chunk.ts';
import type { ChunkRange } from './store.ts';

const covers = (outer: ChunkRange, inner: ChunkRange): boolean => outer.from <= inner.from && outer.to >= inner.to;

export class DirtySet {
  /** Metadata pages by number. */
  readonly pages = new Set<number>();
  /** Inode numbers whose second record has to be written or removed. */
  readonly extras = new Set<number>();
  readonly chunks = new Set<Chunk>();
  /** Ranges of stored chunks that are void, by inode number. What is in `chunks` is written after they are dropped. */
  readonly drops = new Map<number, ChunkRange[]>();
  /** Bytes of the chunks. */
  bytes = 0;

  get empty(): boolean {
    return this.pages.size === 0 && this.chunks.size === 0 && this.drops.size === 0 && this.extras.size === 0;
  }

  /** Adds a chunk, or notes that one that is in it already has another length now. */
  add(chunk: Chunk, length: number): void {
    if (chunk.dirty) this.bytes -= chunk.length;
    else {
      chunk.dirty = true;
      this.chunks.add(chunk);
    }
    this.bytes += length;
    chunk.length = length;
  }

  remove(chunk: Chunk): void {
    if (!chunk.dirty) return;
    chunk.dirty = false;
    this.chunks.delete(chunk);
    this.bytes -= chunk.length;
  }

  drop(range: ChunkRange): void {
    const ranges = this.drops.get(range.ino) ?? [];
    if (ranges.some((other) => covers(other, range))) return;
    this.drops.set(range.ino, [...ranges.filter((other) => !covers(range, other)), range]);
  }

  /** Takes back what a failed commit was to write. */
  merge(failed: DirtySet): void {
    for (const page of failed.pages) this.pages.add(page);
    for (const ino of failed.extras) this.extras.add(ino);
    for (const ranges of failed.drops.values()) for (const range of ranges) this.drop(range);
    for (const chunk of failed.chunks) if (!chunk.dropped) this.add(chunk, chunk.length);
  }
}
