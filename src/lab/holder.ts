// The open tree of a worker, from its lock to its end: taken over from another tab, held, handed over, lost.
import { PosixError } from '../base/errno.ts';
import { announceHeir, heirOf, withdrawHeir } from '../fs/store/indexeddb-heir.ts';
import { IndexedDbStore, type IndexedDbStoreOptions } from '../fs/store/indexeddb-store.ts';
import type { TreeLock } from '../fs/store/tree-lock.ts';
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

const STOLEN = 'Another tab took the tree over, while this one did not answer.';

export class Holder {
  readonly database: string;
  private readonly options: HolderOptions;
  private readonly store: IndexedDbStore;
  private lock: TreeLock | undefined;
  private keeper: Keeper | undefined;
  private open: Tree | undefined;
  private over = false;
  private lost: StoreError | undefined;

  private constructor(database: string, heir: boolean, options: HolderOptions) {
    this.database = database;
    this.options = options;
    this.store = new IndexedDbStore(database, {
      factory: options.factory,
      heir,
      onLost: (error) => this.lose(error),
      onHeir: (token) => this.keeper?.asked(token),
    });
  }

  /** Opens the tree to write it. Rejects with StoreError('locked'), LabFailure('not-handed-over'), or other StoreErrors. */
  static async open(database: string, how: HoldHow, options: HolderOptions): Promise<Holder> {
    const holder = new Holder(database, how !== 'now', options);
    try {
      await holder.begin(how);
      return holder;
    } catch (error) {
      holder.over = true;
      holder.keeper?.close();
      await holder.store.close();
      holder.lock?.release();
      throw error;
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
    this.keeper?.close();
    await this.options.trees.exclusively(() => this.letGo());
  }

  private async begin(how: HoldHow): Promise<void> {
    const { database, options, store } = this;
    const { factory, locks, trees } = options;
    const onStolen = (): void => this.lose(new StoreError('lost', STOLEN));
    if (how === 'now') this.lock = await trees.lock(database, { onStolen });
    else {
      this.lock = await takeOver({
        database,
        token: store.token,
        anyway: how === 'take-over-anyway',
        channel: options.channel(database),
        locks,
        signal: options.signal,
        onStolen,
        announce: () => this.withRoom(() => announceHeir(database, store.token, factory)),
        withdraw: () => withdrawHeir(database, store.token, factory),
        heir: () => heirOf(database, factory),
      });
    }
    this.open = await this.withRoom(() => Tree.open(store, options.tree));
    if (this.lost) throw this.lost;
    options.signal.throwIfAborted();
    this.keeper = new Keeper(options.channel(database), (anyway) => this.handOver(anyway), options.onError);
  }

  /** Who has a tree is written to a storage that may be full: then it is done again with the room that is held back. */
  private async withRoom<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      const isFull = error instanceof StoreError && error.code === 'quota';
      if (!isFull || !(await this.store.relieve())) throw error;
      return body();
    }
  }

  /** Undefined once another tab can have the tree; else why it cannot. */
  private async handOver(anyway: () => boolean): Promise<string | undefined> {
    const { trees, factory, onWanted, onKept, onGone } = this.options;
    // Whoever asked may have given it up, or have waited long enough, before this tab came to hear of it.
    if ((await heirOf(this.database, factory)) === undefined) return 'Nobody asks for the tree any more';
    onWanted();
    return trees.exclusively(async () => {
      if (this.over) return undefined;
      const { guest } = trees;
      await guest?.pause();
      const unsaved = await this.unsaved();
      // It may be lost by now: whoever asked did not wait.
      if (this.over) return undefined;
      if (unsaved !== undefined && !anyway()) {
        guest?.resume();
        onKept(unsaved);
        return unsaved;
      }
      this.over = true;
      const lost =
        unsaved === undefined ? 'everything was stored before' : `not everything could be stored: ${unsaved}`;
      onGone({ code: 'taken-over', message: `Another tab asked for the tree, and has it now; ${lost}` });
      await this.letGo();
      return undefined;
    });
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
    if (!this.keeper) return;
    this.over = true;
    this.keeper.close();
    this.options.onGone(explainFailure(error));
    this.letGo().catch(this.options.onError);
  }

  private async letGo(): Promise<void> {
    this.options.trees.current = undefined;
    try {
      await settled(this.tree.close());
    } finally {
      this.lock?.release();
    }
  }
}
