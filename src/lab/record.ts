// The binary log record: one contiguous, 8-aligned byte range a request. Written in the worker, read in the page.
//
// Little-endian, like every machine that runs either side. The record begins with HEADER_SIZE bytes at fixed offsets;
// request, reply, path and spans follow, each padded to 8.

export const HEADER_SIZE = 128;

/** Bits of `RecordHeader.flags`. */
export const RecordFlag = {
  /** The request was longer than what is kept of it. */
  CUT_REQ: 1 << 0,
  /** The reply was longer than what is kept of it. */
  CUT_RES: 1 << 1,
  /** The request has no reply (FORGET): `error` is undefined. */
  NO_REPLY: 1 << 2,
  /** The guest broke a rule of the protocol. */
  VIOLATION: 1 << 3,
  /** The server threw what it should not: a mistake of ours. */
  BUG: 1 << 4,
  /** The completion raised an interrupt. */
  INTERRUPTED: 1 << 5,
  /** The path is known (it may be empty bytes only if it is not). */
  HAS_PATH: 1 << 6,
  /** The device was reset before the answer reached the ring. */
  DROPPED: 1 << 7,
} as const;

/** The fixed part. Times are ms since the worker's time origin. */
export interface RecordHeader {
  /** Size of the whole record in bytes, a multiple of 8. */
  size: number;
  flags: number;
  /** Number of the request in the order the device took them, from 1. Records come in the order they were finished. */
  seq: number;
  queue: number;
  head: number;
  opcode: number;
  unique: number;
  nodeid: number;
  pid: number;
  uid: number;
  gid: number;
  /** 0 or -errno; undefined where there is no reply. */
  error: number | undefined;
  insize: number;
  outsize: number;
  /** Change of the lookup count: positive for a grant, negative for a FORGET. */
  nlookup: number;
  available: number;
  taken: number;
  answered: number;
  used: number;
  availIndex: number;
  usedIndex: number;
  reqLength: number;
  resLength: number;
  pathLength: number;
  readableSpans: number;
  writableSpans: number;
}

/** A descriptor's range of guest memory. */
export interface Span {
  at: number;
  length: number;
}

export interface LogRecord extends RecordHeader {
  /** Where it was when the request was served, a string of bytes. */
  path: string | undefined;
  /** Header and arguments, cut unless the recording is whole. A view of the record. */
  req: Uint8Array;
  /** What was written of the reply, cut likewise. A view of the record. */
  res: Uint8Array;
  readable: Span[];
  writable: Span[];
}

/** Byte offsets of the fixed part, for readers that want one number without a decoded object. */
export const RecordAt = {
  size: 0,
  flags: 4,
  seq: 8,
  available: 16,
  taken: 24,
  answered: 32,
  used: 40,
  unique: 48,
  nodeid: 56,
  opcode: 64,
  error: 68,
  pid: 72,
  uid: 76,
  gid: 80,
  nlookup: 84,
  insize: 88,
  outsize: 92,
  reqLength: 96,
  resLength: 100,
  pathLength: 104,
  readableSpans: 108,
  writableSpans: 112,
  queue: 116,
  head: 118,
  availIndex: 120,
  usedIndex: 122,
} as const;

const pad8 = (n: number): number => (n + 7) & ~7;

/** Bytes that a record with these parts takes. */
export const recordSize = (reqLength: number, resLength: number, pathLength: number, spans: number): number =>
  HEADER_SIZE + pad8(reqLength) + pad8(resLength) + pad8(pathLength) + spans * 8;

/** Offset of the request's bytes within a record. */
export const REQ_AT = HEADER_SIZE;
/** Offset of the reply's bytes within a record. */
export const resAt = (reqLength: number): number => HEADER_SIZE + pad8(reqLength);
/** Offset of the path's bytes within a record. */
export const pathAt = (reqLength: number, resLength: number): number => resAt(reqLength) + pad8(resLength);
/** Offset of the spans within a record: readable ones first, two u32 each. */
export const spansAt = (reqLength: number, resLength: number, pathLength: number): number =>
  pathAt(reqLength, resLength) + pad8(pathLength);

/** Typed views of one buffer: the numbers of a record lie aligned, so they are written and read without a DataView. */
export class RecordViews {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer, 0, buffer.byteLength >> 3);
  }
}

/**
 * Writes the fixed part at `at` (8-aligned). The caller fills in request, reply, path and spans at their offsets.
 * `header.size` and the four lengths have to be right already.
 */
export function encodeHeader(views: RecordViews, at: number, header: RecordHeader): void {
  const { u16, u32, i32, f64 } = views;
  const d = at >>> 3;
  const w = at >>> 2;
  const h = at >>> 1;
  u32[w] = header.size;
  u32[w + 1] = header.error === undefined ? header.flags | RecordFlag.NO_REPLY : header.flags & ~RecordFlag.NO_REPLY;
  f64[d + 1] = header.seq;
  f64[d + 2] = header.available;
  f64[d + 3] = header.taken;
  f64[d + 4] = header.answered;
  f64[d + 5] = header.used;
  f64[d + 6] = header.unique;
  f64[d + 7] = header.nodeid;
  u32[w + 16] = header.opcode;
  i32[w + 17] = header.error ?? 0;
  u32[w + 18] = header.pid;
  u32[w + 19] = header.uid;
  u32[w + 20] = header.gid;
  i32[w + 21] = header.nlookup;
  u32[w + 22] = header.insize;
  u32[w + 23] = header.outsize;
  u32[w + 24] = header.reqLength;
  u32[w + 25] = header.resLength;
  u32[w + 26] = header.pathLength;
  u32[w + 27] = header.readableSpans;
  u32[w + 28] = header.writableSpans;
  u16[h + 58] = header.queue;
  u16[h + 59] = header.head;
  u16[h + 60] = header.availIndex;
  u16[h + 61] = header.usedIndex;
  u32[w + 31] = 0;
}

