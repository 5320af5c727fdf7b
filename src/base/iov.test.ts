import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ArrayMemory,
  bytesToString,
  IovReader,
  IovWriter,
  type Memory,
  readerOf,
  ShortMessage,
  Spans,
  stringToBytes,
  writerOf,
} from './iov.ts';
import { struct, u8, u16, u32, u64 } from './struct.ts';

const record = struct({ id: u64, word: u32, half: u16, a: u8, b: u8 });

class WatchedMemory extends ArrayMemory {
  readonly ranges: [number, number][] = [];
  override written(start: number, end: number): void {
    this.ranges.push([start, end]);
  }
}

/** Memory that moves as WebAssembly's does when it grows: each call of `written` moves it and empties the old buffer. */
class MovingMemory implements Memory {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
  written(_start: number, _end: number): void {
    const { buffer } = this.bytes;
    this.bytes = new Uint8Array(structuredClone(buffer, { transfer: [buffer] }));
    this.view = new DataView(this.bytes.buffer);
  }
}

/** Cuts `total` bytes into spans of the given lengths (zeroes kept, the rest in one), spread over a memory with gaps. */
function scatter(total: number, cuts: number[]): { memory: WatchedMemory; spans: Spans } {
  const spans = new Spans();
  let at = 5;
  let left = total;
  for (const cut of [...cuts, total]) {
    const length = Math.min(cut, left);
    spans.push(at, length);
    at += length + 3;
    left -= length;
  }
  return { memory: new WatchedMemory(new Uint8Array(at + 8).fill(0xee)), spans };
}

const cutsOf = fc.array(fc.nat(9), { maxLength: 40 });

describe('iov', () => {
  test('any fragmentation reads and writes the same bytes, and touches nothing else', () => {
    fc.assert(
      fc.property(cutsOf, fc.uint8Array({ minLength: 1, maxLength: 60 }), (cuts, payload) => {
        const total = 16 + 4 + payload.length + 4;
        const { memory, spans } = scatter(total, cuts);
        const writer = new IovWriter(memory, spans);
        writer.struct(record, (out) => {
          out.id = 0x1122334455667;
          out.word = 0xa1b2c3d4;
          out.half = 0xbeef;
          out.b = 9;
        });
        writer.text('ab\xff');
        writer.zero(1);
        writer.bytes(payload);
        writer.zero(4);
        expect(writer.remaining).toBe(0);

        const reader = new IovReader(memory, spans);
        const read = reader.struct(record);
        expect([read.id, read.word, read.half, read.a, read.b]).toEqual([0x1122334455667, 0xa1b2c3d4, 0xbeef, 0, 9]);
        expect(reader.cstring()).toBe('ab\xff');
        expect(reader.bytes(payload.length)).toEqual(payload);
        expect(reader.remaining).toBe(4);

        const inside = new Uint8Array(memory.bytes.length);
        for (let i = 0; i < spans.count; i++) inside.fill(1, spans.at[i], spans.at[i]! + spans.length[i]!);
        for (const [start, end] of memory.ranges) for (let i = start; i < end; i++) expect(inside[i]).toBe(1);
        memory.bytes.forEach((byte, i) => {
          if (!inside[i]) expect(byte).toBe(0xee);
        });
        const told = new Uint8Array(memory.bytes.length);
        for (const [start, end] of memory.ranges) told.fill(1, start, end);
        expect(told).toEqual(inside);
      }),
    );
  });

  test('seek and skip reach any offset, forwards and backwards', () => {
    fc.assert(
      fc.property(cutsOf, fc.array(fc.nat(32), { minLength: 1, maxLength: 10 }), (cuts, targets) => {
        const { memory, spans } = scatter(33, cuts);
        const writer = new IovWriter(memory, spans);
        writer.bytes(Uint8Array.from({ length: 33 }, (_, i) => i));
        const reader = new IovReader(memory, spans);
        for (const target of targets) {
          reader.seek(target);
          expect(reader.bytes(1)[0]).toBe(target);
        }
      }),
    );
  });

  test('a message that is too short throws before anything is read or written', () => {
    const reader = readerOf(new Uint8Array(15));
    expect(() => reader.struct(record)).toThrow(ShortMessage);
    expect(reader.offset).toBe(0);
    expect(() => readerOf(new Uint8Array([65, 66])).cstring()).toThrow(ShortMessage);
    const target = new Uint8Array(3);
    const writer = writerOf(target);
    expect(() => writer.bytes(new Uint8Array(4).fill(1))).toThrow(ShortMessage);
    expect(() => writer.zero(4)).toThrow(ShortMessage);
    expect(target).toEqual(new Uint8Array(3));
  });

  test('a memory that moves while it is written has every byte', () => {
    const memory = new MovingMemory(64);
    memory.bytes.fill(0xee);
    const spans = new Spans();
    spans.push(1, 17);
    spans.push(20, 3);
    spans.push(30, 9);
    const writer = new IovWriter(memory, spans);
    writer.struct(record, (out) => {
      out.id = 7;
    });
    writer.bytes(new Uint8Array([1, 2, 3, 4, 5, 6]));
    writer.zero(7);
    const reader = new IovReader(memory, spans);
    expect(reader.struct(record).id).toBe(7);
    expect([...reader.bytes(13)]).toEqual([1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('limit hides what lies behind the message', () => {
    const reader = readerOf(new Uint8Array([65, 0, 66, 0]));
    reader.limit(2);
    expect(reader.cstring()).toBe('A');
    expect(() => reader.cstring()).toThrow(ShortMessage);
    expect(() => reader.limit(5)).toThrow(ShortMessage);
    const cut = readerOf(new Uint8Array([65, 0]));
    cut.limit(1);
    expect(() => cut.cstring()).toThrow(ShortMessage);
  });

  test('strings keep every byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(stringToBytes(bytesToString(bytes))).toEqual(bytes);
      }),
    );
    expect(() => stringToBytes('€')).toThrow(RangeError);
  });
});
