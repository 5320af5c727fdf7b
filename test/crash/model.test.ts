// The harness itself, without a browser: model and tree agree on any workload, and what was lost or torn is noticed.
import { expect, test } from 'vitest';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { MemoryStore } from '../memory-store.ts';
import { Executor, timeOf } from './executor.ts';
import type { Entry } from './model.ts';
import { dumpTree, type Time } from './tree-dump.ts';
import { Broken, type Remains, Witness } from './witness.ts';

const OPTIONS = { largestWrite: 60_000, largestFile: 200_000, wholePages: false, background: true };
const clock = (change: number): Time => [timeOf(change).s, timeOf(change).ns];

async function look(tree: Tree): Promise<Remains> {
  const { operations, inodes } = tree.counters;
  return { operation: operations, inodes, findings: checkTree(tree), entries: await dumpTree(tree) };
}

/** A life of a tree in a store, after which it is as the store has it. */
async function live(store: MemoryStore, witness: Witness, lines: string[]) {
  let next = () => 0;
  const tree = await Tree.open(store, {
    clock: () => timeOf(next()),
    chunkSize: 4096,
    cacheLimit: 128 * 1024,
    commitInterval: 0,
  });
  next = () => tree.counters.operations + 1;
  const executor = new Executor(tree, ({ index, operation }) => witness.acknowledge(index, operation));
  await executor.run(lines, () => undefined);
  return tree;
}

/** A tree after a workload, as it is found when it is opened again. */
async function survivor(witness: Witness, seed: number): Promise<Remains> {
  const store = new MemoryStore();
  const tree = await live(store, witness, witness.plan(seed, 400, OPTIONS));
  await tree.close();
  const again = await Tree.open(store);
  const remains = await look(again);
  await again.close();
  return remains;
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('5.16 the model says what a tree is after any workload: seed %i', async (seed) => {
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
});

const file = ({ entries }: Remains) => entries.find(({ content, size }) => content !== '' && size > 0) as Entry<Time>;

test.each<[what: string, damage: (remains: Remains) => void, expected: RegExp]>([
  [
    'a sync that was answered and is not there',
    (remains) => {
      remains.operation = 0;
    },
    /a sync was acknowledged after/,
  ],
  [
    'more changes than there were',
    (remains) => {
      remains.operation++;
    },
    /at most/,
  ],
  ['a name that is gone', (remains) => remains.entries.pop(), /is missing/],
  ['a name too much', (remains) => remains.entries.push({ ...file(remains), path: 'other' }), /is too much/],
  [
    'other content',
    (remains) => {
      file(remains).content = '0';
    },
    /^content of/,
  ],
  [
    'another mode',
    (remains) => {
      file(remains).mode ^= 1;
    },
    /^mode of/,
  ],
  [
    'another time',
    (remains) => {
      file(remains).mtime[1]++;
    },
    /^mtime of/,
  ],
  [
    'another xattr',
    (remains) => {
      file(remains).xattrs.push(['user.other', '00']);
    },
    /^xattrs of/,
  ],
  [
    'an inode without a name',
    (remains) => {
      remains.inodes++;
    },
    /inodes, of which/,
  ],
  ['what the check finds', (remains) => remains.findings.push('inode 7: nonsense'), /nonsense/],
])('5.16 the witness notices %s', async (_, damage, expected) => {
  const witness = new Witness();
  const remains = await survivor(witness, 9);
  damage(remains);
  let said = '';
  try {
    witness.verify(remains, clock);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    said = error.message;
  }
  expect(said).toMatch(expected);
});

test('5.16 times of a clock that the model does not know: in their life, in the order of their changes, then for good', async () => {
  const trial = async () => {
    const witness = new Witness();
    const remains = await survivor(witness, 10);
    const latest = Math.max(...remains.entries.map(({ ctime }) => ctime[0]));
    return { witness, remains, latest, span: { from: timeOf(0).s, to: latest + 1 } };
  };
  const late = await trial();
  expect(() => late.witness.verify(late.remains, { ...late.span, to: late.latest - 1 })).toThrow(/not in this life/);
  const disordered = await trial();
  file(disordered.remains).btime = [disordered.latest, 999_999_999];
  expect(() => disordered.witness.verify(disordered.remains, disordered.span)).toThrow(/before that of change/);
  const { witness, remains, span } = await trial();
  witness.verify(remains, span);
  witness.verify(remains, span);
  file(remains).btime[1]++;
  expect(() => witness.verify(remains, span)).toThrow(/^btime of/);
});
