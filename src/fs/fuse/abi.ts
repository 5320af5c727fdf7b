// include/uapi/linux/fuse.h, protocol 7.41 (Linux 6.12), in its own words: opcodes, flags by word, structs. Nothing else.
import { array, bits64, i32, i64, struct, u16, u32, u64 } from '../../base/struct.ts';

export const FUSE_KERNEL_VERSION = 7;
export const FUSE_KERNEL_MINOR_VERSION = 41;
export const FUSE_ROOT_ID = 1;

/** enum fuse_opcode. */
export const FUSE_OPCODE = {
  FUSE_LOOKUP: 1,
  FUSE_FORGET: 2,
  FUSE_GETATTR: 3,
  FUSE_SETATTR: 4,
  FUSE_READLINK: 5,
  FUSE_SYMLINK: 6,
  FUSE_MKNOD: 8,
  FUSE_MKDIR: 9,
  FUSE_UNLINK: 10,
  FUSE_RMDIR: 11,
  FUSE_RENAME: 12,
  FUSE_LINK: 13,
  FUSE_OPEN: 14,
  FUSE_READ: 15,
  FUSE_WRITE: 16,
  FUSE_STATFS: 17,
  FUSE_RELEASE: 18,
  FUSE_FSYNC: 20,
  FUSE_SETXATTR: 21,
  FUSE_GETXATTR: 22,
  FUSE_LISTXATTR: 23,
  FUSE_REMOVEXATTR: 24,
  FUSE_FLUSH: 25,
  FUSE_INIT: 26,
  FUSE_OPENDIR: 27,
  FUSE_READDIR: 28,
  FUSE_RELEASEDIR: 29,
  FUSE_FSYNCDIR: 30,
  FUSE_GETLK: 31,
  FUSE_SETLK: 32,
  FUSE_SETLKW: 33,
  FUSE_ACCESS: 34,
  FUSE_CREATE: 35,
  FUSE_INTERRUPT: 36,
  FUSE_BMAP: 37,
  FUSE_DESTROY: 38,
  FUSE_IOCTL: 39,
  FUSE_POLL: 40,
  FUSE_NOTIFY_REPLY: 41,
  FUSE_BATCH_FORGET: 42,
  FUSE_FALLOCATE: 43,
  FUSE_READDIRPLUS: 44,
  FUSE_RENAME2: 45,
  FUSE_LSEEK: 46,
  FUSE_COPY_FILE_RANGE: 47,
  FUSE_SETUPMAPPING: 48,
  FUSE_REMOVEMAPPING: 49,
  FUSE_SYNCFS: 50,
  FUSE_TMPFILE: 51,
  FUSE_STATX: 52,
  CUSE_INIT: 4096,
  CUSE_INIT_BSWAP_RESERVED: 1048576,
  FUSE_INIT_BSWAP_RESERVED: 436207616,
} as const;

/** enum fuse_notify_code. */
export const FUSE_NOTIFY_CODE = {
  FUSE_NOTIFY_POLL: 1,
  FUSE_NOTIFY_INVAL_INODE: 2,
  FUSE_NOTIFY_INVAL_ENTRY: 3,
  FUSE_NOTIFY_STORE: 4,
  FUSE_NOTIFY_RETRIEVE: 5,
  FUSE_NOTIFY_DELETE: 6,
  FUSE_NOTIFY_RESEND: 7,
} as const;

/** fuse_setattr_in.valid. */
export const FATTR = {
  FATTR_MODE: 1 << 0,
  FATTR_UID: 1 << 1,
  FATTR_GID: 1 << 2,
  FATTR_SIZE: 1 << 3,
  FATTR_ATIME: 1 << 4,
  FATTR_MTIME: 1 << 5,
  FATTR_FH: 1 << 6,
  FATTR_ATIME_NOW: 1 << 7,
  FATTR_MTIME_NOW: 1 << 8,
  FATTR_LOCKOWNER: 1 << 9,
  FATTR_CTIME: 1 << 10,
  FATTR_KILL_SUIDGID: 1 << 11,
} as const;

