// A tree in IndexedDB: one database, one transaction a commit, by idb-keyval's functions.
import { delMany, get, promisifyRequest, setMany, type UseStore } from 'idb-keyval';
import { randomToken } from '../../base/token.ts';
import {
  type Batch,
  checkSchema,
  type Durability,
  type Store,
  type StoredTree,
  StoreError,
  type Superblock,
  type TreeImage,
  type Usage,
} from '../tree/store.ts';
import {
  abort,
  chunkStoreOf,
  HEIR,
  OWNER,
  openTreeDatabase,
  outcome,
  recordRange,
  SUPERBLOCK,
  storeError,
  TREE,
  told,
  within,
} from './indexeddb-format.ts';
import { storedChunks, storedRecords } from './indexeddb-inspect.ts';
import { beginNewLog } from './indexeddb-log.ts';
import { OriginReserve, type Reserve } from './origin-reserve.ts';

/** What usage() tells where the browser does not say what it would give, bytes. */
const AVAILABLE_UNKNOWN = 2 * 2 ** 30;
/** The browser is asked for its quota, and for a reserve that was given up, after a commit, this seldom, ms. */
const ESTIMATE_INTERVAL = 5000;

export interface IndexedDbStoreOptions {
  /** Called once when this writer has lost the tree: another one took it, or the database went away. */
  onLost?: (error: StoreError) => void;
  /** Called after a commit in whose transaction another writer's token lay as heir, once for each: it wants the tree. */
  onHeir?: (token: string) => void;
  /** Whether this writer has announced itself as heir: it opens the tree only while no other has done so since. */
  heir?: boolean;
  /**
   * Writes nothing, not even that it is open: for a tree that another tab writes, or that cannot be brought to this
   * format. When the writer has committed, chunks are 'stale' until the tree is opened again.
   */
  readOnly?: boolean;
  factory?: IDBFactory | undefined;
  /** Room for commits that free some. */
  reserve?: Reserve;
}

/** A view takes all of its buffer along when it is stored. */
const exact = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice();

type Pair = [key: IDBValidKey, value: unknown];

/** What a batch does to each chunk store that it changes. */
function contentOf(batch: Batch, format: number): Map<string, { drops: IDBKeyRange[]; puts: Pair[] }> {
  const content = new Map<string, { drops: IDBKeyRange[]; puts: Pair[] }>();
  const of = (ino: number) => {
    const name = chunkStoreOf(ino, format);
    const there = content.get(name) ?? { drops: [], puts: [] };
    content.set(name, there);
    return there;
  };
  for (const { ino, from, to } of batch.drops) {
    // A range of nothing is none that IndexedDB knows.
    if (from < to) of(ino).drops.push(IDBKeyRange.bound([ino, from], [ino, to], false, true));
  }
  for (const { ino, index, bytes } of batch.chunks) of(ino).puts.push([[ino, index], exact(bytes)]);
  return content;
}

/** The reads of one turn of the event loop from one object store. */
interface Reads {
  use: UseStore;
  /** Rejects with StoreError('stale'). */
  fresh: Promise<void> | undefined;
}

export class IndexedDbStore implements Store {
  /** Names this writer in `owner` and `heir`. */
  readonly token: string = randomToken();
  private readonly name: string;
  private readonly factory: IDBFactory | undefined;
  private readonly readOnly: boolean;
  private readonly onLost: (error: StoreError) => void;
  private readonly onHeir: (token: string) => void;
  private heirSeen: string | undefined;
  private readonly heir: boolean;
  private database: IDBDatabase | undefined;
  /** Under way after the browser closed the connection by itself. */
  private reopening: Promise<void> | undefined;
  private readonly reserve: Reserve;
  /** Under way: the reserve is taken. What it ends with: whether it is held. */
  private reserving: Promise<boolean> = Promise.resolve(false);
  private lost: StoreError | undefined;
  private closed = false;
  /** Bytes that the browser would still give, at the last estimate, and what was stored since. */
  private estimated = AVAILABLE_UNKNOWN;
  private putSince = 0;
  /** From when the reserve was given up to when it may be taken again. */
  private relieved = false;
  private estimatedAt = Number.NEGATIVE_INFINITY;
  /** The commit that open() found, for a reader. */
  private commitRead: number | undefined;
  /** By object store: the reads that are asked for in this turn of the event loop. */
  private readonly reads = new Map<string, Reads>();

