// One thing in an archive, whichever format it was written in.
import type { Time } from '../tree/clock.ts';
import type { SparseMap } from './sparse-map.ts';

export type EntryType = 'file' | 'directory' | 'symlink' | 'link' | 'character' | 'block' | 'fifo' | 'socket';

/** Names, targets and xattr names are strings of bytes. */
export interface Entry {
  /** As it stands there: nothing says that it is inside of anything. */
  path: string;
  type: EntryType;
  /** Permissions, without the type. */
  mode: number;
  uid: number;
  gid: number;
  mtime: Time | undefined;
  atime: Time | undefined;
  ctime: Time | undefined;
  btime: Time | undefined;
  major: number;
  minor: number;
  /** Of a symbolic link: where it points. Of a hard link: the path that it is another name of. */
  target: string;
  /** Of a file: bytes, with its holes. */
  size: number;
  /** Of a file: the parts that are stored; the whole of it where it is not sparse. */
  parts: SparseMap;
  xattrs: [name: string, value: Uint8Array<ArrayBuffer>][];
  /** FS_*_FL. */
  flags: number;
  /** What of it cannot be kept, in words. */
  lacks: string[];
  /** Why all of it cannot be meant; undefined for what makes sense. */
  refused: string | undefined;
}
