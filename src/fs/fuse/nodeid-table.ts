// A table of nodeids between guest and tree, as virtiofsd has one: each stands for an inode that it pins, or for a handle.
import { PosixError } from '../../base/errno.ts';
import type { Inode } from '../tree/inode.ts';
import type { Tree } from '../tree/tree.ts';
import { FUSE_ROOT_ID } from './abi.ts';
import { type HandleFailure, HandleFailures } from './handle-failure.ts';
import { CONSTANT_GENERATION, type KnownNode, type Nodes, NodeTable } from './node-table.ts';

/**
 * virtiofsd's --inode-file-handles. never: every inode that was looked up is pinned. prefer: it is known by a handle
 * (number and generation), pinned where none can be made. mandatory: by a handle, or the look-up fails.
 */
export type HandleMode = 'never' | 'prefer' | 'mandatory';
export const HANDLE_MODES: readonly HandleMode[] = ['never', 'prefer', 'mandatory'];

export interface NodeidOptions {
  /** With a mode there is a table; without one nodeids are the inodes' numbers, and what they name is pinned. */
  mode?: HandleMode | undefined;
  /** Handles that cannot be made. */
  failure?: HandleFailure | undefined;
  /**
   * WRONG on purpose: where no handle can be made, an inode that is known only by a handle is found by its number. The
   * number may be another file's by now.
   */
  idsWithoutPin?: boolean;
  /** WRONG on purpose: handles and replies have the same generation for all, so handles of a number are all the same. */
  constantGeneration?: boolean;
}

/** The nodeids of a session. */
export function makeNodes(tree: Tree, options: NodeidOptions = {}): Nodes {
  const { mode, constantGeneration } = options;
  return mode === undefined ? new NodeTable(tree, 0, constantGeneration) : new NodeidTable(tree, mode, options);
}

class Entry implements KnownNode {
  readonly nodeid: number;
  readonly ino: number;
  readonly generation: number;
  /** The inode, kept; undefined: there is a handle (ino, generation), which keeps nothing. */
  readonly pin: Inode | undefined;
  nlookup = 0;
  /** Replies under way that name it. */
  offers = 0;
  private readonly table: NodeidTable;

  constructor(table: NodeidTable, nodeid: number, ino: number, generation: number, pin: Inode | undefined) {
    this.table = table;
    this.nodeid = nodeid;
    this.ino = ino;
    this.generation = generation;
    this.pin = pin;
  }

  get inode(): Inode | undefined {
    return this.pin ?? this.table.byHandle(this.ino, this.generation);
  }
}

/**
 * Nodeids count up from 2 and never come back in the life of a server, so one that was forgotten is ESTALE. The next
 * server begins at 2 again: a guest's handle from before may meet a nodeid that means another inode now, and is refused
 * because of its generation.
 */
export class NodeidTable implements Nodes {
  size = 1;
  private readonly tree: Tree;
  private readonly mode: HandleMode;
  private readonly failures: HandleFailures | undefined;
  private readonly idsWithoutPin: boolean;
  private readonly constantGeneration: boolean;
  private readonly root: Entry;
  private readonly nodes = new Map<number, Entry>();
  /** Entries of each inode number: at most one with a pin, and one for each handle. */
  private readonly byIno = new Map<number, Entry[]>();
  private next = FUSE_ROOT_ID + 1;

  constructor(tree: Tree, mode: HandleMode, options: NodeidOptions = {}) {
    this.tree = tree;
    this.mode = mode;
    this.failures = options.failure && new HandleFailures(options.failure);
    this.idsWithoutPin = options.idsWithoutPin ?? false;
    this.constantGeneration = options.constantGeneration ?? false;
    this.root = new Entry(this, FUSE_ROOT_ID, tree.root.ino, 0, tree.root);
    this.clear();
  }

  get(nodeid: number): KnownNode | undefined {
    const entry = this.nodes.get(nodeid);
    return entry && entry.nlookup > 0 ? entry : undefined;
  }

  *entries(): Iterable<KnownNode> {
    for (const entry of this.nodes.values()) if (entry.nlookup > 0) yield entry;
  }

  inode(nodeid: number): Inode | undefined {
    return this.get(nodeid)?.inode;
  }

