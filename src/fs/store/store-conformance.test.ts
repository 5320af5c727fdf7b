// The conformance suite over every store that there is.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { afterAll, describe, test, vi } from 'vitest';
import { contract, type Place } from '../../../test/store-conformance.ts';
import { DirStore } from './dir-store.ts';
import { IndexedDbStore } from './indexeddb-store.ts';
import { MemoryStore } from './memory-store.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const folder = (options: { garbageLimit?: number }): Place => {
  const path = mkdtempSync(join(tmpdir(), 'store-'));
  folders.push(path);
  return () => new DirStore(path, options);
};

const places: Record<string, () => Place> = {
  memory: () => {
    const store = new MemoryStore();
    return () => store;
  },
  IndexedDB: () => {
    const factory = new IDBFactory();
    return () => new IndexedDbStore('t', { factory });
  },
  folder: () => folder({}),
  'folder, rewritten all the time': () => folder({ garbageLimit: 100 }),
};

describe.each(Object.keys(places))('%s', (kind) => {
  test.each(Object.keys(contract))('%s', async (point) => {
    await contract[point]?.((places[kind] as () => Place)());
  });
});
