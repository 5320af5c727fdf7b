// What INIT agreed with one guest, and what that guest was given since: look-ups and handles.
import { PosixError } from '../../base/errno.ts';
import type { Inode } from '../tree/inode.ts';
import type { Tree } from '../tree/tree.ts';
import { FUSE_INIT_FLAGS, FUSE_ROOT_ID } from './abi.ts';
import { HandleTable } from './handle-table.ts';
import type { Negotiated } from './negotiate.ts';
import { NodeTable } from './node-table.ts';
import type { Policy } from './policy.ts';

const TWO_32 = 2 ** 32;
const NOTHING: Negotiated = { minor: 0, maxReadahead: 0, flags: 0, flags2: 0 };

export class Session {
  readonly tree: Tree;
  readonly policy: Policy;
  readonly nodes: NodeTable;
  readonly handles: HandleTable;
  /** Which of the device's trees this is: the upper half of its nodeids. */
  readonly treeIndex: number;
  /** Raised by INIT, DESTROY and reset: what belongs to an older one grants nothing any more. */
  epoch = 0;
  /** Whether an INIT was answered and no DESTROY since. */
  open = false;
  negotiated = NOTHING;
  /** Set-id bits and security.capability are cleared here (FUSE_HANDLE_KILLPRIV_V2). */
  killpriv = false;
  setxattrExt = false;

  constructor(tree: Tree, policy: Policy, treeIndex = 0) {
    this.tree = tree;
    this.policy = policy;
    this.treeIndex = treeIndex;
    this.nodes = new NodeTable(tree, this.nodeid(tree.root));
    this.handles = new HandleTable(tree);
  }

  /** The nodeid that names an inode in this session. The first tree's root is FUSE_ROOT_ID. */
  nodeid(inode: Inode): number {
    return this.treeIndex * TWO_32 + inode.ino;
  }

  /** The inode of a nodeid that was looked up and not forgotten. Throws ESTALE. */
  inode(nodeid: number): Inode {
    const node = this.nodes.get(nodeid);
    if (!node) throw new PosixError('ESTALE', `nodeid ${nodeid} is not known`);
    return node.inode;
  }

  /**
   * The inode of a nodeid, looked up or not, for a file handle that outlived the guest's memory of it (look-ups of "."
   * and ".."). The guest compares the generation. Throws ESTALE where no linked file has the number.
   */
  revive(nodeid: number): Inode {
    const known = this.nodes.get(nodeid);
    if (known) return known.inode;
    const ino = nodeid - this.treeIndex * TWO_32;
    const inode = ino >= FUSE_ROOT_ID && ino < TWO_32 ? this.tree.inode(ino) : undefined;
    if (!inode || inode.nlink === 0) throw new PosixError('ESTALE', `nodeid ${nodeid} is gone`);
    return inode;
  }

  lookups(): Iterable<Readonly<{ nodeid: number; nlookup: number; inode: Inode }>> {
    return this.nodes.entries();
  }

  /** INIT: a new session, whatever there was before is gone. */
  begin(negotiated: Negotiated): void {
    this.end();
    this.open = true;
    this.negotiated = negotiated;
    this.killpriv = (negotiated.flags & FUSE_INIT_FLAGS.FUSE_HANDLE_KILLPRIV_V2) !== 0;
    this.setxattrExt = (negotiated.flags & FUSE_INIT_FLAGS.FUSE_SETXATTR_EXT) !== 0;
  }

  /** DESTROY, device reset: everything that was given to the guest is taken back. */
  end(): void {
    this.epoch++;
    this.open = false;
    this.negotiated = NOTHING;
    this.handles.clear();
    this.nodes.clear();
  }
}
