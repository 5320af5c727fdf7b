// Open files and directories by fh. A number is never given twice in the life of a server.
import type { Inode } from '../tree/inode.ts';
import type { Tree } from '../tree/tree.ts';

export interface Handle {
  readonly fh: number;
  readonly inode: Inode;
  /** The nodeid that the guest uses it with, from when it is open. */
  nodeid: number;
  /** O_* of the open, as the guest sent them. */
  readonly flags: number;
  readonly directory: boolean;
  /** Directories: the last cookie that a listing shows, so that a listing of a directory that keeps growing ends. */
  lastCookie: number;
}

export class HandleTable {
  private readonly tree: Tree;
  private readonly handles = new Map<number, Handle>();
  private next = 1;

  constructor(tree: Tree) {
    this.tree = tree;
  }

  get(fh: number): Handle | undefined {
    return this.handles.get(fh);
  }

  get size(): number {
    return this.handles.size;
  }

  entries(): Iterable<Readonly<Handle>> {
    return this.handles.values();
  }

  /** A handle with a number of its own. It is not open before `grant`. */
  make(inode: Inode, flags: number, directory: boolean): Handle {
    return { fh: this.next++, inode, nodeid: 0, flags, directory, lastCookie: Number.MAX_SAFE_INTEGER };
  }

  /** Opens it, for uses with the given nodeid. Only Call.take() calls this. */
  grant(handle: Handle, nodeid: number): void {
    handle.nodeid = nodeid;
    this.tree.hold(handle.inode);
    this.handles.set(handle.fh, handle);
  }

  release(handle: Handle): void {
    if (this.handles.delete(handle.fh)) this.tree.drop(handle.inode);
  }

  clear(): void {
    const handles = [...this.handles.values()];
    this.handles.clear();
    for (const handle of handles) this.tree.drop(handle.inode);
  }
}
