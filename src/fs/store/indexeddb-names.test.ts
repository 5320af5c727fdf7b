// The registry of tree names: what each change does, trees of release 0.1.0, several tabs at once.
import { IDBFactory, IDBKeyRange, IDBObjectStore } from 'fake-indexeddb';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { StoreError } from '../tree/store.ts';
import { Tree } from '../tree/tree.ts';
import { openTreeDatabase } from './indexeddb-format.ts';
import { databaseName, isTreeName, TreeNames } from './indexeddb-names.ts';
import { IndexedDbStore } from './indexeddb-store.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
afterEach(() => {
  vi.restoreAllMocks();
});

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    (value) => `no error, but ${String(value)}`,
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  );

/** A database as release 0.1.0 made it. */
async function makeOld(factory: IDBFactory, database: string): Promise<void> {
  const request = factory.open(database, 1);
  request.onupgradeneeded = () => request.result.createObjectStore('tree');
  await new Promise<void>((resolve) => {
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
}

const namesOf = async (names: TreeNames): Promise<string[]> => (await names.list()).map(({ name }) => name);
const databasesOf = async (factory: IDBFactory): Promise<(string | undefined)[]> =>
  (await factory.databases()).map(({ name }) => name).sort();

describe('a name', () => {
  test('has a database of its name when it is new, and keeps it', async () => {
    const names = new TreeNames(new IDBFactory());
    expect(await names.resolve('a')).toBeUndefined();
    expect(await names.resolve('a', { create: true })).toBe(databaseName('a'));
    expect(await names.resolve('a')).toBe(databaseName('a'));
    expect(await names.resolve('a', { create: true })).toBe(databaseName('a'));
    expect(await names.list()).toEqual([{ name: 'a', database: databaseName('a') }]);
  });

  test.each(['', ' a', 'a/b', 'a b', 'ä', 'a~b', 'x'.repeat(65)])('%j is none', async (name) => {
    const names = new TreeNames(new IDBFactory());
    await names.resolve('a', { create: true });
    expect(isTreeName(name)).toBe(false);
    expect(await codeOf(names.resolve(name, { create: true }))).toBe('name');
    expect(await codeOf(names.fresh(name))).toBe('name');
    expect(await codeOf(names.rename('a', name))).toBe('name');
    expect(await names.resolve(name)).toBeUndefined();
    expect(await namesOf(names)).toEqual(['a']);
  });

  test('after a rename the database is the same, and the old name is free for another', async () => {
    const names = new TreeNames(new IDBFactory());
    const database = await names.resolve('a', { create: true });
    await names.rename('a', 'b');
    expect(await names.resolve('b')).toBe(database);
    expect(await names.resolve('a')).toBeUndefined();
    const other = await names.resolve('a', { create: true });
    expect(other).toMatch(/^virtio-fs-lab:a~[0-9a-f]{8}$/);
    expect(await names.leftovers()).toEqual([]);
  });

  test('that is taken is refused, and one that is not there', async () => {
    const names = new TreeNames(new IDBFactory());
    await names.resolve('a', { create: true });
    await names.resolve('b', { create: true });
    const fresh = await names.fresh('b');
    expect(await codeOf(names.rename('a', 'b'))).toBe('name');
    expect(await codeOf(names.rename('c', 'd'))).toBe('name');
    expect(await codeOf(names.remove('c'))).toBe('name');
    expect(await codeOf(names.add('b', fresh))).toBe('name');
    expect(await names.list()).toEqual(['a', 'b'].map((name) => ({ name, database: databaseName(name) })));
  });

  test('is given to what was made apart, and what had it is left over until it is discarded', async () => {
    const factory = new IDBFactory();
    const names = new TreeNames(factory);
    const old = (await names.resolve('a', { create: true })) as string;
    (await openTreeDatabase(factory, old, 'write')).close();
    const fresh = await names.fresh('a');
    expect(fresh).not.toBe(old);
    expect(await names.leftovers()).toEqual([fresh]);
    expect(await names.resolve('a')).toBe(old);
    expect(await names.replace('a', fresh)).toBe(old);
    expect(await names.resolve('a')).toBe(fresh);
    expect(await names.leftovers()).toEqual([old]);
    // A database of the name that is to be removed is no tree of release 0.1.0.
    await names.rename('a', 'b');
    expect(await names.resolve('a')).toBeUndefined();
    expect(await namesOf(names)).toEqual(['b']);
    expect(await codeOf(names.discard(fresh))).toBe('name');
    await names.discard(old);
    expect(await names.leftovers()).toEqual([]);
    expect(await databasesOf(factory)).not.toContain(old);
    expect(await names.remove('b')).toBe(fresh);
    expect([await namesOf(names), await names.leftovers()]).toEqual([[], [fresh]]);
  });
});

describe('trees of release 0.1.0', () => {
  test('are listed and found under their names, and nothing else is', async () => {
    const factory = new IDBFactory();
    for (const name of ['default', 'x-1']) await makeOld(factory, databaseName(name));
    for (const other of ['virtio-fs-lab-x', 'virtio-fs-lab:', 'virtio-fs-lab:a b', 'else'])
      await makeOld(factory, other);
    expect(await namesOf(new TreeNames(factory))).toEqual(['default', 'x-1']);
    expect(await new TreeNames(factory).resolve('x-1')).toBe(databaseName('x-1'));
  });

  test('are found first by their name, renamed, and not listed twice', async () => {
    const factory = new IDBFactory();
    await makeOld(factory, databaseName('old'));
    const names = new TreeNames(factory);
    await names.rename('old', 'new');
    expect(await names.list()).toEqual([{ name: 'new', database: databaseName('old') }]);
    expect(await names.resolve('old')).toBeUndefined();
  });

  test('are in the way of a rename and of a new tree', async () => {
    const factory = new IDBFactory();
    await makeOld(factory, databaseName('old'));
    const names = new TreeNames(factory);
    await names.resolve('a', { create: true });
    expect(await codeOf(names.rename('a', 'old'))).toBe('name');
    expect(await codeOf(names.add('old', await names.fresh('old')))).toBe('name');
    expect(await names.remove('old')).toBe(databaseName('old'));
  });

  test('are found where the browser does not list databases', async () => {
    const factory = new IDBFactory();
    await makeOld(factory, databaseName('old'));
    Object.defineProperty(factory, 'databases', { value: undefined });
    const names = new TreeNames(factory);
    expect(await names.list()).toEqual([]);
    expect(await names.resolve('none')).toBeUndefined();
    expect(await names.resolve('old')).toBe(databaseName('old'));
    expect(await namesOf(names)).toEqual(['old']);
  });
});

test('trees are found again when the registry is lost, and what is no tree is not', async () => {
  const factory = new IDBFactory();
  const names = new TreeNames(factory);
  const make = async (database: string): Promise<string> => {
    const store = new IndexedDbStore(database, { factory });
    const tree = await Tree.open(store);
    await tree.sync();
    await tree.close();
    return database;
  };
  const plain = await make((await names.resolve('a', { create: true })) as string);
  const apart = await make(await names.fresh('a'));
  await names.add('b', apart);
  const copies = [await make(await names.fresh('c')), await make(await names.fresh('c'))].sort();
  await names.add('c', copies[0] as string);
  await names.add('d', copies[1] as string);
  (await openTreeDatabase(factory, await names.fresh('e'), 'write')).close();
  const before = await names.list();
  expect(before.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  await new Promise((resolve) => {
    factory.deleteDatabase('virtio-fs-lab').onsuccess = resolve;
  });

  const suffix = (database = ''): string => database.slice(-8);
  const expected = [
    { name: 'a', database: plain },
    { name: `a-${suffix(apart)}`, database: apart },
    { name: 'c', database: copies[0] },
    { name: `c-${suffix(copies[1])}`, database: copies[1] },
  ];
  expect(await names.peek()).toEqual(expected);
  expect(await names.list()).toEqual(expected);
  expect(await names.resolve(`a-${suffix(apart)}`)).toBe(apart);
  expect(await names.leftovers()).toEqual([]);
});

describe('several tabs', () => {
  test('that create one name at once have one database', async () => {
    const factory = new IDBFactory();
    const found = await Promise.all(
      Array.from({ length: 8 }, () => new TreeNames(factory).resolve('a', { create: true })),
    );
    expect(new Set(found)).toEqual(new Set([databaseName('a')]));
  });

  test('whatever they do at once, no database has two names, none is lost, none is given away twice', async () => {
    const word = fc.constantFrom('a', 'b', 'c');
    const step = fc.record({
      does: fc.constantFrom('create', 'build', 'reset', 'rename', 'remove', 'list'),
      name: word,
      to: word,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { minLength: 2, maxLength: 3 }), async (tabs) => {
        const factory = new IDBFactory();
        await makeOld(factory, databaseName('a'));
        /** All that were ever given out, and those that were discarded. */
        const made = new Set<string>([databaseName('a')]);
        const gone = new Set<string>();
        const tab = async (steps: (typeof tabs)[number]): Promise<void> => {
          const names = new TreeNames(factory);
          for (const { does, name, to } of steps) {
            try {
              if (does === 'create') {
                const database = (await names.resolve(name, { create: true })) as string;
                made.add(database);
                // That of a name can be made again after it was discarded.
                gone.delete(database);
              } else if (does === 'build' || does === 'reset') {
                const fresh = await names.fresh(name);
                expect(made.has(fresh)).toBe(false);
                made.add(fresh);
                (await openTreeDatabase(factory, fresh, 'write')).close();
                const old = does === 'build' ? await names.add(name, fresh) : await names.replace(name, fresh);
                if (old === undefined) continue;
                expect(gone.has(old)).toBe(false);
                gone.add(old);
                await names.discard(old);
              } else if (does === 'rename') await names.rename(name, to);
              else if (does === 'remove') {
                const old = await names.remove(name);
                expect(gone.has(old)).toBe(false);
                gone.add(old);
              } else await names.list();
            } catch (error) {
              if (!(error instanceof StoreError) || error.code !== 'name') throw error;
            }
          }
        };
        await Promise.all(tabs.map(tab));
        const names = new TreeNames(factory);
        const listed = await names.list();
        const databases = listed.map(({ database }) => database);
        const nameless = await names.leftovers();
        expect(new Set([...databases, ...nameless]).size).toBe(databases.length + nameless.length);
        for (const database of made) {
          if (!gone.has(database)) expect([...databases, ...nameless]).toContain(database);
          else expect(databases).not.toContain(database);
        }
        for (const database of databases) expect(made).toContain(database);
        for (const database of await databasesOf(factory)) {
          if (database?.startsWith('virtio-fs-lab:')) expect([...databases, ...nameless]).toContain(database);
        }
      }),
      {
        numRuns: 150,
        // A tree of 0.1.0 loses its name between two looks of the tab that wants the name.
        examples: [[[[{ does: 'remove', name: 'a', to: 'a' }], [{ does: 'rename', name: 'b', to: 'a' }]]]],
      },
    );
  });
});

describe('failures', () => {
  test('a change that fails changes nothing, and says why', async () => {
    const factory = new IDBFactory();
    const names = new TreeNames(factory);
    await names.resolve('a', { create: true });
    const before = await names.list();
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    expect(await codeOf(names.rename('a', 'b'))).toBe('quota');
    expect(await codeOf(names.fresh('b'))).toBe('quota');
    expect(await codeOf(names.remove('a'))).toBe('quota');
    vi.restoreAllMocks();
    expect(await names.list()).toEqual(before);
    await names.rename('a', 'b');
    expect(await namesOf(names)).toEqual(['b']);
  });

  test('no IndexedDB, a refused one, a newer registry', async () => {
    expect(await codeOf(new TreeNames(undefined).list())).toBe('unavailable');
    const refusing = {
      open: () => {
        throw new DOMException('no', 'SecurityError');
      },
    } as unknown as IDBFactory;
    expect(await codeOf(new TreeNames(refusing).list())).toBe('unavailable');
    const factory = new IDBFactory();
    await new Promise((resolve) => {
      factory.open('virtio-fs-lab', 2).onsuccess = resolve;
    });
    expect(await codeOf(new TreeNames(factory).list())).toBe('newer');
  });

  test('a database that a tab keeps open is discarded when that is closed, and until then left over', async () => {
    const factory = new IDBFactory();
    const names = new TreeNames(factory);
    const fresh = await names.fresh('a');
    const open = await openTreeDatabase(factory, fresh, 'write');
    expect(await codeOf(names.discard(fresh))).toBe('locked');
    expect(await names.leftovers()).toEqual([fresh]);
    open.close();
    await names.discard(fresh);
    expect(await names.leftovers()).toEqual([]);
    expect(await databasesOf(factory)).toEqual(['virtio-fs-lab']);
  });
});
