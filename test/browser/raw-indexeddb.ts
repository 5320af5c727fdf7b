// IndexedDB without anything of ours: what it costs in this browser, whoever uses it.

type Durability = 'strict' | 'relaxed';

/** Resolves with the result of a request. */
export function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Bytes that nothing can compress. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  // The most that one call gives.
  for (let at = 0; at < length; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65536, length)));
  return bytes;
}

/** Where a value is put. */
export type Put = [store: string, ino: number, index: number];

/** A database whose object stores have values of one size under [ino, index]. */
export class RawDatabase {
  readonly size: number;
  private readonly database: IDBDatabase;
  /** Values of the size, each with a buffer of its own, 16 MiB at most: what is written is taken from them in turn. */
  private readonly values: Uint8Array[];

  private constructor(database: IDBDatabase, size: number) {
    this.database = database;
    this.size = size;
    this.values = Array.from({ length: Math.floor((16 << 20) / size) }, () => randomBytes(size));
  }

  static async open(name: string, stores: string[], size: number): Promise<RawDatabase> {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => {
      for (const store of stores) opening.result.createObjectStore(store);
    };
    return new RawDatabase(await resultOf(opening), size);
  }

  /**
   * One transaction that puts values. `issued`: ms until all requests were made, for which the thread is busy; `took`: ms
   * until it was complete.
   */
  async commit(puts: Put[], durability: Durability, meanwhile?: () => void): Promise<{ issued: number; took: number }> {
    const began = performance.now();
    const stores = [...new Set(puts.map(([store]) => store))];
    const transaction = this.database.transaction(stores, 'readwrite', { durability });
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    let next = 0;
    for (const [store, ino, index] of puts) {
      transaction.objectStore(store).put(this.values[next++ % this.values.length], [ino, index]);
    }
    const issued = performance.now() - began;
    meanwhile?.();
    await done;
    return { issued, took: performance.now() - began };
  }

  /** Reads values in one transaction; ms. */
  async read(store: string, ino: number, indices: number[]): Promise<number> {
    const began = performance.now();
    const values = this.database.transaction(store).objectStore(store);
    await Promise.all(
      indices.map(async (index) => {
        const value = await resultOf<Uint8Array | undefined>(values.get([ino, index]));
        if (value?.length !== this.size) throw new Error(`value ${index} has ${value?.length} bytes`);
      }),
    );
    return performance.now() - began;
  }

  /** Removes all values of one inode. */
  async drop(store: string, ino: number): Promise<void> {
    const transaction = this.database.transaction(store, 'readwrite', { durability: 'strict' });
    transaction.objectStore(store).delete(IDBKeyRange.bound([ino, 0], [ino, []]));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
  }

  close(): void {
    this.database.close();
  }
}
