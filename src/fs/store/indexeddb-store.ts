// A tree in IndexedDB: one database, one object store, one transaction a commit, by idb-keyval's functions.
import { delMany, get, promisifyRequest, setMany, type UseStore } from 'idb-keyval';
import { RECORD_KEYS, RECORD_KEYS_END } from '../tree/records.ts';
import {
  type Batch,
  checkSchema,
  type Durability,
  type Store,
  StoreError,
  type Superblock,
  type TreeImage,
  type Usage,
} from '../tree/store.ts';
import { OriginReserve, type Reserve } from './origin-reserve.ts';

const STORE = 'tree';
const VERSION = 1;
/** Keys of what is there once. Metadata records have the keys of records.ts, chunks have [ino, index]. */
const SUPERBLOCK = 'superblock';
const OWNER = 'owner';
/** What usage() tells where the browser does not say what it would give. */
const CAPACITY_UNKNOWN = 2 * 2 ** 30;
/** The browser is asked for its quota, and for a reserve that was given up, after a commit, this seldom, ms. */
const ESTIMATE_INTERVAL = 5000;

export interface IndexedDbStoreOptions {
  /** Called once when this writer has lost the tree: another one took it, or the database went away. */
  onLost?: (error: StoreError) => void;
  factory?: IDBFactory | undefined;
  /** Room for commits that free some. */
  reserve?: Reserve;
}

/** Name of the database of a tree. */
export const databaseName = (tree: string): string => `virtio-fs-lab:${tree}`;

/** idb-keyval's functions inside a transaction that is open. */
const within =
  (store: IDBObjectStore): UseStore =>
  (_mode, callback) =>
    Promise.resolve(callback(store));

/** Settled with the transaction. (idb-keyval's functions each set its handlers, so that only the last one's would stay.) */
function outcome(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve());
    transaction.addEventListener('abort', () => reject(transaction.error));
  });
}

/** For a request whose failure aborts its transaction: the transaction's outcome has the reason. */
function told(request: Promise<unknown>): void {
  request.catch(() => {});
}

function storeError(error: unknown, what: string): StoreError {
  if (error instanceof StoreError) return error;
  const name = (error as Error | null)?.name ?? '';
  const text = `${what}: ${String(error)}`;
  if (name === 'QuotaExceededError') return new StoreError('quota', text, { cause: error });
  return new StoreError('io', text, { cause: error });
}

export class IndexedDbStore implements Store {
  private readonly tree: string;
  private readonly factory: IDBFactory | undefined;
  private readonly onLost: (error: StoreError) => void;
  private readonly owner = crypto.randomUUID();
  private database: IDBDatabase | undefined;
  /** Under way after the browser closed the connection by itself. */
  private reopening: Promise<void> | undefined;
  private readonly reserve: Reserve;
  /** Under way: the reserve is taken. What it ends with: whether it is held. */
  private reserving: Promise<boolean> = Promise.resolve(false);
  private lost: StoreError | undefined;
  private closed = false;
  private capacity = CAPACITY_UNKNOWN;
  private estimatedAt = Number.NEGATIVE_INFINITY;
  /** The transaction of the reads that are asked for in this turn of the event loop. */
  private reads: UseStore | undefined;

  constructor(tree: string, options: IndexedDbStoreOptions = {}) {
    this.tree = tree;
    this.factory = 'factory' in options ? options.factory : globalThis.indexedDB;
    this.reserve = options.reserve ?? new OriginReserve();
    this.onLost = options.onLost ?? (() => {});
  }

  /** Reads the metadata and writes the owner token of this writer, which fences every other: one transaction. */
  async open(): Promise<TreeImage> {
    this.database = await this.connect();
    try {
      const { store, done } = this.begin(this.database, 'readwrite', 'relaxed');
      const superblock = await get<Superblock>(SUPERBLOCK, within(store));
      try {
        checkSchema(superblock);
      } catch (error) {
        store.transaction.abort();
        await done.catch(() => {});
        throw error;
      }
      store.put(this.owner, OWNER);
      const range = IDBKeyRange.bound(RECORD_KEYS, RECORD_KEYS_END, false, true);
      const records = await promisifyRequest<Uint8Array[]>(store.getAll(range));
      await done;
      await this.estimate();
      return { superblock, records };
    } catch (error) {
      await this.close();
      throw storeError(error, 'The stored tree could not be read');
    }
  }