/** Encodes a whole record into bytes of its own (`size` and the lengths are worked out here). */
export function encode(
  record: Omit<LogRecord, 'size' | 'reqLength' | 'resLength' | 'pathLength' | 'readableSpans' | 'writableSpans'>,
): Uint8Array<ArrayBuffer> {
  const path = record.path ?? '';
  const spans = [...record.readable, ...record.writable];
  const header: RecordHeader = {
    ...record,
    flags: record.path === undefined ? record.flags & ~RecordFlag.HAS_PATH : record.flags | RecordFlag.HAS_PATH,
    size: recordSize(record.req.length, record.res.length, path.length, spans.length),
    reqLength: record.req.length,
    resLength: record.res.length,
    pathLength: path.length,
    readableSpans: record.readable.length,
    writableSpans: record.writable.length,
  };
  const views = new RecordViews(new ArrayBuffer(header.size));
  encodeHeader(views, 0, header);
  views.bytes.set(record.req, REQ_AT);
  views.bytes.set(record.res, resAt(header.reqLength));
  putString(views.bytes, pathAt(header.reqLength, header.resLength), path);
  let w = spansAt(header.reqLength, header.resLength, header.pathLength) >>> 2;
  for (const span of spans) {
    views.u32[w++] = span.at;
    views.u32[w++] = span.length;
  }
  return views.bytes;
}

/** Writes a string of bytes. */
export function putString(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

/** Size in bytes of the record that begins at `at`. */
export const sizeAt = (view: DataView, at: number): number => view.getUint32(at + RecordAt.size, true);

/** The fixed part of the record at `at`. */
export function decodeHeader(view: DataView, at: number): RecordHeader {
  const flags = view.getUint32(at + RecordAt.flags, true);
  return {
    size: view.getUint32(at + RecordAt.size, true),
    flags,
    seq: view.getFloat64(at + RecordAt.seq, true),
    queue: view.getUint16(at + RecordAt.queue, true),
    head: view.getUint16(at + RecordAt.head, true),
    opcode: view.getUint32(at + RecordAt.opcode, true),
    unique: view.getFloat64(at + RecordAt.unique, true),
    nodeid: view.getFloat64(at + RecordAt.nodeid, true),
    pid: view.getUint32(at + RecordAt.pid, true),
    uid: view.getUint32(at + RecordAt.uid, true),
    gid: view.getUint32(at + RecordAt.gid, true),
    error: flags & RecordFlag.NO_REPLY ? undefined : view.getInt32(at + RecordAt.error, true),
    insize: view.getUint32(at + RecordAt.insize, true),
    outsize: view.getUint32(at + RecordAt.outsize, true),
    nlookup: view.getInt32(at + RecordAt.nlookup, true),
    available: view.getFloat64(at + RecordAt.available, true),
    taken: view.getFloat64(at + RecordAt.taken, true),
    answered: view.getFloat64(at + RecordAt.answered, true),
    used: view.getFloat64(at + RecordAt.used, true),
    availIndex: view.getUint16(at + RecordAt.availIndex, true),
    usedIndex: view.getUint16(at + RecordAt.usedIndex, true),
    reqLength: view.getUint32(at + RecordAt.reqLength, true),
    resLength: view.getUint32(at + RecordAt.resLength, true),
    pathLength: view.getUint32(at + RecordAt.pathLength, true),
    readableSpans: view.getUint32(at + RecordAt.readableSpans, true),
    writableSpans: view.getUint32(at + RecordAt.writableSpans, true),
  };
}

/** The path of the record at `at` (a string of bytes), without decoding the rest; undefined where none was known. */
export function decodePath(view: DataView, at: number): string | undefined {
  if (!(view.getUint32(at + RecordAt.flags, true) & RecordFlag.HAS_PATH)) return undefined;
  const length = view.getUint32(at + RecordAt.pathLength, true);
  const from =
    at + pathAt(view.getUint32(at + RecordAt.reqLength, true), view.getUint32(at + RecordAt.resLength, true));
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(view.getUint8(from + i));
  return text;
}

/** The whole record at `at`. `req` and `res` are views of the same memory. */
export function decode(view: DataView, at: number): LogRecord {
  const header = decodeHeader(view, at);
  const range = (from: number, length: number): Uint8Array =>
    new Uint8Array(view.buffer, view.byteOffset + at + from, length);
  const spans: Span[] = [];
  let from = at + spansAt(header.reqLength, header.resLength, header.pathLength);
  for (let i = 0; i < header.readableSpans + header.writableSpans; i++, from += 8) {
    spans.push({ at: view.getUint32(from, true), length: view.getUint32(from + 4, true) });
  }
  return {
    ...header,
    path: decodePath(view, at),
    req: range(REQ_AT, header.reqLength),
    res: range(resAt(header.reqLength), header.resLength),
    readable: spans.slice(0, header.readableSpans),
    writable: spans.slice(header.readableSpans),
  };
}

/** Offsets of the records that lie behind each other in `byteLength` bytes. */
export function* recordOffsets(view: DataView): Generator<number> {
  for (let at = 0; at < view.byteLength; at += sizeAt(view, at)) yield at;
}
