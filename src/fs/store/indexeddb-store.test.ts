// What is IndexedDB's alone: durability, the fence, errors of opening, what a commit costs.
import { IDBDatabase, IDBFactory, IDBKeyRange, IDBObjectStore } from 'fake-indexeddb';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { readerOf } from '../../base/iov.ts';
import type { Inode } from '../tree/inode.ts';
import { type Batch, SCHEMA, StoreError } from '../tree/store.ts';
import { Tree } from '../tree/tree.ts';
import { IndexedDbStore } from './indexeddb-store.ts';
import type { Reserve } from './origin-reserve.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
afterEach(() => {
  vi.restoreAllMocks();
});

const NEVER = 1e9;
const owner = { uid: 0, gid: 0 };
const file = (tree: Tree, name: string): Inode => tree.mknod(tree.root, name, { mode: 0o644, ...owner });
const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof StoreError ? error.code : `no StoreError: ${String(error)}`;
};

/** The transactions that are opened from now on, with when they are complete. */
function watch(): {
  mode: IDBTransactionMode;
  durability: string | undefined;
  complete: boolean;
  puts: IDBValidKey[];
}[] {
  const seen: ReturnType<typeof watch> = [];
  const { transaction } = IDBDatabase.prototype;
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, names, mode, options) {
    const opened = transaction.call(this, names, mode, options);
    const entry = { mode: opened.mode, durability: options?.durability, complete: false, puts: [] as IDBValidKey[] };
    opened.addEventListener('complete', () => {
      entry.complete = true;
    });
    seen.push(entry);
    return opened;
  });
  const { put } = IDBObjectStore.prototype;
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value, key) {
    seen.at(-1)?.puts.push(key as IDBValidKey);
    return put.call(this, value, key);
  });
  return seen;
}

describe('5.18 durability', () => {
  test('a sync is one transaction, opened strict, and answered after it is complete', async () => {
    const tree = await Tree.open(new IndexedDbStore('t', { factory: new IDBFactory() }), { commitInterval: NEVER });
    await tree.sync();
    const seen = watch();
    const inode = file(tree, 'f');
    await tree.write(inode, 0, 5, readerOf(new Uint8Array(5)));
    let complete: boolean | undefined;
    await tree.sync().then(() => {
      complete = seen[0]?.complete;
    });
    expect(seen.map(({ mode, durability }) => [mode, durability])).toEqual([['readwrite', 'strict']]);
    expect(complete).toBe(true);
    await tree.sync();
    expect(seen).toHaveLength(1);
    await tree.close();
  });

  test('changes that nobody waits for are committed relaxed, and a sync after them is strict all the same', async () => {
    const tree = await Tree.open(new IndexedDbStore('t', { factory: new IDBFactory() }), { commitInterval: 0 });
    await tree.sync();
    const seen = watch();
    file(tree, 'f');
    await vi.waitUntil(() => tree.counters.commits === 2);
    await tree.sync();
    expect(seen.map(({ durability }) => durability)).toEqual(['relaxed', 'strict']);
    await tree.close();
  });

  test('syncs that come while a commit is under way share the next one', async () => {
    const tree = await Tree.open(new IndexedDbStore('t', { factory: new IDBFactory() }), { commitInterval: NEVER });
    await tree.sync();
    const seen = watch();
    const waits: Promise<void>[] = [];
    for (let i = 0; i < 20; i++) {
      file(tree, `f${i}`);
      waits.push(tree.sync());
    }
    await Promise.all(waits);
    expect(seen).toHaveLength(2);
    await tree.close();
  });
});

