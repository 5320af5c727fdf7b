// A commit that is asked for: how durable, how far it has come, and who waits for it.
import type { PosixError } from '../../base/errno.ts';
import type { Durability, StoreError } from './store.ts';

/** A commit that is under way or is to come, and those who wait for it. */
export class Ticket {
  durability: Durability = 'relaxed';
  /** Whether somebody waits for it. */
  wanted = false;
  /** Why the store did not take everything that this commit was to write. */
  refused: StoreError | undefined;
  /** Whether it leaves content out that finds no room. */
  partial = false;
  /** Whether everything was tried. */
  tried = false;
  /** Waits before further attempts, once room was made for them. */
  waits: readonly number[] | undefined;
  /** Whether the store gave its reserve up for it. */
  relieved = false;
  readonly done: Promise<void>;
  resolve!: () => void;
  reject!: (error: PosixError) => void;
  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Those who wait have the rejection; a commit that nobody waits for tells onFailure.
    this.done.catch(() => {});
  }
}
