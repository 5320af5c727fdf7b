// Joins what the device and the server see of a request into one record of the log.
import type { Exchange } from '../base/exchange.ts';
import type { Memory, Spans } from '../base/iov.ts';
import { fuse_in_header } from '../fs/fuse/abi.ts';
import {
  encodeHeader,
  pathAt,
  putString,
  REQ_AT,
  RecordFlag,
  type RecordHeader,
  recordSize,
  resAt,
  spansAt,
} from './record.ts';
import type { RecordLog } from './record-log.ts';

/** What is kept of a request and of a reply: headers, the longest arguments, and some of a payload. */
export const KEEP = 640;

/** What the FUSE server tells of an answer; the object may be used again. */
export interface AnsweredRequest {
  readonly opcode: number;
  readonly unique: number;
  readonly nodeid: number;
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  readonly error: number | undefined;
  readonly insize: number;
  readonly outsize: number;
  readonly nlookup: number;
  readonly path: string | undefined;
  readonly violation: string | undefined;
  readonly bug: boolean;
  readonly at: number;
}

/** A request between taken and used. */
class Slot {
  readonly header: RecordHeader = {
    size: 0,
    flags: 0,
    seq: 0,
    queue: 0,
    head: 0,
    opcode: 0,
    unique: 0,
    nodeid: 0,
    pid: 0,
    uid: 0,
    gid: 0,
    error: undefined,
    insize: 0,
    outsize: 0,
    nlookup: 0,
    available: 0,
    taken: 0,
    answered: 0,
    used: 0,
    availIndex: 0,
    usedIndex: 0,
    reqLength: 0,
    resLength: 0,
    pathLength: 0,
    readableSpans: 0,
    writableSpans: 0,
  };
  req = new Uint8Array(KEEP);
  res = new Uint8Array(KEEP);
  path = '';
  /** Address and length of each descriptor. */
  spans: number[] = [];
  open = false;
}

export class Recorder {
  readonly log: RecordLog;
  /** Requests and replies are kept whole, for a recording. */
  whole = false;
  /** Whether requests are recorded at all; their numbers are counted either way. */
  enabled = true;
  /** The guest's memory, from when the device is plugged in. */
  memory: Memory | undefined;
  private seq = 0;
  private readonly slots: Slot[] = [];
  private readonly free: number[] = [];

  constructor(log: RecordLog) {
    this.log = log;
  }

  /** The number that the next request will have. */
  get nextSeq(): number {
    return this.seq + 1;
  }

  /** The device took a chain. Times in ms since the time origin. */
  taken(exchange: Exchange, availIndex: number, available: number, taken: number): void {
    this.seq++;
    const { memory } = this;
    if (!this.enabled || memory === undefined) {
      exchange.record = -1;
      return;
    }
    let index = this.free.pop();
    if (index === undefined) {
      index = this.slots.length;
      this.slots.push(new Slot());
    }
    exchange.record = index;
    const slot = this.slots[index] as Slot;
    const { header } = slot;
    const readable = exchange.reader.spans;
    const writable = exchange.writer.spans;
    slot.open = true;
    slot.path = '';
    header.flags = 0;
    header.seq = this.seq;
    header.queue = exchange.queue;
    header.head = exchange.head;
    header.available = available;
    header.taken = taken;
    header.answered = 0;
    header.used = 0;
    header.availIndex = availIndex;
    header.usedIndex = 0;
    header.insize = readable.total;
    header.outsize = 0;
    header.error = undefined;
    header.nlookup = 0;
    header.readableSpans = readable.count;
    header.writableSpans = writable.count;
    header.resLength = 0;
    const keep = this.whole ? readable.total : Math.min(readable.total, KEEP);
    if (keep > slot.req.length) slot.req = new Uint8Array(keep);
    gather(memory.bytes, readable, keep, slot.req);
    header.reqLength = keep;
    if (keep < readable.total) header.flags |= RecordFlag.CUT_REQ;
    const { spans } = slot;
    spans.length = 0;
    for (let i = 0; i < readable.count; i++) spans.push(readable.at[i] as number, readable.length[i] as number);
    for (let i = 0; i < writable.count; i++) spans.push(writable.at[i] as number, writable.length[i] as number);
  }