describe('what a commit writes', () => {
  test.each([10, 5000])('a new name in a directory of %s writes the same few records', async (count) => {
    const tree = await Tree.open(new IndexedDbStore('t', { factory: new IDBFactory() }), { commitInterval: NEVER });
    for (let i = 0; i < count; i++) file(tree, `name-${i}`);
    await tree.sync();
    const seen = watch();
    file(tree, 'new');
    await tree.sync();
    // The page of the root, that of the new inode, the superblock.
    expect(seen[0]?.puts.length).toBeLessThanOrEqual(3);
    await tree.close();
  });

  test('4 KiB into the middle of a large file write one chunk', async () => {
    const tree = await Tree.open(new IndexedDbStore('t', { factory: new IDBFactory() }), {
      commitInterval: NEVER,
      chunkSize: 65536,
    });
    const inode = file(tree, 'f');
    await tree.write(inode, 0, 1 << 20, readerOf(new Uint8Array(1 << 20)));
    await tree.sync();
    const seen = watch();
    await tree.write(inode, 300_000, 4096, readerOf(new Uint8Array(4096)));
    await tree.sync();
    expect(seen[0]?.puts.filter((key) => Array.isArray(key))).toEqual([[inode.ino, 4]]);
    await tree.close();
  });

  test('a file of many chunks goes with one request', async () => {
    const tree = await Tree.open(new IndexedDbStore('t', { factory: new IDBFactory() }), {
      commitInterval: NEVER,
      chunkSize: 4096,
    });
    const inode = file(tree, 'f');
    await tree.write(inode, 0, 1 << 20, readerOf(new Uint8Array(1 << 20)));
    await tree.sync();
    const deletes = vi.spyOn(IDBObjectStore.prototype, 'delete');
    tree.unlink(tree.root, 'f');
    await tree.sync();
    expect(deletes).toHaveBeenCalledTimes(1);
    await tree.close();
  });

  test('stored chunks hold no more than their bytes', async () => {
    const factory = new IDBFactory();
    const tree = await Tree.open(new IndexedDbStore('t', { factory }), { commitInterval: NEVER });
    const inode = file(tree, 'f');
    for (let i = 0; i < 100; i++) await tree.write(inode, i, 1, readerOf(new Uint8Array([i])));
    await tree.close();
    const store = new IndexedDbStore('t', { factory });
    await store.open();
    const chunk = await store.chunk(inode.ino, 0);
    expect([chunk?.length, chunk?.buffer.byteLength]).toEqual([100, 100]);
    await store.close();
  });
});

describe('one writer', () => {
  test('5.20 after another one opened the tree the first commits nothing more, however late: EIO', async () => {
    const factory = new IDBFactory();
    const lost: string[] = [];
    const onLost = (error: StoreError): void => void lost.push(error.code);
    const first = await Tree.open(new IndexedDbStore('t', { factory, onLost }), { commitInterval: NEVER });
    file(first, 'mine');
    await first.sync();
    file(first, 'late');
    const second = await Tree.open(new IndexedDbStore('t', { factory }), { commitInterval: NEVER });
    file(second, 'theirs');
    await second.sync();
    await expect(first.sync()).rejects.toMatchObject({ errno: 5 });
    await expect(first.sync()).rejects.toMatchObject({ errno: 5 });
    expect(lost).toEqual(['lost']);
    await second.close();
    const last = await Tree.open(new IndexedDbStore('t', { factory }), { commitInterval: NEVER });
    expect([...last.readdir(last.root, 0)].map(({ name }) => name)).toEqual(['mine', 'theirs']);
    await last.close();
  });

  test('a database that is deleted elsewhere is lost at once', async () => {
    const factory = new IDBFactory();
    const lost = await new Promise<StoreError>((resolve) => {
      void Tree.open(new IndexedDbStore('t', { factory, onLost: resolve })).then(() => {
        factory.deleteDatabase('t');
      });
    });
    expect(lost.code).toBe('lost');
  });
});

