// Extended attributes of an inode.
import { PosixError } from '../../base/errno.ts';
import type { Inode } from './inode.ts';
import { XATTR_CREATE, XATTR_LIST_MAX, XATTR_NAME_MAX, XATTR_REPLACE, XATTR_SIZE_MAX, XATTRS_MAX } from './mode.ts';

/** ENODATA. */
export function getxattr(inode: Inode, name: string): Uint8Array {
  const value = inode.xattrs?.get(name);
  if (!value) throw new PosixError('ENODATA');
  return value;
}

/** Sets one; the value belongs to the tree then. ERANGE, E2BIG, EINVAL, EEXIST, ENODATA, ENOSPC (too many or too much). */
export function setxattr(inode: Inode, name: string, value: Uint8Array, flags: number): void {
  if (name.length === 0 || name.length > XATTR_NAME_MAX) throw new PosixError('ERANGE');
  if (value.length > XATTR_SIZE_MAX) throw new PosixError('E2BIG');
  if (flags & ~(XATTR_CREATE | XATTR_REPLACE)) throw new PosixError('EINVAL', 'flags');
  const there = inode.xattrs?.has(name) ?? false;
  if (there && flags & XATTR_CREATE) throw new PosixError('EEXIST');
  if (!there && flags & XATTR_REPLACE) throw new PosixError('ENODATA');
  let list = name.length + 1;
  let values = value.length;
  for (const [other, its] of inode.xattrs ?? []) {
    if (other === name) continue;
    list += other.length + 1;
    values += its.length;
  }
  if (!there && list > XATTR_LIST_MAX) throw new PosixError('ENOSPC', 'too many xattrs');
  if (list + values > XATTRS_MAX) throw new PosixError('ENOSPC', 'too much in xattrs');
  inode.xattrs ??= new Map();
  inode.xattrs.set(name, value);
}

/** ENODATA. */
export function removexattr(inode: Inode, name: string): void {
  if (!inode.xattrs?.delete(name)) throw new PosixError('ENODATA');
  if (inode.xattrs.size === 0) inode.xattrs = undefined;
}
