// Cache policies as virtiofsd names them: how long the guest may believe a name or attributes, and what an open allows.
import { FOPEN } from './abi.ts';

export type CacheMode = 'never' | 'metadata' | 'auto' | 'always';

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
}

const DAY = 86400;

/**
 * Timeouts and flags are virtiofsd 1.13's `--cache` (passthrough/mod.rs `CachePolicy`), with two additions that cost no
 * coherence: FOPEN_NOFLUSH, because FLUSH has nothing to do here (no locks, errors come with the write), and
 * cached absence for as long as a name that is there would be believed.
 */
export const POLICIES: Readonly<Record<CacheMode, Policy>> = {
  never: {
    cache: 'never',
    entryValid: 0,
    attrValid: 0,
    negativeValid: 0,
    fileFlags: FOPEN.FOPEN_DIRECT_IO,
    dirFlags: 0,
    readdirplus: false,
    directMmap: true,
    writeback: false,
  },
  metadata: {
    cache: 'metadata',
    entryValid: DAY,
    attrValid: DAY,
    negativeValid: 0,
    fileFlags: FOPEN.FOPEN_DIRECT_IO | FOPEN.FOPEN_NOFLUSH,
    dirFlags: FOPEN.FOPEN_CACHE_DIR | FOPEN.FOPEN_KEEP_CACHE,
    readdirplus: true,
    directMmap: true,
    writeback: false,
  },
  auto: {
    cache: 'auto',
    entryValid: 1,
    attrValid: 1,
    negativeValid: 1,
    fileFlags: FOPEN.FOPEN_NOFLUSH,
    dirFlags: 0,
    readdirplus: true,
    directMmap: false,
    writeback: false,
  },
  always: {
    cache: 'always',
    entryValid: DAY,
    attrValid: DAY,
    negativeValid: DAY,
    fileFlags: FOPEN.FOPEN_KEEP_CACHE | FOPEN.FOPEN_NOFLUSH,
    dirFlags: FOPEN.FOPEN_CACHE_DIR | FOPEN.FOPEN_KEEP_CACHE,
    readdirplus: true,
    directMmap: false,
    writeback: false,
  },
};

/** The policy of a name, with the guest's write-back cache beside it. */
export const policyOf = (cache: CacheMode, writeback = false): Policy => ({ ...POLICIES[cache], writeback });
