// The workloads in Node, with the memory store.
import { bootGuest } from '../../src/lab/headless/guest-machine.ts';
import type { GuestRow } from './results.ts';
import { measureWorkloads, type Progress } from './workloads.ts';

/** Twice the default, so that two page caches, tmpfs and the files of the bench do not press on each other. */
export const MEMORY = 256;

/** Boots one guest that has v86's 9p and our device, with the default policy and the log on, and measures. */
export async function benchGuest(rounds: number, progress: Progress): Promise<GuestRow[]> {
  progress('booting the guest');
  const machine = await bootGuest({ memory: MEMORY, p9: true });
  try {
    await machine.ready();
    return await measureWorkloads((script) => machine.run(script), rounds, progress);
  } finally {
    await machine.close();
  }
}
