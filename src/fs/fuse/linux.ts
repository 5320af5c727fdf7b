// Numbers of the Linux user API that travel in FUSE fields (asm-generic, which i386 uses), beside those in tree/mode.ts.
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT, XATTR_CREATE, XATTR_REPLACE } from '../tree/mode.ts';

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

export const S_ISUID = 0o4000;
export const S_IXGRP = 0o010;

export const RENAME_FLAGS = { RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT } as const;
export const SETXATTR_FLAGS = { XATTR_CREATE, XATTR_REPLACE } as const;
