// Records for the tests of the page, made as the worker makes them.
import { encode, type LogRecord } from '../lab/record.ts';
import type { LogBatch } from './log-store.ts';

type Parts = Omit<LogRecord, 'size' | 'reqLength' | 'resLength' | 'pathLength' | 'readableSpans' | 'writableSpans'>;

/** An answered GETATTR of the root, but for what is given. */
export function record(parts: Partial<Parts> = {}): Uint8Array<ArrayBuffer> {
  const opcode = parts.opcode ?? 3;
  const req = new Uint8Array(56);
  new DataView(req.buffer).setUint32(0, 56, true);
  new DataView(req.buffer).setUint32(4, opcode, true);
  const res = new Uint8Array(16);
  new DataView(res.buffer).setUint32(0, 16, true);
  new DataView(res.buffer).setInt32(4, parts.error ?? 0, true);
  return encode({
    flags: 0,
    seq: 1,
    queue: 1,
    head: 0,
    opcode,
    unique: 2,
    nodeid: 1,
    pid: 0,
    uid: 0,
    gid: 0,
    error: 0,
    insize: req.length,
    outsize: res.length,
    nlookup: 0,
    available: 1,
    taken: 1,
    answered: 1,
    used: 1,
    availIndex: 0,
    usedIndex: 0,
    path: '/',
    req,
    res,
    readable: [],
    writable: [],
    ...parts,
  });
}

/** A batch of such records. */
export function batch(first: number, records: Uint8Array[], overwritten = 0): LogBatch {
  const bytes = new Uint8Array(records.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of records) {
    bytes.set(part, at);
    at += part.length;
  }
  return { first, count: records.length, bytes: bytes.buffer, overwritten };
}
