// How fast this machine is just now: a fixed piece of work of the kind that the device and the server do.
import { median } from './statistics.ts';

/** What one run of the loop took, in ms, on the machine on which the absolute limits were set. */
export const REFERENCE_MS = 6.3;

const BYTES = 1 << 20;

/** Reads and writes a megabyte through a DataView, byte-wise hashes it, and keeps numbers in a Map. */
function loop(view: DataView): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < BYTES; at += 8) {
    view.setUint32(at, hash, true);
    hash = Math.imul(hash ^ view.getUint32((at * 7) & (BYTES - 8), true), 0x01000193) >>> 0;
    view.setUint32(at + 4, hash >>> 3, true);
  }
  const bytes = new Uint8Array(view.buffer);
  for (let at = 0; at < BYTES; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  const map = new Map<number, number>();
  for (let i = 0; i < 100_000; i++) map.set((i * 7919) & 0xffff, i ^ hash);
  return hash ^ map.size;
}

/** Median of 15 runs, in ms, after a warm-up. */
export function calibrate(): number {
  const view = new DataView(new ArrayBuffer(BYTES));
  const times: number[] = [];
  let sink = 0;
  for (let run = 0; run < 20; run++) {
    const begin = performance.now();
    sink ^= loop(view);
    if (run >= 5) times.push(performance.now() - begin);
  }
  // The result is used, so that the loop cannot be dropped.
  if (!Number.isInteger(sink)) throw new Error('the calibration loop went wrong');
  return median(times);
}
