// Does the changes of the plain model to a real tree, and tells what is in one in the model's terms.
import { PosixError } from '../src/base/errno.ts';
import { readerOf } from '../src/base/iov.ts';
import type { Inode } from '../src/fs/tree/inode.ts';
import type { Tree } from '../src/fs/tree/tree.ts';
import {
  type Driver,
  type Dumped,
  digest,
  flagsOf,
  type Op,
  PERM,
  typeBits,
  XATTRS,
  xattrValue,
} from './tree-model.ts';

/** Does the model's changes to a tree. */
export class TreeDriver implements Driver {
  readonly tree: Tree;
  private readonly clock: { s: number; ns: number };
  private readonly inodes = new Map<number, Inode>();
  /** The last file that was made without a name. */
  private unnamed: Inode | undefined;

  /** `clock`: what the tree's clock reads. */
  constructor(tree: Tree, clock: { s: number; ns: number }) {
    this.tree = tree;
    this.clock = clock;
    this.inodes.set(1, tree.root);
  }

  learn(id: number, op: Op): void {
    if (op.kind === 'tmpfile') this.inodes.set(id, this.unnamed as Inode);
    else this.inodes.set(id, this.tree.lookup(this.inodes.get(op.dir) as Inode, op.name) as Inode);
  }

  /** The errno as text, empty where there was none. */
  async run(op: Op, time: number): Promise<string> {
    this.clock.s = time;
    try {
      await this.change(op);
      return '';
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      return String(error.errno);
    }
  }

  private change(op: Op): unknown {
    const { tree } = this;
    const { kind, name, newname, value } = op;
    const dir = this.inodes.get(op.dir) as Inode;
    const newdir = this.inodes.get(op.newdir) as Inode;
    const node = this.inodes.get(op.node) as Inode;
    const owner = { uid: 0, gid: 7 };
    const xattr = XATTRS[value % XATTRS.length] as string;
    switch (kind) {
      case 'mknod':
        return void tree.mknod(dir, name, { mode: 0o100000 | PERM, ...owner });
      case 'mkdir':
        return void tree.mkdir(dir, name, { mode: value % 5 === 0 ? 0o2755 : PERM, ...owner });
      case 'symlink':
        return void tree.symlink(dir, name, `to-${newname}`, owner);
      case 'link':
        return tree.link(node, dir, name);
      case 'unlink':
        return tree.unlink(dir, name);
      case 'rmdir':
        return tree.rmdir(dir, name);
      case 'rename':
        return this.rename(dir, name, newdir, newname, 0);
      case 'noreplace':
        return this.rename(dir, name, newdir, newname, 1);
      case 'exchange':
        return this.rename(dir, name, newdir, newname, 2);
      case 'whiteout':
        return this.rename(dir, name, newdir, newname, 4);
      case 'write':
        return tree.write(node, op.at, op.length, readerOf(new Uint8Array(op.length).fill((value % 255) + 1)));
      case 'truncate':
        return tree.setattr(node, { size: op.at });
      case 'punch':
        return tree.fallocate(node, 3, op.at, op.length);
      case 'zero-range':
        return tree.fallocate(node, 16, op.at, op.length);
      case 'flags':
        return tree.setFlags(node, flagsOf(op));
      case 'copy':
        return tree.copyRange(node, op.at, this.inodes.get(op.target) as Inode, op.to, op.length);
      case 'tmpfile':
        this.unnamed = tree.tmpfile(dir, { mode: PERM, ...owner });
        return tree.hold(this.unnamed);
      case 'chmod':
        return tree.setattr(node, { mode: value & 0o7777 });
      case 'setxattr':
        return tree.setxattr(node, xattr, xattrValue(value), 0);
      case 'removexattr':
        return tree.removexattr(node, xattr);
      case 'hold':
        return tree.hold(node);
      case 'drop':
        if (node.holds > 0) tree.drop(node);
        return;
    }
  }

  private rename(dir: Inode, name: string, newdir: Inode, newname: string, flags: number): void {
    this.tree.rename(dir, name, newdir, newname, flags, { uid: 0, gid: 7 });
  }
}

/** As TreeModel.dump, of a real tree. */
export async function dumpTree(tree: Tree): Promise<Dumped[]> {
  const all: Dumped[] = [];
  const first = new Map<Inode, string>();
  const visit = async (inode: Inode, path: string, cookie: number): Promise<void> => {
    if (!first.has(inode)) first.set(inode, path);
    const type = Object.entries(typeBits).find(([, bits]) => bits === (inode.mode & 0o170000))?.[0] ?? '?';
    all.push({
      path,
      type,
      perm: inode.mode & 0o7777,
      gid: inode.gid,
      nlink: inode.nlink,
      size: inode.size,
      cookie,
      mtime: inode.mtime,
      ctime: inode.ctime,
      flags: inode.flags,
      target: inode.target,
      xattrs: tree
        .listxattr(inode)
        .sort()
        .map((name) => [name, [...tree.getxattr(inode, name)]]),
      content: digest(type === 'file' ? await contentOf(tree, inode) : new Uint8Array(0)),
      same: first.get(inode) as string,
    });
    if (type !== 'dir') return;
    const entries = [...tree.readdir(inode, 0)].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) await visit(entry.inode, `${path}/${entry.name}`, entry.cookie);
  };
  await visit(tree.root, '', 0);
  return all;
}

/** The whole of a file, read in pieces of an odd size. */
export async function contentOf(tree: Tree, inode: Inode): Promise<Uint8Array> {
  const content = new Uint8Array(inode.size);
  let at = 0;
  while (at < inode.size) {
    const before = at;
    for (const piece of await tree.read(inode, at, 10_007)) {
      content.set(piece, at);
      at += piece.length;
    }
    if (at === before) throw new Error(`no bytes at ${at} of ${inode.size}`);
  }
  return content;
}
