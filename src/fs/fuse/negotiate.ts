// What INIT agrees: each flag of the protocol is taken or refused here, with the reason. docs/init-flags.md is made of it.
import { PosixError } from '../../base/errno.ts';
import { FUSE_INIT_FLAGS, FUSE_INIT_FLAGS2, FUSE_KERNEL_MINOR_VERSION } from './abi.ts';
import type { Policy } from './policy.ts';

/** The first minor with virtio-fs (Linux 5.4) and the oldest that is served: all structs have their present form from here. */
export const MIN_MINOR = 31;

/** The numbers of fuse_init_out that do not depend on what the guest offers. */
export interface Limits {
  /** The newest minor that is spoken. */
  readonly minor: number;
  /** Bytes of one WRITE, and of one READ that bypasses the page cache: 256 pages, what a ring of 512 and more can carry. */
  readonly maxWrite: number;
  readonly maxPages: number;
  /** Background requests at once (read-ahead, asynchronous direct I/O); 0: the kernel's default, 12. */
  readonly maxBackground: number;
  readonly congestionThreshold: number;
}

const OUR_LIMITS: Limits = {
  minor: FUSE_KERNEL_MINOR_VERSION,
  maxWrite: 1 << 20,
  maxPages: 256,
  maxBackground: 64,
  congestionThreshold: 48,
};
/** tools/virtiofsd/fuse_lowlevel.c do_init of QEMU 7.2. */
const VIRTIOFSD_LIMITS: Limits = { ...OUR_LIMITS, minor: 36, maxBackground: 0, congestionThreshold: 0 };

export const limitsOf = (policy: Policy): Limits => (policy.like === 'virtiofsd' ? VIRTIOFSD_LIMITS : OUR_LIMITS);

type Take = boolean | ((policy: Policy) => boolean);

export interface Rule {
  /** Whether the flag is echoed where the guest offers it. */
  readonly take: Take;
  readonly why: string;
  /** Whether QEMU's virtiofsd echoes it (passthrough_ll.c lo_init, fuse_lowlevel.c do_init); absent: never. */
  readonly virtiofsd?: Take;
}
export type InitFlag = keyof typeof FUSE_INIT_FLAGS | keyof typeof FUSE_INIT_FLAGS2;

const devOnly = { take: false, why: 'concerns reading and writing /dev/fuse; there is none here' };
const noNotify = { take: false, why: 'concerns notifications, which need a queue that a stock guest has not' };
const noDax = { take: false, why: 'no DAX window: a 32-bit x86 kernel cannot use one' };
const locks = {
  take: (policy: Policy) => policy.locks,
  why: 'with `--locks`; else the guest, which has the tree to itself, keeps its locks',
  virtiofsd: (policy: Policy) => policy.locks,
};
const acl = (policy: Policy): boolean => policy.acl;

