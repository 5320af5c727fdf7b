// Reads, writes and cuts of one file at random, over a store that answers late and sometimes not at all, against bytes.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { PosixError } from '../../base/errno.ts';
import { readerOf } from '../../base/iov.ts';
import { checkTree } from './check-tree.ts';
import type { Inode } from './inode.ts';
import { Tree } from './tree.ts';

const CHUNK = 4096;
const SIZE = 150 * CHUNK;
const PUNCH = 3;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A store whose chunks arrive some turns after they were asked for. */
class LateStore extends FaultyStore {
  late: () => number = () => 0;

  override async chunk(ino: number, index: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (let turns = this.late(); turns > 0; turns--) await turn();
    return super.chunk(ino, index);
  }
}

const place = fc.nat(SIZE - 1);
const length = fc.integer({ min: 1, max: 8 * CHUNK });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), at: place, length }) },
  // Goes on where the last one ended: what is read ahead for.
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('on' as const), length, times: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), at: place, length }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const), at: place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('punch' as const), at: place, length }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sync' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), every: fc.constantFrom(0, 0, 3, 7) }) },
);

/** The file as plain bytes, and the tree's beside it. */
class Pair {
  readonly tree: Tree;
  readonly store: LateStore;
  private readonly file: Inode;
  private bytes: Uint8Array;
  private next = 0;
  private stamp = 0;
  private broken = 0;

  constructor(tree: Tree, store: LateStore, bytes: Uint8Array) {
    this.tree = tree;
    this.store = store;
    this.file = tree.lookup(tree.root, 'f') as Inode;
    this.bytes = bytes;
  }

  /** False where the store could not be read, which only a broken one may say. */
  private async done(work: () => unknown): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof PosixError) || error.errno !== 5 || this.broken === 0) throw error;
      return false;
    }
  }

  private read(at: number, count: number): Promise<boolean> {
    return this.done(async () => {
      const pieces = await this.tree.read(this.file, at, count);
      const expected = this.bytes.subarray(at, at + count);
      if (!Buffer.concat(pieces).equals(expected)) throw new Error(`read ${count} bytes at ${at}: they are wrong`);
      this.next = at + expected.length;
    });
  }

  private resize(size: number): void {
    const resized = new Uint8Array(size);
    resized.set(this.bytes.subarray(0, size));
    this.bytes = resized;
  }

  async step(one: typeof step extends fc.Arbitrary<infer Step> ? Step : never): Promise<void> {
    const { tree, file } = this;
    switch (one.do) {
      case 'read':
        await this.read(one.at, one.length);
        return;
      case 'on':
        for (let i = 0; i < one.times; i++) await this.read(this.next >= this.bytes.length ? 0 : this.next, one.length);
        return;
      case 'write': {
        const written = new Uint8Array(one.length).fill(++this.stamp);
        if (!(await this.done(() => tree.write(file, one.at, one.length, readerOf(written))))) return;
        this.resize(Math.max(this.bytes.length, one.at + one.length));
        this.bytes.set(written, one.at);
        return;
      }
      case 'cut':
        tree.setattr(file, { size: one.at });
        this.resize(one.at);
        return;
      case 'punch':
        if (!(await this.done(() => tree.fallocate(file, PUNCH, one.at, one.length)))) return;
        this.bytes.fill(0, one.at, one.at + one.length);
        return;
      case 'sync':
        await tree.sync();
        return;
      case 'turns':
        for (let i = 0; i < one.count; i++) await turn();
        return;
      case 'break':
        this.broken = one.every;
        this.store.unreadable = (_ino, index) => one.every > 0 && index % one.every === 0;
        return;
    }
  }

  async finish(cacheLimit: number): Promise<void> {
    this.broken = 0;
    this.store.unreadable = () => false;
    this.store.late = () => 0;
    for (let at = 0; at < this.bytes.length; at += 5 * CHUNK) await this.read(at, 5 * CHUNK);
    await this.tree.sync();
    for (let i = 0; i < 5; i++) await turn();
    expect(checkTree(this.tree)).toEqual([]);
    let held = 0;
    for (const { bytes } of this.file.chunks?.values() ?? []) held += bytes?.length ?? 0;
    expect(this.tree.counters.cachedBytes).toBe(held);
    expect(held).toBeLessThanOrEqual(cacheLimit);
  }
}

test.each([
  ['a cache of 32 chunks', 32],
  ['a cache of 200 chunks', 200],
])('what is read is what was written, whatever is read ahead: %s', async (_, chunks) => {
  let fetched = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.infiniteStream(fc.nat(3)), async (steps, delays) => {
      const bytes = new Uint8Array(SIZE);
      for (let index = 0; index < SIZE / CHUNK; index++) bytes.fill(index + 1, index * CHUNK, (index + 1) * CHUNK);
      const inner = new MemoryStore();
      const first = await Tree.open(inner, { chunkSize: CHUNK });
      await first.write(first.mknod(first.root, 'f', { mode: 0o644, uid: 0, gid: 0 }), 0, SIZE, readerOf(bytes));
      await first.close();
      const store = new LateStore(inner);
      store.late = () => delays.next().value;
      const cacheLimit = chunks * CHUNK;
      const tree = await Tree.open(store, { cacheLimit, commitInterval: 0 });
      const pair = new Pair(tree, store, bytes);
      for (const one of steps) await pair.step(one);
      await pair.finish(cacheLimit);
      fetched += tree.counters.aheadUsed;
      await tree.close();
    }),
    { numRuns: 150 },
  );
  // The runs were of what they are for.
  expect(fetched).toBeGreaterThan(1000);
});
