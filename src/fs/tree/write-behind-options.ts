// What group commit needs of the tree: its records, its room, and how long to wait.
import type { Room } from './room.ts';
import type { Batch, StoreError } from './store.ts';
import type { Subset } from './subset.ts';

/** Where the records of what is dirty come from. */
export interface CommitSource {
  /** What has to be loaded before a commit can be put together, undefined where there is nothing. */
  prepare(): Promise<void> | undefined;
  /**
   * The metadata of a commit with these pages and second records, as it is now, or, of the inodes of a subset, as that
   * says; may add to `extras`.
   */
  metadata(
    pages: Set<number>,
    extras: Set<number>,
    subset: Subset | undefined,
  ): Pick<Batch, 'puts' | 'removals' | 'superblock'>;
}

export interface WriteBehindOptions {
  /** How long a change waits for others, ms. */
  interval: number;
  /** Unsaved bytes from which on a commit does not wait. */
  eagerBytes: number;
  /** Unsaved bytes of content from which on writers wait. */
  dirtyLimit: number;
  /** Unsaved bytes of metadata from which on whoever adds some waits. */
  metadataLimit: number;
  chunkSize: number;
  room: Room;
  /** Told of each failed commit; undefined when one went through again. */
  onFailure: (error: StoreError | undefined) => void;
}
