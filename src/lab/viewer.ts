// The open tree of a worker that only looks at it: as it was last stored, read anew when another tab has changed it.
import { IndexedDbStore, type IndexedDbStoreOptions } from '../fs/store/indexeddb-store.ts';
import { ReadOnlyTree } from '../fs/tree/read-only-tree.ts';
import type { Tree } from '../fs/tree/tree.ts';
import type { TreeOptions } from '../fs/tree/tree-options.ts';

/** Between two looks at whether the tree has changed, ms. */
const LOOK_INTERVAL = 2000;

export interface ViewerOptions {
  factory: IndexedDbStoreOptions['factory'];
  tree: TreeOptions;
  /** A tree was read: the first one, or anew; the one before is closed. */
  onTree(tree: Tree): void;
  /** The tree cannot be looked at any more. */
  onGone(error: unknown): void;
}

export class Viewer {
  private readonly database: string;
  private readonly options: ViewerOptions;
  private shown: { store: IndexedDbStore; tree: Tree } | undefined;
  /** Under way: the tree is read, where it has changed. */
  private reading: Promise<void> | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private over = false;

  constructor(database: string, options: ViewerOptions) {
    this.database = database;
    this.options = options;
  }

  /** Reads the tree. Rejects with StoreError, 'name' where there is none. */
  async open(): Promise<void> {
    const { factory, tree: treeOptions, onTree } = this.options;
    const store = new IndexedDbStore(this.database, { factory, readOnly: true, onLost: (error) => this.end(error) });
    const tree = await ReadOnlyTree.open(store, treeOptions);
    const before = this.shown;
    this.shown = { store, tree };
    onTree(tree);
    await before?.tree.close();
    clearTimeout(this.timer);
    if (this.over) await tree.close();
    else this.timer = setTimeout(() => this.look(), LOOK_INTERVAL);
  }

  /**
   * Reads the tree anew where it has changed. Whether a tree of onTree() is not what is shown any more. Rejects with
   * StoreError.
   */
  async renew(tree: Tree): Promise<boolean> {
    if (!this.over && this.shown?.tree === tree) await this.readAnew();
    return this.shown?.tree !== tree;
  }

  private readAnew(): Promise<void> {
    this.reading ??= (async () => {
      try {
        if (await this.shown?.store.isStale()) await this.open();
      } finally {
        this.reading = undefined;
      }
    })();
    return this.reading;
  }

  async close(): Promise<void> {
    this.over = true;
    clearTimeout(this.timer);
    await this.shown?.tree.close();
  }

  private async look(): Promise<void> {
    try {
      if (this.over) return;
      await this.readAnew();
      clearTimeout(this.timer);
      if (!this.over) this.timer = setTimeout(() => this.look(), LOOK_INTERVAL);
    } catch (error) {
      this.end(error);
    }
  }

  private end(error: unknown): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.options.onGone(error);
  }
}
