// Watches the commits of a tree where IndexedDB itself has them: begun, with which durability and content, and ended.

/** What a transaction that puts a superblock is found to do. */
export type CommitEvent =
  /** Everything is asked for, nothing has happened. */
  | { event: 'begin'; id: number; durability: string; commit: number; operation: number }
  /** `strict` promises that it is on the disk now. */
  | { event: 'complete'; id: number }
  | { event: 'abort'; id: number };

interface Begun {
  id: number;
  told: boolean;
}

/** The classes of an IndexedDB: the browser's, or one in memory. */
export interface IndexedDbClasses {
  IDBDatabase: { prototype: Pick<IDBDatabase, 'transaction'> };
  IDBObjectStore: { prototype: Pick<IDBObjectStore, 'put'> };
}

/** Keeps a transaction from completing: it has one more request under way until so many ms are over. */
function keepOpen(store: IDBObjectStore, ms: number): void {
  const end = performance.now() + ms;
  const ask = (): void => {
    store.count().onsuccess = () => {
      if (performance.now() < end) ask();
    };
  };
  ask();
}

/**
 * Tells of all commits from now on. `keep` says of each, by its number from 1, for how many ms it is kept open when all
 * of it has been asked for. Returns what ends it.
 */
export function watchCommits(
  classes: IndexedDbClasses,
  tell: (event: CommitEvent) => void,
  keep: (commit: number) => number = () => 0,
): () => void {
  const databases = classes.IDBDatabase.prototype;
  const stores = classes.IDBObjectStore.prototype;
  const { transaction } = databases;
  const { put } = stores;
  const begun = new WeakMap<IDBTransaction, Begun>();
  let last = 0;
  let commits = 0;
  databases.transaction = function (this: IDBDatabase, ...words: Parameters<IDBDatabase['transaction']>) {
    const opened = transaction.apply(this, words);
    if (words[1] !== 'readwrite') return opened;
    const state: Begun = { id: ++last, told: false };
    begun.set(opened, state);
    // Before anybody else hears of it.
    for (const event of ['complete', 'abort'] as const) {
      opened.addEventListener(event, () => {
        if (state.told) tell({ event, id: state.id });
      });
    }
    return opened;
  };
  stores.put = function (this: IDBObjectStore, ...words: Parameters<IDBObjectStore['put']>) {
    const request = put.apply(this, words);
    const state = begun.get(this.transaction);
    if (state && words[1] === 'superblock') {
      const { commit, operation } = words[0] as { commit: number; operation: number };
      state.told = true;
      tell({ event: 'begin', id: state.id, durability: this.transaction.durability, commit, operation });
      const ms = keep(++commits);
      if (ms > 0) keepOpen(this, ms);
    }
    return request;
  };
  return () => {
    databases.transaction = transaction;
    stores.put = put;
  };
}
