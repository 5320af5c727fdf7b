// A tree in a folder of the host (Node only): a log to which each commit is appended as one frame, rewritten when most
// of it is void. A frame that a crash cut short is not taken for a commit.
import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import {
  type Batch,
  checkSchema,
  type Durability,
  type Store,
  type StoredChunkKey,
  type StoredTree,
  StoreError,
  type Superblock,
  type TreeImage,
  type Usage,
} from '../tree/store.ts';
import {
  closeQuietly,
  errnoOnly,
  flushFolder,
  flushNames,
  logNumbers,
  readAt,
  rename,
  tryTo,
  writeFully,
} from './dir-files.ts';
import {
  decodeHeader,
  encodeHeader,
  FRAME_MAGIC_BYTES,
  type FrameHeader,
  type FrameIndex,
  frame_header,
  indexOf,
  LOG_MAGIC,
} from './dir-frames.ts';
import { DirLock } from './dir-lock.ts';

const flush = promisify(fsync);
/** A log is rewritten when more than this, and more than half of it, is void, bytes. */
const GARBAGE_LIMIT = 64 * 2 ** 20;

/** Where bytes lie in the log. */
interface Place {
  at: number;
  length: number;
}

/** A whole frame of the log: where it begins and ends, what it does, where its payload begins. */
interface Frame {
  start: number;
  payload: number;
  end: number;
  header: FrameHeader;
  index: FrameIndex;
}

function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new StoreError(full ? 'quota' : 'io', String(error), { cause: error });
}

export class DirStore implements Store {
  private readonly folder: string;
  private garbageLimit: number;
  private readonly lock: DirLock;
  private fd: number | undefined;
  /** Number of the log file, and its end. */
  private number = 0;
  private end = 0;
  private superblock: Superblock | undefined;
  private readonly records = new Map<string, Place>();
  private readonly chunks = new Map<number, Map<number, Place>>();
  private live = 0;
  /** Whether something follows the last whole frame. */
  private torn = false;
  /** Whether everything in the log is on the disk. */
  private flushed = false;
  /** Whether the log's name may not be on the disk yet: a strict commit has to flush the folder too. */
  private unflushed = false;
  /** The flush of the last strict commit. */
  private flushing: Promise<void> | undefined;

  constructor(folder: string, options: { garbageLimit?: number } = {}) {
    this.folder = folder;
    this.lock = new DirLock(folder);
    this.garbageLimit = options.garbageLimit ?? GARBAGE_LIMIT;
  }

  async open(): Promise<TreeImage> {
    try {
      // The topmost folder that was made now, undefined where all were there.
      const made = mkdirSync(this.folder, { recursive: true });
      if (made !== undefined) flushNames(dirname(made), this.folder);
    } catch (cause) {
      throw new StoreError('unavailable', `The folder ${this.folder} cannot be used: ${String(cause)}`, { cause });
    }
    this.lock.take();
    try {
      const fd = this.openLog();
      this.fd = fd;
      if (this.replay(fd)) ftruncateSync(fd, this.end);
      checkSchema(this.superblock);
      const records = [...this.records.values()].map(({ at, length }) => readAt(fd, at, length));
      return { superblock: this.superblock, records };
    } catch (error) {
      await this.close();
      throw storeError(error);
    }
  }

  /** Makes no folder, cuts nothing off, removes nothing. */
  async inspect(): Promise<StoredTree> {
    const numbers = logNumbers(this.folder);
    if (numbers.length === 0) throw new StoreError('unavailable', `There is no tree in ${this.folder}.`);
    this.lock.take();
    try {
      this.number = Math.max(...numbers);
      const fd = openSync(this.path(this.number), constants.O_RDWR);
      this.fd = fd;
      const magic = readAt(fd, 0, LOG_MAGIC.length);
      if (new TextDecoder().decode(magic) !== LOG_MAGIC) throw this.noLog();
      this.torn = this.replay(fd);
      this.unflushed = true;
      const records = [...this.records].map(([key, { at, length }]): [string, Uint8Array] => [
        key,
        readAt(fd, at, length),
      ]);
      return { superblock: this.superblock, records, chunks: () => this.chunkKeys() };
    } catch (error) {
      await this.close();
      throw storeError(error);
    }
  }

  private *chunkKeys(): Generator<StoredChunkKey> {
    for (const [ino, of] of this.chunks) {
      const inOrder = [...of].sort(([a], [b]) => a - b);
      for (const [index, { length }] of inOrder) yield { ino, index, length };
    }
  }

  private noLog(): StoreError {
    return new StoreError('newer', `${this.path(this.number)} is no log of this version.`);
  }

  private path(number: number): string {
    return join(this.folder, `tree-${number}.log`);
  }

