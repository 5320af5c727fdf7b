// ACLs of inodes: kept as xattrs, always in step with the mode.
import { PosixError } from '../../base/errno.ts';
import {
  ACL_ACCESS,
  ACL_DEFAULT,
  type Acl,
  checkAcl,
  chmodAcl,
  inheritAcl,
  modeOfAcl,
  parseAcl,
  permitted,
  serializeAcl,
} from './acl.ts';
import type { Inode } from './inode.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from './mode.ts';

export const isAclName = (name: string): boolean => name === ACL_ACCESS || name === ACL_DEFAULT;

const RWXUGO = 0o777;
const isDirectory = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;

/** EOPNOTSUPP: a symbolic link has no ACL. */
export function checkAclHolder(inode: Inode): void {
  if ((inode.mode & S_IFMT) === S_IFLNK) throw new PosixError('EOPNOTSUPP', 'a symbolic link has no ACL');
}

function aclOf(inode: Inode, name: string): Acl | undefined {
  const value = inode.xattrs?.get(name);
  return value && parseAcl(value);
}

function put(inode: Inode, name: string, acl: Acl | undefined): void {
  if (acl) {
    inode.xattrs ??= new Map();
    inode.xattrs.set(name, serializeAcl(acl));
  } else if (inode.xattrs?.delete(name) && inode.xattrs.size === 0) inode.xattrs = undefined;
}

/**
 * Sets an ACL, or takes it away with a value without entries. The mode follows an access ACL, and one that the mode says
 * all of is not kept. EOPNOTSUPP, EINVAL for what is no ACL, EACCES for a default ACL of what is no directory.
 */
export function setAcl(inode: Inode, name: string, value: Uint8Array): void {
  checkAclHolder(inode);
  const acl = parseAcl(value);
  if (acl) checkAcl(acl);
  if (name === ACL_DEFAULT) {
    if (acl && !isDirectory(inode.mode)) throw new PosixError('EACCES', 'only a directory has a default ACL');
    put(inode, name, acl);
    return;
  }
  if (!acl) {
    put(inode, name, undefined);
    return;
  }
  const { mode, exact } = modeOfAcl(acl);
  inode.mode = (inode.mode & ~RWXUGO) | mode;
  put(inode, name, exact ? undefined : acl);
}

/** The access ACL follows a new mode. Returns whether there was one. */
export function followMode(inode: Inode, mode: number): boolean {
  const acl = aclOf(inode, ACL_ACCESS);
  if (!acl) return false;
  put(inode, ACL_ACCESS, chmodAcl(acl, mode));
  return true;
}

/**
 * Mode and ACLs of what is made in a directory. With a default ACL there the umask does not count; without one it takes
 * its bits away.
 */
export function inherited(
  dir: Inode,
  mode: number,
  umask: number,
): { mode: number; xattrs: Map<string, Uint8Array> | undefined } {
  if ((mode & S_IFMT) === S_IFLNK) return { mode, xattrs: undefined };
  const value = dir.xattrs?.get(ACL_DEFAULT);
  const acl = value && parseAcl(value);
  if (!value || !acl) return { mode: mode & ~(umask & RWXUGO), xattrs: undefined };
  const made = inheritAcl(acl, mode);
  const xattrs = new Map<string, Uint8Array>();
  if (made.acl) xattrs.set(ACL_ACCESS, serializeAcl(made.acl));
  if (isDirectory(mode)) xattrs.set(ACL_DEFAULT, value);
  return { mode: made.mode, xattrs: xattrs.size > 0 ? xattrs : undefined };
}

/** Whether the inode lets uid and groups, without privileges, do all of `want` (r 4, w 2, x 1). */
export const permits = (inode: Inode, uid: number, gids: readonly number[], want: number): boolean =>
  permitted(inode, aclOf(inode, ACL_ACCESS), uid, gids, want);
