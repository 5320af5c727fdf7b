import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Struct } from '../../base/struct.ts';
import {
  FUSE_OPCODE,
  fuse_batch_forget_in,
  fuse_forget_one,
  fuse_in_header,
  fuse_rename2_in,
  fuse_write_in,
} from '../../fs/fuse/abi.ts';
import { decode, encode, RecordFlag } from '../record.ts';
import { RecordLog } from '../record-log.ts';
import { bytesCrc, RequestLogFile, requestArguments, requestObject } from './request-log.ts';

function packed<F extends object>(type: Struct<F>, values: Partial<F>): Buffer {
  const bytes = Buffer.alloc(type.size);
  Object.assign(new type(new DataView(bytes.buffer, bytes.byteOffset, bytes.length)), values);
  return bytes;
}

function request(opcode: number, ...parts: (Buffer | string)[]): Uint8Array {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  const header = packed(fuse_in_header, {
    len: 40 + body.length,
    opcode,
    unique: 8,
    nodeid: 1,
    uid: 0,
    gid: 0,
    pid: 7,
  });
  return Uint8Array.from(Buffer.concat([header, body]));
}

const blank = {
  ...{ flags: 0, seq: 1, queue: 1, head: 3, unique: 8, nodeid: 1, pid: 7, uid: 0, gid: 0, error: 0, nlookup: 0 },
  ...{ insize: 45, outsize: 16, available: 1.5, taken: 1.75, answered: 2, used: 2.25, availIndex: 0, usedIndex: 0 },
  ...{ path: '/a\xff', res: Uint8Array.of(1, 2, 3), readable: [], writable: [] },
};

const recordOf = (req: Uint8Array, extra: object = {}) =>
  decode(new DataView(encode({ ...blank, opcode: req[4] as number, req, ...extra }).buffer), 0);

describe('arguments of a request in the log file', () => {
  it('are what the kernel header calls them', () => {
    const write = packed(fuse_write_in, { fh: 5, offset: 4096, size: 3, write_flags: 1, lock_owner: 255n });
    expect(requestArguments(request(FUSE_OPCODE.FUSE_WRITE, write, 'abc'))).toEqual({
      fh: 5,
      offset: 4096,
      size: 3,
      write_flags: 1,
      lock_owner: '0xff',
      flags: 0,
    });
  });

  it('have names as text, also those that are no UTF-8', () => {
    const rename = packed(fuse_rename2_in, { newdir: 4, flags: 2 });
    const args = requestArguments(request(FUSE_OPCODE.FUSE_RENAME2, rename, 'old"\xff\0', 'caf\xc3\xa9\0'));
    expect(args).toMatchObject({ newdir: 4, flags: 2 });
    expect(Object.values(args)).toEqual(expect.arrayContaining(['old"\\xff', 'café']));
  });

  it('have lists as arrays', () => {
    const one = (nodeid: number, nlookup: number) => packed(fuse_forget_one, { nodeid, nlookup });
    const head = packed(fuse_batch_forget_in, { count: 2 });
    const args = requestArguments(request(FUSE_OPCODE.FUSE_BATCH_FORGET, head, one(3, 1), one(9, 2)));
    expect(args.count).toBe(2);
    expect(Object.values(args)).toContainEqual([
      { nodeid: 3, nlookup: 1 },
      { nodeid: 9, nlookup: 2 },
    ]);
  });
});

describe('the object of a request', () => {
  it('has what the file promises', () => {
    const req = request(FUSE_OPCODE.FUSE_LOOKUP, 'a\xff\0');
    expect(requestObject(recordOf(req, { error: -2 }))).toEqual({
      ...{ seq: 1, queue: 1, head: 3, unique: 8, op: 'LOOKUP', nodeid: 1, path: '/a\\xff', pid: 7, uid: 0, gid: 0 },
      ...{ args: { name: 'a\\xff' }, error: -2, insize: 45, outsize: 16, room: 0 },
      ...{ req: Buffer.from(req).toString('base64'), res: 'AQID', crc: bytesCrc(req, Uint8Array.of(1, 2, 3)) },
      ...{ available: 1.5, taken: 1.75, answered: 2, used: 2.25 },
    });
  });

  it('has no error where there is no reply, and the change of look-ups where there is one', () => {
    const object = requestObject(
      recordOf(request(FUSE_OPCODE.FUSE_FORGET, Buffer.alloc(8)), { error: undefined, nlookup: -3, path: undefined }),
    );
    expect(object).not.toHaveProperty('error');
    expect(object).not.toHaveProperty('path');
    expect(object).toMatchObject({ op: 'FORGET', nlookup: -3 });
    expect(requestObject(recordOf(request(FUSE_OPCODE.FUSE_LOOKUP, 'a\0')))).not.toHaveProperty('nlookup');
  });

  it('says where the guest broke a rule, and where the lab made a mistake', () => {
    const forget = request(FUSE_OPCODE.FUSE_FORGET, Buffer.alloc(8));
    const object = requestObject(recordOf(forget, { flags: RecordFlag.VIOLATION, error: undefined, nlookup: -1 }));
    expect(object).toMatchObject({ op: 'FORGET', nlookup: -1, violation: true });
    expect(object).not.toHaveProperty('bug');
    expect(requestObject(recordOf(forget, { flags: RecordFlag.BUG }))).toMatchObject({ bug: true });
  });
});

describe('the log file', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lab-log-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('has the header first and every record, however many there were', () => {
    const file = join(folder, 'log.jsonl');
    const log = new RecordLog({ bytes: 100_000, records: 100 });
    const out = new RequestLogFile(file, log, () => ({ tag: 'lab' }));
    const total = 3000;
    for (let seq = 1; seq <= total; seq++) {
      const bytes = encode({ ...blank, opcode: 1, seq, req: request(FUSE_OPCODE.FUSE_LOOKUP, `name-${seq}\0`) });
      log.reserve(bytes.length);
      log.views.bytes.set(bytes, log.at);
    }
    out.close();
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(JSON.parse(lines[0] as string)).toEqual({ schema: 1, tag: 'lab' });
    expect(lines.slice(1).map((line) => JSON.parse(line).seq)).toEqual(Array.from({ length: total }, (_, i) => i + 1));
  });

  it('has its header also where nothing was asked', () => {
    const file = join(folder, 'log.jsonl');
    new RequestLogFile(file, new RecordLog(), () => ({ tag: 'lab' })).close();
    expect(readFileSync(file, 'utf8')).toBe('{"schema":1,"tag":"lab"}\n');
  });
});
