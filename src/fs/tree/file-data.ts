// The content of regular files: chunks that are in memory are read and written at once, others are loaded first.
import { PosixError } from '../../base/errno.ts';
import { Chunk, type ChunkCache, NOT_STORED, STORED } from './chunk.ts';
import type { ChunkLoader } from './chunk-loader.ts';
import type { Inode } from './inode.ts';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE, FILE_SIZE_MAX } from './mode.ts';
import { ReadAhead } from './read-ahead.ts';
import { needsExtra } from './records.ts';
import type { Room } from './room.ts';
import { Runs } from './runs.ts';
import type { WriteBehind } from './write-behind.ts';

/** Above every index of a chunk. */
export const CHUNK_END = 2 ** 31;
const PAGE = 4096;
const SECTOR = 512;
/** Buffers of small files grow in steps of this, bytes. */
const GRAIN = 512;
const NOTHING: Uint8Array[] = [];

/** What a write takes its bytes from, in order. */
export interface Source {
  copyTo(target: Uint8Array): void;
}

/** A private copy of a payload, for writes that have to wait. */
class Payload implements Source {
  private readonly bytes: Uint8Array;
  private at = 0;
  constructor(source: Source, length: number) {
    this.bytes = new Uint8Array(length);
    source.copyTo(this.bytes);
  }
  copyTo(target: Uint8Array): void {
    target.set(this.bytes.subarray(this.at, this.at + target.length));
    this.at += target.length;
  }
}

export class FileData {
  private readonly loader: ChunkLoader;
  private readonly cache: ChunkCache;
  private readonly behind: WriteBehind;
  private readonly room: Room;
  private readonly ahead: ReadAhead;
  readonly chunkSize: number;
  /** Bytes that a file can have: chunk indices stay below CHUNK_END. */
  readonly sizeMax: number;
  private readonly zeros: Uint8Array<ArrayBuffer>;
  /** Chunks of the last range that was in memory. */
  private found = 0;
  /** Stamps an inode whose content has changed, in the same turn, so that no commit comes between. */
  private readonly modified: (inode: Inode, stamp: boolean) => void;

  constructor(
    loader: ChunkLoader,
    cache: ChunkCache,
    behind: WriteBehind,
    room: Room,
    chunkSize: number,
    modified: (inode: Inode, stamp: boolean) => void,
  ) {
    this.loader = loader;
    this.cache = cache;
    this.behind = behind;
    this.room = room;
    this.ahead = new ReadAhead(cache, loader, chunkSize);
    this.chunkSize = chunkSize;
    this.sizeMax = Math.min(FILE_SIZE_MAX, CHUNK_END * chunkSize);
    this.modified = modified;
    this.zeros = new Uint8Array(chunkSize);
  }

  /**
   * The bytes from `offset` on, at most `size` and none behind the end of the file: pieces of chunks in place, valid
   * until the next change. A promise only where a chunk has to be loaded. EIO where the store does not give one.
   */
  read(inode: Inode, offset: number, size: number): Uint8Array[] | Promise<Uint8Array[]> {
    const end = Math.min(offset + size, inode.size);
    if (offset >= end) return NOTHING;
    const pieces = this.pieces(inode, offset, end);
    if (!pieces) return this.readLater(inode, offset, end);
    this.cache.hits += this.found;
    const { chunkSize } = this;
    this.ahead.read(inode, Math.floor(offset / chunkSize), Math.floor((end - 1) / chunkSize), false);
    return pieces;
  }

  /** Undefined where a chunk is not in memory. Sets `found`. */
  private pieces(inode: Inode, offset: number, end: number): Uint8Array[] | undefined {
    const { chunkSize, cache } = this;
    const pieces: Uint8Array[] = [];
    let index = Math.floor(offset / chunkSize);
    let within = offset - index * chunkSize;
    let found = 0;
    for (let left = end - offset; left > 0; index++) {
      const count = Math.min(chunkSize - within, left);
      const chunk = inode.chunks?.get(index);
      const bytes = chunk?.bytes;
      if (bytes) {
        cache.asked(chunk as Chunk);
        if ((chunk as Chunk).listed) cache.touch(chunk as Chunk);
        found++;
        const there = Math.min(count, bytes.length - within);
        if (there > 0) pieces.push(there === bytes.length ? bytes : bytes.subarray(within, within + there));
        if (there < count) pieces.push(this.zeros.subarray(0, count - Math.max(there, 0)));
      } else if (inode.runs?.has(index)) return undefined;
      else pieces.push(count === chunkSize ? this.zeros : this.zeros.subarray(0, count));
      left -= count;
      within = 0;
    }
    this.found = found;
    return pieces;
  }

