// Storms of random operations by a model of the guest's kernel: whatever happens, counts and handles balance, for every
// kind of nodeid, straight into the server and through the virtqueues. STORM_RUNS sets how many, STORM_SEED repeats them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeidOptions } from '../../src/fs/fuse/nodeid-table.ts';
import { type Policy, policyOf } from '../../src/fs/fuse/policy.ts';
import type { FuseServer } from '../../src/fs/fuse/server.ts';
import { FaultyStore } from '../faulty-store.ts';
import { MemoryStore } from '../memory-store.ts';
import { expectedLedger, ledger, serve } from '../served-tree.ts';
import { expectStored, expectUnheld } from './balance.ts';
import { Kernel, type Step, steps, VIOLATIONS } from './kernel.ts';
import { type Line, LoopLine, QueueLine } from './line.ts';

const RUNS = Number(process.env.STORM_RUNS ?? 30);
const SEED = Number(process.env.STORM_SEED ?? Date.now() % 2 ** 31);
const TIMEOUT = 86_400_000;

const NODEIDS: Record<string, NodeidOptions> = {
  stable: {},
  'a table that pins': { mode: 'never' },
  'a table of handles': { mode: 'prefer' },
  'a table of handles, the second of which cannot be made': { mode: 'prefer', failure: { when: 'once', at: 2 } },
  'a table of handles, which cannot be made at first': { mode: 'prefer', failure: { when: 'first', at: 2 } },
  'a table of handles, which cannot be made later': { mode: 'prefer', failure: { when: 'from', at: 3 } },
  'a table of handles, which must be made and cannot later': { mode: 'mandatory', failure: { when: 'from', at: 3 } },
};

const LINES: Record<string, (server: FuseServer) => Line> = {
  'straight into the server': (server) => new LoopLine(server),
  'through the virtqueues': (server) => new QueueLine(server),
};

const OURS = policyOf({ cache: 'auto' });
/** Another table of opcodes, whose listings look up what they read ahead. */
const VIRTIOFSD = policyOf({ cache: 'auto', like: 'virtiofsd' });

interface Stage {
  nodeids: NodeidOptions;
  reuse: boolean;
  policy: Policy;
  makeLine: (server: FuseServer) => Line;
}

async function storm(some: readonly Step[], { nodeids, reuse, policy, makeLine }: Stage): Promise<void> {
  const disk = new MemoryStore();
  const store = new FaultyStore(disk);
  const served = await serve({
    nodeids,
    policy,
    store,
    init: false,
    treeOptions: { reuseInodeNumbers: reuse, chunkSize: 4096, cacheLimit: 8 * 4096 },
  });
  const { server, tree, answers } = served;
  const { session } = server;
  const line = makeLine(server);
  const kernel = new Kernel(server, line, store);
  const { client } = kernel;
  await client.init();
  for (const one of some) {
    const known = client.counts.size;
    answers.length = 0;
    await kernel.run(one);
    const counts = ledger(served).sort(([a], [b]) => a - b);
    const expected = expectedLedger(client);
    // Compared as text first: storms are long, and expect() is slow.
    if (String(counts) !== String(expected)) expect(counts).toEqual(expected);
    if (session.nodes.size !== counts.length) expect(session.nodes.size).toBe(counts.length);
    const violations = answers.filter(({ violation }) => violation !== undefined);
    if (answers.some(({ bug }) => bug)) expect(answers).toEqual([]);
    if (!VIOLATIONS.has(one[0])) {
      if (violations.length > 0) expect(violations).toEqual([]);
    } else if (known > 1 && answers.length > 0) expect(violations).toHaveLength(answers.length);
    line.check();
  }
  store.fate = () => 'store';
  await kernel.finish();
  // What was under way at a reset ends by itself, with chunks and commits that come at once.
  await new Promise((resolve) => setImmediate(resolve));
  // A ".." may have led to the root, which Linux never gives back.
  expect(ledger(served).map(([nodeid]) => nodeid)).toEqual([1]);
  expect(session.handles.size).toBe(0);
  expectUnheld(tree);
  await expectStored(tree, disk);
  await client.destroy();
  expect(ledger(served)).toEqual([[1, 1]]);
  await tree.close();
}

describe.each(Object.entries(LINES))('5.1 5.2 5.6 %s', (_, makeLine) => {
  it.each(Object.entries(NODEIDS))('nodeids: %s', { timeout: TIMEOUT }, async (name, nodeids) => {
    // The stable ones are what everybody has.
    const numRuns = name === 'stable' ? RUNS : Math.ceil(RUNS / 3);
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), (some, reuse) => storm(some, { nodeids, reuse, policy: OURS, makeLine })),
      { numRuns, seed: SEED },
    );
  });

  it('answers: those of virtiofsd', { timeout: TIMEOUT }, async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), (some, reuse) =>
        storm(some, { nodeids: {}, reuse, policy: VIRTIOFSD, makeLine }),
      ),
      { numRuns: Math.ceil(RUNS / 3), seed: SEED },
    );
  });
});
