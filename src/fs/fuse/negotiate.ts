// What INIT agrees: each flag of the protocol is taken or refused here, with the reason.
import { PosixError } from '../../base/errno.ts';
import { FUSE_INIT_FLAGS, FUSE_INIT_FLAGS2, FUSE_KERNEL_MINOR_VERSION } from './abi.ts';
import type { Policy } from './policy.ts';

/** The first minor with virtio-fs (Linux 5.4) and the oldest that is served: all structs have their present form from here. */
export const MIN_MINOR = 31;
/** Bytes of one WRITE, and of one READ that bypasses the page cache: 256 pages, what a ring of 512 and more can carry. */
export const MAX_WRITE = 1 << 20;
export const MAX_PAGES = 256;
/** Background requests at once (read-ahead, asynchronous direct I/O); the kernel's default is 12. */
export const MAX_BACKGROUND = 64;
export const CONGESTION_THRESHOLD = 48;

export interface Rule {
  /** Whether the flag is echoed where the guest offers it. */
  readonly take: boolean | ((policy: Policy) => boolean);
  readonly why: string;
}
type InitFlag = keyof typeof FUSE_INIT_FLAGS | keyof typeof FUSE_INIT_FLAGS2;

const devOnly = { take: false, why: 'concerns reading and writing /dev/fuse; there is none here' };
const noNotify = { take: false, why: 'concerns notifications, which need a queue that a stock guest has not' };
const noDax = { take: false, why: 'no DAX window: a 32-bit x86 kernel cannot use one' };

export const RULES: Readonly<Record<InitFlag, Rule>> = {
  FUSE_ASYNC_READ: { take: true, why: 'read-ahead sends several READs at once; they are independent' },
  FUSE_POSIX_LOCKS: {
    take: (policy) => policy.locks,
    why: 'part of the policy: else the guest keeps its locks itself',
  },
  FUSE_FILE_OPS: { take: false, why: 'never used by Linux' },
  FUSE_ATOMIC_O_TRUNC: { take: true, why: 'OPEN truncates: one request instead of two' },
  FUSE_EXPORT_SUPPORT: { take: true, why: 'nodeids and generations are stored, so file handles stay good' },
  FUSE_BIG_WRITES: { take: true, why: 'WRITEs of more than a page' },
  FUSE_DONT_MASK: { take: false, why: 'only of use with POSIX ACLs; the guest applies the umask' },
  FUSE_SPLICE_WRITE: devOnly,
  FUSE_SPLICE_MOVE: devOnly,
  FUSE_SPLICE_READ: devOnly,
  FUSE_FLOCK_LOCKS: {
    take: (policy) => policy.locks,
    why: 'part of the policy: else the guest keeps its locks itself',
  },
  FUSE_HAS_IOCTL_DIR: { take: true, why: 'IOCTL on directories is answered like that on files' },
  FUSE_AUTO_INVAL_DATA: { take: true, why: 'changes made beside the guest show when attributes are read again' },
  FUSE_DO_READDIRPLUS: { take: (policy) => policy.readdirplus, why: 'of no use where nothing may be cached' },
  FUSE_READDIRPLUS_AUTO: {
    take: (policy) => policy.readdirplus,
    why: 'the guest asks for look-ups only where it uses them',
  },
  FUSE_ASYNC_DIO: { take: true, why: 'direct I/O may be in flight several at once' },
  FUSE_WRITEBACK_CACHE: { take: (policy) => policy.writeback, why: 'part of the policy' },
  FUSE_NO_OPEN_SUPPORT: { take: false, why: 'opens are served, they hold the inode' },
  FUSE_PARALLEL_DIROPS: { take: true, why: 'look-ups in one directory are independent' },
  FUSE_HANDLE_KILLPRIV: { take: false, why: 'HANDLE_KILLPRIV_V2 is the better one' },
  FUSE_POSIX_ACL: { take: false, why: 'ACLs are not kept yet; without the flag nothing promises them' },
  FUSE_ABORT_ERROR: devOnly,
  FUSE_MAX_PAGES: { take: true, why: 'requests of 1 MiB' },
  FUSE_CACHE_SYMLINKS: { take: true, why: 'a target never changes while its inode lives' },
  FUSE_NO_OPENDIR_SUPPORT: { take: false, why: 'opens of directories are served, they end a listing' },
  FUSE_EXPLICIT_INVAL_DATA: { take: false, why: 'AUTO_INVAL_DATA is taken' },
  FUSE_MAP_ALIGNMENT: noDax,
  FUSE_SUBMOUNTS: { take: true, why: 'attributes may carry FUSE_ATTR_SUBMOUNT' },
  FUSE_HANDLE_KILLPRIV_V2: { take: true, why: 'set-id bits are cleared here: no GETXATTR before each first write' },
  FUSE_SETXATTR_EXT: { take: true, why: 'the struct of today' },
  FUSE_INIT_EXT: { take: true, why: 'flags2 is read and answered' },
  FUSE_INIT_RESERVED: { take: false, why: 'reserved' },
  FUSE_SECURITY_CTX: { take: false, why: 'no labels are kept: the guest has no security module' },
  FUSE_HAS_INODE_DAX: noDax,
  FUSE_CREATE_SUPP_GROUP: { take: false, why: 'the guest strips the set-group-id bit itself' },
  FUSE_HAS_EXPIRE_ONLY: noNotify,
  FUSE_DIRECT_IO_ALLOW_MMAP: {
    take: (policy) => policy.directMmap,
    why: 'programs map files also where nothing is cached',
  },
  FUSE_PASSTHROUGH: { take: false, why: 'backing files are registered on a /dev/fuse descriptor; there is none here' },
  FUSE_NO_EXPORT_SUPPORT: { take: false, why: 'exports are supported' },
  FUSE_HAS_RESEND: noNotify,
  FUSE_ALLOW_IDMAP: { take: false, why: 'it takes uid and gid out of most request headers, which the log shows' },
};

/** What one INIT agreed. */
export interface Negotiated {
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: number;
  readonly flags2: number;
}

function taken(table: Readonly<Record<string, number>>, offered: number, policy: Policy): number {
  let flags = 0;
  for (const [name, bit] of Object.entries(table)) {
    const { take } = RULES[name as InitFlag];
    if ((offered & bit) !== 0 && (typeof take === 'boolean' ? take : take(policy))) flags |= bit;
  }
  return flags >>> 0;
}

/** The answer to an INIT of major 7. Throws EPROTO where the guest's minor is older than virtio-fs. */
export function negotiate(
  minor: number,
  maxReadahead: number,
  flags: number,
  flags2: number,
  policy: Policy,
): Negotiated {
  if (minor < MIN_MINOR) throw new PosixError('EPROTO', `minor ${minor}, at least ${MIN_MINOR} is needed`);
  const extended = (flags & FUSE_INIT_FLAGS.FUSE_INIT_EXT) !== 0;
  return {
    minor: Math.min(minor, FUSE_KERNEL_MINOR_VERSION),
    maxReadahead,
    flags: taken(FUSE_INIT_FLAGS, flags, policy),
    flags2: extended ? taken(FUSE_INIT_FLAGS2, flags2, policy) : 0,
  };
}
