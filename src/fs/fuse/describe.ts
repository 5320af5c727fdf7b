// Recorded requests and replies in words and field by field, all of it from the opcodes' entries. Pure: for the page.
import { errnoName } from '../../base/errno.ts';
import { bytesToString } from '../../base/iov.ts';
import { isStruct, type Struct } from '../../base/struct.ts';
import * as abi from './abi.ts';
import { meaning } from './field-text.ts';
import { fsxattr, inode_flags } from './linux.ts';
import { Cut, Message, type Piece } from './message.ts';
import type { Layout, Op } from './op.ts';
import { OPS } from './ops/index.ts';
import { quote, showName } from './text.ts';

const { fuse_in_header, fuse_out_header } = abi;
const IN_HEADER = fuse_in_header.size;
const OUT_HEADER = fuse_out_header.size;

/** One line of the detail pane: a struct (depth first, its fields behind it) or a scalar. `at`, `length`: bytes of the message. */
export interface Field {
  readonly name: string;
  readonly value: string;
  readonly at: number;
  readonly length: number;
  readonly depth: number;
  readonly note?: string;
}

export interface Description {
  /** The opcode's name without FUSE_. */
  readonly name: string;
  readonly opcode: number;
  /** What was asked, in words; empty where the recorded bytes do not tell. */
  readonly text: string;
  /** The names in it, bytes one character each. */
  readonly names: string[];
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const u32At = (bytes: Uint8Array, at: number): number =>
  bytes.length >= at + 4 ? viewOf(bytes).getUint32(at, true) : 0;

interface Request {
  readonly opcode: number;
  readonly entry: Op | undefined;
  readonly message: Message;
  readonly args: Uint8Array;
}

/** The arguments without the extensions that may follow them; `len` of the header says how long they were. */
function request(bytes: Uint8Array): Request {
  const opcode = u32At(bytes, 4);
  const extensions = bytes.length >= IN_HEADER ? viewOf(bytes).getUint16(36, true) * 8 : 0;
  const length = Math.max(0, u32At(bytes, 0) - IN_HEADER - extensions);
  const args = bytes.subarray(IN_HEADER, IN_HEADER + length);
  const entry = OPS[opcode];
  const layout: Layout = typeof entry?.request === 'function' ? entry.request(args, length) : (entry?.request ?? []);
  return { opcode, entry, args, message: new Message(layout, args, length) };
}

function reply(asked: Request, bytes: Uint8Array, size: number): Message {
  const { entry, args } = asked;
  const failed = bytes.length >= OUT_HEADER && viewOf(bytes).getInt32(4, true) !== 0;
  let layout: Layout = [];
  if (entry && entry.reply !== 'none' && !failed) {
    layout = typeof entry.reply === 'function' ? entry.reply(args) : entry.reply;
  }
  return new Message(layout, bytes.subarray(OUT_HEADER), Math.max(0, size - OUT_HEADER));
}

/** Runs what may find the bytes cut. */
function words(make: () => string): string {
  try {
    return make();
  } catch (error) {
    if (error instanceof Cut) return '';
    throw error;
  }
}

/** For an entry without words of its own: its fields that are not zero, and its names. */
function fieldWords(message: Message): string {
  const parts: string[] = [];
  for (const piece of message.pieces) {
    if (!piece.whole) throw new Cut();
    if (piece.kind === 'name') parts.push(quote(message.text(piece)));
    if (!piece.type) continue;
    const bytes = message.at(piece);
    const all: Field[] = [];
    structFields(piece.type, bytes, 0, 0, all);
    for (const { name, value, note } of all) {
      if (value !== '' && value !== '0' && value !== '0x0') parts.push(`${name} ${note ?? value}`);
    }
  }
  return parts.join(', ');
}

/** A recorded request (header and arguments, perhaps cut) in words. */
export function describeRequest(bytes: Uint8Array): Description {
  const { opcode, entry, message } = request(bytes);
  return {
    name: entry?.name ?? `opcode ${opcode}`,
    opcode,
    text: words(() => (entry ? (entry.asked?.(message) ?? fieldWords(message)) : '')),
    names: message.names(),
  };
}

/** A recorded reply in words; `size`: how long it was before it was cut. Empty where there was none. */
export function describeReply(asked: Uint8Array, bytes: Uint8Array, size: number): string {
  if (size < OUT_HEADER || bytes.length < OUT_HEADER) return '';
  const error = viewOf(bytes).getInt32(4, true);
  if (error !== 0) return errnoName(-error);
  const question = request(asked);
  const answer = reply(question, bytes, size);
  return words(() => question.entry?.result?.(answer, question.message) ?? 'ok') || 'ok';
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function valueText(value: unknown): string {
  if (typeof value === 'bigint') return hex(value);
  return Array.isArray(value) ? value.join(' ') : String(value);
}

function structFields(type: Struct<object>, bytes: Uint8Array, at: number, depth: number, out: Field[]): void {
  const view = viewOf(bytes);
  const known: Record<string, unknown> = {};
  const there = type.fields.filter((field) => at + field.offset + field.type.size <= bytes.length);
  for (const field of there) {
    if (!isStruct(field.type)) known[field.name] = field.type.get(view, at + field.offset);
  }
  for (const { name, offset, type: fieldType } of there) {
    const place = { name, at: at + offset, length: fieldType.size, depth };
    if (isStruct(fieldType)) {
      out.push({ ...place, value: '' });
      structFields(fieldType, bytes, at + offset, depth + 1, out);
      continue;
    }
    const value = known[name];
    const meant = typeof value === 'number' ? meaning(type, name, value, known) : undefined;
    const note = meant === String(value) ? undefined : meant;
    out.push({ ...place, value: valueText(value), ...(note === undefined ? {} : { note }) });
  }
}

const structNames = new Map<unknown, string>(
  Object.entries({ ...abi, fsxattr, inode_flags }).map(([name, value]) => [value, name]),
);
const nameOf = (type: Struct<object>): string => structNames.get(type) ?? 'arguments';

function pieceFields(message: Message, piece: Piece, start: number, bytes: Uint8Array, out: Field[]): void {
  const at = Math.min(start + piece.at, bytes.length);
  const length = Math.max(0, Math.min(piece.length, bytes.length - at));
  const place = { at, length, depth: 0 };
  const cut = piece.whole ? {} : { note: `cut, ${piece.length} B on the wire` };
  if (piece.type) {
    out.push({ ...place, name: piece.label || nameOf(piece.type), value: '', ...cut });
    structFields(piece.type, bytes, at, 1, out);
    return;
  }
  const content = message.at(piece);
  if (piece.kind === 'name') {
    const nul = content.indexOf(0);
    out.push({
      ...place,
      name: piece.label,
      value: quote(bytesToString(nul < 0 ? content : content.subarray(0, nul))),
      ...cut,
    });
    return;
  }
  if (piece.kind === 'padding') {
    out.push({ ...place, name: piece.label, value: `${piece.length} B` });
    return;
  }
  const start8 = showName(bytesToString(content.subarray(0, 24)));
  const more = piece.length > 24 ? '…' : '';
  out.push({ ...place, name: piece.label, value: `${piece.length} B`, note: `${start8}${more}` });
}

function headerFields(type: Struct<object>, bytes: Uint8Array): Field[] {
  const out: Field[] = [{ name: nameOf(type), value: '', at: 0, length: Math.min(type.size, bytes.length), depth: 0 }];
  structFields(type, bytes, 0, 1, out);
  return out;
}

/** Every field of a recorded request, header first. */
export function fields(bytes: Uint8Array): Field[] {
  const { message } = request(bytes);
  const out = headerFields(fuse_in_header as Struct<object>, bytes);
  for (const piece of message.pieces) pieceFields(message, piece, IN_HEADER, bytes, out);
  const end = IN_HEADER + message.length;
  if (u32At(bytes, 0) > end && bytes.length > end) {
    out.push({ name: 'extensions', value: `${bytes.length - end} B`, at: end, length: bytes.length - end, depth: 0 });
  }
  return out;
}

/** Every field of a recorded reply, header first. */
export function replyFields(asked: Uint8Array, bytes: Uint8Array): Field[] {
  const out = headerFields(fuse_out_header as Struct<object>, bytes);
  const message = reply(request(asked), bytes, u32At(bytes, 0));
  for (const piece of message.pieces) pieceFields(message, piece, OUT_HEADER, bytes, out);
  return out;
}
