// What scripts/measure-storage.mjs measures: sizes of chunks and of commits, reads meanwhile, and the limits of a tree.

import { readerOf } from '../../src/base/iov.ts';
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import type { Inode } from '../../src/fs/tree/inode.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { median } from '../bench/statistics.ts';
import { type Put, RawDatabase, randomBytes, resultOf } from './raw-indexeddb.ts';
import { serve } from './serve.ts';
import { turn } from './turn.ts';

const MIB = 2 ** 20;
const CHUNK = 60 * 1024;

const indices = (count: number, first = 0): number[] => Array.from({ length: count }, (_, i) => first + i);

export interface ChunkSizeFigures {
  /** MiB a second. */
  write: number;
  read: number;
  /** One value, ms. */
  strict: number;
  relaxed: number;
  /** 4 KiB in each of 64 places of a file, in one commit: ms, and KiB that are written for it. */
  rewriteStrict: number;
  rewriteRelaxed: number;
  rewritten: number;
}

/** 32 MiB in values of one size, written 4 MiB a commit and read 1 MiB a transaction. The database is left behind. */
async function chunkSize({ name, size }: { name: string; size: number }): Promise<ChunkSizeFigures> {
  const database = await RawDatabase.open(name, ['tree'], size);
  const total = Math.floor((32 * MIB) / size);
  const put = (index: number): Put => ['tree', 2, index];
  const perCommit = Math.floor((4 * MIB) / size);
  const perRead = Math.max(1, Math.floor(MIB / size));
  let began = performance.now();
  for (let i = 0; i < total; i += perCommit) {
    await database.commit(indices(Math.min(perCommit, total - i), i).map(put), 'strict');
  }
  const megabytes = (total * size) / MIB;
  const write = (megabytes * 1000) / (performance.now() - began);
  began = performance.now();
  for (let i = 0; i < total; i += perRead) {
    await database.read('tree', 2, indices(Math.min(perRead, total - i), i));
  }
  const read = (megabytes * 1000) / (performance.now() - began);
  const one = async (durability: 'strict' | 'relaxed', puts: Put[]): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < 9; i++) times.push((await database.commit(puts, durability)).took);
    return median(times);
  };
  // Places of 4 KiB, spread over the file: where chunks are large, several may lie in one.
  const places = [...new Set(indices(64).map((i) => Math.floor((i * 32 * MIB) / 64 / size)))].filter((i) => i < total);
  return {
    write,
    read,
    strict: await one('strict', [put(0)]),
    relaxed: await one('relaxed', [put(0)]),
    rewriteStrict: await one('strict', places.map(put)),
    rewriteRelaxed: await one('relaxed', places.map(put)),
    rewritten: (places.length * size) / 1024,
  };
}

export interface CommitFigures {
  issued: number;
  took: number;
}

interface Commit {
  /** How many chunks of 60 KiB; 0 for no commit. */
  chunks: number;
  durability: 'strict' | 'relaxed';
  /** Whether their keys are new: what is overwritten has to be read first, so that the transaction can be undone. */
  fresh: boolean;
}

/** Of the file that is overwritten, of the one that is read, and of the next that is written. */
const OLD_INO = 1;
const READ_INO = 2;
let nextIno = 3;

let commits: Promise<RawDatabase> | undefined;

/** A database with 64 MiB to overwrite, and with chunks to read in both object stores. */
async function commitDatabase(): Promise<RawDatabase> {
  const database = await RawDatabase.open('commits', ['a', 'b'], CHUNK);
  const whole = Math.floor((64 * MIB) / CHUNK);
  await database.commit(
    indices(whole).map((index): Put => ['a', OLD_INO, index]),
    'strict',
  );
  for (const store of ['a', 'b']) {
    await database.commit(
      indices(16).map((index): Put => [store, READ_INO, index]),
      'strict',
    );
  }
  return database;
}

