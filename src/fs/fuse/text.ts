// Words for values: names of any bytes, modes, sizes, times, flags. Pure; nothing here runs while a request is served.
import { formatFlags } from '../../base/flags.ts';
import { stringToBytes } from '../../base/iov.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../tree/mode.ts';
import type { fuse_attr, fuse_entry_out } from './abi.ts';
import { O_ACCMODE, O_FLAGS } from './linux.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });
const hex2 = (code: number): string => `\\x${code.toString(16).padStart(2, '0')}`;

/** A string of bytes as text: UTF-8 where it is that, `\xNN` for control characters and for all of it above 127 where not. */
export function showName(name: string): string {
  let text = name;
  let decoded = true;
  try {
    text = utf8.decode(stringToBytes(name));
  } catch {
    decoded = false;
  }
  let out = '';
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    if (char === '\\') out += '\\\\';
    else out += code < 32 || code === 127 || (!decoded && code > 127) ? hex2(code) : char;
  }
  return out;
}

export const quote = (name: string): string => `"${showName(name).replaceAll('"', '\\"')}"`;

const TYPES: Readonly<Record<number, string>> = {
  [S_IFSOCK]: 'socket',
  [S_IFLNK]: 'symlink',
  [S_IFREG]: 'file',
  [S_IFBLK]: 'block device',
  [S_IFDIR]: 'dir',
  [S_IFCHR]: 'char device',
  [S_IFIFO]: 'fifo',
};
export const typeName = (mode: number): string => TYPES[mode & S_IFMT] ?? 'no type';

export const octal = (mode: number): string => `0${(mode & 0o7777).toString(8).padStart(3, '0')}`;

/** `dir 0755`. */
export const modeText = (mode: number): string => `${typeName(mode)} ${octal(mode)}`;

/** O_* with the access mode first. */
export function openFlags(flags: number): string {
  const access = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'][flags & O_ACCMODE] as string;
  const rest = (flags & ~O_ACCMODE) >>> 0;
  return rest === 0 ? access : `${access}|${formatFlags(rest, O_FLAGS)}`;
}

/** Seconds and nanoseconds since 1970 in ISO 8601, UTC. */
export function timeText(seconds: number, nanoseconds?: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `${seconds} s`;
  const text = date.toISOString().slice(0, 19);
  return nanoseconds === undefined ? `${text}Z` : `${text}.${String(nanoseconds).padStart(9, '0')}Z`;
}

/** `file 0644 12 B`; a size only where it says something. */
export function attrText(attr: Pick<InstanceType<typeof fuse_attr>, 'mode' | 'size'>): string {
  const type = attr.mode & S_IFMT;
  const sized = type === S_IFREG || type === S_IFLNK;
  return sized ? `${modeText(attr.mode)} ${attr.size} B` : modeText(attr.mode);
}

export function entryText(entry: InstanceType<typeof fuse_entry_out>): string {
  return entry.nodeid === 0 ? 'nothing there (cached)' : `nodeid ${entry.nodeid} ${attrText(entry.attr)}`;
}