  private async readLater(inode: Inode, offset: number, end: number): Promise<Uint8Array[]> {
    const first = Math.floor(offset / this.chunkSize);
    const last = Math.floor((end - 1) / this.chunkSize);
    this.ask(inode, first, last);
    for (;;) {
      const loading = this.loader.load(inode, offset, end);
      // Behind what is asked for now, in the same transaction of the store.
      this.ahead.read(inode, first, last, true);
      const pinned = await loading;
      const still = Math.min(end, inode.size);
      const pieces = offset < still ? this.pieces(inode, offset, still) : NOTHING;
      this.loader.unpin(pinned);
      if (pieces) return pieces;
    }
  }

  /** Counts what a read finds of the chunks that it asks for, and what it has to wait for. */
  private ask(inode: Inode, first: number, last: number): void {
    const { cache } = this;
    for (let index = first; index <= last; index++) {
      const chunk = inode.chunks?.get(index);
      if (chunk) cache.asked(chunk);
      if (chunk?.bytes) cache.hits++;
      else if (inode.runs?.has(index)) cache.misses++;
    }
  }

  /**
   * Writes `length` bytes at `offset`: from the source straight into the chunks, or, where chunks have to be loaded or
   * too much is unsaved, by way of a private copy, later. EFBIG, EIO, ENOSPC.
   */
  write(inode: Inode, offset: number, length: number, source: Source, stamp = true): void | Promise<void> {
    if (length === 0) return;
    const end = offset + length;
    if (end > this.sizeMax) throw new PosixError('EFBIG');
    const pressure = this.behind.pressure();
    if (!pressure && this.ready(inode, offset, end)) {
      this.put(inode, offset, end, source, stamp);
      this.cache.trim();
      return;
    }
    return this.writeLater(inode, offset, end, new Payload(source, length), stamp);
  }

  private async writeLater(inode: Inode, offset: number, end: number, payload: Payload, stamp: boolean): Promise<void> {
    for (let pressure = this.behind.pressure(); pressure; pressure = this.behind.pressure()) await pressure;
    while (!this.ready(inode, offset, end)) {
      const pinned = await this.loader.load(inode, offset, end);
      const ready = this.ready(inode, offset, end);
      if (ready) this.put(inode, offset, end, payload, stamp);
      this.loader.unpin(pinned);
      if (ready) return;
    }
    this.put(inode, offset, end, payload, stamp);
    this.cache.trim();
  }

  /** Whether no chunk of the range has to be loaded before it is written. */
  private ready(inode: Inode, offset: number, end: number): boolean {
    const { chunkSize } = this;
    for (let start = offset - (offset % chunkSize); start < end; start += chunkSize) {
      const index = start / chunkSize;
      if (inode.chunks?.get(index)?.bytes || !inode.runs?.has(index)) continue;
      const content = Math.min(start + chunkSize, inode.size);
      if (offset > start || end < content) return false;
    }
    return true;
  }

  /** INVARIANT: the range is ready, and stays so until this returns: nothing is let go of here. ENOSPC, with nothing changed. */
  private put(inode: Inode, offset: number, end: number, source: Source, stamp: boolean): void {
    const { chunkSize } = this;
    if (this.room.ceiling !== Number.POSITIVE_INFINITY) this.room.claim(this.growth(inode, offset, end));
    if (end > inode.size) {
      this.behind.grows(inode);
      inode.size = end;
    }
    let index = Math.floor(offset / chunkSize);
    let within = offset - index * chunkSize;
    for (let left = end - offset; left > 0; index++) {
      const count = Math.min(chunkSize - within, left);
      const chunk = this.chunkFor(inode, index, within + count);
      source.copyTo((chunk.bytes as Uint8Array).subarray(within, within + count));
      this.behind.wrote(chunk, Math.max(chunk.length, within + count));
      left -= count;
      within = 0;
    }
    this.count(inode);
    this.modified(inode, stamp);
  }

