// Several at one database: reads beside commits, a reader beside the writer, an heir that announces itself.
import { IDBDatabase, IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { readDatabase } from '../../../test/stored-trees/database-json.ts';
import { type Batch, SCHEMA, type StoredChunk, StoreError } from '../tree/store.ts';
import { announceHeir, withdrawHeir } from './indexeddb-heir.ts';
import { IndexedDbStore } from './indexeddb-store.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
afterEach(() => {
  vi.restoreAllMocks();
});

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  );

const chunk = (ino: number, index: number, value: number): StoredChunk => ({
  ino,
  index,
  bytes: new Uint8Array(10).fill(value),
});

function batch(commit: number, chunks: StoredChunk[], drops: Batch['drops'] = []): Batch {
  const superblock = { schema: SCHEMA, chunkSize: 4096, pageSize: 32, generation: 1, commit, operation: commit };
  return { superblock, puts: [], removals: [], drops, chunks };
}

/** The object stores of each transaction from now on. */
function scopes(): string[][] {
  const seen: string[][] = [];
  const { transaction } = IDBDatabase.prototype;
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, names, ...rest) {
    seen.push(typeof names === 'string' ? [names] : [...names]);
    return transaction.call(this, names, ...rest);
  });
  return seen;
}

/** A transaction of another connection that lasts until it is released. */
async function occupy(factory: IDBFactory, names: string[]): Promise<() => Promise<void>> {
  const database = await new Promise<globalThis.IDBDatabase>((resolve) => {
    const request = factory.open('t') as unknown as IDBOpenDBRequest;
    request.onsuccess = () => resolve(request.result);
  });
  const transaction = database.transaction(names, 'readwrite');
  const complete = new Promise<void>((resolve) => {
    transaction.oncomplete = () => resolve();
  });
  let released = false;
  const step = (): void => {
    if (!released) transaction.objectStore(names[0] as string).get('none').onsuccess = step;
  };
  step();
  return () => {
    released = true;
    return complete.finally(() => database.close());
  };
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

async function writer(factory: IDBFactory): Promise<IndexedDbStore> {
  const store = new IndexedDbStore('t', { factory });
  await store.open();
  return store;
}

describe('5.20 reads beside commits', () => {
  test('a commit is over the object stores of what it changes, and a read over that of its file', async () => {
    const store = await writer(new IDBFactory());
    const seen = scopes();
    await store.commit(
      batch(1, [chunk(1, 0, 1), chunk(17, 3, 1), chunk(5, 0, 1)], [{ ino: 2, from: 0, to: 9 }]),
      'relaxed',
    );
    await store.commit(batch(2, []), 'relaxed');
    await Promise.all([store.chunk(1, 0), store.chunk(17, 3), store.chunk(5, 0), store.chunk(1, 1)]);
    expect(seen.map((names) => names.sort())).toEqual([
      ['chunks1', 'chunks2', 'chunks5', 'tree'],
      ['tree'],
      ['chunks1'],
      ['chunks5'],
    ]);
    await store.close();
  });

  test('a read does not wait for a commit of other files that is under way, and does for one of its own', async () => {
    const factory = new IDBFactory();
    const store = await writer(factory);
    await store.commit(batch(1, [chunk(1, 0, 1), chunk(2, 0, 2)]), 'strict');
    const release = await occupy(factory, ['tree', 'chunks1']);
    expect(await store.chunk(2, 0)).toEqual(chunk(2, 0, 2).bytes);
    let there = false;
    const own = store.chunk(1, 0);
    void own.then(() => {
      there = true;
    });
    await turns(50);
    expect(there).toBe(false);
    await release();
    expect(await own).toEqual(chunk(1, 0, 1).bytes);
    await store.close();
  });
});

describe('a reader', () => {
  test('writes nothing, and the writer does not notice it', async () => {
    const factory = new IDBFactory();
    const store = await writer(factory);
    await store.commit(batch(1, [chunk(1, 0, 1)]), 'strict');
    const before = await readDatabase(factory as never, 't');
    const reader = new IndexedDbStore('t', { factory, readOnly: true });
    expect((await reader.open()).superblock?.commit).toBe(1);
    expect(await reader.chunk(1, 0)).toEqual(chunk(1, 0, 1).bytes);
    expect(await reader.chunk(1, 1)).toBeUndefined();
    expect(await codeOf(reader.commit(batch(2, []), 'strict'))).toBe('locked');
    await reader.close();
    expect(await readDatabase(factory as never, 't')).toEqual(before);
    await store.commit(batch(2, []), 'strict');
    await store.close();
  });

  test('is told when the writer has committed, and goes on when it has opened the tree again', async () => {
    const factory = new IDBFactory();
    const store = await writer(factory);
    await store.commit(batch(1, [chunk(1, 0, 1)]), 'strict');
    const reader = new IndexedDbStore('t', { factory, readOnly: true });
    await reader.open();
    await store.commit(batch(2, [chunk(1, 0, 2)]), 'strict');
    expect(await Promise.all([0, 1].map((index) => codeOf(reader.chunk(1, index))))).toEqual(['stale', 'stale']);
    expect((await reader.open()).superblock?.commit).toBe(2);
    expect(await reader.chunk(1, 0)).toEqual(chunk(1, 0, 2).bytes);
    await reader.close();
    await store.close();
  });

  test('sees chunks of the commit that it opened, or is told: whenever it reads', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { minLength: 4, maxLength: 20 }), async (pauses) => {
        const factory = new IDBFactory();
        const store = await writer(factory);
        const all = (commit: number) => [chunk(1, 0, commit), chunk(2, 0, commit), chunk(17, 0, commit)];
        await store.commit(batch(1, all(1)), 'relaxed');
        const work = (async () => {
          for (const [i, pause] of pauses.entries()) {
            await turns(pause);
            await store.commit(batch(i + 2, all(i + 2)), 'relaxed');
          }
        })();
        const reader = new IndexedDbStore('t', { factory, readOnly: true });
        let seen = 0;
        for (let last = 0; last < pauses.length + 1; ) {
          last = (await reader.open()).superblock?.commit ?? 0;
          for (const ino of [1, 2, 17, 1, 2]) {
            const read = await reader.chunk(ino, 0).catch((error: StoreError) => error.code);
            if (read === 'stale') break;
            expect(read).toEqual(chunk(ino, 0, last).bytes);
            seen++;
          }
        }
        await work;
        expect(seen).toBeGreaterThanOrEqual(5);
        await reader.close();
        await store.close();
      }),
      { numRuns: 30 },
    );
  });

  test('makes no database: a tree that is not there is named, an empty one is empty', async () => {
    const factory = new IDBFactory();
    expect(await codeOf(new IndexedDbStore('t', { factory, readOnly: true }).open())).toBe('name');
    expect(await factory.databases()).toEqual([]);
    const store = await writer(factory);
    const reader = new IndexedDbStore('t', { factory, readOnly: true });
    expect(await reader.open()).toEqual({ superblock: undefined, records: [] });
    await reader.close();
    await store.close();
  });

  test('lets go of a database that is deleted', async () => {
    const factory = new IDBFactory();
    await (await writer(factory)).close();
    const lost: string[] = [];
    const reader = new IndexedDbStore('t', { factory, readOnly: true, onLost: ({ code }) => lost.push(code) });
    await reader.open();
    await new Promise((resolve) => {
      (factory.deleteDatabase('t') as unknown as IDBOpenDBRequest).onsuccess = resolve;
    });
    expect(lost).toEqual(['lost']);
    expect(await codeOf(reader.chunk(1, 0))).toBe('lost');
  });
});

