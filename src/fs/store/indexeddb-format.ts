// The stored form of a tree in IndexedDB: its object stores and keys, and how a database of an older form becomes one.
import { promisifyRequest, type UseStore } from 'idb-keyval';
import { RECORD_KEYS, RECORD_KEYS_END } from '../tree/records.ts';
import { checkSchema, SCHEMA, StoreError, type Superblock } from '../tree/store.ts';

/*
 * One database a tree. Its version is its format, the same number as `schema` of the superblock.
 *
 * Format 2. Object stores without key paths or generators:
 * - `tree`: under 'superblock' a Superblock (store.ts), a plain object; under 'owner' the token, a string, of the writer
 *   that opened it last; under 'heir', while one wants the tree, that of the next; under 'm...' the metadata records
 *   (records.ts), each a Uint8Array.
 * - `chunks0` to `chunks15`: file content. The chunk `index` of inode `ino` lies in `chunks${ino % 16}` under the key
 *   [ino, index], a Uint8Array of 1 to chunkSize bytes; what is missing, a chunk or its end, is zeros.
 * A database without a superblock has no tree in it.
 *
 * Format 1, of release 0.1.0: all of that in `tree`, chunks as well; no 'heir'.
 *
 * Why stores of their own: a transaction waits for all earlier ones over the same object store, unless all of them read.
 * A read of a file would wait for the whole of a commit that writes others.
 */

export const TREE = 'tree';
export const CHUNK_STORES = 16;
export const SUPERBLOCK = 'superblock';
export const OWNER = 'owner';
export const HEIR = 'heir';

/** Name of the object store that has the chunks of an inode, in a database of this format. */
export const chunkStoreOf = (ino: number, format: number): string =>
  format < 2 ? TREE : `chunks${ino % CHUNK_STORES}`;

/** All object stores that have chunks. */
export const chunkStoresOf = (format: number): string[] =>
  format < 2 ? [TREE] : Array.from({ length: CHUNK_STORES }, (_, i) => chunkStoreOf(i, format));

/** All metadata records. */
export const recordRange = (): IDBKeyRange => IDBKeyRange.bound(RECORD_KEYS, RECORD_KEYS_END, false, true);
/** All chunks: arrays come behind every string. */
export const chunkRange = (): IDBKeyRange => IDBKeyRange.lowerBound([]);

/** What a failure of IndexedDB is to those above: by the name of its DOMException. */
export function storeError(error: unknown, what: string): StoreError {
  if (error instanceof StoreError) return error;
  const name = (error as Error | null)?.name ?? '';
  const text = `${what}: ${String(error)}`;
  if (name === 'QuotaExceededError') return new StoreError('quota', text, { cause: error });
  return new StoreError('io', text, { cause: error });
}

/** idb-keyval's functions inside a transaction that is open. */
export const within =
  (store: IDBObjectStore): UseStore =>
  (_mode, callback) =>
    Promise.resolve(callback(store));

/** For a request whose failure aborts its transaction: the transaction's outcome has the reason. */
export function told(request: Promise<unknown>): void {
  request.catch(() => {});
}

/**
 * Settled with the transaction. (idb-keyval's functions each set its handlers, so that only the last one's would stay.)
 * Nobody need wait for it: who made a request that failed has that one's error.
 */
export function outcome(transaction: IDBTransaction): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve());
    transaction.addEventListener('abort', () => reject(transaction.error));
  });
  told(done);
  return done;
}

/** Aborts a transaction, which may have ended by itself. */
export function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch (error) {
    if ((error as Error).name !== 'InvalidStateError') throw error;
  }
}

/**
 * Opens the database of a tree. 'write': makes it where it is missing, and brings one of an older format to this
 * one. 'read': opens it as it is, in whatever format up to this one.
 *
 * Rejects with StoreError: 'unavailable' (refused), 'name' (to be read, and not there), 'newer', 'old' (its format could not
 * be changed: it is as it was), 'quota', 'locked' (a tab that does not answer holds it in an older format), 'damaged'.
 */
export async function openTreeDatabase(
  factory: IDBFactory | undefined,
  name: string,
  mode: 'read' | 'write',
): Promise<IDBDatabase> {
  if (!factory) throw new StoreError('unavailable', 'This browser has no IndexedDB here.');
  let request: IDBOpenDBRequest;
  try {
    request = mode === 'write' ? factory.open(name, SCHEMA) : factory.open(name);
  } catch (cause) {
    throw new StoreError('unavailable', `This browser refuses IndexedDB here: ${String(cause)}`, { cause });
  }
  const upgrade = new Upgrade(request, mode);
  let database: IDBDatabase;
  try {
    database = await Promise.race([promisifyRequest(request), upgrade.refused]);
  } catch (cause) {
    throw upgrade.explain(cause);
  }
  if (database.version > SCHEMA) {
    database.close();
    throw new StoreError('newer', 'The stored tree was written by a newer version of the lab.');
  }
  return database;
}

