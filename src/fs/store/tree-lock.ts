// One writer a tree: a Web Lock that this worker holds as long as it lives, lets go of, or has taken from it.
import { StoreError } from '../tree/store.ts';

export interface TreeLock {
  release(): void;
}

export interface LockOptions {
  /**
   * 'now': StoreError('locked') where another has it. 'wait': until whoever has it lets go, or the signal is aborted
   * (rejects with its reason). 'steal': whoever has it has it no more.
   */
  how?: 'now' | 'wait' | 'steal';
  signal?: AbortSignal;
  /** Another one has stolen it. */
  onStolen?: () => void;
  /** Undefined: there are none here. */
  locks?: LockManager | undefined;
}

/** By the database, which a tree keeps when it is renamed. */
export const lockName = (database: string): string => database;

/**
 * Takes the lock of a tree. Where there are no Web Locks (a page that came over plain HTTP) it is granted: the owner
 * token in the store still fences the other one.
 */
export function lockTree(database: string, options: LockOptions = {}): Promise<TreeLock> {
  const { how = 'now', signal, onStolen } = options;
  const locks: LockManager | undefined = 'locks' in options ? options.locks : globalThis.navigator?.locks;
  if (signal?.aborted) return Promise.reject(signal.reason);
  if (!locks) return Promise.resolve({ release: () => {} });
  return new Promise((resolve, reject) => {
    let state: 'asked' | 'held' | 'released' = 'asked';
    const request: globalThis.LockOptions = {
      mode: 'exclusive',
      ...(how === 'now' && { ifAvailable: true }),
      ...(how === 'steal' && { steal: true }),
      ...(how === 'wait' && signal && { signal }),
    };
    locks
      .request(lockName(database), request, (lock) => {
        if (!lock) {
          reject(new StoreError('locked', 'The tree is open in another tab or window.'));
          return undefined;
        }
        state = 'held';
        // The lock is held until this promise is settled.
        return new Promise<void>((release) => {
          resolve({
            release: () => {
              state = 'released';
              release();
            },
          });
        });
      })
      .catch((cause: unknown) => {
        if (state === 'held') onStolen?.();
        else if (state === 'asked') {
          reject(
            signal?.aborted
              ? signal.reason
              : new StoreError('unavailable', `The lock of the tree was refused: ${String(cause)}`, { cause }),
          );
        }
      });
  });
}

/** Which of the trees somebody has locked, by database; none where there are no Web Locks. */
export async function lockedTrees(
  locks: LockManager | undefined = globalThis.navigator?.locks,
): Promise<ReadonlySet<string>> {
  const { held = [] } = (await locks?.query()) ?? {};
  return new Set(held.flatMap(({ name }) => (name === undefined ? [] : [name])));
}