  /** The log with the highest number; what an interrupted rewrite left is removed. */
  private openLog(): number {
    for (const name of readdirSync(this.folder)) if (name.endsWith('.new')) rmSync(join(this.folder, name));
    const numbers = logNumbers(this.folder);
    this.number = Math.max(1, ...numbers);
    for (const number of numbers) if (number !== this.number) rmSync(this.path(number));
    const fd = openSync(this.path(this.number), constants.O_RDWR | constants.O_CREAT, 0o600);
    const { size } = fstatSync(fd);
    const magic = new TextEncoder().encode(LOG_MAGIC);
    const there = new TextDecoder().decode(readAt(fd, 0, magic.length));
    if (size > magic.length ? there !== LOG_MAGIC : !LOG_MAGIC.startsWith(there)) {
      closeSync(fd);
      throw this.noLog();
    }
    try {
      if (size < magic.length) writeFully(fd, magic, 0);
      // A commit that is flushed is of no use in a file that has no name after a crash.
      flushFolder(this.folder);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  }

  /** Reads what the frames say, up to the last whole one, and tells whether something follows that has to be cut off. */
  private replay(fd: number): boolean {
    const frames: Frame[] = [];
    const { size } = fstatSync(fd);
    let at = LOG_MAGIC.length;
    for (let frame = readFrame(fd, at, size); frame; frame = readFrame(fd, at, size)) {
      frames.push(frame);
      at = frame.end;
    }
    // A frame is begun when the flush of a strict one before it is done: what lies before such a one is on the disk.
    const first = frames.findLastIndex(({ header }, i) => header.strict && i < frames.length - 1);
    const broken = frames.findIndex((frame, i) => i > first && payloadCrc(fd, frame) !== frame.header.payloadCrc);
    const whole = broken < 0 ? frames : frames.slice(0, broken);
    for (const { index, payload } of whole) this.apply(index, payload);
    this.end = whole.at(-1)?.end ?? LOG_MAGIC.length;
    if (this.end === size) return false;
    const later = lostFrame(fd, this.end + 1, size);
    if (later !== undefined) {
      const where = `${this.path(this.number)} at ${this.end}`;
      throw new StoreError('damaged', `What was on the disk is damaged: ${where}. A commit follows at ${later}.`);
    }
    return true;
  }

  /** Takes over what a frame does. */
  private apply(index: FrameIndex, payload: number): void {
    let at = payload;
    const place = (length: number): Place => {
      const found = { at, length };
      at += length;
      this.live += length;
      return found;
    };
    for (const key of index.removals) this.removeRecord(key);
    for (const { ino, from, to } of index.drops) this.drop(ino, from, to);
    for (const [key, length] of index.puts) {
      this.removeRecord(key);
      this.records.set(key, place(length));
    }
    for (const [ino, number, length] of index.chunks) {
      const of = this.chunks.get(ino) ?? new Map<number, Place>();
      this.chunks.set(ino, of);
      this.live -= of.get(number)?.length ?? 0;
      of.set(number, place(length));
    }
    this.superblock = index.superblock;
  }

  private removeRecord(key: string): void {
    this.live -= this.records.get(key)?.length ?? 0;
    this.records.delete(key);
  }

  private drop(ino: number, from: number, to: number): void {
    const of = this.chunks.get(ino);
    if (!of) return;
    for (const [index, { length }] of of) {
      if (index < from || index >= to) continue;
      of.delete(index);
      this.live -= length;
    }
    if (of.size === 0) this.chunks.delete(ino);
  }

  private file(): number {
    if (this.fd === undefined) throw new StoreError('lost', `${this.folder} is not open.`);
    return this.fd;
  }

  chunk(ino: number, index: number): Uint8Array<ArrayBuffer> | undefined {
    const place = this.chunks.get(ino)?.get(index);
    if (!place) return undefined;
    try {
      return readAt(this.file(), place.at, place.length);
    } catch (error) {
      throw storeError(error);
    }
  }

  /** Appends a frame; strict flushes it. A frame that could not be written whole is cut off again. */
  async commit(batch: Batch, durability: Durability): Promise<void> {
    const fd = this.file();
    const strict = durability === 'strict';
    const index = indexOf(batch);
    const payload = [...batch.puts.map(([, record]) => record), ...batch.chunks.map(({ bytes }) => bytes)];
    const start = this.end;
    try {
      if (this.torn) ftruncateSync(fd, start);
      this.torn = false;
      const written = writeFrame(fd, start, index, payload, { strict, afterFlush: this.flushed });
      if (strict) {
        this.flushing = flush(fd);
        await this.flushing;
        if (this.unflushed) flushFolder(this.folder);
        this.unflushed = false;
      }
      this.flushed = strict;
      this.apply(index, written.payload);
      this.end = written.end;
    } catch (error) {
      // Where not even that can be done, the next frame is written over it.
      tryTo(() => ftruncateSync(fd, start));
      throw storeError(error);
    }
    const garbage = this.end - this.live;
    if (garbage > this.garbageLimit && garbage > this.live) this.rewrite(fd, garbage);
  }

  /**
   * Copies what is live into a new log, as one frame, and takes that one from then on. Where that fails the old log
   * goes on being used, and is rewritten when twice as much of it is void.
   */
  private rewrite(fd: number, garbage: number): void {
    const next = this.path(this.number + 1);
    const chunks = [...this.chunks].flatMap(([ino, of]) =>
      [...of].map(([index, { length }]): FrameIndex['chunks'][number] => [ino, index, length]),
    );
    const puts = [...this.records].map(([key, { length }]): FrameIndex['puts'][number] => [key, length]);
    const superblock = this.superblock as Superblock;
    const index: FrameIndex = { superblock, removals: [], drops: [], puts, chunks };
    let out: number | undefined;
    let written: { payload: number; end: number };
    try {
      out = openSync(`${next}.new`, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC, 0o600);
      const start = writeFully(out, new TextEncoder().encode(LOG_MAGIC), 0);
      written = writeFrame(out, start, index, this.liveBytes(fd), { strict: true, afterFlush: false });
      fsyncSync(out);
      rename(`${next}.new`, next);
    } catch (error) {
      errnoOnly(error);
      if (out !== undefined) closeQuietly(out);
      tryTo(() => rmSync(`${next}.new`, { force: true }));
      this.garbageLimit = garbage * 2;
      return;
    }
    // From the rename on the new log is the one that is opened next: commits go into it, whatever fails from here on.
    this.records.clear();
    this.chunks.clear();
    this.live = 0;
    this.apply(index, written.payload);
    this.end = written.end;
    this.fd = out;
    this.number++;
    closeQuietly(fd);
    // The old log goes only when the name of the new one is on the disk; else the next opening removes it.
    const flushed = tryTo(() => flushFolder(this.folder));
    this.unflushed = !flushed;
    this.flushed = true;
    if (flushed) tryTo(() => rmSync(this.path(this.number - 1)));
  }

  /** Bytes of all records and all chunks, in the order of the maps. */
  private *liveBytes(fd: number): Generator<Uint8Array> {
    for (const { at, length } of this.records.values()) yield readAt(fd, at, length);
    for (const of of this.chunks.values()) for (const { at, length } of of.values()) yield readAt(fd, at, length);
  }

  usage(): Usage {
    const { bavail, bsize } = statfsSync(this.folder);
    return { available: bavail * bsize };
  }

  async close(): Promise<void> {
    // A commit that fails has its own rejection; here only the end of its use of the file counts.
    await this.flushing?.catch(() => {});
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
    this.lock.release();
  }
}

/** Writes a frame, its header last: without it the rest is none. Where the payload begins and the frame ends. */
function writeFrame(
  fd: number,
  start: number,
  index: FrameIndex,
  pieces: Iterable<Uint8Array>,
  how: Pick<FrameHeader, 'strict' | 'afterFlush'>,
): { payload: number; end: number } {
  const text = new TextEncoder().encode(JSON.stringify(index));
  const payload = writeFully(fd, text, start + frame_header.size);
  let end = payload;
  let payloadCrc = 0;
  for (const bytes of pieces) {
    end = writeFully(fd, bytes, end);
    payloadCrc = crc32(bytes, payloadCrc);
  }
  const header = {
    ...how,
    payloadCrc,
    payloadLength: end - payload,
    indexLength: text.length,
    indexCrc: crc32(text),
  };
  writeFully(fd, encodeHeader(header, crc32), start);
  return { payload, end };
}

/** The frame at a place, undefined where there is no whole one. */
function readFrame(fd: number, start: number, size: number): Frame | undefined {
  const header = decodeHeader(readAt(fd, start, frame_header.size), crc32);
  if (!header) return undefined;
  const payload = start + frame_header.size + header.indexLength;
  const end = payload + header.payloadLength;
  if (end > size) return undefined;
  const index = readAt(fd, start + frame_header.size, header.indexLength);
  if (crc32(index) !== header.indexCrc) return undefined;
  return { start, payload, end, header, index: JSON.parse(new TextDecoder().decode(index)) as FrameIndex };
}

/**
 * Behind a gap: where a frame begins that was written when all before it was on the disk. Undefined where there is
 * none, as a crash leaves it: of what was not flushed, any part may be missing.
 */
function lostFrame(fd: number, from: number, size: number): number | undefined {
  const step = 2 ** 20;
  for (let at = from; at < size; at += step) {
    // A magic that lies across two pieces is found in the first.
    const piece = Buffer.from(readAt(fd, at, step + FRAME_MAGIC_BYTES.length - 1).buffer);
    for (let found = piece.indexOf(FRAME_MAGIC_BYTES); found >= 0; found = piece.indexOf(FRAME_MAGIC_BYTES, found + 1))
      if (readFrame(fd, at + found, size)?.header.afterFlush) return at + found;
  }
  return undefined;
}

function payloadCrc(fd: number, { payload, end }: Frame): number {
  let crc = 0;
  for (let at = payload; at < end; at += 2 ** 20) crc = crc32(readAt(fd, at, Math.min(2 ** 20, end - at)), crc);
  return crc;
}