/** fuse_open_out.open_flags. */
export const FOPEN = {
  FOPEN_DIRECT_IO: 1 << 0,
  FOPEN_KEEP_CACHE: 1 << 1,
  FOPEN_NONSEEKABLE: 1 << 2,
  FOPEN_CACHE_DIR: 1 << 3,
  FOPEN_STREAM: 1 << 4,
  FOPEN_NOFLUSH: 1 << 5,
  FOPEN_PARALLEL_DIRECT_WRITES: 1 << 6,
  FOPEN_PASSTHROUGH: 1 << 7,
} as const;

/** fuse_init_in.flags and fuse_init_out.flags: bits 0 to 31. */
export const FUSE_INIT_FLAGS = {
  FUSE_ASYNC_READ: 1 << 0,
  FUSE_POSIX_LOCKS: 1 << 1,
  FUSE_FILE_OPS: 1 << 2,
  FUSE_ATOMIC_O_TRUNC: 1 << 3,
  FUSE_EXPORT_SUPPORT: 1 << 4,
  FUSE_BIG_WRITES: 1 << 5,
  FUSE_DONT_MASK: 1 << 6,
  FUSE_SPLICE_WRITE: 1 << 7,
  FUSE_SPLICE_MOVE: 1 << 8,
  FUSE_SPLICE_READ: 1 << 9,
  FUSE_FLOCK_LOCKS: 1 << 10,
  FUSE_HAS_IOCTL_DIR: 1 << 11,
  FUSE_AUTO_INVAL_DATA: 1 << 12,
  FUSE_DO_READDIRPLUS: 1 << 13,
  FUSE_READDIRPLUS_AUTO: 1 << 14,
  FUSE_ASYNC_DIO: 1 << 15,
  FUSE_WRITEBACK_CACHE: 1 << 16,
  FUSE_NO_OPEN_SUPPORT: 1 << 17,
  FUSE_PARALLEL_DIROPS: 1 << 18,
  FUSE_HANDLE_KILLPRIV: 1 << 19,
  FUSE_POSIX_ACL: 1 << 20,
  FUSE_ABORT_ERROR: 1 << 21,
  FUSE_MAX_PAGES: 1 << 22,
  FUSE_CACHE_SYMLINKS: 1 << 23,
  FUSE_NO_OPENDIR_SUPPORT: 1 << 24,
  FUSE_EXPLICIT_INVAL_DATA: 1 << 25,
  FUSE_MAP_ALIGNMENT: 1 << 26,
  FUSE_SUBMOUNTS: 1 << 27,
  FUSE_HANDLE_KILLPRIV_V2: 1 << 28,
  FUSE_SETXATTR_EXT: 1 << 29,
  FUSE_INIT_EXT: 1 << 30,
  FUSE_INIT_RESERVED: 1 << 31,
} as const;

/** fuse_init_in.flags2 and fuse_init_out.flags2: bits 32 to 63, shifted down. */
export const FUSE_INIT_FLAGS2 = {
  FUSE_SECURITY_CTX: 1 << 0,
  FUSE_HAS_INODE_DAX: 1 << 1,
  FUSE_CREATE_SUPP_GROUP: 1 << 2,
  FUSE_HAS_EXPIRE_ONLY: 1 << 3,
  FUSE_DIRECT_IO_ALLOW_MMAP: 1 << 4,
  FUSE_PASSTHROUGH: 1 << 5,
  FUSE_NO_EXPORT_SUPPORT: 1 << 6,
  FUSE_HAS_RESEND: 1 << 7,
  FUSE_ALLOW_IDMAP: 1 << 8,
} as const;

/** fuse_release_in.release_flags. */
export const FUSE_RELEASE_FLAGS = {
  FUSE_RELEASE_FLUSH: 1 << 0,
  FUSE_RELEASE_FLOCK_UNLOCK: 1 << 1,
} as const;

/** fuse_getattr_in.getattr_flags. */
export const FUSE_GETATTR_FLAGS = {
  FUSE_GETATTR_FH: 1 << 0,
} as const;

/** fuse_lk_in.lk_flags. */
export const FUSE_LK_FLAGS = {
  FUSE_LK_FLOCK: 1 << 0,
} as const;

