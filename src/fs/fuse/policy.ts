// Policies: how long the guest may believe a name or attributes, what an open allows, who keeps locks and checks ACLs.
// Cache modes are named as virtiofsd names them.
import { FOPEN } from './abi.ts';

export type CacheMode = 'never' | 'metadata' | 'auto' | 'always';
/** Servers whose answers can be given in place of ours. */
export type Like = 'virtiofsd';

export interface PolicyOptions {
  readonly cache: CacheMode;
  /** Whether the guest keeps written data and sends it later; default false. */
  readonly writeback?: boolean;
  /** Whether locks are kept here, in place of the guest's kernel; default false. */
  readonly locks?: boolean;
  /** Whether security labels are taken with new inodes; default false. */
  readonly labels?: boolean;
  /** Whose answers to give; default ours. */
  readonly like?: Like | undefined;
}

export interface Policy {
  readonly cache: CacheMode;
  /** Seconds that a name may be believed (fuse_entry_out.entry_valid). */
  readonly entryValid: number;
  /** Seconds that attributes may be believed (attr_valid). */
  readonly attrValid: number;
  /** Seconds that the absence of a name may be believed; 0: absence is ENOENT, which is never cached. */
  readonly negativeValid: number;
  /** FOPEN_* of an opened file and of an opened directory. */
  readonly fileFlags: number;
  readonly dirFlags: number;
  /** Whether a listing may carry look-ups (FUSE_DO_READDIRPLUS). */
  readonly readdirplus: boolean;
  /** Whether files that bypass the page cache can still be mapped shared (FUSE_DIRECT_IO_ALLOW_MMAP). */
  readonly directMmap: boolean;
  /** Whether the guest keeps written data and sends it later (FUSE_WRITEBACK_CACHE). */
  readonly writeback: boolean;
  /** Whether locks are kept here (FUSE_POSIX_LOCKS, FUSE_FLOCK_LOCKS); then each close is told with a FLUSH. */
  readonly locks: boolean;
  /** Whether POSIX ACLs are kept, and the umask applied here (FUSE_POSIX_ACL, FUSE_DONT_MASK). */
  readonly acl: boolean;
  /** Whether a new inode gets its security label here (FUSE_SECURITY_CTX). */
  readonly labels: boolean;
  /** Whose answers are given; undefined: ours. */
  readonly like: Like | undefined;
}

const DAY = 86400;
const { FOPEN_DIRECT_IO, FOPEN_KEEP_CACHE, FOPEN_CACHE_DIR, FOPEN_NOFLUSH } = FOPEN;

type Caching = Pick<
  Policy,
  'entryValid' | 'attrValid' | 'negativeValid' | 'fileFlags' | 'dirFlags' | 'readdirplus' | 'directMmap'
>;

/**
 * Timeouts and flags are virtiofsd 1.13's `--cache` (passthrough/mod.rs `CachePolicy`), with two additions that cost no
 * coherence: FOPEN_NOFLUSH, because FLUSH has nothing to do here (no locks, errors come with the write), and
 * cached absence for as long as a name that is there would be believed.
 */
const OURS: Readonly<Record<CacheMode, Caching>> = {
  never: {
    entryValid: 0,
    attrValid: 0,
    negativeValid: 0,
    fileFlags: FOPEN_DIRECT_IO,
    dirFlags: 0,
    readdirplus: false,
    directMmap: true,
  },
  metadata: {
    entryValid: DAY,
    attrValid: DAY,
    negativeValid: 0,
    fileFlags: FOPEN_DIRECT_IO | FOPEN_NOFLUSH,
    dirFlags: FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE,
    readdirplus: true,
    directMmap: true,
  },
  auto: {
    entryValid: 1,
    attrValid: 1,
    negativeValid: 1,
    fileFlags: FOPEN_NOFLUSH,
    dirFlags: 0,
    readdirplus: true,
    directMmap: false,
  },
  always: {
    entryValid: DAY,
    attrValid: DAY,
    negativeValid: DAY,
    fileFlags: FOPEN_KEEP_CACHE | FOPEN_NOFLUSH,
    dirFlags: FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE,
    readdirplus: true,
    directMmap: false,
  },
};

/**
 * What QEMU's virtiofsd says (tools/virtiofsd/passthrough_ll.c lo_open, lo_opendir, lo_init): no absence is believed,
 * every close is told. It has no `metadata`; what ours says stands for that.
 */
function likeVirtiofsd(cache: CacheMode): Caching {
  const ours = OURS[cache];
  return {
    ...ours,
    negativeValid: 0,
    fileFlags: ours.fileFlags & ~FOPEN_NOFLUSH,
    dirFlags: ours.dirFlags & ~FOPEN_KEEP_CACHE,
    directMmap: false,
  };
}

/** The policy of a set of options. */
export function policyOf({ cache, writeback = false, locks = false, labels = false, like }: PolicyOptions): Policy {
  const caching = like === 'virtiofsd' ? likeVirtiofsd(cache) : OURS[cache];
  // Locks that a descriptor's close gives up are given up by FLUSH.
  const fileFlags = locks ? caching.fileFlags & ~FOPEN_NOFLUSH : caching.fileFlags;
  const ours = like === undefined;
  return { cache, ...caching, fileFlags, writeback, locks, acl: ours, labels: labels && ours, like };
}
