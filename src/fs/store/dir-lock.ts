// One writer a folder: a lock file that names the process which has it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../tree/store.ts';

interface Owner {
  pid: number;
  /** When the process began, in the kernel's words: a number that was used again is no living owner. */
  started: string;
}

function startOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19] ?? '';
  } catch {
    // Not every system has /proc; then the number alone has to do.
    return '';
  }
}

function isAlive({ pid, started }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startOf(pid) === started;
}

export class DirLock {
  private readonly path: string;
  private readonly folder: string;
  private held = false;

  constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, 'lock');
  }

  /** Throws StoreError('locked') where a living process has it; what a dead one left is taken over. */
  take(): void {
    const text = JSON.stringify({ pid: process.pid, started: startOf(process.pid) } satisfies Owner);
    while (!this.held) {
      try {
        writeFileSync(this.path, text, { flag: 'wx' });
        this.held = true;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
          throw new StoreError('unavailable', `The folder ${this.folder} cannot be locked: ${String(cause)}`, {
            cause,
          });
        }
        const owner = this.owner();
        if (owner && isAlive(owner)) {
          throw new StoreError('locked', `${this.folder} is in use by process ${owner.pid}.`);
        }
        rmSync(this.path, { force: true });
      }
    }
  }

  release(): void {
    if (!this.held) return;
    this.held = false;
    rmSync(this.path, { force: true });
  }

  /** Undefined for a lock file that went away, or that a crash left half written. */
  private owner(): Owner | undefined {
    try {
      return JSON.parse(readFileSync(this.path, 'utf8')) as Owner;
    } catch {
      return undefined;
    }
  }
}