/** fuse_write_in.write_flags. */
export const FUSE_WRITE_FLAGS = {
  FUSE_WRITE_CACHE: 1 << 0,
  FUSE_WRITE_LOCKOWNER: 1 << 1,
  FUSE_WRITE_KILL_SUIDGID: 1 << 2,
} as const;

/** fuse_read_in.read_flags. */
export const FUSE_READ_FLAGS = {
  FUSE_READ_LOCKOWNER: 1 << 1,
} as const;

/** fuse_ioctl_in.flags and fuse_ioctl_out.flags. */
export const FUSE_IOCTL_FLAGS = {
  FUSE_IOCTL_COMPAT: 1 << 0,
  FUSE_IOCTL_UNRESTRICTED: 1 << 1,
  FUSE_IOCTL_RETRY: 1 << 2,
  FUSE_IOCTL_32BIT: 1 << 3,
  FUSE_IOCTL_DIR: 1 << 4,
  FUSE_IOCTL_COMPAT_X32: 1 << 5,
} as const;

/** fuse_poll_in.flags. */
export const FUSE_POLL_FLAGS = {
  FUSE_POLL_SCHEDULE_NOTIFY: 1 << 0,
} as const;

/** fuse_fsync_in.fsync_flags. */
export const FUSE_FSYNC_FLAGS = {
  FUSE_FSYNC_FDATASYNC: 1 << 0,
} as const;

/** fuse_attr.flags. */
export const FUSE_ATTR_FLAGS = {
  FUSE_ATTR_SUBMOUNT: 1 << 0,
  FUSE_ATTR_DAX: 1 << 1,
} as const;

/** fuse_open_in.open_flags and fuse_create_in.open_flags. */
export const FUSE_OPEN_FLAGS = {
  FUSE_OPEN_KILL_SUIDGID: 1 << 0,
} as const;

/** fuse_setxattr_in.setxattr_flags. */
export const FUSE_SETXATTR_FLAGS = {
  FUSE_SETXATTR_ACL_KILL_SGID: 1 << 0,
} as const;

/** fuse_setupmapping_in.flags. */
export const FUSE_SETUPMAPPING_FLAGS = {
  FUSE_SETUPMAPPING_FLAG_WRITE: 1 << 0,
  FUSE_SETUPMAPPING_FLAG_READ: 1 << 1,
} as const;

/** fuse_notify_inval_entry_out.flags. */
export const FUSE_INVAL_ENTRY_FLAGS = {
  FUSE_EXPIRE_ONLY: 1 << 0,
} as const;

/** enum fuse_ext_type: types up to FUSE_MAX_NR_SECCTX are a fuse_secctx_header. */
export const FUSE_MAX_NR_SECCTX = 31;
export const FUSE_EXT_GROUPS = 32;

export const FUSE_COMPAT_SETXATTR_IN_SIZE = 8;

// Seconds are declared u64 in the header and are signed in the kernel; lock owners and the like are opaque bits.

export const fuse_attr = struct({
  ino: u64,
  size: u64,
  blocks: u64,
  atime: i64,
  mtime: i64,
  ctime: i64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  rdev: u32,
  blksize: u32,
  flags: u32,
});

export const fuse_sx_time = struct({
  tv_sec: i64,
  tv_nsec: u32,
  __reserved: i32,
});

export const fuse_statx = struct({
  mask: u32,
  blksize: u32,
  attributes: u64,
  nlink: u32,
  uid: u32,
  gid: u32,
  mode: u16,
  __spare0: array(u16, 1),
  ino: u64,
  size: u64,
  blocks: u64,
  attributes_mask: u64,
  atime: fuse_sx_time,
  btime: fuse_sx_time,
  ctime: fuse_sx_time,
  mtime: fuse_sx_time,
  rdev_major: u32,
  rdev_minor: u32,
  dev_major: u32,
  dev_minor: u32,
  __spare2: array(u64, 14),
});

export const fuse_kstatfs = struct({
  blocks: u64,
  bfree: u64,
  bavail: u64,
  files: u64,
  ffree: u64,
  bsize: u32,
  namelen: u32,
  frsize: u32,
  padding: u32,
  spare: array(u32, 6),
});

export const fuse_file_lock = struct({
  start: bits64,
  end: bits64,
  type: u32,
  pid: u32,
});