describe('what opening tells', () => {
  test('no IndexedDB', async () => {
    expect(await codeOf(new IndexedDbStore('t', { factory: undefined }).open())).toBe('unavailable');
  });

  test.each([
    ['thrown', 'SecurityError', 'unavailable'],
    ['sent', 'InvalidStateError', 'unavailable'],
    ['sent', 'QuotaExceededError', 'quota'],
    ['sent', 'VersionError', 'newer'],
  ])('an error that is %s, %s: %s', async (how, name, code) => {
    const error = new DOMException('says the test', name);
    const factory = {
      open: () => {
        if (how === 'thrown') throw error;
        const request = { error, onerror: () => {} };
        queueMicrotask(() => request.onerror());
        return request;
      },
    } as unknown as IDBFactory;
    expect(await codeOf(new IndexedDbStore('t', { factory }).open())).toBe(code);
  });

  test('a newer format is refused, and whoever has the tree keeps it', async () => {
    const factory = new IDBFactory();
    const store = new IndexedDbStore('t', { factory });
    await store.open();
    const superblock = { schema: SCHEMA + 1, chunkSize: 4096, pageSize: 32, generation: 1, commit: 1, operation: 1 };
    const batch: Batch = { superblock, puts: [], removals: [], drops: [], chunks: [] };
    await store.commit(batch, 'strict');
    expect(await codeOf(Tree.open(new IndexedDbStore('t', { factory })))).toBe('newer');
    await store.commit(batch, 'strict');
  });

  test('records that make no sense are refused by name', async () => {
    const factory = new IDBFactory();
    const tree = await Tree.open(new IndexedDbStore('t', { factory }), { commitInterval: NEVER });
    await tree.close();
    const store = new IndexedDbStore('t', { factory });
    const { superblock } = await store.open();
    const bad = new Uint8Array(100).fill(9);
    await store.commit(
      { superblock: superblock as Batch['superblock'], puts: [['m77', bad]], removals: [], drops: [], chunks: [] },
      'strict',
    );
    await store.close();
    expect(await codeOf(Tree.open(new IndexedDbStore('t', { factory })))).toBe('damaged');
  });
});

test('5.20 a commit that the quota stops is ENOSPC to those who wait, and goes through when there is room', async () => {
  const factory = new IDBFactory();
  const tree = await Tree.open(new IndexedDbStore('t', { factory }), { commitInterval: NEVER });
  await tree.sync();
  const inode = file(tree, 'f');
  await tree.write(inode, 0, 3, readerOf(new Uint8Array([1, 2, 3])));
  const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError');
  });
  await expect(tree.sync()).rejects.toMatchObject({ errno: 28 });
  expect(tree.dirtyBytes).toBeGreaterThan(0);
  put.mockRestore();
  await tree.sync();
  await tree.close();
  const again = await Tree.open(new IndexedDbStore('t', { factory }));
  expect(await again.read(again.lookup(again.root, 'f') as Inode, 0, 9)).toEqual([new Uint8Array([1, 2, 3])]);
  await again.close();
});

/** Refuses what a full browser refuses: puts beyond `limit` bytes, where what is deleted counts until its commit. */
class Quota {
  limit: number;
  readonly reserve: Reserve;
  held = 0;
  private readonly sizes = new Map<string, { key: IDBValidKey; size: number }>();

  constructor(limit: number, reserved: number) {
    this.limit = limit;
    this.reserve = {
      take: async () => {
        if (this.held === 0 && this.used + reserved <= this.limit) this.held = reserved;
        return this.held > 0;
      },
      release: async () => {
        const { held } = this;
        this.held = 0;
        return held > 0;
      },
    };
    this.watch();
  }

  get used(): number {
    return [...this.sizes.values()].reduce((sum, { size }) => sum + size, this.held);
  }

