// What a tree can be opened with, what it tells of itself, and the superblock of a new one.
import type { Clock } from './clock.ts';
import { GENERATION_END } from './inode-table.ts';
import { PAGE_SIZE } from './records.ts';
import { SCHEMA, type StoreError, type Superblock } from './store.ts';

/** Bytes of a chunk in new trees, 15 pages: as measured in Chromium (docs/adr/0008-chunk-size.md). */
export const CHUNK_SIZE = 60 * 1024;
/** What statfs tells the size of blocks in, bytes. */
export const BLOCK = 4096;

export interface TreeOptions {
  clock?: Clock;
  /** Bytes of file content that are kept in memory. */
  cacheLimit?: number;
  /** Unsaved bytes from which on writers wait; of content, at most half of cacheLimit. */
  dirtyLimit?: number;
  /** Bytes that all files together may take; what would be more is ENOSPC. */
  limit?: number | undefined;
  /** Unsaved bytes from which on a commit does not wait for more; at most half of dirtyLimit. */
  eagerBytes?: number;
  /** Whether more is fetched for those who read from front to back; default true. */
  readAhead?: boolean;
  /** How long a change waits for others before it is committed, ms. */
  commitInterval?: number;
  /** Bytes of a chunk, a multiple of 4096; only for a tree that is made now. */
  chunkSize?: number;
  /**
   * Whether inode numbers that are free are given out again, the lowest first. Otherwise none comes back before all
   * 2^31 were used; for handles it makes no difference, because a number comes back with another generation.
   */
  reuseInodeNumbers?: boolean;
  /** Random numbers from 0 to below 1. */
  random?: () => number;
  /** Told when a commit has failed, and with undefined when one went through again. */
  onCommitFailure?: (error: StoreError | undefined) => void;
}

export interface StatFs {
  /** Bytes of a block. */
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  namelen: number;
}

export interface TreeCounters {
  inodes: number;
  /** Bytes allocated in all files. */
  bytesStored: number;
  /** Whether the store has refused something that it did not take since: until it does, nothing can be added. */
  full: boolean;
  /** What was stored when the store refused more, bytes; undefined where it did not, or has taken more since. */
  learnedLimit: number | undefined;
  commits: number;
  /** Commits in a row that failed. */
  failedCommits: number;
  /** Changes so far, over the whole life of the tree. */
  operations: number;
  /** Chunks that were in memory when a read asked for them, and those that were not. */
  chunkHits: number;
  chunkMisses: number;
  /** Chunks that were fetched ahead of a reader, and those of them that were read later. */
  aheadFetched: number;
  aheadUsed: number;
  /** Bytes of file content in memory. */
  cachedBytes: number;
}

/** RangeError for a chunk size that cannot be. */
export function newSuperblock(options: TreeOptions): Superblock {
  const { chunkSize = CHUNK_SIZE, random = Math.random } = options;
  if (chunkSize <= 0 || chunkSize % BLOCK !== 0)
    throw new RangeError(`chunkSize ${chunkSize}: not a multiple of ${BLOCK}`);
  const generation = 1 + Math.floor(random() * (GENERATION_END - 1));
  return { schema: SCHEMA, chunkSize, pageSize: PAGE_SIZE, generation, commit: 0, operation: 0 };
}
