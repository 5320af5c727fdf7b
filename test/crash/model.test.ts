// The harness itself, without a browser: model and tree agree on any workload, and what was lost or torn is noticed.
import { describe, expect, test } from 'vitest';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { MemoryStore } from '../memory-store.ts';
import { Executor, timeOf } from './executor.ts';
import { dumpTree, type Time } from './tree-dump.ts';
import { type Remains, Witness } from './witness.ts';

const OPTIONS = { largestWrite: 60_000, largestFile: 200_000, wholePages: false, background: true };
const clock = (change: number): Time => [timeOf(change).s, timeOf(change).ns];

async function look(tree: Tree): Promise<Remains> {
  const { operations, inodes } = tree.counters;
  return { operation: operations, inodes, findings: checkTree(tree), entries: await dumpTree(tree) };
}

/** A life of a tree in a store, after which it is as the store has it. */
async function live(store: MemoryStore, witness: Witness, lines: string[], until = lines.length) {
  let next = () => 0;
  const tree = await Tree.open(store, {
    clock: () => timeOf(next()),
    chunkSize: 4096,
    cacheLimit: 128 * 1024,
    commitInterval: 0,
  });
  next = () => tree.counters.operations + 1;
  const executor = new Executor(tree, ({ index, operation }) => witness.acknowledge(index, operation));
  await executor.run(lines.slice(0, until), () => undefined);
  return tree;
}

describe('the crash harness', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    '5.16 the model says what a tree is after any workload: seed %i',
    async (seed) => {
      const store = new MemoryStore();
      const witness = new Witness();
      for (let life = 0; life < 3; life++) {
        const tree = await live(store, witness, witness.plan(seed * 100 + life, 400, OPTIONS));
        await tree.close();
        const again = await Tree.open(store);
        witness.verify(await look(again), clock);
        await again.close();
      }
      expect(witness.acknowledgements).toBeGreaterThan(20);
    },
  );
});
