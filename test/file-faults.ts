// Faults of a file system: any call of the operating system that a store makes fails, or writes less than it should.
import type * as NodeFs from 'node:fs';

export type FileFault =
  /** The call does nothing and fails. */
  | 'fail'
  /** A write does half of it and fails; other calls are done, and fail. */
  | 'half';

const WATCHED = [
  'writeSync',
  'fsync',
  'fsyncSync',
  'openSync',
  'ftruncateSync',
  'renameSync',
  'readSync',
  'rmSync',
] as const;

/** For vi.mock('node:fs'): the module as it is, with calls that fail where they are told to. */
export class FileFaults {
  /** Calls so far, since the last arm(). */
  calls = 0;
  happened = false;
  private at = Number.POSITIVE_INFINITY;
  private fault: FileFault = 'fail';
  private code = 'ENOSPC';

  arm(at: number, fault: FileFault, code = 'ENOSPC'): void {
    this.calls = 0;
    this.happened = false;
    this.at = at;
    this.fault = fault;
    this.code = code;
  }

  disarm(): void {
    this.at = Number.POSITIVE_INFINITY;
  }

  wrap(fs: typeof NodeFs): typeof NodeFs {
    const wrapped: Record<string, unknown> = { ...fs };
    for (const name of WATCHED) {
      const real = fs[name] as (...parameters: unknown[]) => unknown;
      wrapped[name] = (...parameters: unknown[]) => this.call(name, real, parameters);
    }
    return wrapped as unknown as typeof NodeFs;
  }

  private call(name: string, real: (...parameters: unknown[]) => unknown, parameters: unknown[]): unknown {
    if (this.calls++ !== this.at) return real(...parameters);
    this.happened = true;
    const error = Object.assign(new Error(`${this.code}: says the test, ${name}`), { code: this.code });
    if (this.fault === 'half') {
      if (name === 'writeSync') {
        const [fd, bytes, offset, length, position] = parameters as [number, Uint8Array, number, number, number];
        real(fd, bytes, offset, Math.floor(length / 2), position);
      } else if (name !== 'openSync' && name !== 'fsync') real(...parameters);
    }
    if (name !== 'fsync') throw error;
    (parameters.at(-1) as (error: Error) => void)(error);
    return undefined;
  }
}
