// The ledger of look-ups: how many times each inode was given to the guest and not yet taken back.
import type { Inode } from '../tree/inode.ts';
import type { Tree } from '../tree/tree.ts';

export interface Node {
  readonly nodeid: number;
  readonly inode: Inode;
  nlookup: number;
}

export class NodeTable {
  private readonly tree: Tree;
  private readonly root: Node;
  private readonly nodes = new Map<number, Node>();

  constructor(tree: Tree, rootNodeid: number) {
    this.tree = tree;
    this.root = { nodeid: rootNodeid, inode: tree.root, nlookup: 1 };
    this.nodes.set(rootNodeid, this.root);
  }

  get(nodeid: number): Node | undefined {
    return this.nodes.get(nodeid);
  }

  /** Inodes that the guest knows, the root among them. */
  get size(): number {
    return this.nodes.size;
  }

  entries(): Iterable<Readonly<Node>> {
    return this.nodes.values();
  }

  /** One more look-up. Only Call.take() calls this. */
  grant(nodeid: number, inode: Inode): void {
    const node = this.nodes.get(nodeid);
    if (node) {
      node.nlookup++;
      return;
    }
    this.tree.hold(inode);
    this.nodes.set(nodeid, { nodeid, inode, nlookup: 1 });
  }

  /**
   * Takes `count` look-ups away and returns how many there were to take. The guest's own look-up of the root, which no
   * reply gave, stays for as long as the session lives.
   */
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

  /** Forgets everything but the root. */
  clear(): void {
    const nodes = [...this.nodes.values()];
    this.nodes.clear();
    this.root.nlookup = 1;
    this.nodes.set(this.root.nodeid, this.root);
    for (const node of nodes) if (node !== this.root) this.tree.drop(node.inode);
  }
}
