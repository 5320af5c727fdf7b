// The workloads in Node, with the memory store.
import { bootGuest } from '../../src/lab/headless/guest-machine.ts';
import type { GuestRow } from './results.ts';
import { measureWorkloads, type Progress } from './workloads.ts';

/** Twice the default, so that two page caches, tmpfs and the files of the bench do not press on each other. */
export const MEMORY = 256;

/** Which two are compared: both with their defaults, or both with all that the guest may cache. */
export type Pair = 'default' | 'cached';

/** Boots one guest that has v86's 9p and our device, with the log on, and measures. */
export async function benchGuest(pair: Pair, rounds: number, progress: Progress): Promise<GuestRow[]> {
  progress('booting the guest');
  const caching = pair === 'cached' ? ({ cache: 'always', writeback: true } as const) : {};
  const machine = await bootGuest({ memory: MEMORY, p9: true, ...caching });
  try {
    await machine.ready();
    const p9Cache = pair === 'cached' ? 'loose' : 'none';
    return await measureWorkloads((script) => machine.run(script), rounds, progress, p9Cache);
  } finally {
    await machine.close();
  }
}
