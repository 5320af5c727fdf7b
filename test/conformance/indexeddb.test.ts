// The conformance suite with IndexedDB, and so little memory for content that most of it is loaded again.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { vi } from 'vitest';
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import { loop } from '../fuse-client.ts';
import { conformance } from './over-fuse.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);

conformance('over FUSE, in IndexedDB', {
  store: () => new IndexedDbStore('conformance', { factory: new IDBFactory() }),
  transport: loop,
  tree: { cacheLimit: 128 * 1024, dirtyLimit: 64 * 1024 },
});
