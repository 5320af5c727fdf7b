// Rounds of the bench's part "store": a tree over the real IndexedDB, without guest and server.
import { readerOf } from '../../src/base/iov.ts';
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import type { Inode } from '../../src/fs/tree/inode.ts';
import type { Batch } from '../../src/fs/tree/store.ts';
import { Tree, type TreeOptions } from '../../src/fs/tree/tree.ts';
import { median } from '../bench/statistics.ts';
import { RawDatabase, randomBytes } from './raw-indexeddb.ts';
import { serve } from './serve.ts';
import { turn } from './turn.ts';

const MIB = 2 ** 20;
const OWNER = { mode: 0o644, uid: 0, gid: 0 };
/** The file that is read; and how much is written meanwhile. */
const READ_SIZE = 48 * MIB;
const WRITE_SIZE = 96 * MIB;
/** What a guest asks for at once with its default readahead. */
const REQUEST = 128 * 1024;
const DATABASE = 'bench';

/** As if nobody had asked for durability. */
class RelaxedStore extends IndexedDbStore {
  override commit(batch: Batch): Promise<void> {
    return super.commit(batch, 'relaxed');
  }
}

/** Transactions that write, since the worker began. */
let transactions = 0;
const open = IDBDatabase.prototype.transaction;
IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...given: Parameters<typeof open>) {
  if (given[1] === 'readwrite') transactions++;
  return open.apply(this, given);
};

async function timed(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const openTree = (options: TreeOptions = {}): Promise<Tree> => Tree.open(new IndexedDbStore(DATABASE), options);

/** Makes the file that is read. */
async function prepare(): Promise<void> {
  const tree = await openTree();
  const file = tree.mknod(tree.root, 'read', OWNER);
  const bytes = randomBytes(MIB);
  for (let at = 0; at < READ_SIZE; at += MIB) await tree.write(file, at, MIB, readerOf(bytes));
  await tree.close();
}

const readFile = (tree: Tree): Inode => tree.lookup(tree.root, 'read') as Inode;

/** Places of chunks, each once and none behind the one before. */
function* places(tree: Tree): Generator<number> {
  const chunks = Math.floor(READ_SIZE / tree.chunkSize);
  for (let i = 0; i < chunks; i++) yield ((i * 89) % chunks) * tree.chunkSize;
}

/** fsync of one small file: ms, beside the same without durability, and one bare transaction of one value. */
async function fsync() {
  const quiet = { commitInterval: 2 ** 30 };
  const raw = await RawDatabase.open('bench-raw', ['a'], 4096);
  const times = { strict: [] as number[], relaxed: [] as number[], bare: [] as number[] };
  const trees = {
    strict: await Tree.open(new IndexedDbStore('bench-strict'), quiet),
    relaxed: await Tree.open(new RelaxedStore('bench-relaxed'), quiet),
  };
  let made = 0;
  const change = (tree: Tree, i: number): void => {
    const file = tree.mknod(tree.root, `${performance.now()}-${i}`, OWNER);
    void tree.write(file, 0, 100, readerOf(new Uint8Array(100)));
  };
  for (let i = 0; i < 12; i++) {
    for (const kind of ['strict', 'relaxed'] as const) {
      change(trees[kind], i);
      const before = transactions;
      times[kind].push(await timed(() => trees[kind].sync()));
      made += transactions - before;
    }
    times.bare.push((await raw.commit([['a', 1, 0]], 'strict')).took);
  }
  raw.close();
  await trees.strict.close();
  await trees.relaxed.close();
  return {
    strict: median(times.strict),
    relaxed: median(times.relaxed),
    bare: median(times.bare),
    transactions: made / (times.strict.length + times.relaxed.length),
  };
}

/** Reads of 4 KiB here and there: of what is not in memory, and of what is; µs. */
async function randomReads() {
  const tree = await openTree();
  const file = readFile(tree);
  const misses: number[] = [];
  for (const at of places(tree)) {
    misses.push(await timed(() => tree.read(file, at, 4096)));
    if (misses.length === 200) break;
  }
  const { chunkHits, chunkMisses } = tree.counters;
  if (chunkHits > 0 || chunkMisses !== misses.length) throw new Error('not every read was a miss');
  const rounds = 50;
  const hits = await timed(() => {
    for (let round = 0; round < rounds; round++) {
      let i = 0;
      for (const at of places(tree)) {
        if (tree.read(file, at, 4096) instanceof Promise) throw new Error('a read was no hit');
        if (++i === misses.length) break;
      }
    }
  });
  await tree.close();
  return { miss: median(misses) * 1000, hit: (hits / (rounds * misses.length)) * 1000 };
}

/** A cold file from front to back, a turn of the event loop between the reads as the emulator has one; MiB a second. */
async function sequential({ readAhead }: { readAhead: boolean }) {
  const tree = await openTree({ readAhead });
  const file = readFile(tree);
  let sum = 0;
  const ms = await timed(async () => {
    for (let at = 0; at < READ_SIZE; at += REQUEST) {
      for (const piece of await tree.read(file, at, REQUEST)) sum += piece.length;
      await turn();
    }
  });
  if (sum !== READ_SIZE) throw new Error(`read ${sum} bytes`);
  await tree.close();
  return (READ_SIZE / MIB / ms) * 1000;
}

/** Reads of what is not in memory, while nothing else is done and while another file is written flat out; µs. */
async function readsWhileWriting() {
  const tree = await openTree();
  const file = readFile(tree);
  const written = tree.mknod(tree.root, 'written', OWNER);
  const at = places(tree);
  const read = async (): Promise<number> => {
    const { value, done } = at.next();
    if (done) throw new Error('all was read');
    const ms = await timed(() => tree.read(file, value, 4096));
    await turn();
    return ms;
  };
  const idle: number[] = [];
  for (let i = 0; i < 100; i++) idle.push(await read());
  const bytes = randomBytes(REQUEST);
  let writing = true;
  const write = async (): Promise<void> => {
    for (let to = 0; to < WRITE_SIZE; to += REQUEST) {
      const later = tree.write(written, to, REQUEST, readerOf(bytes));
      if (later) await later;
      else await turn();
    }
    await tree.sync();
    writing = false;
  };
  const finished = write();
  const busy: number[] = [];
  while (writing && busy.length < 600) busy.push(await read());
  await finished;
  tree.unlink(tree.root, 'written');
  await tree.close();
  return { idle: median(idle) * 1000, busy: median(busy) * 1000, slowest: Math.max(...busy) * 1000 };
}

serve({ prepare, fsync, randomReads, sequential, readsWhileWriting });
