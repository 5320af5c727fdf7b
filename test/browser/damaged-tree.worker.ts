// Trees in the real IndexedDB, some of them with a chunk that is lost.

import { readerOf } from '../../src/base/iov.ts';
import { TreeNames } from '../../src/fs/store/indexeddb-names.ts';
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { serve } from './serve.ts';

const CHUNK = 4096;

/** One request to the database itself, as no tree makes it. */
function change(database: string, store: string, request: (store: IDBObjectStore) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(database);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction(store, 'readwrite');
      request(transaction.objectStore(store));
      transaction.oncomplete = () => {
        opening.result.close();
        resolve();
      };
      transaction.onabort = () => reject(transaction.error);
    };
  });
}

serve({
  /** A tree of one file with three chunks. */
  async make({ name, damaged }: { name: string; damaged: boolean }) {
    const database = (await new TreeNames().resolve(name, { create: true })) as string;
    const tree = await Tree.open(new IndexedDbStore(database), { chunkSize: CHUNK });
    const file = tree.mknod(tree.root, 'file', { mode: 0o644, uid: 0, gid: 0 });
    await tree.write(file, 0, 3 * CHUNK, readerOf(new Uint8Array(3 * CHUNK).fill(1)));
    await tree.close();
    if (damaged) await change(database, `chunks${file.ino % 16}`, (store) => store.delete([file.ino, 1]));
  },
  /** A database that a version to come wrote. */
  async makeNewer({ name }: { name: string }) {
    const database = (await new TreeNames().resolve(name, { create: true })) as string;
    await new Promise<void>((resolve, reject) => {
      const opening = indexedDB.open(database, 99);
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        opening.result.close();
        resolve();
      };
    });
  },
});
