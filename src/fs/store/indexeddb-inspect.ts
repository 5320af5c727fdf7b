// What a check reads of a tree in IndexedDB: records with their keys, and which chunks there are and can be read.
import { promisifyRequest } from 'idb-keyval';
import type { StoredChunkKey, StoredTree } from '../tree/store.ts';
import { chunkRange, chunkStoresOf, recordRange, storeError } from './indexeddb-format.ts';

/** Chunks that are read at once. */
const BATCH = 64;

const lengthOf = (value: unknown): number | undefined => (value instanceof Uint8Array ? value.length : undefined);

/** All metadata records; what is no bytes counts as an empty one. */
export async function storedRecords(store: IDBObjectStore): Promise<StoredTree['records']> {
  const [keys, values] = await Promise.all([
    promisifyRequest<IDBValidKey[]>(store.getAllKeys(recordRange())),
    promisifyRequest<unknown[]>(store.getAll(recordRange())),
  ]);
  return keys.map((key, i) => {
    const value = values[i];
    return [String(key), value instanceof Uint8Array ? value : new Uint8Array(0)];
  });
}

/** All chunks. Rejects with StoreError. */
export async function* storedChunks(database: IDBDatabase): AsyncGenerator<StoredChunkKey> {
  for (const name of chunkStoresOf(database.version)) {
    let range: IDBKeyRange | undefined = chunkRange();
    while (range) {
      const keys: IDBValidKey[] = await read(database, name, (store) => store.getAllKeys(range, BATCH));
      const lengths = await lengthsOf(database, name, range, keys);
      for (const [i, key] of keys.entries()) {
        if (!isChunkKey(key)) continue;
        const [ino, index] = key;
        yield { ino, index, length: lengths[i] };
      }
      const last = keys.at(-1);
      range = last === undefined ? undefined : IDBKeyRange.lowerBound(last, true);
    }
  }
}

const isChunkKey = (key: IDBValidKey): key is [number, number] =>
  Array.isArray(key) && key.length === 2 && key.every((part) => Number.isInteger(part));

async function read<T>(database: IDBDatabase, name: string, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  try {
    return await promisifyRequest(ask(database.transaction(name, 'readonly').objectStore(name)));
  } catch (error) {
    throw storeError(error, 'The stored tree could not be read');
  }
}

/** A value that cannot be read fails the reading of all: then they are read one by one. */
async function lengthsOf(
  database: IDBDatabase,
  name: string,
  range: IDBKeyRange,
  keys: readonly IDBValidKey[],
): Promise<(number | undefined)[]> {
  const many = database.transaction(name, 'readonly').objectStore(name).getAll(range, BATCH);
  const values = await promisifyRequest<unknown[]>(many).catch(() => undefined);
  if (values) return values.map(lengthOf);
  const lengths: (number | undefined)[] = [];
  for (const key of keys) {
    // Where there is no transaction any more, this throws, and no chunk is blamed for it.
    const one = database.transaction(name, 'readonly').objectStore(name).get(key);
    lengths.push(await promisifyRequest<unknown>(one).then(lengthOf, () => undefined));
  }
  return lengths;
}
