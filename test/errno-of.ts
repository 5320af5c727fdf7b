// What a call that may fail fails with.
import { PosixError } from '../src/base/errno.ts';

/** The errno of a PosixError, 0 where there was none. Throws whatever else was thrown. */
export function errnoOf(action: () => unknown): number {
  try {
    action();
    return 0;
  } catch (error) {
    if (error instanceof PosixError) return error.errno;
    throw error;
  }
}
