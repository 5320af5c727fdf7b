// Handles that cannot be made, for a nodeid table: which attempts on an inode fail, and with what.
import { Errno, type ErrnoName } from '../../base/errno.ts';
import type { Inode } from '../tree/inode.ts';

/** What becomes of the attempts on each inode number, the first of them 1. */
export interface HandleFailure {
  /** once: attempt `at` alone. from: attempt `at` and all later ones. first: all up to attempt `at`. */
  readonly when: 'once' | 'from' | 'first';
  readonly at: number;
  /** As name_to_handle_at(2) fails where a file system has no handles, if nothing else is said. */
  readonly errno?: ErrnoName;
  /** Whose handles fail; by default everyone's, each with a count of its own. */
  readonly of?: (inode: Inode) => boolean;
}

/** once:N, from:N or first:N, with :ERRNO behind it where it is not EOPNOTSUPP. Undefined for anything else. */
export function parseHandleFailure(text: string): HandleFailure | undefined {
  const [, when, at, errno = 'EOPNOTSUPP'] = /^(once|from|first):([1-9]\d{0,8})(?::(E\w+))?$/.exec(text) ?? [];
  if (when === undefined || !(errno in Errno)) return undefined;
  return { when: when as HandleFailure['when'], at: Number(at), errno: errno as ErrnoName };
}

/** Counts the attempts. */
export class HandleFailures {
  private readonly failure: HandleFailure;
  /** By inode number, because that is all that a server knows of an inode without a handle. */
  private readonly attempts = new Map<number, number>();

  constructor(failure: HandleFailure) {
    this.failure = failure;
  }

  /** One more attempt: the errno that it fails with, undefined where it does not. */
  attempt(inode: Inode): ErrnoName | undefined {
    const { when, at, errno = 'EOPNOTSUPP', of } = this.failure;
    if (of && !of(inode)) return undefined;
    const attempt = (this.attempts.get(inode.ino) ?? 0) + 1;
    this.attempts.set(inode.ino, attempt);
    const fails = when === 'once' ? attempt === at : when === 'from' ? attempt >= at : attempt <= at;
    return fails ? errno : undefined;
  }
}
