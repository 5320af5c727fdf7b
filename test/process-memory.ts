// What the kernel counts of a process's memory: also that of a browser, of which nothing else could be asked.
import { readFileSync, writeFileSync } from 'node:fs';

function field(pid: number | 'self', name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`/proc/${pid}/status has no ${name}`);
  return Number(found) * 1024;
}

/** Follows the resident memory of one process, bytes. Linux only. */
export class ProcessMemory {
  private readonly pid: number | 'self';

  constructor(pid: number | 'self') {
    this.pid = pid;
  }

  /** What is resident now. */
  now(): number {
    return field(this.pid, 'VmRSS');
  }

  /** The most that was resident at once since the last reset: no moment between two looks is missed. */
  peak(): number {
    return field(this.pid, 'VmHWM');
  }

  /** The peak counts from now on: proc(5), clear_refs. */
  reset(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }
}
