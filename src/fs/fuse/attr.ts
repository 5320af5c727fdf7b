// An inode as fuse_attr shows it.
import type { Inode } from '../tree/inode.ts';
import type { fuse_attr } from './abi.ts';

/** The unit of I/O that stat() tells, bytes: a page, as the kernel asks in pages. */
export const BLOCK_SIZE = 4096;

export function fillAttr(out: InstanceType<typeof fuse_attr>, inode: Inode): void {
  out.ino = inode.ino;
  out.size = inode.size;
  out.blocks = inode.blocks;
  out.atime = inode.atime;
  out.mtime = inode.mtime;
  out.ctime = inode.ctime;
  out.atimensec = inode.atimensec;
  out.mtimensec = inode.mtimensec;
  out.ctimensec = inode.ctimensec;
  out.mode = inode.mode;
  out.nlink = inode.nlink;
  out.uid = inode.uid;
  out.gid = inode.gid;
  out.rdev = inode.rdev;
  out.blksize = BLOCK_SIZE;
}
