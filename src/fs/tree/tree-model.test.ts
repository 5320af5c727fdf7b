// The tree against a plain model: the same changes, the same errors, the same tree, also with a cache that holds nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../../test/memory-store.ts';
import { dumpTree, TreeDriver } from '../../../test/tree-driver.ts';
import { steps, TreeModel } from '../../../test/tree-model.ts';
import { checkTree } from './check-tree.ts';
import { Tree } from './tree.ts';

const CHUNK = 4096;

test.each([
  ['all in memory', 2 ** 30, 500],
  ['three chunks in memory', 3 * CHUNK, 500],
  ['one chunk in memory, commits at once', CHUNK, 300],
])('5.7 5.16 any changes: %s', async (_, cacheLimit, numRuns) => {
  await fc.assert(
    fc.asyncProperty(steps(120), async (changes) => {
      const clock = { s: 1_000_000, ns: 0 };
      const tree = await Tree.open(new MemoryStore(), {
        clock: () => ({ ...clock }),
        chunkSize: CHUNK,
        cacheLimit,
        commitInterval: 0,
      });
      const model = new TreeModel(CHUNK);
      const driver = new TreeDriver(tree, clock);
      for (const [i, change] of changes.entries()) await model.step(change, i, driver);
      expect(checkTree(tree)).toEqual([]);
      expect(await dumpTree(tree)).toEqual(model.dump());
      expect(tree.counters.inodes).toBe(model.size);
      await tree.sync();
      expect(tree.counters.cachedBytes).toBeLessThanOrEqual(cacheLimit);
      expect(checkTree(tree)).toEqual([]);
      expect(await dumpTree(tree)).toEqual(model.dump());
      await tree.close();
    }),
    { numRuns },
  );
});
