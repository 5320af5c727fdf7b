// The named trees of this browser: which one is open here, and whole operations on any of them.
import { PosixError } from '../base/errno.ts';
import { copyDatabase } from '../fs/store/indexeddb-copy.ts';
import type { TreeNames } from '../fs/store/indexeddb-names.ts';
import { IndexedDbStore, type IndexedDbStoreOptions } from '../fs/store/indexeddb-store.ts';
import { type LockOptions, lockedTrees, lockTree, type TreeLock } from '../fs/store/tree-lock.ts';
import { ReadOnlyTree } from '../fs/tree/read-only-tree.ts';
import { StoreError } from '../fs/tree/store.ts';
import { Tree } from '../fs/tree/tree.ts';
import { settled } from './failures.ts';
import type { NamedTree } from './messages.ts';
import { type Channel, Keeper } from './take-over.ts';
import { type TaskContext, TaskRefused } from './tasks.ts';
import type { BuildOptions, CurrentTree, TreeHost } from './tree-host.ts';

/** What has the guest of the open tree stand still. */
export interface Pausable {
  pause(): Promise<void>;
  resume(): void;
}

export interface TreesOptions {
  names: TreeNames;
  locks: LockManager | undefined;
  factory: IndexedDbStoreOptions['factory'];
  /** A channel to the other tabs, by its name. Undefined: there are none. */
  channel?: ((name: string) => Channel) | undefined;
}

/** Bytes of content in memory of a tree that is gone through once: more would only be held. */
const PASSING_CACHE = 32 * 2 ** 20;

const refused = (why: string): TaskRefused => new TaskRefused(why);

/** As TaskRefused what is in the way of one tree, said with its name. */
function inTheWay(error: unknown, name: string): unknown {
  if (!(error instanceof StoreError)) return error;
  if (error.code === 'locked')
    return refused(`The tree “${name}” is open in another tab or window. Close it there first.`);
  if (error.code === 'name' || error.code === 'stale') return refused(error.message);
  return error;
}

const isLocked = (error: unknown): boolean => error instanceof StoreError && error.code === 'locked';

export class Trees implements TreeHost {
  current: CurrentTree | undefined;
  /** The guest on the open tree; undefined where there is none. */
  guest: Pausable | undefined;
  private readonly names: TreeNames;
  private readonly locks: LockManager | undefined;
  private readonly factory: IndexedDbStoreOptions['factory'];
  private readonly channel: TreesOptions['channel'];
  /** By name or database: the end of the last operation on it. */
  private readonly turns = new Map<string, Promise<void>>();

  constructor(options: TreesOptions) {
    this.names = options.names;
    this.locks = options.locks;
    this.factory = options.factory;
    this.channel = options.channel;
  }

  async list(): Promise<NamedTree[]> {
    const [trees, locked] = await Promise.all([this.names.list(), lockedTrees(this.locks)]);
    return trees.map(({ name, database }) => ({
      name,
      open: database === this.current?.database,
      locked: locked.has(database),
    }));
  }

  async still<T>(name: string, body: (tree: Tree) => Promise<T>): Promise<T> {
    const database = await this.database(name);
    return this.inTurn(database, async () => {
      const { current } = this;
      if (current?.database === database) {
        return this.paused(async () => {
          await settled(current.tree.sync());
          return body(current.tree);
        });
      }
      return this.locked(name, database, async () => {
        const tree = await this.openAnyTree(database);
        return closing(tree, () => body(tree));
      });
    });
  }

  async withStore<T>(name: string, mode: 'read' | 'write', body: (store: IndexedDbStore) => Promise<T>): Promise<T> {
    const database = await this.database(name);
    return this.inTurn(database, async () => {
      const { current } = this;
      // What is only looked at may be changed by another tab at any moment.
      if (current?.database !== database || (current.readOnly && mode === 'read')) {
        return this.locked(name, database, () => this.store(database, { readOnly: mode === 'read' }, body));
      }
      if (mode === 'write') throw refused(`The tree “${name}” is open here.`);
      return this.stored(name, () => this.store(database, { readOnly: true }, body));
    });
  }

