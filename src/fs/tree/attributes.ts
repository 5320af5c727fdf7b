// What setattr sets.
import type { Time } from './clock.ts';
import type { Inode } from './inode.ts';
import { PERMISSIONS, S_IFMT } from './mode.ts';

/** Times are resolved: there is no "now" in it. */
export interface SetAttr {
  /** Where the times are from, for append-only files: the present, or writes that were made before and nothing else. */
  times?: 'now' | 'written';
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: Time;
  mtime?: Time;
  ctime?: Time;
}

/** Sets all but the size; the type of a mode is ignored. Stamps the change time, with a size the modification time. */
export function setAttributes(inode: Inode, change: SetAttr, now: Time): void {
  const { mode, uid, gid, size, atime, ctime = now } = change;
  const mtime = change.mtime ?? (size === undefined ? undefined : now);
  if (mode !== undefined) inode.mode = (inode.mode & S_IFMT) | (mode & PERMISSIONS);
  if (uid !== undefined) inode.uid = uid;
  if (gid !== undefined) inode.gid = gid;
  if (atime) {
    inode.atime = atime.s;
    inode.atimensec = atime.ns;
  }
  if (mtime) {
    inode.mtime = mtime.s;
    inode.mtimensec = mtime.ns;
  }
  inode.ctime = ctime.s;
  inode.ctimensec = ctime.ns;
}

/** What was kept of an inode elsewhere. */
export interface Saved {
  mode?: number;
  uid?: number;
  gid?: number;
  atime?: Time | undefined;
  mtime?: Time | undefined;
  ctime?: Time | undefined;
  btime?: Time | undefined;
  flags?: number;
}

/** Sets exactly what is given, and stamps nothing; the type of a mode is ignored. */
export function restoreAttributes(inode: Inode, saved: Saved): void {
  const { mode, uid, gid, atime, mtime, btime, flags } = saved;
  const ctime = saved.ctime ?? { s: inode.ctime, ns: inode.ctimensec };
  const given: SetAttr = { ctime };
  if (mode !== undefined) given.mode = mode;
  if (uid !== undefined) given.uid = uid;
  if (gid !== undefined) given.gid = gid;
  if (atime) given.atime = atime;
  if (mtime) given.mtime = mtime;
  setAttributes(inode, given, ctime);
  if (btime) {
    inode.btime = btime.s;
    inode.btimensec = btime.ns;
  }
  if (flags !== undefined) inode.flags = flags;
}
