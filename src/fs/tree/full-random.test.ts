// 5.20 Random work in a store that is full now and then, or says so, and a crash at any commit.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { QuotaStore } from '../../../test/quota-store.ts';
import { contentOf } from '../../../test/tree-driver.ts';
import { Errno, PosixError } from '../../base/errno.ts';
import { readerOf } from '../../base/iov.ts';
import { checkStored } from './check-stored.ts';
import { checkTree } from './check-tree.ts';
import type { Inode } from './inode.ts';
import { Tree } from './tree.ts';

const CHUNK = 4096;
const RUNS = 200;
const owner = { uid: 0, gid: 0 };
const make = (tree: Tree, name: string): Inode => tree.mknod(tree.root, name, { mode: 0o100644, ...owner });
const bytes = (length: number, value: number): ReturnType<typeof readerOf> =>
  readerOf(new Uint8Array(length).fill(value));

type Step = readonly [kind: string, file: number, at: number, length: number];
const KINDS = ['append', 'append', 'append', 'overwrite', 'overwrite', 'cut', 'unlink', 'rename', 'sync', 'sync'];
KINDS.push('ask', 'turn');
KINDS.push('turn', 'sparse', 'grow', 'punch', 'zero', 'link', 'xattr', 'over', 'copy', 'tmpfile');
const steps = fc.array(fc.tuple(fc.constantFrom(...KINDS), fc.nat(5), fc.nat(999), fc.nat(999)) as fc.Arbitrary<Step>, {
  minLength: 10,
  maxLength: 80,
  size: 'max',
});

/** The names in a tree at a commit, and whether it left content out. */
interface Moment {
  names: Map<string, { ino: number; size: number; nlink: number; xattr: Uint8Array | undefined }>;
  partial: boolean;
}

/** What the metadata of a file say. */
const seen = (inode: Inode) => ({
  ino: inode.ino,
  size: inode.size,
  nlink: inode.nlink,
  xattr: inode.xattrs?.get('user.test'),
});

const isFull = (error: unknown): void => {
  if (!(error instanceof PosixError) || error.errno !== Errno.ENOSPC) throw error;
};

/** What was synced, and what of it was to change since. */
interface Synced {
  content: Uint8Array;
  touched: Uint8Array;
}

/** Random work on up to six files, which is refused now and then. */
class Work {
  readonly tree: Tree;
  /** By inode: what was in it at the last sync that went well. */
  readonly synced = new Map<number, Synced>();
  /** Inodes that have or had holes. */
  readonly sparse = new Set<number>();
  private readonly files: (Inode | undefined)[] = [];
  private made = 0;
  /** The machine stands still. */
  crashed = false;

  constructor(tree: Tree) {
    this.tree = tree;
  }

  moment(partial: boolean): Moment {
    const names: Moment['names'] = new Map();
    for (const { name, inode } of this.tree.readdir(this.tree.root, 0)) names.set(name, seen(inode));
    return { names, partial };
  }

  async step([kind, which, at, length]: Step): Promise<void> {
    if (kind === 'turn') await vi.advanceTimersByTimeAsync(at);
    else if (kind === 'sync') await this.sync();
    else if (kind === 'ask') this.tree.sync().catch(isFull);
    else {
      try {
        await this.settled(this.change(kind, which, at * 17, 1 + length * 9));
      } catch (error) {
        isFull(error);
      }
    }
  }

  private async change(kind: string, which: number, at: number, length: number): Promise<void> {
    const { tree } = this;
    this.files[which] ??= make(tree, `file${which}.${this.made++}`);
    const file = this.files[which] as Inode;
    const name = file.link?.name as string;
    const { size } = file;
    if (['sparse', 'grow', 'punch', 'zero', 'copy'].includes(kind)) this.sparse.add(file.ino);
    const value = (at % 255) + 1;
    switch (kind) {
      case 'append':
        return tree.write(file, size, length, bytes(length, value));
      case 'overwrite':
        if (size === 0) return;
        this.touch(file, at % size, length);
        return tree.write(file, at % size, Math.min(length, size - (at % size)), bytes(length, value));
      case 'sparse':
        return tree.write(file, size + at, length, bytes(length, value));
      case 'cut':
        this.touch(file, size === 0 ? 0 : at % size, size);
        return tree.setattr(file, { size: size === 0 ? 0 : at % size });
      case 'grow':
        return tree.setattr(file, { size: size + length });
      case 'punch':
        this.touch(file, at % (size + 1), length);
        return tree.fallocate(file, 3, at % (size + 1), length);
      case 'zero':
        this.touch(file, at % (size + 1), length);
        return tree.fallocate(file, 0x11, at % (size + 1), length);
      case 'link':
        return tree.link(file, tree.root, `link${this.made++}`);
      case 'xattr':
        return tree.setxattr(file, 'user.test', new Uint8Array(length % 300).fill(value), 0);
      case 'over': {
        const other = this.files.findIndex((one) => one && one !== file);
        const target = this.files[other];
        if (!target) return;
        this.synced.delete(target.ino);
        this.files[other] = undefined;
        return tree.rename(tree.root, name, tree.root, target.link?.name as string, 0, owner);
      }
      case 'copy': {
        const source = this.files.find((one) => one && one !== file);
        if (!source) return;
        this.touch(file, length % (size + 1), length * 2);
        await tree.copyRange(source, at % (source.size + 1), file, length % (size + 1), length * 2);
        return;
      }
      case 'tmpfile': {
        const other = tree.tmpfile(tree.root, { mode: 0o600, ...owner });
        tree.hold(other);
        try {
          await tree.write(other, 0, length, bytes(length, value));
          tree.link(other, tree.root, `tmp${this.made++}`);
        } finally {
          tree.drop(other);
        }
        return;
      }
      case 'unlink':
        this.synced.delete(file.ino);
        this.files[which] = undefined;
        return tree.unlink(tree.root, name);
      default:
        return tree.rename(tree.root, name, tree.root, `${name.split(' ')[0]} ${at}`, 0, owner);
    }
  }

