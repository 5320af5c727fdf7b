// In a worker of Chromium: a tree in the real IndexedDB that a workload is done to, until the browser is killed.
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import { checkStored } from '../../src/fs/tree/check-stored.ts';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import { StoreError } from '../../src/fs/tree/store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { type Emit, serve } from '../browser/serve.ts';
import { type Acknowledged, Executor, timeOf } from './executor.ts';
import { type Flight, FlightRecorder, lastFlight } from './flight-recorder.ts';
import type { Entry } from './model.ts';
import { type CommitEvent, watchCommits } from './transactions.ts';
import { dumpTree, type Time } from './tree-dump.ts';

export interface Work {
  database: string;
  lines: string[];
  /** Of the tree as it is stored. */
  base: number;
  /** Bytes; the tree is small, so that these are met. */
  chunkSize: number;
  cacheLimit: number;
  /** ms */
  commitInterval: number;
  /** A pause in which timers and the store have their turn follows one of so many lines. */
  pauseEvery: number;
  /** The commit of this number is kept open so long, ms. */
  keep: { commit: number; ms: number };
}

/** How a tree was found. */
export interface Found {
  /** The operation number that is stored with the last commit. */
  operation: number;
  inodes: number;
  findings: string[];
  entries: Entry<Time>[];
  flight: Flight;
}

/** What the witness is told. */
export interface CrashEvents {
  commit: CommitEvent;
  acknowledged: Acknowledged;
}

/** What the check of stored trees finds, before anything is opened; nothing where the first commit did not come about. */
async function checkBefore(database: string): Promise<string[]> {
  const store = new IndexedDbStore(database, { readOnly: true });
  try {
    return (await checkStored(store)).map(({ text, ino }) => `inode ${ino}: ${text}`);
  } catch (error) {
    if (error instanceof StoreError && (error.code === 'name' || error.code === 'unavailable')) return [];
    throw error;
  } finally {
    await store.close();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

serve({
  async look({ database }: { database: string }): Promise<Found> {
    const flight = await lastFlight();
    const before = await checkBefore(database);
    const tree = await Tree.open(new IndexedDbStore(database), { clock: () => timeOf(0) });
    const { operations, inodes } = tree.counters;
    const findings = [...before, ...checkTree(tree)];
    const found = { operation: operations, inodes, findings, entries: await dumpTree(tree), flight };
    await tree.close();
    return found;
  },

  async work({ database, lines, base, pauseEvery, keep, ...options }: Work, emit: Emit): Promise<void> {
    const recorder = new FlightRecorder();
    await recorder.start();
    watchCommits(
      globalThis,
      (event) => {
        if (event.event === 'begin') recorder.begun();
        else recorder.ended();
        emit('commit', event);
      },
      (commit) => (commit === keep.commit ? keep.ms : 0),
    );
    let next = () => 0;
    const tree = await Tree.open(new IndexedDbStore(database), { ...options, clock: () => timeOf(next()) });
    // Each change stamps before it is counted.
    next = () => tree.counters.operations + 1;
    if (tree.counters.operations !== base) throw new Error(`the tree has seen ${tree.counters.operations} changes`);
    const executor = new Executor(tree, (acknowledged) => emit('acknowledged', acknowledged));
    await executor.run(lines, (index) => (index % pauseEvery === 0 ? turn() : undefined));
    await tree.sync();
    emit('acknowledged', { index: lines.length, operation: tree.counters.operations });
  },
});
