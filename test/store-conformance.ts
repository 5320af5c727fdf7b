// What every Store does, one point of the contract a function: run in Node and, over the real IndexedDB, in a browser.
import {
  type Batch,
  type Durability,
  SCHEMA,
  type Store,
  type StoredChunk,
  StoreError,
  type Superblock,
} from '../src/fs/tree/store.ts';
import { equal, fails, found, holds } from './store-assertions.ts';

/** What one tree is kept in. Each call gives a store that is not open; one at a time is open. */
export type Place = () => Store;

export const CHUNK = 4096;
const DURABILITIES: readonly Durability[] = ['strict', 'relaxed'];

export function superblock(commit: number): Superblock {
  return { schema: SCHEMA, chunkSize: CHUNK, pageSize: 32, generation: 5, nextIno: 77, commit, operation: commit * 3 };
}

export function batch(commit: number, parts: Partial<Batch> = {}): Batch {
  return { superblock: superblock(commit), puts: [], removals: [], drops: [], chunks: [], ...parts };
}

/** Bytes that tell where they belong. */
export function bytesOf(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed * 7 + (i >> 8)) & 0xff;
  return bytes;
}

const chunk = (ino: number, index: number, length: number, seed: number): StoredChunk => ({
  ino,
  index,
  bytes: bytesOf(length, seed),
});

async function opened(place: Place): Promise<Store> {
  const store = place();
  await store.open();
  return store;
}

/** Whether `chunk` throws or rejects is the store's business. */
const read = async (store: Store, ino: number, index: number) => store.chunk(ino, index);

/** Does `work` on an open store, closes it, and looks at what another one finds. */
async function kept(place: Place, work: (store: Store) => Promise<void>, look: (store: Store) => Promise<void>) {
  const store = await opened(place);
  await work(store);
  await look(store);
  await store.close();
  const again = await opened(place);
  await look(again);
  await again.close();
}

async function recordsAre(place: Place, expected: Uint8Array[]): Promise<void> {
  const store = place();
  const { records } = await store.open();
  await store.close();
  equal(found(records), found(expected), 'records');
}

