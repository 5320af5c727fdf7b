// Cursors over the scattered spans of one memory: IovReader gathers, IovWriter scatters. No user may assume where a span ends.
import type { Struct } from './struct.ts';

/** Memory that spans lie in. The getters are cheap and must be asked again after every await: memory can grow and move. */
export interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /**
   * INVARIANT: called for every range [start, end) that is written, so that translated code over it is dropped.
   * It may move the memory itself: `bytes` and `view` are asked for after it.
   */
  written(start: number, end: number): void;
}

/** Scattered pieces of a memory, in order. Reusable: `clear` and fill again. Offsets and lengths in bytes. */
export class Spans {
  readonly at: number[] = [];
  readonly length: number[] = [];
  count = 0;
  total = 0;

  clear(): void {
    this.count = 0;
    this.total = 0;
  }

  push(at: number, length: number): void {
    this.at[this.count] = at;
    this.length[this.count] = length;
    this.count++;
    this.total += length;
  }
}

/** Thrown when a message ends before what has to be in it. A plain object: no stack is captured, bad input is ordinary. */
export class ShortMessage {
  readonly wanted: number;
  readonly left: number;
  constructor(wanted: number, left: number) {
    this.wanted = wanted;
    this.left = left;
  }
}

abstract class Cursor {
  protected readonly memory: Memory;
  readonly spans: Spans;
  /** Bytes passed so far. */
  offset = 0;
  protected index = 0;
  protected within = 0;
  protected end: number;

  constructor(memory: Memory, spans: Spans) {
    this.memory = memory;
    this.spans = spans;
    this.end = spans.total;
  }

  /** Bytes left before the end. */
  get remaining(): number {
    return this.end - this.offset;
  }

  /** Back to the first byte; also what has to be called after the spans were filled anew. */
  rewind(): void {
    this.offset = 0;
    this.index = 0;
    this.within = 0;
    this.end = this.spans.total;
  }

  /** Moves to an absolute offset. Throws ShortMessage past the end. */
  seek(offset: number): void {
    if (offset < this.offset) {
      this.offset = 0;
      this.index = 0;
      this.within = 0;
    }
    this.skip(offset - this.offset);
  }

  /** Passes `count` bytes. Throws ShortMessage past the end. */
  skip(count: number): void {
    this.need(count);
    this.offset += count;
    while (count > 0) {
      const here = this.here();
      if (count < here) {
        this.within += count;
        return;
      }
      count -= here;
      this.index++;
      this.within = 0;
    }
  }

  protected need(count: number): void {
    if (count > this.end - this.offset) throw new ShortMessage(count, this.end - this.offset);
  }

  /** Bytes left in the current span, empty spans passed. Only where a byte is left. */
  protected here(): number {
    let left = (this.spans.length[this.index] as number) - this.within;
    while (left === 0) {
      this.index++;
      this.within = 0;
      left = this.spans.length[this.index] as number;
    }
    return left;
  }

  /** Address of the current byte. */
  protected address(): number {
    return (this.spans.at[this.index] as number) + this.within;
  }

  protected pass(count: number): void {
    this.within += count;
    this.offset += count;
  }
}

const latin1 = new TextDecoder('latin1');
const isAscii = (bytes: Uint8Array): boolean => {
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] as number) > 127) return false;
  return true;
};

/** One character a byte, for names of any bytes. (`TextDecoder('latin1')` is windows-1252, right for ASCII only.) */
export function bytesToString(bytes: Uint8Array): string {
  if (isAscii(bytes)) return latin1.decode(bytes);
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}

/** The inverse of bytesToString. Throws RangeError for a character above 255. */
export function stringToBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) throw new RangeError('not a string of bytes');
    bytes[i] = code;
  }
  return bytes;
}