export const RULES: Readonly<Record<InitFlag, Rule>> = {
  FUSE_ASYNC_READ: { take: true, why: 'read-ahead sends several READs at once; they are independent', virtiofsd: true },
  FUSE_POSIX_LOCKS: locks,
  FUSE_FILE_OPS: { take: false, why: 'never used by Linux' },
  FUSE_ATOMIC_O_TRUNC: { take: true, why: 'OPEN truncates: one request instead of two', virtiofsd: true },
  FUSE_EXPORT_SUPPORT: {
    take: true,
    why: 'nodeids and generations are stored, so file handles stay good',
    virtiofsd: true,
  },
  FUSE_BIG_WRITES: { take: true, why: 'WRITEs of more than a page', virtiofsd: true },
  FUSE_DONT_MASK: {
    take: acl,
    why: 'the umask counts only where the directory has no default ACL, which is known here',
  },
  FUSE_SPLICE_WRITE: devOnly,
  FUSE_SPLICE_MOVE: devOnly,
  FUSE_SPLICE_READ: devOnly,
  FUSE_FLOCK_LOCKS: locks,
  FUSE_HAS_IOCTL_DIR: { take: true, why: 'IOCTL on directories is answered like that on files' },
  FUSE_AUTO_INVAL_DATA: {
    take: true,
    why: 'changes made beside the guest show when attributes are read again',
    virtiofsd: true,
  },
  FUSE_DO_READDIRPLUS: {
    take: (policy) => policy.readdirplus,
    why: 'listings carry look-ups; of no use where nothing may be cached',
    virtiofsd: (policy) => policy.readdirplus,
  },
  FUSE_READDIRPLUS_AUTO: {
    take: (policy) => policy.readdirplus,
    why: 'the guest asks for look-ups only where it uses them',
    virtiofsd: true,
  },
  FUSE_ASYNC_DIO: { take: true, why: 'direct I/O may be in flight several at once', virtiofsd: true },
  FUSE_WRITEBACK_CACHE: {
    take: (policy) => policy.writeback,
    why: 'with `--writeback`: the guest keeps what is written and sends it later',
    virtiofsd: (policy) => policy.writeback,
  },
  FUSE_NO_OPEN_SUPPORT: { take: false, why: 'opens are served, they hold the inode' },
  FUSE_PARALLEL_DIROPS: { take: true, why: 'look-ups in one directory are independent', virtiofsd: true },
  FUSE_HANDLE_KILLPRIV: { take: false, why: 'HANDLE_KILLPRIV_V2 is the better one' },
  FUSE_POSIX_ACL: { take: acl, why: 'ACLs are kept, inherited and in step with the mode; the guest checks them' },
  FUSE_ABORT_ERROR: devOnly,
  FUSE_MAX_PAGES: { take: true, why: 'requests of 1 MiB', virtiofsd: true },
  FUSE_CACHE_SYMLINKS: { take: true, why: 'a target never changes while its inode lives' },
  FUSE_NO_OPENDIR_SUPPORT: { take: false, why: 'opens of directories are served, they end a listing' },
  FUSE_EXPLICIT_INVAL_DATA: { take: false, why: 'AUTO_INVAL_DATA is taken' },
  FUSE_MAP_ALIGNMENT: noDax,
  FUSE_SUBMOUNTS: { take: true, why: 'attributes may carry FUSE_ATTR_SUBMOUNT; no tree has a submount yet' },
  FUSE_HANDLE_KILLPRIV_V2: { take: true, why: 'set-id bits are cleared here: no GETXATTR before each first write' },
  FUSE_SETXATTR_EXT: { take: true, why: 'the struct of today; it says when an ACL takes the set-group-id bit away' },
  FUSE_INIT_EXT: { take: true, why: 'flags2 is read and answered' },
  FUSE_INIT_RESERVED: { take: false, why: 'reserved' },
  FUSE_SECURITY_CTX: {
    take: (policy) => policy.labels,
    why: 'with `--labels`: a new inode gets its label with its name; without a security module there is none to send',
  },
  FUSE_HAS_INODE_DAX: noDax,
  FUSE_CREATE_SUPP_GROUP: {
    take: (policy) => policy.acl,
    why: 'tells whether the caller is in the group of a set-group-id directory',
  },
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

/** Whether a policy takes a flag that the guest offers. */
export function takes(policy: Policy, flag: InitFlag): boolean {
  const rule = RULES[flag];
  const take = policy.like === 'virtiofsd' ? (rule.virtiofsd ?? false) : rule.take;
  return typeof take === 'boolean' ? take : take(policy);
}

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
    if ((offered & bit) !== 0 && takes(policy, name as InitFlag)) flags |= bit;
  }
  return flags;
}

const { FUSE_POSIX_ACL, FUSE_DONT_MASK, FUSE_SETXATTR_EXT } = FUSE_INIT_FLAGS;
const ACL_FLAGS = FUSE_POSIX_ACL | FUSE_DONT_MASK | FUSE_SETXATTR_EXT;

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
  // ACLs need all three: without the others a default ACL would come too late for the umask, or leave set-group-id.
  const offered = (flags & ACL_FLAGS) === ACL_FLAGS ? flags : flags & ~(FUSE_POSIX_ACL | FUSE_DONT_MASK);
  const limits = limitsOf(policy);
  return {
    // QEMU's tells its own minor, whatever the guest's.
    minor: policy.like === 'virtiofsd' ? limits.minor : Math.min(minor, limits.minor),
    maxReadahead,
    flags: taken(FUSE_INIT_FLAGS, offered, policy) >>> 0,
    flags2: extended ? taken(FUSE_INIT_FLAGS2, flags2, policy) >>> 0 : 0,
  };
}