describe('an heir', () => {
  test('is told of with the next commit, once, and not before the commit is stored', async () => {
    const factory = new IDBFactory();
    const told: string[] = [];
    const store = new IndexedDbStore('t', { factory, onHeir: (token) => told.push(token) });
    await store.open();
    await store.commit(batch(1, []), 'strict');
    await announceHeir('t', 'me', factory as unknown as globalThis.IDBFactory);
    expect(told).toEqual([]);
    await store.commit(batch(2, []), 'strict');
    await store.commit(batch(3, []), 'strict');
    expect(told).toEqual(['me']);
    await store.close();
    // Another writer's opening leaves it, its own takes it away.
    const next = await writer(factory);
    const keys = async () => (await readDatabase(factory as never, 't')).stores.tree?.map(([key]) => key);
    expect(await keys()).toEqual(['heir', 'owner', 'superblock']);
    await next.close();
    const heir = new IndexedDbStore('t', { factory, heir: true });
    await announceHeir('t', heir.token, factory as unknown as globalThis.IDBFactory);
    await heir.open();
    expect(await keys()).toEqual(['owner', 'superblock']);
    await heir.close();
  });

  test('takes back only what it left', async () => {
    const factory = new IDBFactory();
    const told: string[] = [];
    const store = new IndexedDbStore('t', { factory, onHeir: (token) => told.push(token) });
    await store.open();
    const real = factory as unknown as globalThis.IDBFactory;
    await announceHeir('t', 'first', real);
    await announceHeir('t', 'second', real);
    await withdrawHeir('t', 'first', real);
    await store.commit(batch(1, []), 'strict');
    expect(told).toEqual(['second']);
    await withdrawHeir('t', 'second', real);
    await store.commit(batch(2, []), 'strict');
    expect(told).toEqual(['second']);
    await store.close();
  });

  test('makes no database, and does not change its format', async () => {
    const factory = new IDBFactory();
    const real = factory as unknown as globalThis.IDBFactory;
    expect(await codeOf(announceHeir('t', 'me', real))).toBe('name');
    expect(await factory.databases()).toEqual([]);
    await new Promise<void>((resolve) => {
      const request = factory.open('t', 1);
      request.onupgradeneeded = () => request.result.createObjectStore('tree');
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
    });
    await announceHeir('t', 'me', real);
    expect(await readDatabase(real, 't')).toEqual({ version: 1, stores: { tree: [['heir', { value: 'me' }]] } });
  });
});
