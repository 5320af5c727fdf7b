// One writer a tree: a Web Lock that this worker holds as long as it lives, or until it lets go.
import { StoreError } from '../tree/store.ts';

export interface TreeLock {
  release(): void;
}

export const lockName = (tree: string): string => `virtio-fs-lab:${tree}`;

/**
 * Takes the lock of a tree. Rejects with StoreError('locked') where another tab or worker holds it. Where there are no
 * Web Locks (a page that came over plain HTTP) it is granted: the owner token in the store still fences the other one.
 */
export function lockTree(
  tree: string,
  locks: LockManager | undefined = globalThis.navigator?.locks,
): Promise<TreeLock> {
  if (!locks) return Promise.resolve({ release: () => {} });
  return new Promise((resolve, reject) => {
    locks
      .request(lockName(tree), { mode: 'exclusive', ifAvailable: true }, (lock) => {
        if (!lock) {
          reject(new StoreError('locked', `The tree "${tree}" is open in another tab or window.`));
          return undefined;
        }
        // The lock is held until this promise is settled.
        return new Promise<void>((release) => resolve({ release }));
      })
      .catch((cause: unknown) => {
        reject(
          new StoreError('unavailable', `The lock of the tree "${tree}" was refused: ${String(cause)}`, { cause }),
        );
      });
  });
}
