// Extended headers (POSIX.1-2001): records "LENGTH KEY=VALUE\n", keys and values as strings of bytes.
import { bytesToString } from '../../base/iov.ts';
import type { Time } from '../tree/clock.ts';

export type PaxRecord = readonly [key: string, value: string];

/** Extended headers above this many bytes are not read: all xattrs of a file, and a path of 30,000 directories. */
export const PAX_MAX = 16 * 2 ** 20;

/** The length counts itself. */
function encodeRecord([key, value]: PaxRecord): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

/** The records as a string of bytes. */
export const encodePax = (records: readonly PaxRecord[]): string => records.map(encodeRecord).join('');

/** The records of an extended header; undefined where it is not made of records. */
export function decodePax(bytes: Uint8Array): PaxRecord[] | undefined {
  const records: PaxRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    // Fill of some writers, which count the block's rest in.
    if (bytes[at] === 0) return bytes.subarray(at).every((byte) => byte === 0) ? records : undefined;
    const space = bytes.indexOf(0x20, at);
    if (space < 0 || space - at > 9) return undefined;
    const digits = bytesToString(bytes.subarray(at, space));
    if (!/^[1-9][0-9]*$/.test(digits)) return undefined;
    const end = at + Number(digits);
    if (end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a) return undefined;
    const equals = bytes.indexOf(0x3d, space);
    if (equals < 0 || equals >= end - 1 || equals === space + 1) return undefined;
    records.push([
      bytesToString(bytes.subarray(space + 1, equals)),
      bytesToString(bytes.subarray(equals + 1, end - 1)),
    ]);
    at = end;
  }
  return records;
}

const SCHILY_XATTR = 'SCHILY.xattr.';

/** The key of an xattr. An equals sign would end a key, so GNU tar writes it as an escape, and so do we. */
export const xattrKey = (name: string): string =>
  SCHILY_XATTR + name.replace(/[%=]/g, (character) => (character === '%' ? '%25' : '%3D'));

/** The xattr that a key is of, undefined for other keys. */
export function xattrOf(key: string): string | undefined {
  if (!key.startsWith(SCHILY_XATTR)) return undefined;
  return key.slice(SCHILY_XATTR.length).replace(/%(25|3D)/g, (_, code) => (code === '25' ? '%' : '='));
}

/** Seconds since 1970 with a fraction, as pax has times: -1.5 is half a second before -1. */
export function encodeTime({ s, ns }: Time): string {
  const [whole, rest] = s < 0 && ns > 0 ? [s + 1, 1_000_000_000 - ns] : [s, ns];
  const sign = s < 0 ? '-' : '';
  const fraction = rest === 0 ? '' : `.${String(rest).padStart(9, '0')}`;
  return `${sign}${Math.abs(whole)}${fraction}`;
}

/** Undefined for what is no time; what is finer than nanoseconds is cut off towards the past. */
export function decodeTime(text: string): Time | undefined {
  const match = /^(-?)(\d{1,16})(?:\.(\d*))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole, fraction = ''] = match;
  const ns = Number(fraction.slice(0, 9).padEnd(9, '0'));
  const finer = /[1-9]/.test(fraction.slice(9)) ? 1 : 0;
  const before = sign ? ns + finer : 0;
  const s = sign ? 0 - Number(whole) - (before === 0 ? 0 : 1) : Number(whole);
  if (!Number.isSafeInteger(s)) return undefined;
  return { s, ns: !sign ? ns : before === 0 ? 0 : 1_000_000_000 - before };
}

/** A whole number of a record that is not negative; undefined for anything else. */
export function decodeCount(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
