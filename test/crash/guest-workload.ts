// The workload as the guest gets it: scripts that run guest-images/tools/lab-crash.c, which tells of syncs by the serial line.
import type { WorkloadOptions } from './workload.ts';

/**
 * One program does one call after the other, and each call that changes anything is one request: its order is that of
 * the lines. The largest write fits into one request too.
 */
export const GUEST_WORKLOAD: WorkloadOptions = {
  largestWrite: 100_000,
  largestFile: 400_000,
  wholePages: true,
  background: false,
};

/** Runs lines, the first of which has this number, in /mnt/lab. */
export const scriptOf = (lines: readonly string[], first: number): string =>
  `lab-crash /mnt/lab /dev/ttyS0 ${first} <<'END-OF-WORKLOAD'\n${lines.join('\n')}\nEND-OF-WORKLOAD\n`;

/** Takes what comes over the serial line, in pieces of any size, and tells of each acknowledgement. */
export function readAcknowledgements(tell: (index: number) => void): (bytes: Uint8Array) => void {
  let text = '';
  return (bytes) => {
    text += String.fromCharCode(...bytes);
    let seen = 0;
    for (const found of text.matchAll(/<ack (\d+)>/g)) {
      tell(Number(found[1]));
      seen = found.index + found[0].length;
    }
    // One may be cut in two.
    text = text.slice(Math.max(seen, text.length - 40));
  };
}
