// What is fetched for readers before they ask: how much, in how many turns, and when not.
import { expect, test } from 'vitest';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { readerOf } from '../../base/iov.ts';
import { checkTree } from './check-tree.ts';
import type { Inode } from './inode.ts';
import { Tree } from './tree.ts';

const CHUNK = 4096;
/** Reads of one chunk each, the most that a batch fetches, and a cache that has room for many of them. */
const MOST = 32;
const LARGE = 2 ** 20 * 4;

/** A store that counts what it is asked for, by turns of the event loop: what one transaction would bring. */
class CountingStore extends MemoryStore {
  /** Chunks asked for in each turn. */
  readonly turns: string[][] = [];
  private turn: string[] | undefined;

  override chunk(ino: number, index: number): Uint8Array<ArrayBuffer> | undefined {
    if (!this.turn) {
      this.turn = [];
      this.turns.push(this.turn);
      setImmediate(() => {
        this.turn = undefined;
      });
    }
    this.turn.push(`${ino}:${index}`);
    return super.chunk(ino, index);
  }

  get asked(): string[] {
    return this.turns.flat();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Files of so many chunks that are stored and not in memory; each byte of a chunk is its index. */
async function cold(counts: number[], cacheLimit = LARGE) {
  const inner = new CountingStore();
  const first = await Tree.open(inner, { chunkSize: CHUNK });
  for (const [i, count] of counts.entries()) {
    const made = first.mknod(first.root, `f${i}`, { mode: 0o644, uid: 0, gid: 0 });
    for (let index = 0; index < count; index++) {
      await first.write(made, index * CHUNK, CHUNK, readerOf(new Uint8Array(CHUNK).fill(index)));
    }
  }
  await first.close();
  const store = new FaultyStore(inner);
  const tree = await Tree.open(store, { cacheLimit, commitInterval: 1e9 });
  const files = counts.map((_, i) => tree.lookup(tree.root, `f${i}`) as Inode);
  return { inner, store, tree, files, file: files[0] as Inode };
}

/** Reads chunks, checks them, and lets what is on its way arrive. */
async function readChunks(tree: Tree, file: Inode, index: number, count = 1): Promise<void> {
  let at = index;
  for (const piece of await tree.read(file, index * CHUNK, count * CHUNK)) {
    if (!Buffer.alloc(CHUNK, at).equals(piece)) throw new Error(`chunk ${at} is wrong`);
    at++;
  }
  expect(at).toBe(index + count);
  await turn();
}

test('a file that is read from front to back comes in batches that grow', async () => {
  const count = 400;
  const { tree, inner, file } = await cold([count]);
  for (let index = 0; index < count; index++) await readChunks(tree, file, index);
  // Each chunk once, none twice.
  expect(inner.asked).toHaveLength(count);
  const sizes = inner.turns.map(({ length }) => length);
  // The first read alone; the second with the first batch; then each batch when the one before is begun.
  expect(sizes.slice(0, 7)).toEqual([1, 3, 4, 8, 16, MOST, MOST]);
  expect(sizes.length).toBeLessThan(count / MOST + 8);
  const { chunkHits, chunkMisses, aheadFetched, aheadUsed } = tree.counters;
  expect({ chunkHits, chunkMisses }).toEqual({ chunkHits: count - 2, chunkMisses: 2 });
  expect({ aheadFetched, aheadUsed }).toEqual({ aheadFetched: count - 2, aheadUsed: count - 2 });
  await tree.close();
});

test('reads of many chunks begin with batches of that size', async () => {
  const { tree, inner, file } = await cold([400]);
  for (let index = 0; index + 18 <= 400; index += 18) await readChunks(tree, file, index, 18);
  expect(inner.turns.slice(0, 3).map(({ length }) => length)).toEqual([18, 36, MOST]);
  expect(tree.counters.chunkMisses).toBe(36);
  await tree.close();
});

test('nothing is fetched for reads here and there, nor twice for the same', async () => {
  const { tree, inner, file } = await cold([400]);
  const places = [0, 200, 77, 300, 12, 399, 50, 51 + 100, 8];
  for (const index of places) await readChunks(tree, file, index);
  for (const index of places) await readChunks(tree, file, index);
  expect(inner.asked).toHaveLength(places.length);
  expect(tree.counters).toMatchObject({ chunkHits: places.length, chunkMisses: places.length, aheadFetched: 0 });
  await tree.close();
});

test('reads in one chunk are no reason to bring the next', async () => {
  const { tree, inner, file } = await cold([400]);
  for (let at = 0; at < CHUNK; at += 512) await tree.read(file, at, 512);
  await turn();
  expect(inner.asked).toHaveLength(1);
  await tree.read(file, CHUNK, 512);
  expect(inner.asked).toHaveLength(4);
  await tree.close();
});

test('nothing behind the end is fetched, and no hole', async () => {
  const { tree, inner, store, file } = await cold([20]);
  tree.setattr(file, { size: 40 * CHUNK });
  await tree.fallocate(file, 3, 6 * CHUNK, 8 * CHUNK);
  await tree.sync();
  for (let index = 0; index < 6; index++) await readChunks(tree, file, index);
  for (let index = 6; index < 14; index++) {
    expect(await tree.read(file, index * CHUNK, CHUNK)).toEqual([new Uint8Array(CHUNK)]);
  }
  for (let index = 14; index < 20; index++) await readChunks(tree, file, index);
  expect(inner.asked.map((key) => Number(key.split(':')[1])).sort((a, b) => a - b)).toEqual([
    0, 1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19,
  ]);
  expect(store.stored.length).toBeGreaterThan(0);
  expect(tree.counters.chunkMisses).toBeLessThan(12);
  expect(checkTree(tree)).toEqual([]);
  await tree.close();
});

test('several readers are followed at once, also in one file', async () => {
  const { tree, inner, files } = await cold([120, 120, 120]);
  const [one, other, third] = files as [Inode, Inode, Inode];
  for (let index = 0; index < 60; index++) {
    await readChunks(tree, one, index);
    await readChunks(tree, other, index);
    await readChunks(tree, one, 60 + index);
    await readChunks(tree, third, (index * 7) % 50);
  }
  const { chunkMisses } = tree.counters;
  // Two for each stream; the third file is read in leaps, and comes by single chunks.
  expect(chunkMisses).toBe(3 * 2 + 50);
  expect(new Set(inner.asked).size).toBe(inner.asked.length);
  await tree.close();
});

test('what waits to be read keeps to its share of the cache, and is not let go of before it is', async () => {
  const limit = 64 * CHUNK;
  const { tree, inner, file, files } = await cold([300, 60], limit);
  const hot = files[1] as Inode;
  for (let index = 0; index < 300; index++) {
    await readChunks(tree, file, index);
    await readChunks(tree, hot, (index * 17) % 60);
    const { aheadFetched, aheadUsed, cachedBytes } = tree.counters;
    expect(aheadFetched - aheadUsed).toBeLessThanOrEqual(16);
    expect(cachedBytes).toBeLessThanOrEqual(limit);
  }
  // None of the file's was brought twice.
  const ofFile = inner.asked.filter((key) => key.startsWith(`${file.ino}:`));
  expect(ofFile).toHaveLength(300);
  await tree.close();
});

test('a cache too small for a batch reads nothing ahead', async () => {
  const { tree, inner, file } = await cold([20], 2 * CHUNK);
  for (let index = 0; index < 20; index++) await readChunks(tree, file, index);
  expect(inner.asked).toHaveLength(20);
  expect(tree.counters.aheadFetched).toBe(0);
  await tree.close();
});

test('a file larger than the cache pushes out little of what is used again and again', async () => {
  const { tree, inner, files } = await cold([2000, 30], 64 * CHUNK);
  const [large, hot] = files as [Inode, Inode];
  for (let index = 0; index < 30; index += 7) await readChunks(tree, hot, (index * 11) % 30);
  for (let index = 0; index < 2000; index++) {
    await readChunks(tree, large, index);
    if (index % 20 === 0) await readChunks(tree, hot, ((index / 20) * 11) % 30);
  }
  const ofHot = inner.asked.filter((key) => key.startsWith(`${hot.ino}:`));
  // Each chunk of the other file is asked for every 600 chunks of the large one, ten times what the cache holds.
  expect(new Set(ofHot).size).toBe(30);
  expect(ofHot.length).toBeLessThan(40);
  await tree.close();
});

test('a failure of what was fetched ahead is told to nobody, and to whoever reads it then', async () => {
  const { store, tree, file } = await cold([40]);
  let broken = true;
  store.unreadable = (_ino, index) => broken && index >= 2;
  await readChunks(tree, file, 0);
  await readChunks(tree, file, 1);
  expect(tree.counters).toMatchObject({ aheadFetched: 2, aheadUsed: 0 });
  await expect(Promise.resolve(tree.read(file, 2 * CHUNK, CHUNK))).rejects.toMatchObject({ errno: 5 });
  broken = false;
  await turn();
  for (let index = 2; index < 40; index++) await readChunks(tree, file, index);
  await tree.close();
});

test('what changes while it is fetched ahead is read as it is then', async () => {
  const { store, tree, file } = await cold([40]);
  let open = (): void => {};
  await readChunks(tree, file, 0);
  store.chunkGate = new Promise((resolve) => {
    open = resolve;
  });
  // Chunks 2 and 3 are fetched ahead with it.
  const second = tree.read(file, CHUNK, CHUNK);
  await tree.write(file, 2 * CHUNK, CHUNK, readerOf(new Uint8Array(CHUNK).fill(99)));
  tree.setattr(file, { size: 3 * CHUNK + 10 });
  tree.setattr(file, { size: 4 * CHUNK });
  store.chunkGate = undefined;
  open();
  expect(await second).toEqual([new Uint8Array(CHUNK).fill(1)]);
  expect(await tree.read(file, 2 * CHUNK, CHUNK)).toEqual([new Uint8Array(CHUNK).fill(99)]);
  const pieces = await tree.read(file, 3 * CHUNK, CHUNK);
  expect(Buffer.concat(pieces)).toEqual(Buffer.concat([new Uint8Array(10).fill(3), new Uint8Array(CHUNK - 10)]));
  await tree.sync();
  expect(checkTree(tree)).toEqual([]);
  await tree.close();
});

test('a file that goes while it is fetched ahead leaves nothing in memory', async () => {
  const { store, tree, file } = await cold([40]);
  await readChunks(tree, file, 0);
  let open = (): void => {};
  store.chunkGate = new Promise((resolve) => {
    open = resolve;
  });
  const second = Promise.resolve(tree.read(file, CHUNK, CHUNK));
  tree.unlink(tree.root, 'f0');
  open();
  await second;
  await turn();
  expect(tree.counters.cachedBytes).toBe(0);
  await tree.close();
});
