// How much may be written: what files take, the limit that was set, and what a store that refused has taught.
import { PosixError } from '../../base/errno.ts';

/** What a new name or xattr has to find at least, bytes: metadata is not counted, but does not go where nothing does. */
const LEAST = 4096;

export class Room {
  /** Bytes that are allocated in all files. */
  used = 0;
  /** What `used` may become, by whoever set a limit. */
  readonly limit: number;
  /** What was stored when the store refused more; infinite where it never did, or has taken more since. */
  learned = Number.POSITIVE_INFINITY;
  /** Whether the store has refused something that it did not take since. */
  full = false;
  /** What `used` may become now: of content that the store has refused there is to be no more. */
  ceiling: number;

  constructor(limit: number) {
    this.limit = this.ceiling = limit;
  }

  /** Throws ENOSPC where so many bytes more are too many. Without any more there is always room. */
  claim(bytes: number): void {
    if (bytes > 0 && this.used + bytes > this.ceiling) throw new PosixError('ENOSPC');
  }

  /** ENOSPC where nothing can be added, not even a name. */
  claimName(): void {
    if (this.ceiling !== Number.POSITIVE_INFINITY) this.claim(LEAST);
  }

  /** The store takes no more; `stored` bytes of what is allocated are in it. */
  refused(stored: number): void {
    this.full = true;
    this.learned = stored;
    this.ceiling = Math.min(this.limit, stored);
  }

  /** Everything was stored, when `bytes` were allocated. */
  stored(bytes: number): void {
    this.full = false;
    if (bytes > this.learned) this.learned = Number.POSITIVE_INFINITY;
    this.ceiling = this.limit;
  }

  /** Bytes that can be added; `store`: what the store thinks that it has room for, besides what is allocated. */
  available(store: number): number {
    return Math.max(Math.min(store, this.limit - this.used, this.learned - this.used), 0);
  }
}