export const fuse_entry_out = struct({
  nodeid: u64,
  generation: u64,
  entry_valid: u64,
  attr_valid: u64,
  entry_valid_nsec: u32,
  attr_valid_nsec: u32,
  attr: fuse_attr,
});

export const fuse_forget_in = struct({
  nlookup: u64,
});

export const fuse_forget_one = struct({
  nodeid: u64,
  nlookup: u64,
});

export const fuse_batch_forget_in = struct({
  count: u32,
  dummy: u32,
});

export const fuse_getattr_in = struct({
  getattr_flags: u32,
  dummy: u32,
  fh: u64,
});

export const fuse_attr_out = struct({
  attr_valid: u64,
  attr_valid_nsec: u32,
  dummy: u32,
  attr: fuse_attr,
});

export const fuse_statx_in = struct({
  getattr_flags: u32,
  reserved: u32,
  fh: u64,
  sx_flags: u32,
  sx_mask: u32,
});

export const fuse_statx_out = struct({
  attr_valid: u64,
  attr_valid_nsec: u32,
  flags: u32,
  spare: array(u64, 2),
  stat: fuse_statx,
});

export const fuse_mknod_in = struct({
  mode: u32,
  rdev: u32,
  umask: u32,
  padding: u32,
});

export const fuse_mkdir_in = struct({
  mode: u32,
  umask: u32,
});

export const fuse_rename_in = struct({
  newdir: u64,
});

export const fuse_rename2_in = struct({
  newdir: u64,
  flags: u32,
  padding: u32,
});

export const fuse_link_in = struct({
  oldnodeid: u64,
});

export const fuse_setattr_in = struct({
  valid: u32,
  padding: u32,
  fh: u64,
  size: u64,
  lock_owner: bits64,
  atime: i64,
  mtime: i64,
  ctime: i64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  unused4: u32,
  uid: u32,
  gid: u32,
  unused5: u32,
});

export const fuse_open_in = struct({
  flags: u32,
  open_flags: u32,
});

export const fuse_create_in = struct({
  flags: u32,
  mode: u32,
  umask: u32,
  open_flags: u32,
});

export const fuse_open_out = struct({
  fh: u64,
  open_flags: u32,
  backing_id: i32,
});

export const fuse_release_in = struct({
  fh: u64,
  flags: u32,
  release_flags: u32,
  lock_owner: bits64,
});

export const fuse_flush_in = struct({
  fh: u64,
  unused: u32,
  padding: u32,
  lock_owner: bits64,
});

export const fuse_read_in = struct({
  fh: u64,
  offset: u64,
  size: u32,
  read_flags: u32,
  lock_owner: bits64,
  flags: u32,
  padding: u32,
});

export const fuse_write_in = struct({
  fh: u64,
  offset: u64,
  size: u32,
  write_flags: u32,
  lock_owner: bits64,
  flags: u32,
  padding: u32,
});

export const fuse_write_out = struct({
  size: u32,
  padding: u32,
});

export const fuse_statfs_out = struct({
  st: fuse_kstatfs,
});

export const fuse_fsync_in = struct({
  fh: u64,
  fsync_flags: u32,
  padding: u32,
});

export const fuse_setxattr_in = struct({
  size: u32,
  flags: u32,
  setxattr_flags: u32,
  padding: u32,
});

export const fuse_getxattr_in = struct({
  size: u32,
  padding: u32,
});

export const fuse_getxattr_out = struct({
  size: u32,
  padding: u32,
});

export const fuse_lk_in = struct({
  fh: u64,
  owner: bits64,
  lk: fuse_file_lock,
  lk_flags: u32,
  padding: u32,
});

export const fuse_lk_out = struct({
  lk: fuse_file_lock,
});

export const fuse_access_in = struct({
  mask: u32,
  padding: u32,
});

export const fuse_init_in = struct({
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
  flags2: u32,
  unused: array(u32, 11),
});

export const fuse_init_out = struct({
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
  max_background: u16,
  congestion_threshold: u16,
  max_write: u32,
  time_gran: u32,
  max_pages: u16,
  map_alignment: u16,
  flags2: u32,
  max_stack_depth: u32,
  unused: array(u32, 6),
});

