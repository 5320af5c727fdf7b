// What the store costs in Chromium, without a guest: fsync, reads from memory and from the disk, reads beside writes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from '../../e2e/browser.ts';
import { Harness } from '../browser/harness.ts';
import { STORE_FIGURES, type StoreFigure, type StoreRow } from './results.ts';
import { median } from './statistics.ts';
import type { Progress } from './workloads.ts';

/** Medians of `rounds` rounds after one that warms up; each round does each thing once. */
export async function benchStore(rounds: number, progress: Progress): Promise<StoreRow[]> {
  progress('starting Chromium');
  const profile = mkdtempSync(join(tmpdir(), 'virtiofs-lab-bench-'));
  const context = await launch(profile);
  try {
    const harness = await Harness.open(context, 'test/browser/store-bench.worker.ts');
    await harness.call('prepare');
    const found = new Map<StoreFigure, number[]>();
    for (let round = 0; round <= rounds; round++) {
      progress(`store, ${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}`);
      const figures = await oneRound(harness, round);
      if (round === 0) continue;
      for (const [name, value] of Object.entries(figures) as [StoreFigure, number][]) {
        found.set(name, [...(found.get(name) ?? []), value]);
      }
    }
    return STORE_FIGURES.map(({ name, unit }) => ({ name, unit, value: median(found.get(name) ?? []) }));
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function oneRound(harness: Harness, round: number): Promise<Record<StoreFigure, number>> {
  const fsync = await harness.call<{ strict: number; relaxed: number; bare: number; transactions: number }>('fsync');
  const reads = await harness.call<{ miss: number; hit: number }>('randomReads');
  // Who goes first changes from round to round.
  const rates = { true: [] as number[], false: [] as number[] };
  for (let turn = 0; turn < 4; turn++) {
    const readAhead = (turn + round) % 2 === 0;
    rates[`${readAhead}`].push(await harness.call<number>('sequential', { readAhead }));
  }
  const [ahead, asked] = [median(rates.true), median(rates.false)];
  const beside = await harness.call<{ idle: number; busy: number; slowest: number }>('readsWhileWriting');
  return {
    fsync: fsync.strict,
    'fsync-transactions': fsync.transactions,
    'fsync-relaxed': fsync.relaxed,
    bare: fsync.bare,
    'fsync-ratio': fsync.strict / fsync.bare,
    hit: reads.hit,
    miss: reads.miss,
    'miss-ratio': reads.miss / reads.hit,
    ahead,
    asked,
    'ahead-ratio': ahead / asked,
    idle: beside.idle,
    busy: beside.busy,
    slowest: beside.slowest / 1000,
    'busy-ratio': beside.busy / beside.idle,
  };
}
