// The ledger of look-ups: how many times each nodeid was given to the guest and not yet taken back.
import type { Inode } from '../tree/inode.ts';
import type { Tree } from '../tree/tree.ts';
import { FUSE_ROOT_ID } from './abi.ts';

const TWO_32 = 2 ** 32;
/** What every inode but the root has where generations are constant, as virtiofsd has 0. */
export const CONSTANT_GENERATION = 1;

/** A nodeid that was looked up and not forgotten. */
export interface KnownNode {
  readonly nodeid: number;
  readonly nlookup: number;
  /** Undefined where the nodeid does not keep its inode, and it is gone. */
  readonly inode: Inode | undefined;
}

/** Nodeids, what they stand for, and their counts. */
export interface Nodes {
  /** Nodeids that the guest knows, the root among them. */
  readonly size: number;
  get(nodeid: number): KnownNode | undefined;
  entries(): Iterable<KnownNode>;
  /** The inode of a nodeid that the guest knows. Undefined: it does not, or the inode is gone. */
  inode(nodeid: number): Inode | undefined;
  /** Whether the guest knows the inode by some nodeid. */
  knows(inode: Inode): boolean;
  /** As inode(), and for a nodeid that was forgotten the linked inode that it would name again. */
  revive(nodeid: number): Inode | undefined;
  /**
   * The nodeid under which a reply may name the inode; `grant` or `withdraw` follows. Throws PosixError where it must
   * not be named.
   */
  offer(inode: Inode): number;
  /** The generation that goes with an offered nodeid. */
  generation(nodeid: number, inode: Inode): number;
  /** The reply was placed: one more look-up. Only Call.take() calls this. */
  grant(nodeid: number, inode: Inode): void;
  /** The reply was not placed as it was. */
  withdraw(nodeid: number): void;
  /**
   * Takes `count` look-ups away and returns how many there were to take. The guest's own look-up of the root, which no
   * reply gave, stays for as long as the session lives.
   */
  forget(nodeid: number, count: number): number;
  /** Forgets everything but the root. */
  clear(): void;
}

interface Node {
  readonly nodeid: number;
  readonly inode: Inode;
  nlookup: number;
}

/**
 * Stable nodeids: an inode's number, with the tree's index above it. A guest's file handle is (nodeid, generation), so
 * it outlives everything that the guest forgets.
 */
export class NodeTable implements Nodes {
  private readonly tree: Tree;
  /** What the inode's number is added to. */
  private readonly base: number;
  private readonly constantGeneration: boolean;
  private readonly root: Node;
  private readonly nodes = new Map<number, Node>();

  /** `constantGeneration` is wrong on purpose: a number that is used again brings the wrong file to an old handle. */
  constructor(tree: Tree, treeIndex = 0, constantGeneration = false) {
    this.tree = tree;
    this.base = treeIndex * TWO_32;
    this.constantGeneration = constantGeneration;
    this.root = { nodeid: this.offer(tree.root), inode: tree.root, nlookup: 1 };
    this.nodes.set(this.root.nodeid, this.root);
  }

  get(nodeid: number): KnownNode | undefined {
    return this.nodes.get(nodeid);
  }

  get size(): number {
    return this.nodes.size;
  }

  entries(): Iterable<KnownNode> {
    return this.nodes.values();
  }

  inode(nodeid: number): Inode | undefined {
    return this.nodes.get(nodeid)?.inode;
  }

  knows(inode: Inode): boolean {
    return this.nodes.has(this.offer(inode));
  }

  revive(nodeid: number): Inode | undefined {
    const known = this.nodes.get(nodeid);
    if (known) return known.inode;
    const ino = nodeid - this.base;
    const inode = ino >= FUSE_ROOT_ID && ino < TWO_32 ? this.tree.inode(ino) : undefined;
    return inode && inode.nlink > 0 ? inode : undefined;
  }

  offer(inode: Inode): number {
    return this.base + inode.ino;
  }

  generation(_nodeid: number, inode: Inode): number {
    return this.constantGeneration && inode !== this.tree.root ? CONSTANT_GENERATION : inode.generation;
  }

  grant(nodeid: number, inode: Inode): void {
    const node = this.nodes.get(nodeid);
    if (node) {
      node.nlookup++;
      return;
    }
    this.tree.hold(inode);
    this.nodes.set(nodeid, { nodeid, inode, nlookup: 1 });
  }

  withdraw(): void {}

  forget(nodeid: number, count: number): number {
    const node = this.nodes.get(nodeid);
    if (!node) return 0;
    const taken = Math.min(count, node === this.root ? node.nlookup - 1 : node.nlookup);
    node.nlookup -= taken;
    if (node.nlookup === 0) {
      this.nodes.delete(nodeid);
      this.tree.drop(node.inode);
    }
    return taken;
  }

  clear(): void {
    const nodes = [...this.nodes.values()];
    this.nodes.clear();
    this.root.nlookup = 1;
    this.nodes.set(this.root.nodeid, this.root);
    for (const node of nodes) if (node !== this.root) this.tree.drop(node.inode);
  }
}
