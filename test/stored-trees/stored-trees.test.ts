// Trees that released versions stored are opened by this one, and brought to its format whole or not at all.
// `0.1.0-early` is from before the superblock said which inode numbers were given out.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { readerOf } from '../../src/base/iov.ts';
import { DirStore } from '../../src/fs/store/dir-store.ts';
import { copyDatabase } from '../../src/fs/store/indexeddb-copy.ts';
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import type { Inode } from '../../src/fs/tree/inode.ts';
import { ReadOnlyTree } from '../../src/fs/tree/read-only-tree.ts';
import { SCHEMA, type Store, StoreError } from '../../src/fs/tree/store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { FAULTS, IdbFaults } from '../idb-faults.ts';
import { type DatabaseJson, readDatabase, writeDatabase } from './database-json.ts';
import {
  fixtureNames,
  IDBFactory,
  IDBKeyRange,
  loadRelease,
  makeFixture,
  readFixture,
  writeFixture,
} from './fixture.ts';
import { type Described, describeTree, noise, scriptedOptions } from './scripted-tree.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});

const names = fixtureNames();
const NEWEST = '0.2.0';
const owner = { uid: 0, gid: 0 };
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  );

/** A database with what is in the fixture, and what opens it. */
async function database(json: DatabaseJson): Promise<{ factory: IDBFactory; open: () => Store }> {
  const factory = new IDBFactory();
  await writeDatabase(factory, 't', json);
  return { factory, open: () => new IndexedDbStore('t', { factory }) };
}

function folder(files: Record<string, string>): () => Store {
  const path = mkdtempSync(join(tmpdir(), 'stored-tree-'));
  made.push(path);
  for (const [name, base64] of Object.entries(files)) writeFileSync(join(path, name), base64, 'base64');
  return () => new DirStore(path);
}

async function seen(store: Store): Promise<Described[]> {
  const tree = await ReadOnlyTree.open(store);
  const found = await describeTree(tree);
  await tree.close();
  return found;
}

const highestOf = (described: Described[]): number => Math.max(...described.map(({ ino }) => ino));
const chunkKeys = (json: DatabaseJson, store: string): unknown[] =>
  (json.stores[store] ?? []).map(([key]) => key).filter(Array.isArray);

/** Opens a stored tree, finds everything, writes on, and finds that too. */
async function upgrade(open: () => Store, expected: Described[]): Promise<void> {
  const tree = await Tree.open(open(), scriptedOptions());
  expect(await describeTree(tree)).toEqual(expected);
  expect(checkTree(tree)).toEqual([]);
  const text = tree.lookup(tree.root, 'text-2') as Inode;
  await tree.write(text, 2, 4, readerOf(noise(4, 99)));
  const file = tree.mknod(tree.root, 'made now', { mode: 0o100644, ...owner });
  // The held files that were there had higher numbers than what has a name.
  expect(file.ino).toBeGreaterThan(highestOf(expected));
  expect(expected.map(({ generation }) => generation)).not.toContain(file.generation);
  await tree.write(file, 10_000, 5000, readerOf(noise(5000, 98)));
  await tree.sync();
  const changed = await describeTree(tree);
  await tree.close();
  const store = open();
  const { superblock } = await store.open();
  expect(superblock?.schema).toBe(SCHEMA);
  await store.close();
  const again = await Tree.open(open(), scriptedOptions());
  expect(await describeTree(again)).toEqual(changed);
  expect(checkTree(again)).toEqual([]);
  expect(changed.filter(({ path }) => path !== '/made now' && !path.includes('text') && path !== '')).toEqual(
    expected.filter(({ path }) => !path.includes('text') && path !== ''),
  );
  await again.close();
}

test('there is a fixture of each release', () => {
  expect(names).toEqual(['0.1.0-early', '0.1.0', NEWEST]);
  for (const name of names) expect(readFixture(name).expected.length).toBeGreaterThan(80);
});

describe.each(names)('the tree of %s', (name) => {
  const fixture = readFixture(name);

  test('in IndexedDB is found, checked, written on and opened again', async () => {
    const { factory, open } = await database(fixture.database);
    await upgrade(open, fixture.expected);
    const json = await readDatabase(factory, 't');
    expect(json.version).toBe(SCHEMA);
    expect(chunkKeys(json, 'tree')).toEqual([]);
    for (const [store, pairs] of Object.entries(json.stores)) {
      if (store === 'tree') continue;
      for (const [key] of pairs) expect(store).toBe(`chunks${(key[0] as unknown as number) % 16}`);
    }
    // What had no name is gone, with its content.
    const inos = new Set(fixture.expected.map(({ ino }) => ino));
    const known = Object.keys(json.stores).flatMap((store) => chunkKeys(json, store) as [number, number][]);
    for (const [ino] of known) expect(inos.has(ino) || ino > highestOf(fixture.expected)).toBe(true);
  });

  test('in a folder is found, checked, written on and opened again', async () => {
    await upgrade(folder(fixture.folder), fixture.expected);
  });

  test('can be read without being changed', async () => {
    const { factory } = await database(fixture.database);
    expect(await seen(new IndexedDbStore('t', { factory, readOnly: true }))).toEqual(fixture.expected);
    expect(await readDatabase(factory, 't')).toEqual(fixture.database);
  });

  test('can be copied as it is', async () => {
    const { factory } = await database(fixture.database);
    await copyDatabase('t', 'copy', { factory });
    expect(await readDatabase(factory, 't')).toEqual(fixture.database);
    await upgrade(() => new IndexedDbStore('copy', { factory }), fixture.expected);
  });
});

