// What is in a tree, in the model's terms, where there is no Node: names, modes, times, xattrs, hashes of content.
import type { Inode } from '../../src/fs/tree/inode.ts';
import type { Tree } from '../../src/fs/tree/tree.ts';
import type { Entry } from './model.ts';

/** Seconds since 1970 and nanoseconds. */
export type Time = [s: number, ns: number];

const TYPE = 0o170000;
const DIR = 0o040000;
const FILE = 0o100000;
const LINK = 0o120000;
const PIECE = 100_000;

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Every name of the tree, directories before what is in them, as they are listed. */
export async function dumpTree(tree: Tree): Promise<Entry<Time>[]> {
  const entries: Entry<Time>[] = [];
  const first = new Map<Inode, string>();
  const visit = async (inode: Inode, path: string): Promise<void> => {
    if (!first.has(inode)) first.set(inode, path);
    const type = inode.mode & TYPE;
    const { mode, uid, gid, rdev, nlink, target } = inode;
    entries.push({
      path,
      mode,
      uid,
      gid,
      rdev,
      nlink,
      size: type === FILE || type === LINK ? inode.size : 0,
      target,
      xattrs: tree
        .listxattr(inode)
        .sort()
        .map((name): [string, string] => [name, hex(tree.getxattr(inode, name))]),
      content: type === FILE ? await contentOf(tree, inode) : '',
      same: first.get(inode) as string,
      atime: [inode.atime, inode.atimensec],
      mtime: [inode.mtime, inode.mtimensec],
      ctime: [inode.ctime, inode.ctimensec],
      btime: [inode.btime, inode.btimensec],
    });
    if (type !== DIR) return;
    for (const { name, inode: below } of [...tree.readdir(inode, 0)]) {
      await visit(below, path === '.' ? name : `${path}/${name}`);
    }
  };
  await visit(tree.root, '.');
  return entries;
}

async function contentOf(tree: Tree, inode: Inode): Promise<string> {
  const content = new Uint8Array(inode.size);
  for (let at = 0; at < content.length; ) {
    const before = at;
    for (const piece of await tree.read(inode, at, PIECE)) {
      content.set(piece, at);
      at += piece.length;
    }
    if (at === before) throw new Error(`inode ${inode.ino} has no bytes at ${at} of ${content.length}`);
  }
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', content)));
}
