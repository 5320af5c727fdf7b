// The file of JSON lines: what the run was, then one object a request, written as it goes so that nothing is lost.
import { closeSync, openSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describeRequest, type Field, fields } from '../describe.ts';
import { decode, type LogRecord, RecordFlag, recordOffsets } from '../record.ts';
import type { RecordLog } from '../record-log.ts';
import { bytesAsText } from './byte-names.ts';

/** Version of the lines' form. */
export const LOG_SCHEMA = 1;

const HEADER_BYTES = 40;
/** Fields of the kernel's structs that only fill them. */
const FILLERS = new Set(['padding', 'dummy', 'unused', 'spare', 'reserved']);

/** The first line, without its schema number. */
export type LogHeader = Record<string, unknown>;

type Json = number | string | Json[] | { [name: string]: Json };

/** The object of one request. */
export function requestObject(record: LogRecord): Record<string, unknown> {
  const head = {
    seq: record.seq,
    queue: record.queue,
    head: record.head,
    unique: record.unique,
    op: describeRequest(record.req).name,
    nodeid: record.nodeid,
    ...(record.path === undefined ? {} : { path: bytesAsText(record.path) }),
    pid: record.pid,
    uid: record.uid,
    gid: record.gid,
    args: requestArguments(record.req),
    ...(record.error === undefined ? {} : { error: record.error === 0 ? 0 : record.error }),
    insize: record.insize,
    outsize: record.outsize,
    // What the reply had room for.
    room: record.writable.reduce((sum, { length }) => sum + length, 0),
    ...(record.nlookup === 0 ? {} : { nlookup: record.nlookup }),
    // A rule of the protocol that the guest broke; a mistake of the lab.
    ...(record.flags & RecordFlag.VIOLATION ? { violation: true } : {}),
    ...(record.flags & RecordFlag.BUG ? { bug: true } : {}),
    req: base64(record.req),
    res: base64(record.res),
    crc: bytesCrc(record.req, record.res),
    available: record.available,
    taken: record.taken,
  };
  return {
    ...head,
    ...(record.answered > 0 ? { answered: record.answered } : {}),
    ...(record.used > 0 ? { used: record.used } : {}),
  };
}

/** CRC-32 of a request's bytes and its reply's behind them: a line that was changed since is known by it. */
export const bytesCrc = (req: Uint8Array, res: Uint8Array): number => crc32(res, crc32(req));

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');

/** The arguments by the names of the kernel's header. A payload is left to `req`, which has it whole. */
export function requestArguments(req: Uint8Array): { [name: string]: Json } {
  const args: { [name: string]: Json } = {};
  const rows = fields(req).filter((field) => field.at >= HEADER_BYTES);
  let structs = 0;
  for (let i = 0; i < rows.length; ) {
    const field = rows[i] as Field;
    let end = i + 1;
    while (end < rows.length && (rows[end] as Field).depth > field.depth) end++;
    const inside = rows.slice(i + 1, end);
    i = end;
    if (inside.length === 0) {
      const value = scalar(field, req);
      if (value !== undefined) add(args, field.name, value);
      continue;
    }
    const members: { [name: string]: Json } = {};
    for (const member of inside) {
      const value = scalar(member, req);
      if (value !== undefined) add(members, member.name, value);
    }
    // The opcode's own struct is what the arguments are; a list behind it is an array of objects.
    const list = /^(.*)\[\d+\]$/.exec(field.name)?.[1];
    if (list !== undefined) add(args, list, members, true);
    else if (structs++ === 0) Object.assign(args, members);
    else add(args, field.name, members);
  }
  return args;
}

function add(target: { [name: string]: Json }, name: string, value: Json, list = false): void {
  const before = target[name];
  if (before === undefined) target[name] = list ? [value] : value;
  else if (Array.isArray(before)) before.push(value);
  else target[name] = [before, value];
}

function scalar(field: Field, req: Uint8Array): Json | undefined {
  const { value } = field;
  if (value === '' || /^\d+ B$/.test(value) || FILLERS.has(field.name)) return undefined;
  if (value.startsWith('"')) {
    const bytes = req.subarray(field.at, field.at + field.length);
    const nul = bytes.indexOf(0);
    return bytesAsText(Buffer.from(nul < 0 ? bytes : bytes.subarray(0, nul)).toString('latin1'));
  }
  const number = Number(value);
  return /^-?\d+$/.test(value) && Number.isSafeInteger(number) ? number : value;
}

/** Writes a log to a file. Throws what the file system throws, at the latest from close(). */
export class RequestLogFile {
  private readonly log: RecordLog;
  private readonly header: () => LogHeader;
  private readonly fd: number;
  private started = false;
  private failure: unknown;

  /** `header` is asked when the first request has been answered: by then the session is agreed. */
  constructor(file: string, log: RecordLog, header: () => LogHeader) {
    this.fd = openSync(file, 'w');
    this.log = log;
    this.header = header;
    log.onFull = () => this.drain();
  }

  /** Writes what there is. Called inside the guest's notify when a segment is full: that is the back-pressure. */
  drain(): void {
    if (this.failure !== undefined) return;
    try {
      for (let batch = this.log.take(); batch !== undefined; batch = this.log.take()) {
        this.start();
        const view = new DataView(batch.bytes);
        let text = '';
        for (const at of recordOffsets(view)) {
          text += `${JSON.stringify(requestObject(decode(view, at)))}\n`;
          if (text.length > 1 << 20) {
            this.write(text);
            text = '';
          }
        }
        this.write(text);
      }
    } catch (error) {
      this.failure = error;
    }
  }

  /** Writes the rest and closes the file. Throws what went wrong with the file, also earlier. */
  close(): void {
    this.log.onFull = undefined;
    this.drain();
    try {
      this.start();
    } finally {
      closeSync(this.fd);
    }
    if (this.failure !== undefined) throw this.failure;
  }

  private start(): void {
    if (this.started) return;
    this.started = true;
    this.write(`${JSON.stringify({ schema: LOG_SCHEMA, ...this.header() })}\n`);
  }

  private write(text: string): void {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
  }
}