  /** The server has its answer, and the reply's bytes are in the guest's memory. */
  answered(exchange: Exchange, answer: AnsweredRequest): void {
    const slot = this.slots[exchange.record];
    const { memory } = this;
    if (slot === undefined || !slot.open || memory === undefined) return;
    const { header } = slot;
    header.opcode = answer.opcode;
    header.unique = answer.unique;
    header.nodeid = answer.nodeid;
    header.pid = answer.pid;
    header.uid = answer.uid;
    header.gid = answer.gid;
    header.error = answer.error;
    header.insize = answer.insize;
    header.outsize = answer.outsize;
    header.nlookup = answer.nlookup;
    header.answered = answer.at;
    if (answer.path !== undefined) {
      header.flags |= RecordFlag.HAS_PATH;
      slot.path = answer.path;
    }
    if (answer.violation !== undefined) header.flags |= RecordFlag.VIOLATION;
    if (answer.bug) header.flags |= RecordFlag.BUG;
    const size = Math.min(answer.outsize, exchange.writer.spans.total);
    const keep = this.whole ? size : Math.min(size, KEEP);
    if (keep > slot.res.length) slot.res = new Uint8Array(keep);
    gather(memory.bytes, exchange.writer.spans, keep, slot.res);
    header.resLength = keep;
    if (keep < answer.outsize) header.flags |= RecordFlag.CUT_RES;
  }

  /** The chain went back to the guest. */
  used(exchange: Exchange, usedIndex: number, interrupted: boolean, at: number): void {
    const index = exchange.record;
    const slot = this.slots[index];
    if (slot === undefined || !slot.open) return;
    const { header } = slot;
    header.usedIndex = usedIndex;
    header.used = at;
    if (interrupted) header.flags |= RecordFlag.INTERRUPTED;
    this.finish(index, slot);
  }

  /** The device, or one queue of it, was reset: what it still had is recorded as dropped. */
  reset(queue?: number): void {
    this.slots.forEach((slot, index) => {
      if (!slot.open || (queue !== undefined && slot.header.queue !== queue)) return;
      slot.header.flags |= RecordFlag.DROPPED;
      this.finish(index, slot);
    });
  }

  private finish(index: number, slot: Slot): void {
    const { header, path, spans } = slot;
    if (header.answered === 0) readRequest(slot);
    slot.open = false;
    this.free.push(index);
    header.pathLength = path.length;
    header.size = recordSize(header.reqLength, header.resLength, path.length, spans.length >>> 1);
    this.log.reserve(header.size);
    const { views, at } = this.log;
    const { bytes, u32 } = views;
    encodeHeader(views, at, header);
    put(bytes, at + REQ_AT, slot.req, header.reqLength);
    put(bytes, at + resAt(header.reqLength), slot.res, header.resLength);
    putString(bytes, at + pathAt(header.reqLength, header.resLength), path);
    let w = (at + spansAt(header.reqLength, header.resLength, path.length)) >>> 2;
    for (let i = 0; i < spans.length; i++) u32[w++] = spans[i] as number;
    // A payload that was kept whole is rare: its memory is not.
    if (slot.req.length > 65536) slot.req = new Uint8Array(KEEP);
    if (slot.res.length > 65536) slot.res = new Uint8Array(KEEP);
  }
}

/** Who asked for what, of a request that the server has not told of: the slot still has that of the one before. */
function readRequest({ header, req }: Slot): void {
  const { size } = fuse_in_header;
  const bytes = header.reqLength < size ? new Uint8Array(size) : req;
  const from = new fuse_in_header(new DataView(bytes.buffer));
  header.opcode = from.opcode;
  header.unique = from.unique;
  header.nodeid = from.nodeid;
  header.pid = from.pid;
  header.uid = from.uid;
  header.gid = from.gid;
}

function put(target: Uint8Array, at: number, source: Uint8Array, length: number): void {
  if (length > 96) target.set(source.subarray(0, length), at);
  else for (let i = 0; i < length; i++) target[at + i] = source[i] as number;
}

/** Copies the first `count` bytes of the spans. */
function gather(memory: Uint8Array, spans: Spans, count: number, target: Uint8Array): void {
  let done = 0;
  for (let i = 0; done < count; i++) {
    const from = spans.at[i] as number;
    const length = Math.min(spans.length[i] as number, count - done);
    if (length > 96) target.set(memory.subarray(from, from + length), done);
    else for (let j = 0; j < length; j++) target[done + j] = memory[from + j] as number;
    done += length;
  }
}
