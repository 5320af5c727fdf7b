// What a tree was, as one number: the SHA-256 of everything in it that a guest can tell.
import { createHash } from 'node:crypto';
import type { Inode } from '../../fs/tree/inode.ts';
import type { Tree } from '../../fs/tree/tree.ts';

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const PIECE = 1024 * 1024;

/**
 * SHA-256, in hex, of one line of JSON an entry: [path, mode, uid, gid, mtime s, ns, rdev, target, size, SHA-256 of the
 * content, first path of the same inode], paths and targets as strings of bytes, directories' entries in byte order, the
 * root first. 'empty' where the root has no entry.
 */
export async function treeDigest(tree: Tree): Promise<string> {
  const whole = createHash('sha256');
  const paths = new Map<number, string>();
  let entries = 0;
  const visit = async (inode: Inode, path: string): Promise<void> => {
    const type = inode.mode & S_IFMT;
    const first = paths.get(inode.ino) ?? path;
    paths.set(inode.ino, first);
    const content = type === S_IFREG && first === path ? await contentDigest(tree, inode) : '';
    const { mode, uid, gid, mtime, mtimensec, rdev, target } = inode;
    const size = type === S_IFREG ? inode.size : 0;
    whole.update(`${JSON.stringify([path, mode, uid, gid, mtime, mtimensec, rdev, target, size, content, first])}\n`);
    if (type !== S_IFDIR) return;
    const children = [...tree.readdir(inode, 0)].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const child of children) {
      entries++;
      await visit(child.inode, path === '/' ? `/${child.name}` : `${path}/${child.name}`);
    }
  };
  await visit(tree.root, '/');
  return entries === 0 ? 'empty' : whole.digest('hex');
}

async function contentDigest(tree: Tree, inode: Inode): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < inode.size; at += PIECE) {
    for (const piece of await tree.read(inode, at, PIECE)) hash.update(piece);
  }
  return hash.digest('hex');
}