export const cuse_init_in = struct({
  major: u32,
  minor: u32,
  unused: u32,
  flags: u32,
});

export const cuse_init_out = struct({
  major: u32,
  minor: u32,
  unused: u32,
  flags: u32,
  max_read: u32,
  max_write: u32,
  dev_major: u32,
  dev_minor: u32,
  spare: array(u32, 10),
});

export const fuse_interrupt_in = struct({
  unique: u64,
});

export const fuse_bmap_in = struct({
  block: u64,
  blocksize: u32,
  padding: u32,
});

export const fuse_bmap_out = struct({
  block: u64,
});

export const fuse_ioctl_in = struct({
  fh: u64,
  flags: u32,
  cmd: u32,
  arg: bits64,
  in_size: u32,
  out_size: u32,
});

export const fuse_ioctl_iovec = struct({
  base: u64,
  len: u64,
});

export const fuse_ioctl_out = struct({
  result: i32,
  flags: u32,
  in_iovs: u32,
  out_iovs: u32,
});

export const fuse_poll_in = struct({
  fh: u64,
  kh: bits64,
  flags: u32,
  events: u32,
});

export const fuse_poll_out = struct({
  revents: u32,
  padding: u32,
});

export const fuse_notify_poll_wakeup_out = struct({
  kh: bits64,
});

export const fuse_fallocate_in = struct({
  fh: u64,
  offset: u64,
  length: u64,
  mode: u32,
  padding: u32,
});

export const fuse_in_header = struct({
  len: u32,
  opcode: u32,
  unique: u64,
  nodeid: u64,
  uid: u32,
  gid: u32,
  pid: u32,
  total_extlen: u16,
  padding: u16,
});

export const fuse_out_header = struct({
  len: u32,
  error: i32,
  unique: u64,
});

export const fuse_dirent = struct({
  ino: u64,
  off: u64,
  namelen: u32,
  type: u32,
});

export const fuse_direntplus = struct({
  entry_out: fuse_entry_out,
  dirent: fuse_dirent,
});

export const fuse_notify_inval_inode_out = struct({
  ino: u64,
  off: i64,
  len: i64,
});

export const fuse_notify_inval_entry_out = struct({
  parent: u64,
  namelen: u32,
  flags: u32,
});

export const fuse_notify_delete_out = struct({
  parent: u64,
  child: u64,
  namelen: u32,
  padding: u32,
});

export const fuse_notify_store_out = struct({
  nodeid: u64,
  offset: u64,
  size: u32,
  padding: u32,
});

export const fuse_notify_retrieve_out = struct({
  notify_unique: u64,
  nodeid: u64,
  offset: u64,
  size: u32,
  padding: u32,
});

export const fuse_notify_retrieve_in = struct({
  dummy1: u64,
  offset: u64,
  size: u32,
  dummy2: u32,
  dummy3: u64,
  dummy4: u64,
});

export const fuse_backing_map = struct({
  fd: i32,
  flags: u32,
  padding: u64,
});

export const fuse_lseek_in = struct({
  fh: u64,
  offset: u64,
  whence: u32,
  padding: u32,
});

export const fuse_lseek_out = struct({
  offset: u64,
});

export const fuse_copy_file_range_in = struct({
  fh_in: u64,
  off_in: u64,
  nodeid_out: u64,
  fh_out: u64,
  off_out: u64,
  len: u64,
  flags: u64,
});

export const fuse_setupmapping_in = struct({
  fh: u64,
  foffset: u64,
  len: u64,
  flags: u64,
  moffset: u64,
});

export const fuse_removemapping_in = struct({
  count: u32,
});

export const fuse_removemapping_one = struct({
  moffset: u64,
  len: u64,
});

export const fuse_syncfs_in = struct({
  padding: u64,
});

export const fuse_secctx = struct({
  size: u32,
  padding: u32,
});

export const fuse_secctx_header = struct({
  size: u32,
  nr_secctx: u32,
});

export const fuse_ext_header = struct({
  size: u32,
  type: u32,
});

export const fuse_supp_groups = struct({
  nr_groups: u32,
});
