// Attributes of inodes as archives name them (SCHILY.fflags, in libarchive's words for Linux).
import { FS_APPEND_FL, FS_IMMUTABLE_FL, FS_NOATIME_FL, FS_NODUMP_FL } from '../tree/protect.ts';

/** The first name of each is the one that is written. */
const NAMES: readonly (readonly [flag: number, ...names: string[]])[] = [
  [FS_APPEND_FL, 'sappnd', 'sappend', 'append'],
  [FS_IMMUTABLE_FL, 'schg', 'schange', 'simmutable', 'immutable'],
  [FS_NODUMP_FL, 'nodump'],
  [FS_NOATIME_FL, 'noatime'],
];

/** Empty for none. Flags that have no name here cannot be set in a tree. */
export const encodeFlags = (flags: number): string =>
  NAMES.flatMap(([flag, name]) => (flags & flag ? [name] : [])).join(',');

/** The flags that are known, and the names that are not. */
export function decodeFlags(text: string): { flags: number; unknown: string[] } {
  let flags = 0;
  const unknown: string[] = [];
  for (const name of text.split(',').filter((word) => word !== '')) {
    const known = NAMES.find(([, ...names]) => (names as (string | undefined)[]).includes(name));
    if (known) flags |= known[0];
    else unknown.push(name);
  }
  return { flags, unknown };
}