  /** A resident chunk with room for `length` bytes, made where there is none. */
  private chunkFor(inode: Inode, index: number, length: number): Chunk {
    inode.chunks ??= new Map();
    let chunk = inode.chunks.get(index);
    if (!chunk) {
      inode.runs ??= new Runs();
      const added = inode.runs.add(index);
      chunk = new Chunk(inode, index, added ? NOT_STORED : STORED);
      inode.chunks.set(index, chunk);
      if (added) this.runsChanged(inode);
    }
    this.loader.settleCut(chunk);
    const { bytes } = chunk;
    if (!bytes) this.cache.resize(chunk, new Uint8Array(length));
    else if (bytes.length < length) {
      const half = this.chunkSize / 2;
      const grown = length > half ? this.chunkSize : Math.max(Math.ceil(length / GRAIN) * GRAIN, bytes.length * 2);
      const larger = new Uint8Array(Math.min(grown, this.chunkSize));
      larger.set(bytes);
      this.cache.resize(chunk, larger);
    }
    return chunk;
  }

  /** Sets the size: what is behind a smaller one is gone, what is between is zero. EFBIG. */
  truncate(inode: Inode, size: number): void {
    if (size > this.sizeMax) throw new PosixError('EFBIG');
    if (size < inode.size) {
      const kept = Math.ceil(size / this.chunkSize);
      this.dropChunks(inode, kept, CHUNK_END);
      const within = size - (kept - 1) * this.chunkSize;
      if (kept > 0 && within < this.chunkSize) this.cut(inode, kept - 1, within);
    }
    inode.lag?.resize(inode.size, size);
    inode.size = size;
    this.count(inode);
  }

  /** Makes everything of a chunk from `within` on zero. */
  private cut(inode: Inode, index: number, within: number): void {
    if (!inode.runs?.has(index)) return;
    inode.chunks ??= new Map();
    let chunk = inode.chunks.get(index);
    if (chunk?.bytes) {
      chunk.shorten(within);
      if (chunk.length <= within) return;
      chunk.bytes.fill(0, within, chunk.length);
      this.behind.wrote(chunk, within);
      return;
    }
    if (!chunk) {
      chunk = new Chunk(inode, index, STORED);
      inode.chunks.set(index, chunk);
    }
    this.loader.cut(chunk, within);
  }

  /** Takes the chunks `from` to `to` - 1 out of the file. */
  dropChunks(inode: Inode, from: number, to: number): void {
    if (!inode.runs || inode.runs.remove(from, to) === 0) return;
    this.runsChanged(inode);
    if (inode.runs.count === 0) inode.runs = undefined;
    const { chunks } = inode;
    if (chunks) {
      for (const chunk of chunks.values()) {
        if (chunk.index < from || chunk.index >= to) continue;
        chunks.delete(chunk.index);
        this.behind.forget(chunk);
        this.loader.settleCut(chunk);
        this.cache.drop(chunk);
      }
      if (chunks.size === 0) inode.chunks = undefined;
    }
    if (inode.chunksStored) this.behind.drop({ ino: inode.ino, from, to });
    this.count(inode);
  }

  /** As Tree.fallocate. */
  fallocate(inode: Inode, mode: number, offset: number, length: number): void | Promise<void> {
    const keep = (mode & FALLOC_FL_KEEP_SIZE) !== 0;
    const how = mode & ~FALLOC_FL_KEEP_SIZE;
    if (how !== 0 && how !== FALLOC_FL_ZERO_RANGE && !(how === FALLOC_FL_PUNCH_HOLE && keep)) {
      throw new PosixError('EOPNOTSUPP');
    }
    if (length <= 0 || offset < 0) throw new PosixError('EINVAL');
    const end = offset + length;
    if (end > this.sizeMax) throw new PosixError('EFBIG');
    const edges = how === 0 ? [] : this.edges(inode, offset, Math.min(end, inode.size));
    if (edges.every(([from, to]) => this.ready(inode, from, to))) return this.allocate(inode, how, keep, offset, end);
    return this.allocateLater(inode, edges, () => this.fallocate(inode, mode, offset, length));
  }

