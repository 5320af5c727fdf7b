// What tasks on trees build on: trees by name that stand still, and new trees that are there whole or not at all.
import type { IndexedDbStore } from '../fs/store/indexeddb-store.ts';
import type { Tree } from '../fs/tree/tree.ts';
import type { NamedTree } from './messages.ts';
import type { TaskContext } from './tasks.ts';

/** The tree that this worker has open. */
export interface CurrentTree {
  readonly name: string;
  readonly database: string;
  readonly tree: Tree;
  /** A view of what another tab writes, or may write: every change is EROFS. */
  readonly readOnly: boolean;
  /** Of a view: has it read anew where that tab has changed the tree. Whether this tree is not the open one any more. */
  renew?(): Promise<boolean>;
}

export interface BuildOptions {
  /** Whether a tree that has the name is replaced (and deleted, once the new one is there); else it is in the way. */
  replace?: boolean;
  /** Bytes of a chunk, where it should be another than usual. */
  chunkSize?: number;
}

/**
 * Every method rejects with TaskRefused, its message for people, where the name is bad, taken or unknown, where another
 * tab has the tree, and where the guest's tree would have to go; and with StoreError.
 */
export interface TreeHost {
  /** Undefined before start, and in a worker that was started without a tree. */
  readonly current: CurrentTree | undefined;

  /** All named trees, by name. */
  list(): Promise<NamedTree[]>;

  /**
   * Gives the body a tree that nothing else changes meanwhile: the one that is open, its guest paused and everything
   * synced (as far as the store has room); any other is locked, opened, and closed afterwards. The body may change it,
   * unless it is a read-only view, which it is too where the tree is in an older format that cannot be changed.
   */
  still<T>(name: string, body: (tree: Tree) => Promise<T>): Promise<T>;

  /**
   * Gives the body the store of a tree, not opened yet; closed afterwards. To read, it is a read-only store, and the
   * tree may be the open one (its guest is paused, everything is stored: refused where that fails). To write, the tree
   * may not be open here.
   */
  withStore<T>(name: string, mode: 'read' | 'write', body: (store: IndexedDbStore) => Promise<T>): Promise<T>;

  /**
   * Makes a tree under a name: the body fills an empty one in a database that nobody knows, and when everything is
   * stored for good the name stands for it. Where the body (or storing) rejects, nothing is left of it, and a tree that
   * was to be replaced is as it was. Refused where the tree to be replaced is open, here or elsewhere.
   */
  build(name: string, body: (tree: Tree) => Promise<void>, options?: BuildOptions): Promise<void>;

  /** Copies what is stored of one tree (and, of the open one, what is not stored yet) to a new name. */
  copy(from: string, to: string, context: TaskContext): Promise<void>;

  /** Also the open one, whose name here changes too; refused where another tab has it open. */
  rename(from: string, to: string): Promise<void>;

  /** Refused where it is open, here or elsewhere. */
  remove(name: string): Promise<void>;
}