/** Reads a message from scattered spans. Every method throws ShortMessage where too few bytes are left. */
export class IovReader extends Cursor {
  /** A view of a struct: in place where its bytes lie in one span, else over a gathered copy. Valid until the next await. */
  struct<F extends object>(type: Struct<F>): F {
    const { size } = type;
    this.need(size);
    if (this.here() >= size) {
      const view = new type(this.memory.view, this.address());
      this.pass(size);
      return view;
    }
    const copy = this.bytes(size);
    return new type(new DataView(copy.buffer, copy.byteOffset, size));
  }

  /** A private copy of the next `count` bytes. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    this.need(count);
    const copy = new Uint8Array(count);
    this.copyTo(copy);
    return copy;
  }

  /** Fills `target` with the next bytes. */
  copyTo(target: Uint8Array): void {
    this.need(target.length);
    const { bytes } = this.memory;
    let done = 0;
    while (done < target.length) {
      const count = Math.min(this.here(), target.length - done);
      const at = this.address();
      target.set(bytes.subarray(at, at + count), done);
      this.pass(count);
      done += count;
    }
  }

  /** A NUL-terminated string, one character a byte; passes the NUL. Throws ShortMessage where none comes. */
  cstring(): string {
    const { bytes } = this.memory;
    let text = '';
    while (this.remaining > 0) {
      const count = Math.min(this.here(), this.remaining);
      const at = this.address();
      const run = bytes.subarray(at, at + count);
      const nul = run.indexOf(0);
      text += bytesToString(nul < 0 ? run : run.subarray(0, nul));
      this.pass(nul < 0 ? count : nul + 1);
      if (nul >= 0) return text;
    }
    throw new ShortMessage(1, 0);
  }

  /** Narrows the message to its first `end` bytes. Throws ShortMessage where it has fewer. */
  limit(end: number): void {
    if (end > this.spans.total || end < this.offset) throw new ShortMessage(end, this.spans.total);
    this.end = end;
  }
}

/** Writes a message into scattered spans. Every method throws ShortMessage where it would not fit, before it writes. */
export class IovWriter extends Cursor {
  /** Zeroes the struct's bytes and lets `fill` set its fields. */
  struct<F extends object>(type: Struct<F>, fill: (out: F) => void): void {
    const { size } = type;
    this.need(size);
    if (this.here() >= size) {
      const at = this.address();
      this.memory.written(at, at + size);
      this.memory.bytes.fill(0, at, at + size);
      fill(new type(this.memory.view, at));
      this.pass(size);
      return;
    }
    const copy = new Uint8Array(size);
    fill(new type(new DataView(copy.buffer)));
    this.bytes(copy);
  }

  /** Appends bytes. */
  bytes(source: Uint8Array): void {
    this.need(source.length);
    let done = 0;
    while (done < source.length) {
      const count = Math.min(this.here(), source.length - done);
      const at = this.address();
      this.memory.written(at, at + count);
      this.memory.bytes.set(count === source.length ? source : source.subarray(done, done + count), at);
      this.pass(count);
      done += count;
    }
  }

  /** Appends `count` zero bytes. */
  zero(count: number): void {
    this.need(count);
    while (count > 0) {
      const here = Math.min(this.here(), count);
      const at = this.address();
      this.memory.written(at, at + here);
      this.memory.bytes.fill(0, at, at + here);
      this.pass(here);
      count -= here;
    }
  }

  /** Appends a string of bytes (one character a byte), without a NUL. */
  text(text: string): void {
    this.bytes(stringToBytes(text));
  }
}

/** Plain memory over an array, for tests and for messages that were copied out. */
export class ArrayMemory implements Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  written(_start: number, _end: number): void {}
}

/** A reader over one contiguous message. */
export function readerOf(bytes: Uint8Array): IovReader {
  const spans = new Spans();
  spans.push(0, bytes.length);
  return new IovReader(new ArrayMemory(bytes), spans);
}

/** A writer over one contiguous buffer. */
export function writerOf(bytes: Uint8Array): IovWriter {
  const spans = new Spans();
  spans.push(0, bytes.length);
  return new IovWriter(new ArrayMemory(bytes), spans);
}
