// The conformance suite of stores, failures at each request, and trees of old releases, over the browser's IndexedDB.
import fc from 'fast-check';
import { promisifyRequest } from 'idb-keyval';
import { TreeNames } from '../../src/fs/store/indexeddb-names.ts';
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import { ReadOnlyTree } from '../../src/fs/tree/read-only-tree.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { batch, codeOf, contract } from '../store-conformance.ts';
import { dumpStore, durabilityOf, makeBatch, plans, StoreModel } from '../store-model.ts';
import { type DatabaseJson, readDatabase, writeDatabase } from '../stored-trees/database-json.ts';
import { describeTree, scriptedOptions } from '../stored-trees/scripted-tree.ts';
import { BrowserFaults, FAULTS, type Fault } from './idb-faults.ts';
import { type Emit, serve } from './serve.ts';

const faults = new BrowserFaults();
let last = 0;
const remove = (name: string): Promise<unknown> => promisifyRequest(indexedDB.deleteDatabase(name));

/** Stores that are open in this tab to look at a tree. */
const viewers: IndexedDbStore[] = [];

/** Gives the work a database of its own. */
async function apart(work: (name: string) => Promise<void>): Promise<void> {
  const name = `apart-${last++}`;
  await work(name);
  await remove(name);
}

serve({
  /** What each point of the contract that fails says; how many there are. */
  async contract(_: null, emit: Emit) {
    const failures: string[] = [];
    for (const [point, hold] of Object.entries(contract)) {
      emit('point', point);
      try {
        await apart((name) => hold(() => new IndexedDbStore(name)));
      } catch (error) {
        failures.push(`${point}: ${String(error)}`);
      }
    }
    return { failures, points: Object.keys(contract).length };
  },

  /** Batches at random, some of which fail, against the model. Throws where they differ; how many faults happened. */
  async model({ seed, runs }: { seed: number; runs: number }) {
    const counts = { faults: 0, refused: 0 };
    const step = fc.record({
      plan: plans,
      reopen: fc.nat(3).map((n) => n === 0),
      fault: fc.option(fc.tuple(fc.nat(12), fc.constantFrom(...FAULTS))),
    });
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), (all) =>
      apart(async (name) => {
        let store = new IndexedDbStore(name);
        await store.open();
        let model = new StoreModel();
        for (const [i, { plan, reopen, fault }] of all.entries()) {
          const change = makeBatch(i + 1, plan);
          if (fault) faults.arm(...fault);
          const code = await codeOf(store.commit(change, durabilityOf(plan)));
          faults.disarm();
          if (fault && faults.happened) counts.faults++;
          if (code !== undefined) counts.refused++;
          // What was refused is not stored, because nothing here fails while it is being made durable.
          if (code === undefined) model = model.after(change);
          if ((code !== undefined) !== (fault !== null && faults.happened)) throw new Error(`ended with ${code}`);
          if (!reopen && i < all.length - 1) continue;
          await store.close();
          if ((await dumpStore(new IndexedDbStore(name))) !== model.dump()) throw new Error('differs from the model');
          store = new IndexedDbStore(name);
          await store.open();
        }
        await store.close();
      }),
    );
    await fc.assert(property, { seed, numRuns: runs });
    return counts;
  },

  /** Puts what a release stored where it stored it. */
  put: ({ name, database }: { name: string; database: DatabaseJson }) => writeDatabase(indexedDB, name, database),
  read: ({ name }: { name: string }) => readDatabase(indexedDB, name),

  /** What is in a tree that is opened as it is. */
  async look({ name }: { name: string }) {
    const tree = await ReadOnlyTree.open(new IndexedDbStore(name, { readOnly: true }));
    const described = await describeTree(tree);
    await tree.close();
    return described;
  },

  /** What is in a tree that is opened to be written, and what does not fit in it. */
  async upgrade({ name }: { name: string }) {
    const tree = await Tree.open(new IndexedDbStore(name), scriptedOptions());
    const described = await describeTree(tree);
    const findings = checkTree(tree);
    tree.mkdir(tree.root, 'made now', { mode: 0o755, uid: 0, gid: 0 });
    await tree.sync();
    await tree.close();
    return { described, findings };
  },

  /** Opens a tree with a fault at one of the requests. */
  async fail({ name, at, fault }: { name: string; at: number; fault: Fault }) {
    const store = new IndexedDbStore(name);
    faults.arm(at, fault);
    const code = await codeOf(store.open());
    faults.disarm();
    await store.close();
    return { code, happened: faults.happened };
  },
  /** Opens a tree, by its database, to look at it for the rest of the test. */
  async view({ name }: { name: string }) {
    const store = new IndexedDbStore(name, { readOnly: true });
    await store.open();
    viewers.push(store);
  },
  /** What those who look at trees are told when they read. */
  views: () => Promise.all(viewers.map((store) => codeOf(store.chunk(1, 0)))),

  /** Fills the storage with a database of values that nothing can compress; how many there were room for. */
  async fill({ name }: { name: string }) {
    const store = new IndexedDbStore(name);
    await store.open();
    for (let i = 0, size = 2 ** 20; ; ) {
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65536)));
      const chunks = [{ ino: 2, index: i, bytes }];
      const code = await codeOf(store.commit(batch(i + 1, { chunks }), 'strict'));
      if (code === undefined) i++;
      else if (code !== 'quota') throw new Error(`ended with ${code}`);
      else if (size > 4096) size /= 2;
      else {
        await store.close();
        return i;
      }
    }
  },

  list: () => new TreeNames().list(),
  create: ({ name }: { name: string }) => new TreeNames().resolve(name, { create: true }),
  rename: async ({ from, to }: { from: string; to: string }) => codeOf(new TreeNames().rename(from, to)),
  /** Takes the name from a tree and deletes its database. */
  async drop({ name }: { name: string }) {
    const names = new TreeNames();
    await names.discard(await names.remove(name));
    return { left: await names.leftovers(), databases: (await indexedDB.databases()).map((each) => each.name) };
  },
});
