// Copies the database of a tree to another one, a little at a time.
import { get, promisifyRequest, setMany } from 'idb-keyval';
import { checkSchema, SCHEMA, StoreError, type Superblock } from '../tree/store.ts';
import {
  chunkRange,
  chunkStoreOf,
  chunkStoresOf,
  openTreeDatabase,
  outcome,
  recordRange,
  SUPERBLOCK,
  storeError,
  TREE,
  told,
  within,
} from './indexeddb-format.ts';

/** Bytes of chunks in one transaction, about; records are smaller, and this many. */
const BATCH_BYTES = 4 * 2 ** 20;
const BATCH_RECORDS = 256;

export interface CopyOptions {
  /** Gives the copy up; its reason is what copyDatabase() rejects with. */
  signal?: AbortSignal;
  /** How many records and chunks of how many have been copied. */
  onProgress?: (done: number, total: number) => void;
  factory?: IDBFactory | undefined;
}

/**
 * Copies all records and chunks of a tree that nobody writes meanwhile, whatever its format, to an empty database, in
 * this format. The superblock comes last: a copy that was interrupted is no tree. On the disk when it resolves.
 *
 * Rejects with StoreError ('stale': the tree was written meanwhile; 'quota'; as openTreeDatabase()), or the reason of the
 * signal. What has been copied by then stays: the caller deletes it.
 */
export async function copyDatabase(from: string, to: string, options: CopyOptions = {}): Promise<void> {
  const { factory = globalThis.indexedDB } = options;
  const source = await openTreeDatabase(factory, from, 'read');
  source.onversionchange = () => source.close();
  try {
    const target = await openTreeDatabase(factory, to, 'write');
    target.onversionchange = () => target.close();
    try {
      await new Copy(source, target, options).run();
    } finally {
      target.close();
    }
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw storeError(error, 'The tree could not be copied');
  } finally {
    source.close();
  }
}

class Copy {
  private readonly source: IDBDatabase;
  private readonly target: IDBDatabase;
  private readonly options: CopyOptions;
  private done = 0;
  private total = 0;

  constructor(source: IDBDatabase, target: IDBDatabase, options: CopyOptions) {
    this.source = source;
    this.target = target;
    this.options = options;
  }

  async run(): Promise<void> {
    const empty = (await promisifyRequest(this.read(this.target, TREE).count())) === 0;
    if (!empty) throw new StoreError('name', `There is a tree in the database ${this.target.name} already.`);
    const superblock = await this.superblock();
    if (!superblock) return;
    checkSchema(superblock);
    const stores = chunkStoresOf(this.source.version);
    this.total = await promisifyRequest(this.read(this.source, TREE).count(recordRange()));
    for (const name of stores) this.total += await promisifyRequest(this.read(this.source, name).count(chunkRange()));
    await this.range(TREE, recordRange(), BATCH_RECORDS);
    for (const name of stores) {
      await this.range(name, chunkRange(), Math.max(1, Math.floor(BATCH_BYTES / superblock.chunkSize)));
    }
    if ((await this.superblock())?.commit !== superblock.commit) {
      throw new StoreError('stale', 'The tree was changed while it was copied. Try it again.');
    }
    const transaction = this.target.transaction(TREE, 'readwrite', { durability: 'strict' });
    transaction.objectStore(TREE).put({ ...superblock, schema: SCHEMA } satisfies Superblock, SUPERBLOCK);
    await outcome(transaction);
  }

  private read(database: IDBDatabase, name: string): IDBObjectStore {
    return database.transaction(name).objectStore(name);
  }

  private superblock(): Promise<Superblock | undefined> {
    return get<Superblock>(SUPERBLOCK, within(this.read(this.source, TREE)));
  }

  /** Copies what lies in a range of keys of an object store, `count` at a time. */
  private async range(name: string, range: IDBKeyRange, count: number): Promise<void> {
    let rest = range;
    for (;;) {
      this.options.signal?.throwIfAborted();
      const store = this.read(this.source, name);
      const [keys, values] = await Promise.all([
        promisifyRequest(store.getAllKeys(rest, count)),
        promisifyRequest<unknown[]>(store.getAll(rest, count)),
      ]);
      const last = keys.at(-1);
      if (last === undefined) return;
      await this.put(keys.map((key, i) => [key, values[i]]));
      this.done += keys.length;
      this.options.onProgress?.(this.done, this.total);
      rest =
        range.upper === undefined
          ? IDBKeyRange.lowerBound(last, true)
          : IDBKeyRange.bound(last, range.upper, true, range.upperOpen);
    }
  }

  private async put(pairs: [IDBValidKey, unknown][]): Promise<void> {
    const places = new Map<string, [IDBValidKey, unknown][]>();
    for (const pair of pairs) {
      const [key] = pair;
      const name = Array.isArray(key) ? chunkStoreOf(key[0] as number, SCHEMA) : TREE;
      const those = places.get(name) ?? [];
      places.set(name, those);
      those.push(pair);
    }
    const transaction = this.target.transaction([...places.keys()], 'readwrite', { durability: 'relaxed' });
    const done = outcome(transaction);
    for (const [name, those] of places) told(setMany(those, within(transaction.objectStore(name))));
    await done;
  }
}