  private touch({ ino }: Inode, from: number, length: number): void {
    this.synced.get(ino)?.touched.fill(1, from, from + length);
  }

  private async sync(): Promise<void> {
    const content = new Map<number, Uint8Array>();
    for (const file of this.files) if (file) content.set(file.ino, await contentOf(this.tree, file));
    const done = this.tree.sync().then(() => {
      for (const [ino, what] of content) {
        this.synced.set(ino, { content: what, touched: new Uint8Array(what.length) });
      }
    }, isFull);
    await this.settled(done);
  }

  /** Lets time go by until it is settled. */
  private async settled(work: Promise<void>): Promise<void> {
    let open = true;
    const close = (): void => {
      open = false;
    };
    work.then(close, close);
    await Promise.resolve();
    while (open && !this.crashed) await vi.advanceTimersByTimeAsync(50);
    return work;
  }
}

describe('5.20 any work in too little room', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('and a crash at any commit leave what was synced, the names of one moment, and no size without its content', async () => {
    let parts = 0;
    let whole = 0;
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.record({
          limit: fc.integer({ min: 5_000, max: 80_000 }),
          late: fc.boolean(),
          delay: fc.constantFrom(0, 200),
          reserve: fc.constantFrom(0, 4000),
          crash: fc.nat(60),
          cacheLimit: fc.constantFrom(2 * CHUNK, 2 ** 30),
          before: fc.boolean(),
          // Refusals for which there is no reason.
          moods: fc.oneof(fc.constant<boolean[]>([]), fc.array(fc.boolean(), { minLength: 1, maxLength: 20 })),
        }),
        async (changes, { limit, late, delay, reserve, crash, cacheLimit, before, moods }) => {
          const inner = new MemoryStore();
          const quota = Object.assign(new QuotaStore(inner, limit), { late, delay, reserve });
          const store = new FaultyStore(quota);
          const tree = await Tree.open(store, {
            chunkSize: CHUNK,
            commitInterval: 20,
            cacheLimit,
            dirtyLimit: 2 ** 20,
          });
          const work = new Work(tree);
          let stored: Moment = { names: new Map(), partial: false };
          quota.onCommit = ({ superblock }, fits) => {
            if (fits) stored = work.moment(superblock.partial === true);
          };
          let crashed = (): void => {};
          const end = new Promise<void>((resolve) => {
            crashed = resolve;
          });
          store.fate = (commit) => {
            if (commit < crash) return moods[commit % moods.length] ? 'full' : 'store';
            crashed();
            return before ? 'stop' : 'stop-after';
          };
          const all = (async () => {
            for (const step of changes) await work.step(step);
            // So that no commit is under way while one looks.
            await work.step(['sync', 0, 0, 0]);
          })();
          await Promise.race([all, end]);
          work.crashed = true;
          let inMemory = 0;
          for (const { chunks } of tree.inodes()) {
            for (const chunk of chunks?.values() ?? []) inMemory += chunk.bytes?.length ?? 0;
          }
          expect(tree.counters.cachedBytes).toBe(inMemory);
          // What is stored now is what a crash leaves.
          await expectMoment(inner, quota, stored, work);
          if (stored.partial) parts++;
          if (store.attempts.length > crash) return;
          // No crash yet: with room enough everything is stored that was acknowledged.
          quota.limit = Number.POSITIVE_INFINITY;
          quota.reserve = 0;
          store.fate = () => 'store';
          const asked = Promise.allSettled([tree.sync()]);
          await vi.advanceTimersByTimeAsync(60_000);
          await asked;
          work.crashed = false;
          await work.step(['sync', 0, 0, 0]);
          expect(stored.partial).toBe(false);
          expect(tree.dirtyBytes).toBe(0);
          await expectMoment(inner, quota, stored, work);
          whole++;
        },
      ),
      { numRuns: RUNS },
    );
    expect(parts).toBeGreaterThan(10);
    expect(whole).toBeGreaterThan(10);
  }, 120_000);
});

async function expectMoment(inner: MemoryStore, quota: QuotaStore, moment: Moment, work: Work): Promise<void> {
  if ((await inner.open()).superblock) expect(await checkStored(inner)).toEqual([]);
  const tree = await Tree.open(inner, { commitInterval: 1e9 });
  const found: Moment['names'] = new Map();
  for (const { name, inode } of tree.readdir(tree.root, 0)) {
    found.set(name, seen(inode));
    const content = await contentOf(tree, inode);
    expect(content.length).toBe(inode.size);
    if (!work.sparse.has(inode.ino)) expect(content.indexOf(0)).toBe(-1);
  }
  expect(checkTree(tree)).toEqual([]);
  for (const [ino, index] of quota.chunks()) expect(tree.inode(ino)?.runs?.has(index), `${ino} ${index}`).toBe(true);
  expect([...found.keys()]).toEqual([...moment.names.keys()]);
  for (const [name, { size, ...rest }] of moment.names) {
    expect(found.get(name)).toMatchObject(rest);
    if (moment.partial) expect(found.get(name)?.size).toBeLessThanOrEqual(size);
    else expect(found.get(name)?.size).toBe(size);
  }
  for (const [ino, { content, touched }] of work.synced) {
    const there = await contentOf(tree, tree.inode(ino) as Inode);
    const wrong = content.findIndex((byte, i) => touched[i] === 0 && there[i] !== byte);
    expect(wrong, `of inode ${ino}`).toBe(-1);
  }
}