  build(name: string, body: (tree: Tree) => Promise<void>, { replace, chunkSize }: BuildOptions = {}): Promise<void> {
    return this.make(name, replace ?? false, async (database) => {
      const tree = await this.openTree(database, chunkSize);
      await closing(tree, async () => {
        await body(tree);
        await tree.sync();
      });
    });
  }

  async copy(from: string, to: string, { signal, report }: TaskContext): Promise<void> {
    const source = await this.database(from);
    await this.make(to, false, async (target) => {
      await this.inTurn(source, async () => {
        const run = (): Promise<void> =>
          copyDatabase(source, target, {
            signal,
            factory: this.factory,
            onProgress: (done, total) => report({ done, total, what: '' }),
          });
        if (this.current?.database === source) await this.stored(from, run);
        else await this.locked(from, source, run);
      });
      // Handles of the one are none of the other.
      const tree = await this.openTree(target);
      await closing(tree, () => tree.renewGenerations());
    });
  }

  async rename(from: string, to: string): Promise<void> {
    const database = await this.database(from);
    await this.inTurn(database, async () => {
      const change = (): Promise<void> => this.names.rename(from, to);
      const { current } = this;
      try {
        if (current?.database === database && !current.readOnly) {
          await change();
          this.current = { ...current, name: to };
        } else await this.locked(from, database, change);
      } catch (error) {
        throw inTheWay(error, to);
      }
    });
  }

  async remove(name: string): Promise<void> {
    const database = await this.database(name);
    await this.inTurn(database, async () => {
      this.notHere(name, database);
      await this.locked(name, database, async (held) => {
        held();
        await this.names.remove(name);
        await this.discard(database);
      });
    });
  }

  /** Deletes what interrupted copies and imports have left, as far as nobody is at it. */
  async sweep(): Promise<void> {
    // Without locks nobody can tell a database that is left from one that is being filled.
    if (!this.locks) return;
    for (const database of await this.names.leftovers()) {
      const lock = await this.lockIfFree(database);
      if (!lock) continue;
      try {
        // It may have got its name just before it was let go of.
        if ((await this.names.leftovers()).includes(database)) await this.discard(database);
      } finally {
        lock.release();
      }
    }
  }

  /** Deletes a database without a name; where a tab that does not answer looks at it, sweep() does so another time. */
  private async discard(database: string): Promise<void> {
    try {
      await this.names.discard(database);
    } catch (error) {
      if (!isLocked(error)) throw error;
    }
  }

  private async lockIfFree(database: string): Promise<TreeLock | undefined> {
    try {
      return await this.lock(database);
    } catch (error) {
      if (isLocked(error)) return undefined;
      throw error;
    }
  }

  lock(database: string, options: LockOptions = {}): Promise<TreeLock> {
    return lockTree(database, { ...options, locks: this.locks });
  }

  /** The database of a tree; made known where there is none yet and `create` says so. Rejects with TaskRefused. */
  async database(name: string, create = false): Promise<string> {
    let database: string | undefined;
    try {
      database = await this.names.resolve(name, { create });
    } catch (error) {
      throw inTheWay(error, name);
    }
    if (database === undefined) throw refused(`There is no tree “${name}”.`);
    return database;
  }

  /** Waits until no operation is under way on the open tree, and lets none begin until the body is done. */
  async exclusively<T>(body: () => Promise<T>): Promise<T> {
    return this.current === undefined ? body() : this.inTurn(this.current.database, body);
  }

  /**
   * Makes a database that nobody knows, has it filled, and gives it the name. It is locked from before it exists until
   * it has its name, so that nobody takes it for one that was left.
   */
  private async make(name: string, replace: boolean, fill: (database: string) => Promise<void>): Promise<void> {
    await this.inTurn(`name ${name}`, async () => {
      const before = await this.names.resolve(name);
      if (before !== undefined && !replace) throw refused(`There is a tree “${name}” already.`);
      const put = async (held = () => {}): Promise<void> => {
        const { database, lock } = await this.fresh(name);
        try {
          await fill(database);
          held();
          if (before === undefined) await this.names.add(name, database);
          else await this.names.replace(name, database);
        } catch (error) {
          // To be told is why it failed. What is left is swept another time.
          await this.discard(database).catch(() => {});
          throw inTheWay(error, name);
        } finally {
          lock.release();
        }
        if (before !== undefined) await this.discard(before);
      };
      if (before === undefined) return put();
      await this.inTurn(before, async () => {
        this.notHere(name, before);
        await this.locked(name, before, put);
      });
    });
  }