  private allocate(inode: Inode, how: number, keep: boolean, offset: number, end: number): void {
    if (how !== 0) this.zero(inode, offset, Math.min(end, inode.size));
    if (!keep && end > inode.size) this.truncate(inode, end);
    this.modified(inode, true);
    this.cache.trim();
  }

  private async allocateLater(
    inode: Inode,
    edges: [number, number][],
    again: () => void | Promise<void>,
  ): Promise<void> {
    const pinned: Chunk[] = [];
    try {
      for (const [from, to] of edges) pinned.push(...(await this.loader.load(inode, from, to)));
      await again();
    } finally {
      this.loader.unpin(pinned);
    }
  }

  /** Where the last whole chunk of a range ends: that of the end of the file is whole up to there. */
  private lastWhole(inode: Inode, end: number): number {
    return end >= inode.size ? Math.ceil(end / this.chunkSize) : Math.floor(end / this.chunkSize);
  }

  /** The parts of a range that are no whole chunks, where something is allocated. */
  private edges(inode: Inode, offset: number, end: number): [number, number][] {
    const { chunkSize } = this;
    const first = Math.ceil(offset / chunkSize) * chunkSize;
    const last = this.lastWhole(inode, end) * chunkSize;
    const parts: [number, number][] =
      first > last
        ? [[offset, end]]
        : [
            [offset, Math.min(first, end)],
            [last, end],
          ];
    return parts.filter(([from, to]) => from < to && inode.runs?.has(Math.floor(from / chunkSize)));
  }

  /** Makes a range zero, whose edges are in memory; whole chunks of it are freed. */
  private zero(inode: Inode, offset: number, end: number): void {
    const { chunkSize } = this;
    const edges = this.edges(inode, offset, end);
    this.dropChunks(inode, Math.ceil(offset / chunkSize), this.lastWhole(inode, end));
    for (const [from, to] of edges) this.put(inode, from, to, { copyTo: (target) => target.fill(0) }, true);
  }

  /** Bytes of chunks in a range that are not allocated yet. */
  missing(inode: Inode, offset: number, end: number): number {
    const from = Math.floor(offset / this.chunkSize);
    const to = Math.ceil(end / this.chunkSize);
    return (to - from - (inode.runs?.within(from, to) ?? 0)) * this.chunkSize;
  }

  /** Bytes that a write of the range adds to what the file takes. */
  private growth(inode: Inode, offset: number, end: number): number {
    const { chunkSize } = this;
    const size = Math.max(end, inode.size);
    const last = Math.floor((size - 1) / chunkSize);
    const tail = end > last * chunkSize || (inode.runs?.has(last) ?? false);
    const bytes = (inode.runs?.count ?? 0) * chunkSize + this.missing(inode, offset, end);
    return bytes + (tail ? tailBytes(size, last, chunkSize) : 0) - inode.blocks * SECTOR;
  }

  private runsChanged(inode: Inode): void {
    if (inode.extraStored || needsExtra(inode)) this.behind.extra(inode.ino);
  }

  /** Sets `blocks`: whole chunks, the last one as far as the file goes, in pages. */
  private count(inode: Inode): void {
    const before = inode.blocks;
    const bytes = allocatedBytes(inode, this.chunkSize);
    inode.blocks = bytes / SECTOR;
    this.room.used += bytes - before * SECTOR;
    if (inode.blocks < before) this.behind.freed();
  }
}

/** Bytes that a file takes: its chunks, the last one only as far as the file goes, in whole pages. */
export function allocatedBytes(inode: Inode, chunkSize: number): number {
  const { runs, size } = inode;
  if (!runs) return 0;
  const last = Math.floor((size - 1) / chunkSize);
  return runs.count * chunkSize + (runs.has(last) ? tailBytes(size, last, chunkSize) : 0);
}

/** What the last chunk of a file adds to a whole one, negative: it counts in pages, up to the end of the file. */
function tailBytes(size: number, last: number, chunkSize: number): number {
  return Math.ceil((size - last * chunkSize) / PAGE) * PAGE - chunkSize;
}