describe('bringing format 1 to this one', () => {
  const fixture = readFixture('0.1.0');

  test('takes one transaction, and one value at a time', async () => {
    const { factory } = await database(fixture.database);
    const store = new IndexedDbStore('t', { factory });
    const faults = new IdbFaults();
    await store.open();
    faults.restore();
    await store.close();
    // Superblock read and written, a cursor's step and a put a chunk, the end of the cursor, one removal; then the open.
    const chunks = chunkKeys(fixture.database, 'tree').length;
    expect(faults.requests).toBeLessThanOrEqual(2 + 2 * chunks + 1 + 1 + 6);
  });

  test.each(FAULTS)(
    'where any step meets "%s" nothing has changed, it can be read, and the next attempt does it',
    async (fault) => {
      const faults = new IdbFaults();
      try {
        // Counted once: where nothing fails.
        const counted = await database(fixture.database);
        faults.arm(Number.POSITIVE_INFINITY, fault);
        await counted.open().open();
        const steps = faults.requests;
        expect(steps).toBeGreaterThan(60);
        let refused = 0;
        for (let at = 0; at < steps; at++) {
          const { factory, open } = await database(fixture.database);
          faults.arm(at, fault);
          const store = open();
          const code = await codeOf(store.open());
          faults.disarm();
          expect(faults.happened).toBe(true);
          if (code === 'none') await store.close();
          else refused++;
          const json = await readDatabase(factory, 't');
          if (json.version === 1) {
            expect(code).toBe('old');
            expect(json).toEqual(fixture.database);
          }
          // Every tenth is looked at as a whole, and all of them are opened.
          if (at % 10 === 0)
            expect(await seen(new IndexedDbStore('t', { factory, readOnly: true }))).toEqual(fixture.expected);
          const tree = await Tree.open(open(), scriptedOptions());
          expect(tree.counters.inodes).toBe(new Set(fixture.expected.map(({ ino }) => ino)).size);
          if (at % 10 === 0) expect(await describeTree(tree)).toEqual(fixture.expected);
          await tree.close();
        }
        expect(refused).toBeGreaterThan(steps / 2);
      } finally {
        faults.restore();
      }
    },
  );

  test('says what was refused and that the tree is unchanged', async () => {
    const { open } = await database(fixture.database);
    const faults = new IdbFaults();
    try {
      faults.arm(20, 'at commit');
      await expect(open().open()).rejects.toThrow(/format 1.*could not be brought to format 2.*no room/);
    } finally {
      faults.restore();
    }
  });

  test('waits for nobody: a tab that reads it lets go, one that does not answer is named', async () => {
    const { factory, open } = await database(fixture.database);
    const reader = new IndexedDbStore('t', { factory, readOnly: true });
    await reader.open();
    const store = open();
    await store.open();
    await store.close();
    expect(await codeOf(reader.chunk(1, 0))).toBe('lost');

    const other = await database(fixture.database);
    const stubborn = await new Promise<IDBDatabase>((resolve) => {
      const request = other.factory.open('t') as IDBOpenDBRequest;
      request.onsuccess = () => resolve(request.result);
    });
    expect(await codeOf(other.open().open())).toBe('locked');
    stubborn.close();
    await upgrade(other.open, fixture.expected);
  });
});

describe('a newer format', () => {
  const fixture = readFixture(NEWEST);

  test('of a database is refused and left as it is', async () => {
    const json = { ...fixture.database, version: SCHEMA + 1 };
    const { factory, open } = await database(json);
    expect(await codeOf(open().open())).toBe('newer');
    expect(await codeOf(new IndexedDbStore('t', { factory, readOnly: true }).open())).toBe('newer');
    expect(await codeOf(copyDatabase('t', 'copy', { factory }))).toBe('newer');
    expect(await readDatabase(factory, 't')).toEqual(json);
  });

  test.each([
    [SCHEMA + 1, 'newer'],
    [undefined, 'damaged'],
    [0, 'damaged'],
    ['2', 'damaged'],
  ])('%j of a superblock is refused and left as it is', async (schema, code) => {
    const json = structuredClone(fixture.database);
    for (const [key, value] of json.stores.tree ?? []) {
      if (key === 'superblock') Object.assign((value as { value: object }).value, { schema });
    }
    const { factory, open } = await database(json);
    const before = await readDatabase(factory, 't');
    expect(await codeOf(open().open())).toBe(code);
    expect(await readDatabase(factory, 't')).toEqual(before);
  });

  test('of a log is refused and left as it is', async () => {
    const [[name, base64] = ['', '']] = Object.entries(fixture.folder);
    const path = join(mkdtempSync(join(tmpdir(), 'stored-tree-')));
    made.push(path);
    mkdirSync(path, { recursive: true });
    const bytes = Buffer.from(base64, 'base64');
    bytes.write('virtio-fs-lab tree log 2\n');
    writeFileSync(join(path, name), bytes);
    expect(await codeOf(new DirStore(path).open())).toBe('newer');
    expect(readFileSync(join(path, name)).equals(bytes)).toBe(true);
    expect(readdirSync(path)).toEqual([name]);
  });
});

test(`this version stores what the fixture of ${NEWEST} has: another form needs another number`, async () => {
  const now = await makeFixture(await loadRelease(process.cwd()));
  if (process.env.UPDATE_FIXTURES) writeFixture(NEWEST, now);
  const { database: stored, expected } = readFixture(NEWEST);
  expect(now.expected).toEqual(expected);
  expect(now.database).toEqual(stored);
});
