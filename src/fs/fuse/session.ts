// What INIT agreed with one guest, and what that guest was given since: look-ups and handles.
import { PosixError } from '../../base/errno.ts';
import type { Inode } from '../tree/inode.ts';
import type { LockClient, LockLimits } from '../tree/locks.ts';
import type { Tree } from '../tree/tree.ts';
import { FUSE_INIT_FLAGS, FUSE_INIT_FLAGS2 } from './abi.ts';
import { HandleTable } from './handle-table.ts';
import type { Negotiated } from './negotiate.ts';
import { type KnownNode, type Nodes, NodeTable } from './node-table.ts';
import type { Policy } from './policy.ts';

/** All 64 bits of a `unique` that came by halves. */
export const joined = (low: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(low);
const NOTHING: Negotiated = { minor: 0, maxReadahead: 0, flags: 0, flags2: 0 };

export class Session {
  readonly tree: Tree;
  readonly policy: Policy;
  readonly nodes: Nodes;
  readonly handles: HandleTable;
  /** Locks that the guest has here, and its requests that wait for one. */
  readonly locks: LockClient;
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
  /** Times and size of a file may be newer in the guest (FUSE_WRITEBACK_CACHE). */
  writeback = false;
  /** The umask is applied here (FUSE_DONT_MASK). */
  dontMask = false;
  /** Requests that make an inode carry its labels (FUSE_SECURITY_CTX), and a group of the caller (FUSE_CREATE_SUPP_GROUP). */
  labels = false;
  suppGroups = false;
  /** Locks of fcntl(2), and of flock(2), are kept here (FUSE_POSIX_LOCKS, FUSE_FLOCK_LOCKS). */
  posixLocks = false;
  flockLocks = false;

  constructor(
    tree: Tree,
    policy: Policy,
    treeIndex = 0,
    lockLimits: Partial<LockLimits> = {},
    nodes: Nodes = new NodeTable(tree, treeIndex),
  ) {
    this.tree = tree;
    this.policy = policy;
    this.treeIndex = treeIndex;
    this.nodes = nodes;
    this.handles = new HandleTable(tree);
    this.locks = tree.locks.client(lockLimits);
  }

  /** The inode of a nodeid that was looked up and not forgotten. Throws ESTALE. */
  inode(nodeid: number): Inode {
    const inode = this.nodes.inode(nodeid);
    if (!inode) throw new PosixError('ESTALE', `nodeid ${nodeid} is not known, or its inode is gone`);
    return inode;
  }

  /**
   * The inode of a nodeid, looked up or not, for a file handle that outlived the guest's memory of it (look-ups of "."
   * and ".."). The guest compares the generation. Throws ESTALE where no linked file has the number.
   */
  revive(nodeid: number): Inode {
    const inode = this.nodes.revive(nodeid);
    if (!inode) throw new PosixError('ESTALE', `nodeid ${nodeid} is gone`);
    return inode;
  }

  lookups(): Iterable<KnownNode> {
    return this.nodes.entries();
  }

  /** INIT: a new session, whatever there was before is gone. */
  begin(negotiated: Negotiated): void {
    this.end();
    this.open = true;
    this.negotiated = negotiated;
    // The kernel under QEMU's server clears them in any case, as it does for every program's write and chown.
    this.killpriv =
      this.policy.like === 'virtiofsd' || (negotiated.flags & FUSE_INIT_FLAGS.FUSE_HANDLE_KILLPRIV_V2) !== 0;
    this.setxattrExt = (negotiated.flags & FUSE_INIT_FLAGS.FUSE_SETXATTR_EXT) !== 0;
    this.writeback = (negotiated.flags & FUSE_INIT_FLAGS.FUSE_WRITEBACK_CACHE) !== 0;
    this.dontMask = (negotiated.flags & FUSE_INIT_FLAGS.FUSE_DONT_MASK) !== 0;
    this.labels = (negotiated.flags2 & FUSE_INIT_FLAGS2.FUSE_SECURITY_CTX) !== 0;
    this.suppGroups = (negotiated.flags2 & FUSE_INIT_FLAGS2.FUSE_CREATE_SUPP_GROUP) !== 0;
    this.posixLocks = (negotiated.flags & FUSE_INIT_FLAGS.FUSE_POSIX_LOCKS) !== 0;
    this.flockLocks = (negotiated.flags & FUSE_INIT_FLAGS.FUSE_FLOCK_LOCKS) !== 0;
  }

  /**
   * Ends the wait of the request whose `unique` has these halves, with EINTR (FUSE_INTERRUPT). Returns whether there
   * was one; whatever else is under way ends by itself.
   */
  interrupt(uniqueLow: number, uniqueHigh: number): boolean {
    return this.locks.interrupt(joined(uniqueLow, uniqueHigh));
  }

  /** DESTROY, device reset: everything that was given to the guest is taken back. */
  end(): void {
    this.epoch++;
    this.open = false;
    this.negotiated = NOTHING;
    this.locks.end();
    this.handles.clear();
    this.nodes.clear();
  }
}
