// The conformance suite with IndexedDB, and so little memory for content that most of it is loaded again.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { vi } from 'vitest';
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import { loop } from '../fuse-client.ts';
import { conformance } from './over-fuse.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);

let factory: IDBFactory;

conformance('over FUSE, in IndexedDB', {
  store: (again = false) => {
    if (!again) factory = new IDBFactory();
    return new IndexedDbStore('conformance', { factory });
  },
  durable: true,
  transport: loop,
  tree: { cacheLimit: 128 * 1024, dirtyLimit: 64 * 1024 },
});
