// One block of a tar archive that is a header: fields at their offsets, numbers in octal or base 256, the checksum.
import { bytesToString } from '../../base/iov.ts';

/** Bytes of a block: headers are one, content is filled up to whole ones. */
export const BLOCK = 512;

export const roundUp = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;

/** POSIX.1-2001 ustar, and the letters of GNU and Solaris tar. */
export const Type = {
  file: '0',
  oldFile: '\0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  contiguous: '7',
  pax: 'x',
  paxGlobal: 'g',
  paxSolaris: 'X',
  gnuLongName: 'L',
  gnuLongLink: 'K',
  gnuSparse: 'S',
  gnuDirectory: 'D',
  gnuVolume: 'V',
} as const;

/** Offset and length of each field (pax(1), "ustar Interchange Format"). */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  chksum: [148, 8],
  typeflag: [156, 1],
  linkname: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;
type Field = keyof typeof FIELDS;

/** Bytes that a name or a link's target can have in a header. */
export const NAME_FIELD = FIELDS.name[1];

/** A header as it stands there; names are strings of bytes. A number that cannot be read is undefined. */
export interface Header {
  name: string;
  mode: number | undefined;
  uid: number | undefined;
  gid: number | undefined;
  size: number | undefined;
  mtime: number | undefined;
  typeflag: string;
  linkname: string;
  devmajor: number | undefined;
  devminor: number | undefined;
}

function putText(block: Uint8Array, field: Field, text: string): void {
  const [at, length] = FIELDS[field];
  for (let i = 0; i < Math.min(text.length, length); i++) block[at + i] = text.charCodeAt(i);
}

/** Octal digits and a NUL. What does not fit is written as the most that does: the true value is in a pax record. */
function putNumber(block: Uint8Array, field: Field, value: number): void {
  const digits = FIELDS[field][1] - 1;
  const fitting = Math.min(Math.max(value, 0), 8 ** digits - 1);
  putText(block, field, fitting.toString(8).padStart(digits, '0'));
}

/** Whether a header can hold the number itself, in octal. */
export function fits(field: 'uid' | 'gid' | 'size' | 'mtime', value: number): boolean {
  return value >= 0 && value < 8 ** (FIELDS[field][1] - 1);
}

/** Sums all bytes, those of the checksum itself taken for spaces; `signed` as old tars did. */
function checksum(block: Uint8Array, signed: boolean): number {
  const [at, length] = FIELDS.chksum;
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= at && i < at + length ? 32 : (block[i] as number);
    sum += signed && byte > 127 ? byte - 256 : byte;
  }
  return sum;
}

/** A ustar header. Names are cut to what fits. */
export function encodeHeader(header: { [Key in keyof Header]-?: NonNullable<Header[Key]> }): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  putText(block, 'name', header.name);
  putNumber(block, 'mode', header.mode);
  putNumber(block, 'uid', header.uid);
  putNumber(block, 'gid', header.gid);
  putNumber(block, 'size', header.size);
  putNumber(block, 'mtime', header.mtime);
  putText(block, 'typeflag', header.typeflag);
  putText(block, 'linkname', header.linkname);
  putText(block, 'magic', 'ustar\0');
  putText(block, 'version', '00');
  putNumber(block, 'devmajor', header.devmajor);
  putNumber(block, 'devminor', header.devminor);
  putText(block, 'chksum', `${checksum(block, false).toString(8).padStart(6, '0')}\0 `);
  return block;
}

function slice(block: Uint8Array, field: Field): Uint8Array {
  const [at, length] = FIELDS[field];
  return block.subarray(at, at + length);
}

/** The bytes up to the first NUL. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return bytesToString(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * A number of a field: octal between spaces or NULs, or where the first bit is set a two's complement of base 256 (GNU
 * tar). Undefined for anything else, and for what a number cannot hold exactly.
 */
export function numberOf(bytes: Uint8Array): number | undefined {
  const first = bytes[0] as number;
  if (first & 0x80) {
    let value = BigInt(first & 0x7f);
    for (let i = 1; i < bytes.length; i++) value = (value << 8n) | BigInt(bytes[i] as number);
    const signed = BigInt.asIntN(bytes.length * 8 - 1, value);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : undefined;
  }
  const text = textOf(bytes).trim();
  if (text === '') return 0;
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

/** A header whose checksum is right; undefined for anything else. */
export function decodeHeader(block: Uint8Array): Header | undefined {
  const sum = numberOf(slice(block, 'chksum'));
  if (sum !== checksum(block, false) && sum !== checksum(block, true)) return undefined;
  const number = (field: Field): number | undefined => numberOf(slice(block, field));
  // GNU tar's own magic has no prefix: other things are in its place.
  const posix = bytesToString(slice(block, 'magic')) === 'ustar\0';
  const ustar = textOf(slice(block, 'magic')).startsWith('ustar');
  const prefix = posix ? textOf(slice(block, 'prefix')) : '';
  const name = textOf(slice(block, 'name'));
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: number('mode'),
    uid: number('uid'),
    gid: number('gid'),
    size: number('size'),
    mtime: number('mtime'),
    typeflag: bytesToString(slice(block, 'typeflag')),
    linkname: textOf(slice(block, 'linkname')),
    devmajor: ustar ? number('devmajor') : 0,
    devminor: ustar ? number('devminor') : 0,
  };
}

export const isZero = (block: Uint8Array): boolean => block.every((byte) => byte === 0);