/** Deletes a database. Rejects with StoreError: 'locked' where a tab holds it open; it goes when that one is closed. */
export async function deleteTreeDatabase(factory: IDBFactory, name: string): Promise<void> {
  const request = factory.deleteDatabase(name);
  const blocked = new Promise<never>((_, reject) => {
    request.onblocked = () =>
      reject(new StoreError('locked', 'Another tab has the tree open: it is removed when that tab is closed.'));
  });
  try {
    await Promise.race([promisifyRequest(request), blocked]);
  } catch (error) {
    throw storeError(error, 'The stored tree could not be removed');
  }
}

/** The versionchange transaction of an opening, where there is one, and why it did not come about. */
class Upgrade {
  /** Rejects where the opening is held up by others; never resolves. */
  readonly refused: Promise<never>;
  private readonly request: IDBOpenDBRequest;
  private readonly mode: 'read' | 'write';
  /** The format before, once the transaction has begun. */
  private from: number | undefined;
  private reason: unknown;

  constructor(request: IDBOpenDBRequest, mode: 'read' | 'write') {
    this.request = request;
    this.mode = mode;
    request.onupgradeneeded = ({ oldVersion }) => this.run(oldVersion);
    this.refused = new Promise((_, reject) => {
      request.onblocked = () => {
        reject(
          new StoreError(
            'locked',
            'Another tab has the tree open in an older version of the lab. Close it, or reload it.',
          ),
        );
        // Whenever that tab is closed the opening goes on, and nobody waits for it any more.
        request.addEventListener('success', () => request.result.close());
      };
    });
    // The race may have been decided, or this one never asked.
    this.refused.catch(() => {});
  }

  private run(oldVersion: number): void {
    this.from = oldVersion;
    const { result: database, transaction } = this.request;
    if (!transaction) return;
    transaction.addEventListener('abort', () => {
      this.reason ??= transaction.error;
    });
    const fail = (error: unknown): void => {
      this.reason ??= transaction.error ?? error;
      abort(transaction);
    };
    if (this.mode === 'read') {
      fail(new StoreError('name', 'There is no such tree.'));
      return;
    }
    try {
      if (oldVersion === 0) database.createObjectStore(TREE);
      for (const name of chunkStoresOf(SCHEMA)) database.createObjectStore(name);
      if (oldVersion === 1) migrateFrom1(transaction).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  /** What a rejected opening comes to. */
  explain(cause: unknown): StoreError {
    const { reason = cause, from } = this;
    if (reason instanceof StoreError) return reason;
    const { name } = (reason ?? {}) as Error;
    if (name === 'VersionError') {
      return new StoreError('newer', 'The stored tree was written by a newer version of the lab.', { cause });
    }
    if (from !== undefined && from > 0) {
      const why = `${name === 'QuotaExceededError' ? 'There is no room for that' : 'That failed'}: ${String(reason)}`;
      const message = `The tree is stored in format ${from}, and could not be brought to format ${SCHEMA}. ${why}`;
      return new StoreError('old', message, { cause });
    }
    if (name === 'QuotaExceededError') return storeError(reason, 'There is no room for the tree');
    return new StoreError('unavailable', `This browser refuses IndexedDB here: ${String(reason)}`, { cause });
  }
}

/**
 * Moves the chunks of format 1 to their stores, within the transaction that creates these. One value at a time is in
 * memory; nothing is removed before all is there, and then with one request.
 */
async function migrateFrom1(transaction: IDBTransaction): Promise<void> {
  const tree = transaction.objectStore(TREE);
  const superblock = await promisifyRequest<Superblock | undefined>(tree.get(SUPERBLOCK));
  checkSchema(superblock);
  if (superblock) tree.put({ ...superblock, schema: SCHEMA } satisfies Superblock, SUPERBLOCK);
  const request = tree.openCursor(chunkRange());
  await new Promise<void>((resolve, reject) => {
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor) {
        resolve();
        return;
      }
      try {
        const [ino] = cursor.key as [number, number];
        transaction.objectStore(chunkStoreOf(ino, SCHEMA)).put(cursor.value, cursor.key);
        cursor.continue();
      } catch (error) {
        reject(error);
      }
    };
  });
  tree.delete(chunkRange());
}
