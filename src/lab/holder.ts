// The open tree of a worker, from its lock to its end: taken over from another tab, held, handed over, lost.
import { PosixError } from '../base/errno.ts';
import { announceHeir, heirOf, withdrawHeir } from '../fs/store/indexeddb-heir.ts';
import type { TreeNames } from '../fs/store/indexeddb-names.ts';
import { IndexedDbStore, type IndexedDbStoreOptions } from '../fs/store/indexeddb-store.ts';
import { lockedTrees, lockTree, type TreeLock } from '../fs/store/tree-lock.ts';
import { StoreError } from '../fs/tree/store.ts';
import { Tree } from '../fs/tree/tree.ts';
import type { TreeOptions } from '../fs/tree/tree-options.ts';
import { explainFailure, settled } from './failures.ts';
import type { FailureCode } from './messages.ts';
import { type Channel, Keeper, takeOver } from './take-over.ts';
import type { Trees } from './trees.ts';

export interface HolderOptions {
  trees: Trees;
  locks: LockManager | undefined;
  factory: IndexedDbStoreOptions['factory'];
  /** A channel to the other tabs, by its name. */
  channel(name: string): Channel;
  tree: TreeOptions;
  /** Whether the database is still that of the tree: asked under its lock, before it is opened. Default: it is. */
  isCurrent?(): Promise<boolean>;
  /** Gives the opening up; its reason is what Holder.open() rejects with. */
  signal: AbortSignal;
  /** The tree is not ours any more, or not for long: nothing may change it from here on. */
  onGone(failure: { code: FailureCode; message: string }): void;
  /** Another tab wanted the tree and did not get it; the guest goes on. */
  onKept(why: string): void;
  /** Somebody waits for the tree: what takes its time with it is to be given up. */
  onWanted(): void;
  onError(error: unknown): void;
}

/** 'now': only where no other tab has it. */
export type HoldHow = 'now' | 'take-over' | 'take-over-anyway';

const NOBODY = 'Nobody asks for the tree any more';
const STOLEN = 'Another tab took the tree over, while this one did not answer.';

export class Holder {
  readonly database: string;
  private readonly options: HolderOptions;
  private readonly store: IndexedDbStore;
  private lock: TreeLock | undefined;
  private keeper: Keeper | undefined;
  private open: Tree | undefined;
  /** Whether the opening has ended well. */
  private ready = false;
  private over = false;
  /** Under way, once it is over: what is dirty is stored, and the lock let go. */
  private leaving: Promise<void> | undefined;
  private lost: StoreError | undefined;

  private constructor(database: string, heir: boolean, options: HolderOptions) {
    this.database = database;
    this.options = options;
    this.store = new IndexedDbStore(database, {
      factory: options.factory,
      heir,
      onLost: (error) => this.lose(error),
      // Without locks nobody could tell whether it is still there; whoever is says so on the channel.
      onHeir: (token) => options.locks && this.keeper?.seen(token),
    });
  }

  /**
   * Opens the tree to write it. Rejects with StoreError: 'locked', 'name' where the database is not the tree's any more,
   * and others; with LabFailure('not-handed-over').
   */
  static async open(database: string, how: HoldHow, options: HolderOptions): Promise<Holder> {
    const holder = new Holder(database, how !== 'now', options);
    try {
      await holder.begin(how);
      return holder;
    } catch (error) {
      holder.over = true;
      holder.keeper?.close();
      await (holder.open ? settled(holder.open.close()) : holder.store.close());
      holder.lock?.release();
      throw error;
    }
  }

  /**
   * As open(), with the database that a name has (a new one, where no tree has the name) when it is locked: another tab
   * may replace or remove the tree while it is waited for.
   */
  static async openNamed(names: TreeNames, name: string, how: HoldHow, options: HolderOptions): Promise<Holder> {
    for (;;) {
      const database = await names.resolve(name, { create: true });
      if (database === undefined) throw new TypeError('a name that was made has a database');
      const isCurrent = async (): Promise<boolean> => (await names.resolve(name)) === database;
      try {
        return await Holder.open(database, how, { ...options, isCurrent });
      } catch (error) {
        if (!(error instanceof StoreError && error.code === 'name') || (await isCurrent())) throw error;
      }
    }
  }

  /** As long as it is held. */
  get tree(): Tree {
    return this.open as Tree;
  }

  /** Stores what is dirty, as far as there is room, and lets the tree go. */
  async close(): Promise<void> {
    if (this.over) return;
    this.over = true;
    try {
      // Who asks for the tree meanwhile gets signs of life, until the lock is free.
      await this.options.trees.exclusively(() => this.letGo());
    } finally {
      this.keeper?.close();
    }
  }