export const contract: Record<string, (place: Place) => Promise<void>> = {
  async 'where nothing was stored there is no tree'(place) {
    const store = place();
    equal(await store.open(), { superblock: undefined, records: [] }, 'image');
    equal(await read(store, 1, 0), undefined, 'a chunk');
    await store.close();
    equal((await place().open()).superblock, undefined, 'superblock of the second opening');
  },

  async 'a commit is found by who opens next: superblock, records, chunks'(place) {
    const store = await opened(place);
    const records = [bytesOf(40, 1), bytesOf(1000, 2)];
    const puts: Batch['puts'] = [
      ['m0', records[0] as Uint8Array<ArrayBuffer>],
      ['mx5', records[1] as Uint8Array<ArrayBuffer>],
    ];
    await store.commit(batch(1, { puts, chunks: [chunk(5, 2, 100, 3)] }), 'strict');
    await store.close();
    const again = place();
    const image = await again.open();
    equal(image.superblock, superblock(1), 'superblock');
    equal(found(image.records), found(records), 'records');
    equal(await read(again, 5, 2), bytesOf(100, 3), 'chunk');
    await again.close();
  },

  async 'a superblock without nextIno stays without'(place) {
    const store = await opened(place);
    const { nextIno: _, ...early } = superblock(1);
    await store.commit({ ...batch(1), superblock: early }, 'strict');
    await store.close();
    equal((await place().open()).superblock, early, 'superblock');
  },

  async 'everything is copied before commit returns'(place) {
    for (const durability of DURABILITIES) {
      const store = await opened(place);
      const record = bytesOf(50, 1);
      const content = chunk(1, 0, CHUNK, 2);
      const given = batch(7, {
        puts: [['m0', record]],
        chunks: [content],
        removals: ['m5'],
        drops: [{ ino: 2, from: 0, to: 9 }],
      });
      const before = {
        puts: [['m5', bytesOf(9, 9)]] satisfies Batch['puts'],
        chunks: [chunk(2, 0, 20, 9), chunk(3, 0, 20, 9)],
      };
      await store.commit(batch(6, before), durability);
      const done = store.commit(given, durability);
      record.fill(255);
      content.bytes.fill(255);
      Object.assign(content, { ino: 3, index: 9 });
      Object.assign(given.superblock, { commit: 99, operation: 99 });
      Object.assign(given.drops[0] as object, { ino: 3 });
      given.puts.push(['m1', bytesOf(9, 9)]);
      given.chunks.push(chunk(4, 0, 20, 9));
      given.removals.push('m0');
      given.removals[0] = 'm6';
      given.drops.push({ ino: 1, from: 0, to: 9 });
      await done;
      const look = async (looking: Store): Promise<void> => {
        equal(await read(looking, 1, 0), bytesOf(CHUNK, 2), 'chunk');
        equal(await read(looking, 2, 0), undefined, 'a chunk that was dropped');
        equal(await read(looking, 3, 0), bytesOf(20, 9), 'a chunk of another file');
        equal(await read(looking, 4, 0), undefined, 'a chunk that was added afterwards');
      };
      await look(store);
      await store.close();
      const again = place();
      const image = await again.open();
      equal(image.superblock, superblock(7), 'superblock');
      equal(found(image.records), found([bytesOf(50, 1)]), 'records');
      await look(again);
      await again.close();
    }
  },

  async 'removals and drops come first, then what is put'(place) {
    const first = batch(1, {
      puts: [
        ['m0', bytesOf(10, 1)],
        ['m1', bytesOf(10, 2)],
      ],
      chunks: [0, 1, 2, 3].map((index) => chunk(1, index, 10, index)),
    });
    const second = batch(2, {
      removals: ['m0', 'm1'],
      puts: [['m0', bytesOf(10, 3)]],
      drops: [{ ino: 1, from: 1, to: 4 }],
      chunks: [chunk(1, 2, 10, 9)],
    });
    await kept(
      place,
      async (store) => {
        await store.commit(first, 'relaxed');
        await store.commit(second, 'relaxed');
      },
      async (store) => {
        const left = await Promise.all([0, 1, 2, 3].map((index) => read(store, 1, index)));
        equal(left, [bytesOf(10, 0), undefined, bytesOf(10, 9), undefined], 'chunks');
      },
    );
    await recordsAre(place, [bytesOf(10, 3)]);
  },

  async 'the last put of a batch holds'(place) {
    const puts: Batch['puts'] = [
      ['m0', bytesOf(10, 1)],
      ['m0', bytesOf(30, 2)],
    ];
    await kept(
      place,
      (store) => store.commit(batch(1, { puts, chunks: [chunk(1, 0, 9, 1), chunk(1, 0, 5, 2)] }), 'relaxed'),
      async (store) => equal(await read(store, 1, 0), bytesOf(5, 2), 'chunk'),
    );
    await recordsAre(place, [bytesOf(30, 2)]);
  },

  async 'a drop is of one inode, from its first chunk to before its last'(place) {
    // Inodes that share an object store, and numbers that sort differently as text.
    const inos = [1, 2, 10, 17, 33, 100];
    const indices = [0, 1, 9, 10, 11, 100];
    await kept(
      place,
      async (store) => {
        const chunks = inos.flatMap((ino) => indices.map((index) => chunk(ino, index, 8, ino + index)));
        await store.commit(batch(1, { chunks }), 'relaxed');
        const drops = [
          { ino: 17, from: 1, to: 11 },
          { ino: 2, from: 0, to: 2 ** 32 },
          { ino: 10, from: 5, to: 5 },
          { ino: 999, from: 0, to: 10 },
        ];
        await store.commit(batch(2, { drops }), 'relaxed');
      },
      async (store) => {
        for (const ino of inos) {
          for (const index of indices) {
            const gone = ino === 2 || (ino === 17 && index >= 1 && index < 11);
            const expected = gone ? undefined : bytesOf(8, ino + index);
            equal(await read(store, ino, index), expected, `chunk ${index} of inode ${ino}`);
          }
        }
      },
    );
  },

  async 'a removal of what is not there is nothing'(place) {
    await kept(
      place,
      (store) => store.commit(batch(1, { removals: ['m9', 'mx9'], puts: [['m1', bytesOf(3, 1)]] }), 'strict'),
      async () => {},
    );
    await recordsAre(place, [bytesOf(3, 1)]);
  },

  async 'a commit of nothing but a superblock is one'(place) {
    const store = await opened(place);
    await store.commit(batch(1, { puts: [['m0', bytesOf(9, 1)]] }), 'relaxed');
    await store.commit(batch(2), 'strict');
    await store.close();
    const again = place();
    const image = await again.open();
    equal([image.superblock, found(image.records)], [superblock(2), found([bytesOf(9, 1)])], 'image');
    await again.close();
  },

  async 'each commit follows the one before, strict or not'(place) {
    const store = await opened(place);
    for (let i = 1; i <= 40; i++) {
      const puts: Batch['puts'] = [['m0', bytesOf(20, i)]];
      await store.commit(batch(i, { puts, chunks: [chunk(i % 5, 0, i, i)] }), i % 3 === 0 ? 'strict' : 'relaxed');
      equal(await read(store, i % 5, 0), bytesOf(i, i), 'what was just stored');
    }
    await store.close();
    const again = place();
    const image = await again.open();
    equal(image.superblock, superblock(40), 'superblock');
    equal(found(image.records), found([bytesOf(20, 40)]), 'records');
    for (let i = 36; i <= 40; i++) equal(await read(again, i % 5, 0), bytesOf(i, i), 'chunk');
    await again.close();
  },

  async 'chunks are buffers of their own, with no more than their bytes'(place) {
    const large = bytesOf(10 * CHUNK, 1);
    await kept(
      place,
      (store) =>
        store.commit(
          batch(1, { chunks: [{ ino: 1, index: 0, bytes: large.subarray(CHUNK, CHUNK + 100) }] }),
          'relaxed',
        ),
      async (store) => {
        const expected = large.slice(CHUNK, CHUNK + 100);
        const first = (await read(store, 1, 0)) as Uint8Array;
        equal([first.length, first.byteOffset, first.buffer.byteLength], [100, 0, 100], 'length, offset, buffer');
        equal(first, expected, 'chunk');
        first.fill(0);
        equal(await read(store, 1, 0), expected, 'the chunk, read after another reader changed its copy');
      },
    );
  },

  async 'a chunk is replaced by a shorter or a longer one'(place) {
    await kept(
      place,
      async (store) => {
        await store.commit(batch(1, { chunks: [chunk(1, 0, 100, 1), chunk(1, 1, 10, 1)] }), 'relaxed');
        await store.commit(batch(2, { chunks: [chunk(1, 0, 10, 2), chunk(1, 1, CHUNK, 2)] }), 'relaxed');
      },
      async (store) => {
        equal(await read(store, 1, 0), bytesOf(10, 2), 'the shorter');
        equal(await read(store, 1, 1), bytesOf(CHUNK, 2), 'the longer');
      },
    );
  },

  async 'the largest numbers are keys as any other'(place) {
    const keys = ['m0', 'm67108863', 'mx1', 'mx2147483647'];
    const [ino, index] = [2 ** 31 - 1, 2 ** 32 - 2];
    await kept(
      place,
      (store) =>
        store.commit(
          batch(1, {
            puts: keys.map((key, i) => [key, bytesOf(5, i)]),
            chunks: [chunk(ino, index, 7, 1), chunk(ino, 0, 7, 2)],
          }),
          'strict',
        ),
      async (store) => {
        equal(await read(store, ino, index), bytesOf(7, 1), 'the last chunk of the last inode');
        equal(await read(store, ino, 0), bytesOf(7, 2), 'its first');
        equal(await read(store, ino, index - 1), undefined, 'a hole');
      },
    );
    await recordsAre(
      place,
      keys.map((_, i) => bytesOf(5, i)),
    );
  },

  async 'a large commit is one: thousands of records, megabytes of chunks'(place) {
    const puts = Array.from({ length: 3000 }, (_, i): Batch['puts'][number] => [`m${i}`, bytesOf(200, i)]);
    const chunks = Array.from({ length: 64 }, (_, i) => chunk(i % 20, i, 60 * 1024, i));
    await kept(
      place,
      (store) => store.commit(batch(1, { puts, chunks }), 'strict'),
      async (store) => {
        const all = await Promise.all(chunks.map(({ ino, index }) => read(store, ino, index)));
        for (const [i, bytes] of all.entries()) equal(bytes, bytesOf(60 * 1024, i), `chunk ${i}`);
      },
    );
    await recordsAre(
      place,
      puts.map(([, record]) => record),
    );
  },

  async 'a read during a commit gives what was there before or after it'(place) {
    const store = await opened(place);
    const all = (seed: number) => [1, 2, 17].map((ino) => chunk(ino, 0, CHUNK, seed));
    await store.commit(batch(1, { chunks: all(1) }), 'relaxed');
    for (let i = 2; i < 8; i++) {
      const done = store.commit(batch(i, { chunks: all(i) }), i % 2 === 0 ? 'strict' : 'relaxed');
      for (const bytes of await Promise.all([1, 2, 17, 1].map((ino) => read(store, ino, 0)))) {
        const text = found([bytes as Uint8Array]);
        holds(
          text === found([bytesOf(CHUNK, i)]) || text === found([bytesOf(CHUNK, i - 1)]),
          'a chunk that was never stored so',
        );
      }
      await done;
      equal(await read(store, 17, 0), bytesOf(CHUNK, i), 'what is read after the commit');
    }
    await store.close();
  },

  async 'it tells how much room there is'(place) {
    const store = await opened(place);
    await store.commit(batch(1, { chunks: [chunk(1, 0, CHUNK, 1)] }), 'relaxed');
    const { available } = store.usage();
    holds(Number.isFinite(available) && available > CHUNK, `available ${available}`);
    await store.close();
  },

  async 'it is closed once, however often that is asked for, opened or not'(place) {
    const store = await opened(place);
    await store.commit(batch(1), 'strict');
    await Promise.all([store.close(), store.close()]);
    await store.close();
    const other = place();
    await other.close();
    const again = await opened(place);
    await again.commit(batch(2), 'strict');
    await again.close();
  },

  async 'what is closed is lost: nothing is read or written any more'(place) {
    const store = await opened(place);
    await store.commit(batch(1, { chunks: [chunk(1, 0, 10, 1)] }), 'strict');
    await store.close();
    await fails(async () => store.commit(batch(2), 'strict'), 'lost');
    await fails(async () => read(store, 1, 0), 'lost');
    equal((await place().open()).superblock, superblock(1), 'superblock');
  },

  async 'a tree of a newer format is refused and left as it is'(place) {
    const store = await opened(place);
    const newer = { ...superblock(1), schema: SCHEMA + 1 };
    await store.commit({ ...batch(1, { chunks: [chunk(1, 0, 10, 1)] }), superblock: newer }, 'strict');
    await store.close();
    for (let i = 0; i < 2; i++) await fails(async () => place().open(), 'newer');
  },
};

/** Rejects with StoreError, or not at all. */
export async function codeOf(promise: Promise<unknown>): Promise<StoreError['code'] | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (!(error instanceof StoreError)) throw new Error(`no StoreError: ${String(error)}`, { cause: error });
    return error.code;
  }
}
