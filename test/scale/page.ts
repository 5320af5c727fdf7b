// Runs in a page of Chromium: trees of many inodes in the real IndexedDB. In the page and not in a worker, because the
// heap of a page can be measured.
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { type CommitTimes, commitTimes, fill } from './shape.ts';

let tree: Tree | undefined;

export interface ScalePage {
  make(name: string, inodes: number): Promise<void>;
  /** Opens the tree, which stays open; ms. */
  open(name: string): Promise<number>;
  commits(): Promise<CommitTimes>;
  close(): Promise<void>;
  remove(name: string): Promise<void>;
}

const page: ScalePage = {
  make: (name, inodes) => fill(new IndexedDbStore(name), inodes),
  async open(name) {
    const start = performance.now();
    tree = await Tree.open(new IndexedDbStore(name), { commitInterval: 1e9 });
    return performance.now() - start;
  },
  async commits() {
    if (!tree) throw new Error('no tree is open');
    return commitTimes(tree);
  },
  async close() {
    await tree?.close();
    tree = undefined;
  },
  remove: (name) =>
    new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = () => resolve();
      request.onerror = () => reject(request.error);
    }),
};

Object.assign(globalThis, { scale: page });