  private async begin(how: HoldHow): Promise<void> {
    const { trees, locks } = this.options;
    const onStolen = (): void => this.lose(new StoreError('lost', STOLEN));
    if (how === 'now') {
      this.lock = await trees.lock(this.database, { onStolen });
      return this.openTree();
    }
    // As long as there is an heir, this lock says that it lives.
    const life = await lockTree(this.store.token, { locks });
    try {
      this.lock = await this.takeOver(how === 'take-over-anyway', onStolen);
      await this.openTree();
    } finally {
      life.release();
    }
  }

  private takeOver(anyway: boolean, onStolen: () => void): Promise<TreeLock> {
    const { database, store } = this;
    const { factory, locks, channel, signal } = this.options;
    return takeOver({
      database,
      token: store.token,
      anyway,
      channel: channel(database),
      locks,
      signal,
      onStolen,
      announce: () => this.withRoom(() => announceHeir(database, store.token, factory)),
      withdraw: () => withdrawHeir(database, store.token, factory),
      heir: () => heirOf(database, factory),
    });
  }

  /** Opens the tree, under its lock. */
  private async openTree(): Promise<void> {
    const { database, options, store } = this;
    if (!((await options.isCurrent?.()) ?? true)) {
      throw new StoreError('name', 'Another tab replaced or removed the tree at this moment.');
    }
    const opening = this.withRoom(() => Tree.open(store, options.tree));
    this.keeper = new Keeper(
      options.channel(database),
      async (anyway) => {
        await Promise.allSettled([opening]);
        return this.handOver(anyway);
      },
      options.onError,
    );
    this.open = await opening;
    if (this.lost) throw this.lost;
    options.signal.throwIfAborted();
    this.ready = true;
  }

  /** Who has a tree is written to a storage that may be full: then it is done again with the room that is held back. */
  private async withRoom<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      const isFull = error instanceof StoreError && error.code === 'quota';
      if (!isFull || !(await this.store.relieve())) throw error;
      try {
        return await body();
      } finally {
        this.store.restore();
      }
    }
  }

  /** Undefined once another tab can have the tree; else why it cannot. */
  private async handOver(anyway: () => boolean): Promise<string | undefined> {
    const { trees, onWanted } = this.options;
    // Whoever asked may have given it up, or be gone, before this tab came to hear of it.
    if (!this.over && !(await this.isWanted())) return NOBODY;
    if (!this.over) onWanted();
    return trees.exclusively(async () => {
      if (!this.over) {
        const { guest } = trees;
        await guest?.pause();
        let why: string | undefined;
        try {
          why = await this.giveAway(anyway);
        } finally {
          if (!this.over) guest?.resume();
        }
        if (why !== undefined) return why;
      }
      // Whoever lets go of it tells of a failure.
      await Promise.allSettled([this.leaving]);
      return undefined;
    });
  }

  /** While the guest stands still. Undefined where the tree goes; else why it is kept. */
  private async giveAway(anyway: () => boolean): Promise<string | undefined> {
    const unsaved = await this.unsaved();
    const isWanted = await this.isWanted();
    // It may be lost by now: whoever asked did not wait.
    if (this.over) return undefined;
    if (!isWanted) return NOBODY;
    if (unsaved !== undefined && !anyway()) {
      this.options.onKept(unsaved);
      return unsaved;
    }
    this.over = true;
    const lost = unsaved === undefined ? 'everything was stored before' : `not everything could be stored: ${unsaved}`;
    this.options.onGone({
      code: 'taken-over',
      message: `Another tab asked for the tree, and has it now; ${lost}`,
    });
    this.letGo().catch(this.options.onError);
    return undefined;
  }

  /** Whether there is an heir, and its tab still lives. The token of one that does not is removed. */
  private async isWanted(): Promise<boolean> {
    const { factory, locks } = this.options;
    const heir = await heirOf(this.database, factory);
    if (heir === undefined) return false;
    if (!locks || (await lockedTrees(locks)).has(heir)) return true;
    await withdrawHeir(this.database, heir, factory);
    return false;
  }

  /** Stores everything. Gives what is not stored, and why, in words. */
  private async unsaved(): Promise<string | undefined> {
    try {
      await this.tree.sync();
      return undefined;
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      return `${this.tree.dirtyBytes} bytes that were written could not be stored (${error})`;
    }
  }

  /** Another tab has the tree: what is dirty here can be stored only as long as that one has not opened it. */
  private lose(error: StoreError): void {
    if (this.over) return;
    this.lost ??= error;
    // While it is being opened: that fails.
    if (!this.ready) return;
    this.over = true;
    this.keeper?.close();
    this.options.onGone(explainFailure(error));
    this.letGo().catch(this.options.onError);
  }

  private letGo(): Promise<void> {
    this.leaving = this.leave();
    return this.leaving;
  }

  private async leave(): Promise<void> {
    this.options.trees.current = undefined;
    try {
      await settled(this.tree.close());
    } finally {
      this.lock?.release();
    }
  }
}
