import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decode,
  decodeHeader,
  decodePath,
  encode,
  HEADER_SIZE,
  RecordAt,
  RecordFlag,
  recordOffsets,
} from './record.ts';

const u32 = fc.nat(0xffffffff);
const u16 = fc.nat(0xffff);
const time = fc.double({ min: 0, max: 1e12, noNaN: true });
const span = fc.record({ at: u32, length: u32 });
const byteString = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

const record = fc.record({
  flags: fc.constant(RecordFlag.VIOLATION | RecordFlag.INTERRUPTED),
  seq: fc.nat(Number.MAX_SAFE_INTEGER),
  queue: u16,
  head: u16,
  opcode: u32,
  unique: fc.nat(Number.MAX_SAFE_INTEGER),
  nodeid: fc.nat(Number.MAX_SAFE_INTEGER),
  pid: u32,
  uid: u32,
  gid: u32,
  error: fc.option(fc.integer({ min: -511, max: 0 }), { nil: undefined }),
  insize: u32,
  outsize: u32,
  nlookup: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  available: time,
  taken: time,
  answered: time,
  used: time,
  availIndex: u16,
  usedIndex: u16,
  path: fc.option(byteString, { nil: undefined }),
  req: fc.uint8Array({ maxLength: 50 }),
  res: fc.uint8Array({ maxLength: 50 }),
  readable: fc.array(span, { maxLength: 4 }),
  writable: fc.array(span, { maxLength: 4 }),
});

const plain = (value: Record<string, unknown>) => ({
  ...value,
  req: [...(value.req as Uint8Array)],
  res: [...(value.res as Uint8Array)],
});

describe('log record', () => {
  it('comes back whole, also from the middle of others', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), (records) => {
        const bytes = Buffer.concat(records.map(encode));
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        const offsets = [...recordOffsets(view)];
        expect(offsets.length).toBe(records.length);
        offsets.forEach((at, i) => {
          const written = records[i] as (typeof records)[number];
          const { size, flags, reqLength, resLength, pathLength, readableSpans, writableSpans, ...read } = decode(
            view,
            at,
          );
          const { flags: wanted, ...rest } = written;
          expect(plain(read)).toEqual(plain(rest));
          expect(size % 8).toBe(0);
          expect(flags & wanted).toBe(wanted);
          expect((flags & RecordFlag.NO_REPLY) !== 0).toBe(written.error === undefined);
          expect(decodePath(view, at)).toBe(written.path);
          expect([reqLength, resLength, pathLength]).toEqual([
            written.req.length,
            written.res.length,
            written.path?.length ?? 0,
          ]);
          expect([readableSpans, writableSpans]).toEqual([written.readable.length, written.writable.length]);
        });
      }),
    );
  });

  it('has each number of the fixed part at the offset that is published', () => {
    fc.assert(
      fc.property(record, (written) => {
        const bytes = encode(written);
        const view = new DataView(bytes.buffer);
        const header = decodeHeader(view, 0);
        expect(view.getFloat64(RecordAt.seq, true)).toBe(written.seq);
        expect(view.getUint32(RecordAt.opcode, true)).toBe(written.opcode);
        expect(view.getInt32(RecordAt.error, true)).toBe(written.error ?? 0);
        expect(view.getUint16(RecordAt.usedIndex, true)).toBe(written.usedIndex);
        expect(header.size).toBe(bytes.length);
        expect(bytes.length).toBeGreaterThanOrEqual(HEADER_SIZE);
      }),
    );
  });
});
