// Chromium's own IndexedDB: what a sync waits for. A kill cannot show it, see docs/durability.md.
import { Harness } from '../test/browser/harness.ts';
import type { StoreKind, Verdict } from '../test/crash/durability.ts';
import { expect, test } from './lab-test.ts';

test('a sync is answered after a strict transaction with all of it is complete, and stores that break that are found out', async ({
  browserContext,
}) => {
  const harness = await Harness.open(browserContext, 'test/crash/durability.worker.ts');
  const judge = (kind: StoreKind, seed: number) => harness.call<Verdict>('judge', { kind, seed });
  for (const seed of [1, 2]) {
    const { answered, faults } = await judge('ours', seed);
    expect(faults).toEqual([]);
    expect(new Set(answered)).toEqual(new Set(['FSYNC', 'FSYNCDIR', 'SYNCFS', 'DESTROY']));
  }
  expect((await judge('answers at once', 1)).faults.join()).toContain('before complete');
  expect((await judge('answers before complete', 1)).faults.join()).toContain('before complete');
  expect((await judge('opens relaxed', 1)).faults.join()).toContain('strict');
});
