// Text for records: what a row of the log says, and every field of a request and its reply. Pure; the page uses it.
import { errnoName } from '../base/errno.ts';
import { describeReply, describeRequest, type Field, fields, replyFields } from '../fs/fuse/describe.ts';
import type { LogRecord } from './record.ts';

export { describeReply, describeRequest, errnoName, type Field, fields, replyFields };

/** The opcode's name without FUSE_, or `opcode N` where it has no entry. */
export const opcodeName = (opcode: number): string =>
  describeRequest(new Uint8Array(Uint32Array.of(0, opcode).buffer)).name;

/** The texts of one row. Names and paths are strings of bytes. */
export interface Row {
  number: number;
  /** When it was taken, ms since the time origin. */
  time: number;
  /** The opcode's name without FUSE_. */
  op: string;
  path: string;
  /** What was asked, in words. */
  what: string;
  /** What came of it, in words. */
  result: string;
  /** From available to used, ms; undefined where it was never used. */
  duration: number | undefined;
}

export interface Details {
  request: Field[];
  reply: Field[];
}

/** The texts of a record's row. */
export function row(record: LogRecord): Row {
  const asked = describeRequest(record.req);
  return {
    number: record.seq,
    time: record.taken,
    op: asked.name,
    path: record.path ?? '',
    what: asked.text,
    result: result(record),
    duration: record.used > 0 ? Math.max(0, record.used - record.available) : undefined,
  };
}

function result(record: LogRecord): string {
  if (record.error === undefined) return record.used > 0 ? '' : 'dropped by a reset';
  if (record.error !== 0) return errnoName(-record.error);
  return describeReply(record.req, record.res, record.outsize);
}

/** Every field of a record's request and reply. Where bytes were cut, so are the fields. */
export const details = (record: LogRecord): Details => ({
  request: fields(record.req),
  reply: record.error === undefined ? [] : replyFields(record.req, record.res),
});
