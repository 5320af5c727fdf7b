// What the attributes "immutable" and "append only" forbid, to everybody: as Linux has it for file systems that keep them.
import { PosixError } from '../../base/errno.ts';
import type { SetAttr } from './attributes.ts';
import type { Inode } from './inode.ts';

/** Inode attributes (include/uapi/linux/fs.h FS_*_FL). */
export const FS_IMMUTABLE_FL = 0x10;
export const FS_APPEND_FL = 0x20;
export const FS_NODUMP_FL = 0x40;
export const FS_NOATIME_FL = 0x80;
/** Those that can be set, as on tmpfs (mm/shmem.c SHMEM_FL_USER_MODIFIABLE). */
export const SETTABLE_FLAGS = FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL;
const PROTECTED = FS_IMMUTABLE_FL | FS_APPEND_FL;

export const isImmutable = (inode: Inode): boolean => (inode.flags & FS_IMMUTABLE_FL) !== 0;
export const isAppendOnly = (inode: Inode): boolean => (inode.flags & FS_APPEND_FL) !== 0;

const refuse = (inode: Inode): never => {
  throw new PosixError('EPERM', isImmutable(inode) ? 'immutable' : 'append only');
};

/** An open for writing or that empties the file (fs/namei.c may_open, inode_permission). EPERM. */
export function checkOpen(inode: Inode, writing: boolean, appending: boolean, truncating: boolean): void {
  if ((inode.flags & PROTECTED) === 0) return;
  if (isImmutable(inode) && (writing || truncating)) refuse(inode);
  if (isAppendOnly(inode) && (truncating || (writing && !appending))) refuse(inode);
}

/** New bytes at `offset`: what is append only takes them behind its end. EPERM. */
export function checkWrite(inode: Inode, offset: number): void {
  if ((inode.flags & PROTECTED) === 0) return;
  if (isImmutable(inode) || offset < inode.size) refuse(inode);
}

/** fallocate(2): of what is append only nothing may become zero (fs/open.c vfs_fallocate). EPERM. */
export function checkAllocate(inode: Inode, zeroes: boolean): void {
  if (isImmutable(inode) || (isAppendOnly(inode) && zeroes)) refuse(inode);
}

/** A new name in the directory (fs/namei.c may_create). EPERM. */
export function checkAdd(dir: Inode): void {
  if (isImmutable(dir)) refuse(dir);
}

/** A name of `inode` in `dir` goes or comes to mean another inode (fs/namei.c may_delete). EPERM. */
export function checkRemove(dir: Inode, inode: Inode): void {
  if ((dir.flags & PROTECTED) !== 0) refuse(dir);
  checkPinned(inode);
}

/** A further name, an xattr (fs/namei.c vfs_link, fs/xattr.c xattr_permission). EPERM. */
export function checkPinned(inode: Inode): void {
  if ((inode.flags & PROTECTED) !== 0) refuse(inode);
}

/**
 * New attributes (fs/attr.c may_setattr, fs/open.c vfs_truncate). Times of writes that were made before are let through:
 * a guest with a write-back cache tells them late. EPERM.
 */
export function checkSetattr(inode: Inode, change: SetAttr): void {
  if ((inode.flags & PROTECTED) === 0 || change.times === 'written') return;
  if (isImmutable(inode)) refuse(inode);
  const { mode, uid, gid, size, atime, mtime, times } = change;
  const given = (atime !== undefined || mtime !== undefined) && times !== 'now';
  if (given || mode !== undefined || uid !== undefined || gid !== undefined || size !== undefined) refuse(inode);
}