  private async connect(): Promise<IDBDatabase> {
    if (!this.factory) throw new StoreError('unavailable', 'This browser has no IndexedDB here.');
    let request: IDBOpenDBRequest;
    try {
      request = this.factory.open(databaseName(this.tree), VERSION);
    } catch (cause) {
      throw new StoreError('unavailable', `This browser refuses IndexedDB here: ${String(cause)}`, { cause });
    }
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STORE);
    };
    let database: IDBDatabase;
    try {
      database = await promisifyRequest(request);
    } catch (cause) {
      const { name } = cause as Error;
      if (name === 'VersionError')
        throw new StoreError('newer', 'The stored tree was written by a newer version.', { cause });
      if (name === 'QuotaExceededError') throw storeError(cause, 'There is no room for the tree');
      throw new StoreError('unavailable', `This browser refuses IndexedDB here: ${String(cause)}`, { cause });
    }
    database.onversionchange = () => {
      this.lose('The tree was taken over or removed by another tab.');
    };
    database.onclose = () => this.reconnect();
    return database;
  }

  /** The browser closed the connection. What the database is now, the next commit finds out by the owner token. */
  private reconnect(): void {
    this.database = undefined;
    this.reads = undefined;
    if (this.closed || this.lost) return;
    this.reopening = this.connect()
      .then(
        (database) => {
          if (this.closed || this.lost) database.close();
          else this.database = database;
        },
        (error: unknown) => {
          this.lose(`The connection to the stored tree is gone: ${String(error)}`);
        },
      )
      .finally(() => {
        this.reopening = undefined;
      });
  }

  private lose(message: string): StoreError {
    if (this.lost) return this.lost;
    this.lost = new StoreError('lost', message);
    this.database?.close();
    this.database = undefined;
    this.onLost(this.lost);
    return this.lost;
  }

  /** The open connection. Throws StoreError where there is none. */
  private connection(): IDBDatabase {
    if (this.lost) throw this.lost;
    if (this.closed) throw new StoreError('lost', 'The stored tree was closed.');
    if (!this.database) throw new StoreError('io', 'The connection to the stored tree is being opened again.');
    return this.database;
  }

  private begin(database: IDBDatabase, mode: IDBTransactionMode, durability: Durability) {
    const transaction = database.transaction(STORE, mode, { durability });
    return { store: transaction.objectStore(STORE), done: outcome(transaction) };
  }

  async chunk(ino: number, index: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    await this.reopening;
    try {
      return await get<Uint8Array<ArrayBuffer>>([ino, index], this.reader());
    } catch (error) {
      throw storeError(error, `Chunk ${index} of inode ${ino} could not be read`);
    }
  }

  /** One transaction for all reads of a turn: it takes requests until control is back at the event loop. */
  private reader(): UseStore {
    if (!this.reads) {
      const { store, done } = this.begin(this.connection(), 'readonly', 'relaxed');
      // Each read has its own error.
      done.catch(() => {});
      this.reads = within(store);
      queueMicrotask(() => {
        this.reads = undefined;
      });
    }
    return this.reads;
  }

  /**
   * One transaction: the owner token is read first, and where it is not ours everything is aborted. All requests are
   * made before this returns, which copies the bytes; so the transaction commits itself when the last is done.
   */
  async commit(batch: Batch, durability: Durability): Promise<void> {
    const { store, done } = this.begin(this.connection(), 'readwrite', durability);
    const { transaction } = store;
    const use = within(store);
    let fenced = false;
    try {
      told(
        get<string>(OWNER, use).then((owner) => {
          if (owner === this.owner) return;
          fenced = true;
          transaction.abort();
        }),
      );
      told(delMany(batch.removals, use));
      for (const { ino, from, to } of batch.drops) store.delete(IDBKeyRange.bound([ino, from], [ino, to], false, true));
      const chunks = batch.chunks.map(({ ino, index, bytes }): [IDBValidKey, unknown] => [[ino, index], bytes]);
      told(setMany([...batch.puts, ...chunks, [SUPERBLOCK, batch.superblock]], use));
    } catch (error) {
      transaction.abort();
      await done.catch(() => {});
      throw storeError(error, 'A commit could not be begun');
    }
    try {
      await done;
    } catch (error) {
      if (fenced) throw this.lose('Another tab has taken the tree over.');
      throw storeError(error ?? transaction.error, 'A commit was aborted');
    }
    if (performance.now() - this.estimatedAt > ESTIMATE_INTERVAL) void this.estimate();
  }

  ready(): Promise<void> | undefined {
    return this.reopening;
  }

  async relieve(): Promise<boolean> {
    await this.reserving;
    this.reserving = Promise.resolve(false);
    return this.reserve.release();
  }

  usage(): Usage {
    return { capacity: this.capacity };
  }

  /** Asks the browser how much it would give, and holds the reserve where it is not held. */
  private async estimate(): Promise<void> {
    this.estimatedAt = performance.now();
    const { reserving } = this;
    this.reserving = reserving.then((held) => held || this.reserve.take());
    const storage: StorageManager | undefined = globalThis.navigator?.storage;
    try {
      const { quota } = (await storage?.estimate()) ?? {};
      if (quota !== undefined) this.capacity = quota;
    } catch {
      // Some browsers refuse to tell in private windows: the last figure stands.
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.database?.close();
    this.database = undefined;
  }
}
