// The limit that a person sets is kept by the tree, whatever store is below it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { afterAll, expect, test, vi } from 'vitest';
import { readerOf } from '../../base/iov.ts';
import type { Inode } from '../tree/inode.ts';
import type { Store } from '../tree/store.ts';
import { Tree } from '../tree/tree.ts';
import { DirStore } from './dir-store.ts';
import { IndexedDbStore } from './indexeddb-store.ts';
import { MemoryStore } from './memory-store.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
const folder = mkdtempSync(join(tmpdir(), 'limit-'));
afterAll(() => rmSync(folder, { recursive: true }));

const LIMIT = 2 ** 20;
const ENOSPC = 28;

const memory = new MemoryStore();
const factory = new IDBFactory();
const stores: [string, () => Store][] = [
  ['memory', () => memory],
  ['indexeddb', () => new IndexedDbStore('t', { factory })],
  ['folder', () => new DirStore(folder)],
];

/** Appends pages until one is refused. The file's size then. */
async function fill(tree: Tree, file: Inode): Promise<number> {
  for (;;) {
    try {
      await tree.write(file, file.size, 4096, readerOf(new Uint8Array(4096).fill(1)));
    } catch (error) {
      expect(error).toMatchObject({ errno: ENOSPC });
      return file.size;
    }
  }
}

test.each(stores)(
  '%s: exactly as much as the limit says, at once and after the tree was opened again',
  async (_, open) => {
    const tree = await Tree.open(open(), { limit: LIMIT, commitInterval: 1e9 });
    const owner = { mode: 0o100644, uid: 0, gid: 0 };
    const file = tree.mknod(tree.root, 'f', owner);
    expect(await fill(tree, file)).toBe(LIMIT);
    expect(tree.statfs()).toMatchObject({ blocks: LIMIT / 4096, bavail: 0 });
    expect(() => tree.mknod(tree.root, 'g', owner)).toThrow(expect.objectContaining({ errno: ENOSPC }));
    // It is the tree that refuses: the store has taken everything.
    await tree.sync();
    expect(tree.counters).toMatchObject({ full: false, bytesStored: LIMIT, learnedLimit: undefined });
    await tree.close();

    const again = await Tree.open(open(), { limit: LIMIT, commitInterval: 1e9 });
    const found = again.lookup(again.root, 'f') as Inode;
    expect(again.statfs()).toMatchObject({ blocks: LIMIT / 4096, bavail: 0 });
    expect(await fill(again, found)).toBe(LIMIT);
    again.setattr(found, { size: LIMIT / 2 });
    expect(again.statfs().bavail).toBe(LIMIT / 2 / 4096);
    expect(await fill(again, again.mknod(again.root, 'g', owner))).toBe(LIMIT / 2);
    again.unlink(again.root, 'f');
    again.unlink(again.root, 'g');
    expect(again.statfs()).toMatchObject({ blocks: LIMIT / 4096, bavail: LIMIT / 4096 });
    await again.close();
  },
);