/** One commit into the object store `a`; what it added is removed again. */
async function commit({ chunks, durability, fresh }: Commit, meanwhile?: (database: RawDatabase) => void) {
  commits ??= commitDatabase();
  const database = await commits;
  const ino = fresh ? nextIno++ : OLD_INO;
  const puts = indices(chunks).map((index): Put => ['a', ino, index]);
  const figures = await database.commit(puts, durability, () => meanwhile?.(database));
  if (fresh) await database.drop('a', ino);
  return figures;
}

/** How long the read of one chunk takes that is asked for when a commit has just been issued. */
async function readDuring(one: Commit & { same: boolean }): Promise<CommitFigures & { read: number }> {
  const store = one.same ? 'a' : 'b';
  if (one.chunks === 0) {
    commits ??= commitDatabase();
    return { issued: 0, took: 0, read: await (await commits).read(store, READ_INO, [7]) };
  }
  let reading: Promise<number> | undefined;
  const figures = await commit(one, (database) => {
    reading = database.read(store, READ_INO, [7]);
  });
  return { ...figures, read: (await reading) as number };
}

/** Chunks read in order, so many in one transaction, none before the one before is complete; MiB a second. */
async function batches({ count }: { count: number }): Promise<number> {
  commits ??= commitDatabase();
  const database = await commits;
  const chunks = 512;
  const began = performance.now();
  for (let i = 0; i < chunks; i += count) {
    await database.read('a', OLD_INO, indices(Math.min(count, chunks - i), i));
  }
  return (((chunks * CHUNK) / MIB) * 1000) / (performance.now() - began);
}

export interface StreamFigures {
  /** MiB a second, the sync at the end included. */
  rate: number;
  /** The longest that one write of 128 KiB waited, ms. */
  waited: number;
  /** Reads of chunks of another file that were not in memory, meanwhile: median and longest, ms. */
  read: number;
  slowest: number;
  commits: number;
}

const owner = { mode: 0o644, uid: 0, gid: 0 };

/** Writes a file flat out into a tree, and reads another one here and there. */
async function stream({ mib, dirtyLimit, eagerBytes }: { mib: number; dirtyLimit: number; eagerBytes: number }) {
  const database = 'stream';
  const options = { cacheLimit: 256 * MIB, dirtyLimit, eagerBytes };
  const bytes = randomBytes(MIB);
  const size = 32 * MIB;
  const first = await Tree.open(new IndexedDbStore(database), options);
  const made = first.mknod(first.root, 'read', owner);
  for (let at = 0; at < size; at += MIB) await first.write(made, at, MIB, readerOf(bytes));
  await first.close();
  const tree = await Tree.open(new IndexedDbStore(database), options);
  const other = tree.lookup(tree.root, 'read') as Inode;
  const written = tree.mknod(tree.root, 'written', owner);
  let writing = true;
  const reads: number[] = [];
  const reader = async (): Promise<void> => {
    const chunks = Math.floor(size / tree.chunkSize);
    // Each chunk once, so that none is in memory, and never one behind the other.
    for (let i = 0; writing && i < chunks; i++) {
      const began = performance.now();
      await tree.read(other, ((i * 89) % chunks) * tree.chunkSize, 4096);
      reads.push(performance.now() - began);
      await turn();
    }
  };
  const began = performance.now();
  const reading = reader();
  let waited = 0;
  const piece = 128 * 1024;
  for (let at = 0; at < mib * MIB; at += piece) {
    const asked = performance.now();
    const later = tree.write(written, at, piece, readerOf(bytes.subarray(0, piece)));
    if (later) {
      await later;
      waited = Math.max(waited, performance.now() - asked);
    } else if (at % MIB === 0) await turn();
  }
  await tree.sync();
  const rate = (mib * 1000) / (performance.now() - began);
  writing = false;
  await reading;
  const { commits: count } = tree.counters;
  await tree.close();
  await resultOf(indexedDB.deleteDatabase(database));
  return { rate, waited, read: median(reads), slowest: Math.max(...reads), commits: count } satisfies StreamFigures;
}

serve({
  chunkSize,
  commit: (one: Commit) => commit(one),
  readDuring,
  batches,
  stream,
  remove: async ({ name }: { name: string }) => {
    await resultOf(indexedDB.deleteDatabase(name));
  },
});