  private watch(): void {
    const quota = this;
    let added = 0;
    let changes: (() => void)[] = [];
    const { transaction } = IDBDatabase.prototype;
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...parameters) {
      const opened = transaction.apply(this, parameters);
      if (opened.mode !== 'readwrite') return opened;
      added = 0;
      const mine: (() => void)[] = [];
      changes = mine;
      opened.addEventListener('complete', () => {
        for (const change of mine) change();
      });
      return opened;
    });
    const { put, delete: remove } = IDBObjectStore.prototype;
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value, key) {
      const size = 100 + ((value as { length?: number }).length ?? 0);
      added += size;
      if (quota.used + added > quota.limit) throw new DOMException('full', 'QuotaExceededError');
      changes.push(() => quota.sizes.set(JSON.stringify(key), { key: key as IDBValidKey, size }));
      return put.call(this, value, key);
    });
    vi.spyOn(IDBObjectStore.prototype, 'delete').mockImplementation(function (this: IDBObjectStore, which) {
      changes.push(() => {
        for (const [name, { key }] of quota.sizes) {
          if (which instanceof IDBKeyRange ? which.includes(key) : JSON.stringify(which) === name)
            quota.sizes.delete(name);
        }
      });
      return remove.call(this, which as IDBValidKey);
    });
  }
}

describe('full storage', () => {
  /** A tree whose files have filled the quota: the last one is in memory alone. */
  async function full(reserved: number): Promise<{ factory: IDBFactory; quota: Quota; tree: Tree }> {
    const quota = new Quota(2 ** 20, reserved);
    const factory = new IDBFactory();
    const store = new IndexedDbStore('t', { factory, reserve: quota.reserve });
    const tree = await Tree.open(store, { commitInterval: NEVER, chunkSize: 4096 });
    const errnos: unknown[] = [];
    for (let i = 0; errnos.length === 0; i++) {
      await tree.write(file(tree, `f${i}`), 0, 50_000, readerOf(new Uint8Array(50_000).fill(i)));
      await tree.sync().catch((error: { errno: number }) => errnos.push(error.errno));
    }
    expect(errnos).toEqual([28]);
    // Not a byte more, as where a browser has let the database grow beyond.
    quota.limit = quota.used;
    return { factory, quota, tree };
  }

  const removeAll = (tree: Tree): void => {
    for (const { name } of [...tree.readdir(tree.root, 0)]) tree.unlink(tree.root, name);
  };

  test('takes a commit again when files were removed, and holds a reserve again', async () => {
    const { factory, quota, tree } = await full(100_000);
    expect(quota.held).toBe(100_000);
    removeAll(tree);
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000);
    await Promise.all([tree.sync(), tree.sync()]);
    expect(tree.dirtyBytes).toBe(0);
    await vi.waitUntil(() => quota.held > 0);
    await tree.write(file(tree, 'new'), 0, 500_000, readerOf(new Uint8Array(500_000)));
    await tree.close();
    const again = await Tree.open(new IndexedDbStore('t', { factory, reserve: quota.reserve }));
    expect([...again.readdir(again.root, 0)].map(({ name }) => name)).toEqual(['new']);
    await again.close();
  });

  test('without a reserve is full for ever: what the reserve is for', async () => {
    const { tree } = await full(2 ** 30);
    removeAll(tree);
    await expect(tree.sync()).rejects.toMatchObject({ errno: 28 });
  });
});

test('a connection that the browser closed is waited for: a commit does not fail', async () => {
  const failures: unknown[] = [];
  const tree = await Tree.open(new IndexedDbStore('t', { factory: new IDBFactory() }), {
    commitInterval: NEVER,
    onCommitFailure: (error) => failures.push(error),
  });
  const opened = vi.spyOn(IDBDatabase.prototype, 'transaction');
  await tree.sync();
  file(tree, 'f');
  await tree.sync();
  const database = opened.mock.contexts.at(-1) as IDBDatabase;
  database.close();
  database.onclose?.(new Event('close'));
  file(tree, 'g');
  await tree.sync();
  expect(failures).toEqual([]);
  expect(opened.mock.contexts.at(-1)).not.toBe(database);
  await tree.close();
});