  knows(inode: Inode): boolean {
    if (inode === this.tree.root) return true;
    const entries = this.byIno.get(inode.ino) ?? [];
    return entries.some((entry) => entry.nlookup > 0 && entry.inode === inode);
  }

  revive(nodeid: number): Inode | undefined {
    return this.inode(nodeid);
  }

  /** What open_by_handle_at(2) would give: the inode of that number, if it is still the same one. */
  byHandle(ino: number, generation: number): Inode | undefined {
    const inode = this.tree.inode(ino);
    return inode && this.generationOf(inode) === generation ? inode : undefined;
  }

  private generationOf(inode: Inode): number {
    return this.constantGeneration && inode !== this.tree.root ? CONSTANT_GENERATION : inode.generation;
  }

  /** Whether there is a handle of the inode now, as name_to_handle_at(2). Throws where there must be one. */
  private makeHandle(inode: Inode): boolean {
    if (this.mode === 'never') return false;
    const errno = this.failures?.attempt(inode);
    if (errno !== undefined && this.mode === 'mandatory') throw new PosixError(errno, 'no handle can be made');
    return errno === undefined;
  }

  /**
   * The entry of an inode. By its handle first. By its number only where the entry pins the inode, because only then the
   * number cannot have become another file's; so an inode that got a pin because no handle could be made is found again
   * when one can, and one that has a handle gets a second entry when none can be made any more.
   */
  private find(inode: Inode, handle: boolean): Entry | undefined {
    const entries = this.byIno.get(inode.ino);
    if (!entries) return undefined;
    if (handle) {
      const generation = this.generationOf(inode);
      for (const entry of entries) if (entry.pin === undefined && entry.generation === generation) return entry;
    }
    const unpinned = this.idsWithoutPin && !handle;
    for (const entry of entries) if (entry.pin !== undefined || unpinned) return entry;
    return undefined;
  }

  offer(inode: Inode): number {
    const entry = inode === this.tree.root ? this.root : this.entryOf(inode);
    entry.offers++;
    return entry.nodeid;
  }

  private entryOf(inode: Inode): Entry {
    const handle = this.makeHandle(inode);
    const known = this.find(inode, handle);
    if (known) return known;
    const entry = new Entry(this, this.next++, inode.ino, this.generationOf(inode), handle ? undefined : inode);
    if (entry.pin) this.tree.hold(entry.pin);
    this.nodes.set(entry.nodeid, entry);
    const others = this.byIno.get(entry.ino);
    if (others) others.push(entry);
    else this.byIno.set(entry.ino, [entry]);
    return entry;
  }

  generation(nodeid: number, inode: Inode): number {
    return this.nodes.get(nodeid)?.generation ?? this.generationOf(inode);
  }

  grant(nodeid: number): void {
    const entry = this.nodes.get(nodeid);
    if (!entry) return;
    entry.offers--;
    if (entry.nlookup++ === 0) this.size++;
  }

  withdraw(nodeid: number): void {
    const entry = this.nodes.get(nodeid);
    if (!entry) return;
    entry.offers--;
    this.removeUnused(entry);
  }

  forget(nodeid: number, count: number): number {
    const entry = this.nodes.get(nodeid);
    if (!entry) return 0;
    const taken = Math.min(count, entry === this.root ? entry.nlookup - 1 : entry.nlookup);
    entry.nlookup -= taken;
    if (taken > 0 && entry.nlookup === 0) this.size--;
    this.removeUnused(entry);
    return taken;
  }

  private removeUnused(entry: Entry): void {
    if (entry.nlookup > 0 || entry.offers > 0) return;
    this.nodes.delete(entry.nodeid);
    const others = (this.byIno.get(entry.ino) ?? []).filter((other) => other !== entry);
    if (others.length > 0) this.byIno.set(entry.ino, others);
    else this.byIno.delete(entry.ino);
    if (entry.pin) this.tree.drop(entry.pin);
  }

  clear(): void {
    const entries = [...this.nodes.values()];
    this.nodes.clear();
    this.byIno.clear();
    this.size = 1;
    this.root.nlookup = 1;
    this.root.offers = 0;
    this.nodes.set(this.root.nodeid, this.root);
    for (const entry of entries) if (entry !== this.root && entry.pin) this.tree.drop(entry.pin);
  }
}
