// Where a tree is kept: records of metadata that are read at once, chunks that are read one by one, and commits.

/**
 * The version of the stored format, raised when an older reader would misread what a newer one wrote. 1: release 0.1.0.
 * 2: as 1, but for where IndexedDB has the chunks (store/indexeddb-format.ts).
 */
export const SCHEMA = 2;

/** What a store holds about the tree as a whole. A plain object, so that any tool can read it. */
export interface Superblock {
  schema: number;
  /** Bytes of a chunk, fixed when the tree is made. */
  chunkSize: number;
  /** Inode numbers of one metadata page. */
  pageSize: number;
  /** The last generation given out. */
  generation: number;
  /** The lowest inode number that was never given out. Trees of before have none: it is behind their highest inode. */
  nextIno?: number;
  /** Number of the commit: above those of all before. */
  commit: number;
  /** How many changes the tree had seen when this commit was made: those and no later ones are in it. */
  operation: number;
  /** There: the content that found no room in the store is left out, and its files end before it. */
  partial?: true;
}

export interface TreeImage {
  /** Undefined: there is no tree yet. */
  superblock: Superblock | undefined;
  /** All metadata records, in any order; each tells what it is (records.ts). */
  records: Uint8Array[];
}

export interface StoredChunkKey {
  ino: number;
  index: number;
  /** Bytes; undefined where what is stored is no bytes, or cannot be read. */
  length: number | undefined;
}

/** Everything that a store holds, as it is, whatever it is worth. */
export interface StoredTree {
  /** What lies where the superblock should; undefined for nothing. */
  superblock: unknown;
  records: [key: string, record: Uint8Array][];
  /** All chunks, those of an inode in ascending order. Rejects with StoreError. */
  chunks(): AsyncIterable<StoredChunkKey> | Iterable<StoredChunkKey>;
}

/** The chunks `from` to `to` - 1 of an inode. */
export interface ChunkRange {
  ino: number;
  from: number;
  to: number;
}

export interface StoredChunk {
  ino: number;
  index: number;
  /** At most a chunk; shorter where it ends in zeros. */
  bytes: Uint8Array<ArrayBuffer>;
}

/** One commit: all of it is stored, or nothing. The order is: removals, drops, then what is put. */
export interface Batch {
  superblock: Superblock;
  /** Metadata records by key. */
  puts: [key: string, record: Uint8Array<ArrayBuffer>][];
  removals: string[];
  drops: ChunkRange[];
  chunks: StoredChunk[];
}

/** strict: on the disk when the commit resolves. relaxed: in the operating system's hands. */
export type Durability = 'strict' | 'relaxed';

export interface Usage {
  /** Bytes that may be stored besides what is, as far as one knows. */
  available: number;
}

export interface Store {
  /** Claims the store for this writer and reads everything but file content. Rejects with StoreError. */
  open(): Promise<TreeImage>;
  /**
   * For a check, in place of open(): claims the store as that does, and tells everything that is in it. Changes nothing;
   * one commit may follow. Rejects with StoreError, for what is damaged only where nothing can be told.
   */
  inspect?(): Promise<StoredTree>;
  /** One chunk's bytes, a buffer of their own; undefined where there is none. Rejects or throws StoreError. */
  chunk(ino: number, index: number): Promise<Uint8Array<ArrayBuffer> | undefined> | Uint8Array<ArrayBuffer> | undefined;
  /**
   * Stores a batch as one. INVARIANT: everything in it is copied before this returns, because the tree goes on changing
   * its chunks in place. Commits are not begun before the one before has ended. Rejects with StoreError.
   */
  commit(batch: Batch, durability: Durability): Promise<void>;
  /** What has to be waited for before a commit can be made, undefined where one can. Never rejects. */
  ready?(): Promise<void> | undefined;
  /**
   * For a small commit, or one that removes something, that was refused with `quota`: gives up what the store keeps in
   * reserve, so that it can be tried again. False where there was nothing.
   */
  relieve?(): Promise<boolean>;
  /** The commit that the reserve was given up for has ended: the store takes it again, now or when it can. */
  restore?(): void;
  usage(): Usage;
  close(): Promise<void>;
}

export type StoreErrorCode =
  /** There is no storage here, or it was refused. */
  | 'unavailable'
  /** The tree was written by a newer version. */
  | 'newer'
  /** The tree is in an older format and could not be brought to this one: it is as it was, and can be read. */
  | 'old'
  /** What is stored makes no sense. */
  | 'damaged'
  /** No room. */
  | 'quota'
  /** Another writer has the tree. */
  | 'locked'
  /** The store was ours and is not any more: taken over, deleted, closed. Nothing can be written again. */
  | 'lost'
  /** Opened for reading only, and another writer has changed the tree since: what was read of it is out of date. */
  | 'stale'
  /** No tree has the name, or another one has it. */
  | 'name'
  /** Anything else that went wrong while reading or writing. */
  | 'io';

/** Why a store did not do what it should. The message is for people. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Throws StoreError where this version cannot read what is stored. */
export function checkSchema(superblock: Superblock | undefined): void {
  if (superblock === undefined) return;
  const { schema } = superblock;
  if (!Number.isInteger(schema) || schema < 1) {
    const text = 'The stored tree is damaged. superblock: it has no version. Nothing was changed: check and repair it.';
    throw new StoreError('damaged', text);
  }
  if (schema > SCHEMA) {
    throw new StoreError(
      'newer',
      `The stored tree has format ${schema}, and this version of the lab knows formats up to ${SCHEMA}. Reload the page to get a newer version.`,
    );
  }
}
