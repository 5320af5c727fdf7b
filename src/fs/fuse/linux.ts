// Numbers of the Linux user API that travel in FUSE fields (asm-generic, which i386 uses), beside those in tree/mode.ts.
import { array, struct, u8, u32 } from '../../base/struct.ts';
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
  SEEK_DATA,
  SEEK_HOLE,
  XATTR_CREATE,
  XATTR_REPLACE,
} from '../tree/mode.ts';
import { FS_APPEND_FL, FS_IMMUTABLE_FL, FS_NOATIME_FL, FS_NODUMP_FL } from '../tree/protect.ts';

export const O_FLAGS = {
  O_WRONLY: 0o1,
  O_RDWR: 0o2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_DSYNC: 0o10000,
  FASYNC: 0o20000,
  O_DIRECT: 0o40000,
  O_LARGEFILE: 0o100000,
  O_DIRECTORY: 0o200000,
  O_NOFOLLOW: 0o400000,
  O_NOATIME: 0o1000000,
  O_CLOEXEC: 0o2000000,
  __O_SYNC: 0o4000000,
  O_PATH: 0o10000000,
  __O_TMPFILE: 0o20000000,
} as const;
export const O_ACCMODE = 0o3;
export const O_RDONLY = 0;

export const FALLOCATE_FLAGS = { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE } as const;
export const SEEK = { SEEK_DATA, SEEK_HOLE } as const;
export const ACCESS_MASK = { R_OK: 4, W_OK: 2, X_OK: 1 } as const;
/** include/uapi/asm-generic/poll.h: those that files of a file system can have. */
export const POLL_EVENTS = {
  POLLIN: 0x1,
  POLLPRI: 0x2,
  POLLOUT: 0x4,
  POLLERR: 0x8,
  POLLHUP: 0x10,
  POLLNVAL: 0x20,
  POLLRDNORM: 0x40,
  POLLRDBAND: 0x80,
  POLLWRNORM: 0x100,
  POLLWRBAND: 0x200,
} as const;

/** include/uapi/linux/fs.h: the commands of the 32-bit and of the 64-bit ABI, which differ in the size of `long`. */
export const IOCTL = {
  FS_IOC_GETFLAGS: 0x80086601,
  FS_IOC32_GETFLAGS: 0x80046601,
  FS_IOC_SETFLAGS: 0x40086602,
  FS_IOC32_SETFLAGS: 0x40046602,
  FS_IOC_FSGETXATTR: 0x801c581f,
  FS_IOC_FSSETXATTR: 0x401c5820,
} as const;
export const INODE_FLAGS = { FS_IMMUTABLE_FL, FS_APPEND_FL, FS_NODUMP_FL, FS_NOATIME_FL } as const;
export const FS_XFLAGS = {
  FS_XFLAG_IMMUTABLE: 0x8,
  FS_XFLAG_APPEND: 0x10,
  FS_XFLAG_NOATIME: 0x40,
  FS_XFLAG_NODUMP: 0x80,
} as const;
/** What FS_IOC_GETFLAGS and SETFLAGS carry: 32 bits, although their numbers name a `long`. */
export const inode_flags = struct({ flags: u32 });
export const fsxattr = struct({
  fsx_xflags: u32,
  fsx_extsize: u32,
  fsx_nextents: u32,
  fsx_projid: u32,
  fsx_cowextsize: u32,
  fsx_pad: array(u8, 8),
});

/** include/uapi/linux/stat.h: STATX_BASIC_STATS | STATX_BTIME. */
export const STATX_ALL = 0xfff;
export const STATX_ATTRIBUTES = {
  STATX_ATTR_IMMUTABLE: 0x10,
  STATX_ATTR_APPEND: 0x20,
  STATX_ATTR_NODUMP: 0x40,
} as const;

export { deviceMajor, deviceMinor } from '../tree/mode.ts';

export const S_ISUID = 0o4000;
export const S_IXGRP = 0o010;

export const RENAME_FLAGS = { RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT } as const;
export const SETXATTR_FLAGS = { XATTR_CREATE, XATTR_REPLACE } as const;
