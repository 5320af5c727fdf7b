// Mode, owner, group and first xattrs of what a request makes: umask or default ACL, set-group-id, labels.
import type { Inode } from '../tree/inode.ts';
import { inherited } from '../tree/inode-acl.ts';
import { S_IFDIR, S_IFMT, S_ISGID } from '../tree/mode.ts';
import type { Made } from '../tree/namespace.ts';
import type { Call } from './call.ts';
import { S_IXGRP } from './linux.ts';

const GROUP_RIGHT = S_ISGID | S_IXGRP;

/**
 * The set-group-id bit of a program would give the directory's group away to somebody who is not in it (fs/inode.c
 * mode_strip_sgid). Where the group may not execute it means locking, and stays.
 */
function withoutForeignGroup(call: Call, dir: Inode, mode: number, groups: readonly number[]): number {
  // A guest that does not tell the group has looked for itself.
  if (!call.session.suppGroups) return mode;
  const program = (mode & S_IFMT) !== S_IFDIR && (mode & GROUP_RIGHT) === GROUP_RIGHT;
  if (!program || (dir.mode & S_ISGID) === 0) return mode;
  const member = call.uid === 0 || call.gid === dir.gid || groups.includes(dir.gid);
  return member ? mode : mode & ~S_ISGID;
}

/**
 * What is made in `dir` with this type and mode. The umask counts only where the guest left it to us
 * (FUSE_DONT_MASK). Reads the request's extensions: EINVAL, E2BIG.
 */
export function creation(call: Call, dir: Inode, mode: number, umask: number): Made {
  const { labels, groups } = call.extensions();
  const stripped = withoutForeignGroup(call, dir, mode, groups);
  const made = inherited(dir, stripped, call.session.dontMask ? umask : 0);
  let { xattrs } = made;
  if (labels.length > 0) {
    xattrs ??= new Map();
    for (const { name, value } of labels) xattrs.set(name, value);
  }
  return { mode: made.mode, uid: call.uid, gid: call.gid, xattrs };
}
