// The next writer of a tree, announced in its database: who has the tree sees it with the next commit.
import { get } from 'idb-keyval';
import { HEIR, openTreeDatabase, outcome, storeError, TREE, within } from './indexeddb-format.ts';

/**
 * Leaves a token as heir in a tree's database: its writer, if there is one, sees it with its next commit. The database
 * is neither made nor changed in format. Rejects with StoreError, 'name' where there is none.
 */
export async function announceHeir(name: string, token: string, factory = globalThis.indexedDB): Promise<void> {
  await inheritance(name, factory, (store) => store.put(token, HEIR));
}

/** Takes back what announceHeir() left, unless another heir has announced itself since. Rejects with StoreError. */
export async function withdrawHeir(name: string, token: string, factory = globalThis.indexedDB): Promise<void> {
  await inheritance(name, factory, async (store) => {
    if ((await get<string>(HEIR, within(store))) === token) store.delete(HEIR);
  });
}

/** The token that the last announceHeir() left. Rejects with StoreError. */
export async function heirOf(name: string, factory = globalThis.indexedDB): Promise<string | undefined> {
  let heir: string | undefined;
  await inheritance(name, factory, async (store) => {
    heir = await get<string>(HEIR, within(store));
  });
  return heir;
}

async function inheritance(
  name: string,
  factory: IDBFactory | undefined,
  change: (store: IDBObjectStore) => unknown,
): Promise<void> {
  const database = await openTreeDatabase(factory, name, 'read');
  database.onversionchange = () => database.close();
  let transaction: IDBTransaction | undefined;
  try {
    transaction = database.transaction(TREE, 'readwrite');
    const done = outcome(transaction);
    await change(transaction.objectStore(TREE));
    await done;
  } catch (error) {
    throw storeError(transaction?.error ?? error, 'The tree could not be asked for');
  } finally {
    database.close();
  }
}
