// A fixture: the scripted tree as one release stored it, in IndexedDB and in a folder, and what that release saw in it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import type { Store } from '../../src/fs/tree/store.ts';
import type { Tree, TreeOptions } from '../../src/fs/tree/tree.ts';
import { type DatabaseJson, readDatabase } from './database-json.ts';
import { type Described, describeTree, fillScripted, scriptedOptions } from './scripted-tree.ts';

export interface Fixture {
  database: DatabaseJson;
  /** Base64 by the names of the files. */
  folder: Record<string, string>;
  /** What the release saw when it opened the tree again. */
  expected: Described[];
}

/** What of a release is needed to make a fixture. */
interface Release {
  Tree: { open(store: Store, options: TreeOptions): Promise<Tree> };
  IndexedDbStore: new (name: string, options: { factory: IDBFactory }) => Store;
  DirStore: new (folder: string) => Store;
}

const FOLDER = join(import.meta.dirname, '../golden');
const pathOf = (name: string): string => join(FOLDER, `store-${name}.json`);

export const fixtureNames = (): string[] =>
  readdirSync(FOLDER).flatMap((file) => /^store-(.*)\.json$/.exec(file)?.[1] ?? []);

export const readFixture = (name: string): Fixture => JSON.parse(readFileSync(pathOf(name), 'utf8')) as Fixture;

/** Lines of moderate length, for diffs. */
export function writeFixture(name: string, { database, folder, expected }: Fixture): void {
  const lines = (list: unknown[]): string => `[\n${list.map((item) => JSON.stringify(item)).join(',\n')}\n]`;
  const stores = Object.entries(database.stores).map(([store, pairs]) => `${JSON.stringify(store)}: ${lines(pairs)}`);
  const text = [
    `"database": { "version": ${database.version}, "stores": {\n${stores.join(',\n')}\n} }`,
    `"folder": ${JSON.stringify(folder, null, 1)}`,
    `"expected": ${lines(expected)}`,
  ];
  writeFileSync(pathOf(name), `{\n${text.join(',\n')}\n}\n`);
}

/** The release whose sources are in a folder. */
export async function loadRelease(root: string): Promise<Release> {
  const load = (file: string): Promise<Release> => import(pathToFileURL(join(root, 'src/fs', file)).href);
  const { Tree } = await load('tree/tree.ts');
  const { IndexedDbStore } = await load('store/indexeddb-store.ts');
  const { DirStore } = await load('store/dir-store.ts');
  return { Tree, IndexedDbStore, DirStore };
}

/** Has a release make the fixture. IndexedDB's key ranges have to be global. */
export async function makeFixture({ Tree, IndexedDbStore, DirStore }: Release): Promise<Fixture> {
  const factory = new IDBFactory();
  const folder = mkdtempSync(join(tmpdir(), 'fixture-'));
  try {
    for (const store of [new IndexedDbStore('t', { factory }), new DirStore(folder)]) {
      const tree = await Tree.open(store, scriptedOptions());
      await fillScripted(tree);
      await tree.close();
    }
    // Releases differ in what they call it.
    const [{ name = '' } = {}] = await factory.databases();
    const database = await readDatabase(factory as globalThis.IDBFactory, name);
    // Who wrote it is chance.
    for (const pair of database.stores.tree ?? []) if (pair[0] === 'owner') pair[1] = { value: 'the writer' };
    const files = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'base64')]);
    const again = await Tree.open(new IndexedDbStore('t', { factory }), scriptedOptions());
    const expected = await describeTree(again);
    await again.close();
    return { database, folder: Object.fromEntries(files) as Record<string, string>, expected };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export { IDBFactory, IDBKeyRange };
