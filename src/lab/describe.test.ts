import { describe, expect, it } from 'vitest';
import type { Struct } from '../base/struct.ts';
import { FUSE_OPCODE, fuse_in_header, fuse_out_header, fuse_read_in } from '../fs/fuse/abi.ts';
import { details, opcodeName, row } from './describe.ts';
import { decode, encode, type LogRecord } from './record.ts';

function packed<F extends object>(type: Struct<F>, values: Partial<F>): Buffer {
  const bytes = Buffer.alloc(type.size);
  Object.assign(new type(new DataView(bytes.buffer, bytes.byteOffset, bytes.length)), values);
  return bytes;
}

const arguments_ = packed(fuse_read_in, { fh: 3, offset: 8192, size: 4096 });
const req = Buffer.concat([
  packed(fuse_in_header, { len: 40 + arguments_.length, opcode: FUSE_OPCODE.FUSE_READ, unique: 6, nodeid: 2 }),
  arguments_,
]);

function recordOf(extra: Partial<LogRecord>): LogRecord {
  const bytes = encode({
    ...{ flags: 0, seq: 12, queue: 1, head: 0, opcode: 15, unique: 6, nodeid: 2, pid: 1, uid: 0, gid: 0, error: 0 },
    ...{ insize: req.length, outsize: 4112, nlookup: 0, available: 10, taken: 11, answered: 12, used: 12.5 },
    ...{ availIndex: 0, usedIndex: 0, path: '/a', req: Uint8Array.from(req), readable: [], writable: [] },
    res: Uint8Array.from(packed(fuse_out_header, { len: 4112, error: extra.error ?? 0, unique: 6 })),
    ...extra,
  });
  return decode(new DataView(bytes.buffer), 0);
}

describe('the texts of a row', () => {
  it('say what was asked and what came of it', () => {
    expect(row(recordOf({}))).toMatchObject({
      number: 12,
      time: 11,
      op: 'READ',
      path: '/a',
      what: expect.stringContaining('4096 B at 8192'),
      result: '4096 B',
      duration: 2.5,
    });
  });

  it('name an error, and are empty for what has no reply', () => {
    expect(row(recordOf({ error: -5 })).result).toBe('EIO');
    expect(row(recordOf({ error: undefined })).result).toBe('');
  });

  it('tell of what a reset dropped, which never took any time', () => {
    expect(row(recordOf({ error: undefined, used: 0 }))).toMatchObject({
      result: 'dropped by a reset',
      duration: undefined,
    });
  });

  it('know the names of opcodes, also of those that there are not', () => {
    expect(opcodeName(FUSE_OPCODE.FUSE_LOOKUP)).toBe('LOOKUP');
    expect(opcodeName(4000)).toBe('opcode 4000');
  });
});

it('every field of the details lies where its bytes are', () => {
  const { request, reply } = details(recordOf({}));
  const field = (name: string) => request.find((f) => f.name === name);
  expect(field('offset')).toMatchObject({ value: '8192', at: 48, length: 8 });
  expect(field('unique')).toMatchObject({ value: '6', at: 8, length: 8 });
  expect(reply.find((f) => f.name === 'len')).toMatchObject({ value: '4112', at: 0, length: 4 });
  expect(details(recordOf({ error: undefined })).reply).toEqual([]);
});