  /** `name`: of the database (indexeddb-names.ts has those of named trees). */
  constructor(name: string, options: IndexedDbStoreOptions = {}) {
    this.name = name;
    this.factory = 'factory' in options ? options.factory : globalThis.indexedDB;
    this.readOnly = options.readOnly ?? false;
    this.reserve = options.reserve ?? new OriginReserve();
    this.onLost = options.onLost ?? (() => {});
    this.onHeir = options.onHeir ?? (() => {});
    this.heir = options.heir ?? false;
  }

  /**
   * Reads the metadata and writes the owner token of this writer, which fences every other: one transaction. A reader
   * writes nothing. It may be opened again after close(), which is how a reader goes on when it is stale.
   */
  async open(): Promise<TreeImage> {
    return this.claim(checkSchema, async (store, superblock) => {
      const records = await promisifyRequest<Uint8Array[]>(store.getAll(recordRange()));
      return { superblock, records };
    });
  }

  async inspect(): Promise<StoredTree> {
    // What the superblock is worth is for the check to say.
    return this.claim(
      () => {},
      async (store, superblock) => {
        const records = await storedRecords(store);
        return { superblock, records, chunks: () => storedChunks(this.connection()) };
      },
    );
  }

  private async claim<T>(
    check: (superblock: Superblock | undefined) => void,
    read: (store: IDBObjectStore, superblock: Superblock | undefined) => Promise<T>,
  ): Promise<T> {
    if (this.lost && !this.readOnly) throw this.lost;
    this.lost = undefined;
    this.closed = false;
    const database = await this.connect();
    this.database = database;
    let transaction: IDBTransaction | undefined;
    try {
      const mode = this.readOnly ? 'readonly' : 'readwrite';
      const { store, done } = this.begin(database, TREE, mode, 'relaxed');
      transaction = store.transaction;
      const superblock = await get<Superblock>(SUPERBLOCK, within(store));
      const heir = await get<string>(HEIR, within(store));
      try {
        check(superblock);
        if (this.heir && heir !== this.token) {
          throw new StoreError('locked', 'Another tab or window takes the tree over at this moment.');
        }
      } catch (error) {
        abort(transaction);
        throw error;
      }
      this.commitRead = superblock?.commit;
      if (!this.readOnly) {
        store.put(this.token, OWNER);
        // Another's stays: it waits for an answer.
        if (this.heir) store.delete(HEIR);
      }
      const result = await read(store, superblock);
      await done;
      if (!this.readOnly) await this.estimate();
      return result;
    } catch (error) {
      await this.close();
      throw storeError(transaction?.error ?? error, 'The stored tree could not be read');
    }
  }

  private async connect(): Promise<IDBDatabase> {
    if (this.factory && !this.readOnly) await beginNewLog(this.factory);
    const database = await openTreeDatabase(this.factory, this.name, this.readOnly ? 'read' : 'write');
    database.onversionchange = () => {
      this.lose('The tree was taken over or removed by another tab.');
    };
    database.onclose = () => this.reconnect();
    return database;
  }

