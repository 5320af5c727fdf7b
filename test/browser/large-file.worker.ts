// A tree over the real IndexedDB with a small cache, and a file in it that is much larger.
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { checkRandom, checkSequential, type LargeFile, writeLarge } from '../large-file.ts';
import { type Emit, serve } from './serve.ts';

let tree: Tree | undefined;

function opened(): Tree {
  if (!tree) throw new Error('no tree is open');
  return tree;
}

serve({
  async open({ name, cacheLimit }: { name: string; cacheLimit: number }) {
    tree = await Tree.open(new IndexedDbStore(name), { cacheLimit });
  },
  write: (file: LargeFile, emit: Emit) => writeLarge(opened(), file, (done) => emit('written', done)),
  checkRandom: (file: LargeFile & { reads: number }, emit: Emit) =>
    checkRandom(opened(), file, file.reads, (done) => emit('read', done)),
  checkSequential: (file: LargeFile & { length: number }, emit: Emit) =>
    checkSequential(opened(), file, file.length, (done) => emit('read', done)),
  counters: () => opened().counters,
  async close() {
    await opened().close();
    tree = undefined;
  },
});