  private async fresh(name: string): Promise<{ database: string; lock: TreeLock }> {
    for (;;) {
      let database: string;
      try {
        database = await this.names.fresh(name);
      } catch (error) {
        throw inTheWay(error, name);
      }
      const lock = await this.lockIfFree(database);
      // Another tab that sweeps may have come between.
      if (lock && (await this.names.leftovers()).includes(database)) return { database, lock };
      lock?.release();
    }
  }

  private notHere(name: string, database: string): void {
    if (this.current?.database === database) throw refused(`The tree “${name}” is open here: end the guest first.`);
  }

  /** `held` throws where the lock was stolen meanwhile: it is called before something is taken away for good. */
  private async locked<T>(name: string, database: string, body: (held: () => void) => Promise<T>): Promise<T> {
    let lock: TreeLock;
    let isStolen = false;
    const onStolen = (): void => {
      isStolen = true;
    };
    try {
      lock = await this.lock(database, { onStolen });
    } catch (error) {
      throw inTheWay(error, name);
    }
    let keeper: Keeper | undefined;
    try {
      // Another tab may have replaced or removed it before it was locked.
      if ((await this.database(name)) !== database) {
        throw refused(`The tree “${name}” was replaced in another tab or window. Try it again.`);
      }
      const busy = async (): Promise<string> => `It is at work on the tree “${name}”, which ends by itself`;
      const { channel } = this;
      keeper = channel && new Keeper(channel(database), busy, (error) => console.warn(error));
      return await body(() => {
        if (isStolen) throw refused(`The tree “${name}” was taken over by another tab or window.`);
      });
    } finally {
      keeper?.close();
      lock.release();
    }
  }

  private async paused<T>(body: () => Promise<T>): Promise<T> {
    const { guest } = this;
    await guest?.pause();
    try {
      return await body();
    } finally {
      guest?.resume();
    }
  }

  /** While everything of the open tree is stored, and stays as it is. */
  private stored<T>(name: string, body: () => Promise<T>): Promise<T> {
    return this.paused(async () => {
      try {
        await this.current?.tree.sync();
      } catch (error) {
        if (!(error instanceof PosixError)) throw error;
        throw refused(`What was changed last in the tree “${name}” could not be stored: ${error}`);
      }
      return body();
    });
  }

  private openTree(database: string, chunkSize?: number): Promise<Tree> {
    const store = new IndexedDbStore(database, { factory: this.factory });
    return Tree.open(store, { cacheLimit: PASSING_CACHE, ...(chunkSize === undefined ? {} : { chunkSize }) });
  }

  /** As openTree; a tree whose format cannot be brought to this one, for lack of room say, is opened to be read. */
  private async openAnyTree(database: string): Promise<Tree> {
    try {
      return await this.openTree(database);
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'old')) throw error;
      const store = new IndexedDbStore(database, { factory: this.factory, readOnly: true });
      return ReadOnlyTree.open(store, { cacheLimit: PASSING_CACHE });
    }
  }

  private async store<T>(
    database: string,
    options: IndexedDbStoreOptions,
    body: (store: IndexedDbStore) => Promise<T>,
  ): Promise<T> {
    const store = new IndexedDbStore(database, { ...options, factory: this.factory });
    try {
      return await body(store);
    } finally {
      await store.close();
    }
  }

  /** One operation at a time on a name, or a database. */
  private async inTurn<T>(key: string, body: () => Promise<T>): Promise<T> {
    const before = this.turns.get(key);
    const result = (async () => {
      await before;
      return body();
    })();
    // Whatever it ends with, the next one begins.
    const turn = result.then(
      () => {},
      () => {},
    );
    this.turns.set(key, turn);
    try {
      return await result;
    } finally {
      if (this.turns.get(key) === turn) this.turns.delete(key);
    }
  }
}

/** Runs the body on a tree, and closes it: its changes are stored for good, or this rejects. */
async function closing<T>(tree: Tree, body: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await body();
  } catch (error) {
    // What is to be told is why the body failed.
    await settled(tree.close());
    throw error;
  }
  await tree.close();
  return result;
}