  /** The browser closed the connection. What the database is now, the next commit finds out by the owner token. */
  private reconnect(): void {
    this.database = undefined;
    this.reads.clear();
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

  /** A transaction over `tree` (or what `names` says), and its first object store. */
  private begin(
    database: IDBDatabase,
    names: string | string[],
    mode: IDBTransactionMode,
    durability: Durability,
  ): { store: IDBObjectStore; done: Promise<void> } {
    const transaction = database.transaction(names, mode, { durability });
    const store = transaction.objectStore(typeof names === 'string' ? names : (names[0] as string));
    return { store, done: outcome(transaction) };
  }

  /** As Store.chunk; StoreError('stale') for a reader when there was a commit since it opened the tree. */
  async chunk(ino: number, index: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    await this.reopening;
    try {
      const { use, fresh } = this.reader(ino);
      const bytes = get<Uint8Array<ArrayBuffer>>([ino, index], use);
      told(bytes);
      await fresh;
      return await bytes;
    } catch (error) {
      throw storeError(error, `Chunk ${index} of inode ${ino} could not be read`);
    }
  }

  /**
   * One transaction an object store for all reads of a turn: it takes requests until control is back at the event loop.
   * It is over no other object store, or it would wait for every commit.
   */
  private reader(ino: number): Reads {
    const database = this.connection();
    const name = chunkStoreOf(ino, database.version);
    let reads = this.reads.get(name);
    if (!reads) {
      const names = this.readOnly ? [...new Set([name, TREE])] : name;
      const { store } = this.begin(database, names, 'readonly', 'relaxed');
      reads = { use: within(store), fresh: this.readOnly ? this.unchanged(store.transaction) : undefined };
      this.reads.set(name, reads);
      queueMicrotask(() => this.reads.delete(name));
    }
    return reads;
  }

  /** Whether there was a commit since a reader opened the tree. Rejects with StoreError. */
  async isStale(): Promise<boolean> {
    await this.reopening;
    try {
      const { store } = this.begin(this.connection(), TREE, 'readonly', 'relaxed');
      const superblock = await get<Superblock>(SUPERBLOCK, within(store));
      return superblock?.commit !== this.commitRead;
    } catch (error) {
      throw storeError(error, 'The stored tree could not be looked at');
    }
  }

  private async unchanged(transaction: IDBTransaction): Promise<void> {
    const superblock = await get<Superblock>(SUPERBLOCK, within(transaction.objectStore(TREE)));
    if (superblock?.commit === this.commitRead) return;
    throw new StoreError('stale', 'Another tab has changed the tree since it was read.');
  }

  /**
   * One transaction over `tree` and the chunk stores that it changes: the owner token is read first, and where it is not
   * ours everything is aborted. All requests are made before this returns, which copies the bytes; so the transaction
   * commits itself when the last is done.
   */
  async commit(batch: Batch, durability: Durability): Promise<void> {
    const database = this.connection();
    if (this.readOnly) throw new StoreError('locked', 'The tree was opened for reading only.');
    const content = contentOf(batch, database.version);
    let transaction: IDBTransaction | undefined;
    let done: Promise<void> | undefined;
    let fenced = false;
    let heir: string | undefined;
    try {
      transaction = database.transaction([TREE, ...content.keys()], 'readwrite', { durability });
      done = outcome(transaction);
      const tree = transaction.objectStore(TREE);
      const use = within(tree);
      told(
        get<string>(OWNER, use).then((owner) => {
          if (owner === this.token) return;
          fenced = true;
          abort(tree.transaction);
        }),
      );
      told(
        get<string>(HEIR, use).then((token) => {
          heir = token;
        }),
      );
      told(delMany(batch.removals, use));
      for (const [name, { drops, puts }] of content) {
        const store = transaction.objectStore(name);
        for (const range of drops) store.delete(range);
        told(setMany(puts, within(store)));
      }
      told(
        setMany(
          [...batch.puts.map(([key, record]): Pair => [key, exact(record)]), [SUPERBLOCK, batch.superblock]],
          use,
        ),
      );
    } catch (error) {
      if (transaction) abort(transaction);
      await done?.catch(() => {});
      throw storeError(error, 'A commit could not be begun');
    }
    try {
      await done;
    } catch (error) {
      if (fenced) throw this.lose('Another tab has taken the tree over.');
      throw storeError(error ?? transaction.error, 'A commit was aborted');
    }
    for (const [, record] of batch.puts) this.putSince += record.length;
    for (const { bytes } of batch.chunks) this.putSince += bytes.length;
    if (heir !== undefined) this.announced(heir);
    if (performance.now() - this.estimatedAt > ESTIMATE_INTERVAL) void this.estimate();
  }

  private announced(heir: string): void {
    if (heir === this.heirSeen) return;
    this.heirSeen = heir;
    this.onHeir(heir);
  }

  ready(): Promise<void> | undefined {
    return this.reopening;
  }

  async relieve(): Promise<boolean> {
    this.relieved = true;
    await this.reserving;
    this.reserving = Promise.resolve(false);
    return this.reserve.release();
  }

  restore(): void {
    this.relieved = false;
    void this.estimate();
  }

  usage(): Usage {
    return { available: Math.max(this.estimated - this.putSince, 0) };
  }

  /** Asks the browser how much it would give, and holds the reserve where it is not held. */
  private async estimate(): Promise<void> {
    this.estimatedAt = performance.now();
    const { reserving } = this;
    if (!this.relieved) this.reserving = reserving.then((held) => held || this.reserve.take());
    const before = this.putSince;
    const storage: StorageManager | undefined = globalThis.navigator?.storage;
    try {
      const { quota, usage = 0 } = (await storage?.estimate()) ?? {};
      if (quota === undefined) return;
      this.estimated = Math.max(quota - usage, 0);
      this.putSince -= before;
    } catch {
      // Some browsers refuse to tell in private windows: the last figure stands.
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    // It would make a database anew that is deleted meanwhile.
    await this.reopening;
    this.database?.close();
    this.database = undefined;
  }
}
