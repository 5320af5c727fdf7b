// ARCHITECTURE.md describes the stored format well enough: a reader made from the description finds the same tree.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import fc from 'fast-check';
import { afterAll, expect, test, vi } from 'vitest';
import { DirStore } from '../../src/fs/store/dir-store.ts';
import { TreeNames } from '../../src/fs/store/indexeddb-names.ts';
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import type { Store } from '../../src/fs/tree/store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { dumpTree, TreeDriver } from '../tree-driver.ts';
import { type Dumped, digest, steps, TreeModel, typeBits } from '../tree-model.ts';
import { fromFolder, fromIndexedDb, readContent, readInodes, readNames, type Stored } from './read-tree.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
const CHUNK = 4096;
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** As dumpTree, by the description. */
async function dumpStored(stored: Stored): Promise<Dumped[]> {
  const first = new Map<number, string>();
  const all: Dumped[] = [];
  for (const { path, cookie, inode } of readNames(readInodes(stored))) {
    if (!first.has(inode.ino)) first.set(inode.ino, path);
    const type = Object.entries(typeBits).find(([, bits]) => bits === (inode.mode & 0o170000))?.[0] ?? '?';
    all.push({
      path,
      type,
      perm: inode.mode & 0o7777,
      gid: inode.gid,
      nlink: inode.nlink,
      size: inode.size,
      cookie,
      mtime: inode.mtime[0],
      ctime: inode.ctime[0],
      flags: inode.flags,
      target: inode.target,
      xattrs: [...inode.xattrs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, [...value]]),
      content: digest(type === 'file' ? await readContent(stored, inode) : new Uint8Array(0)),
      same: first.get(inode.ino) as string,
    });
  }
  return all;
}

/** A place for one tree, and how it is read by the description. */
interface Place {
  store: Store;
  read(): Promise<Stored>;
}

const places: Record<string, () => Promise<Place>> = {
  async indexeddb() {
    const factory = new IDBFactory();
    const database = (await new TreeNames(factory).resolve('a-tree', { create: true })) as string;
    return { store: new IndexedDbStore(database, { factory }), read: () => fromIndexedDb(factory, 'a-tree') };
  },
  async folder() {
    const folder = mkdtempSync(join(tmpdir(), 'format-'));
    folders.push(folder);
    return { store: new DirStore(folder, { garbageLimit: 50_000 }), read: async () => fromFolder(folder) };
  },
};

test.each(Object.keys(places))('%s: a reader made from the description finds every name, attribute and byte', (name) =>
  fc.assert(
    fc.asyncProperty(steps(120), async (changes) => {
      const { store, read } = await (places[name] as () => Promise<Place>)();
      const clock = { s: 1_000_000, ns: 7 };
      const tree = await Tree.open(store, { clock: () => clock, chunkSize: CHUNK, commitInterval: 0 });
      const driver = new TreeDriver(tree, clock);
      const model = new TreeModel(CHUNK);
      for (const [i, change] of changes.entries()) {
        await model.step(change, i, driver);
        if (change[4] % 9 === 0) await tree.sync();
      }
      await tree.close();
      const stored = await read();
      expect(stored.superblock.chunkSize).toBe(CHUNK);
      expect(stored.superblock.operation).toBe(tree.counters.operations);
      expect(await dumpStored(stored)).toEqual(await dumpTree(tree));
      for (const inode of tree.inodes()) {
        if (inode.nlink === 0) continue;
        const found = readInodes(stored).get(inode.ino);
        expect(found).toMatchObject({
          generation: inode.generation,
          blocks: inode.blocks,
          uid: inode.uid,
          rdev: inode.rdev,
          atime: [inode.atime, inode.atimensec],
          btime: [inode.btime, inode.btimensec],
        });
      }
    }),
    { numRuns: 30 },
  ),
);
