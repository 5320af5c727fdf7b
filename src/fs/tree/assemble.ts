// Puts names into their directories.
import { Directory, Dirent, FIRST_COOKIE } from './directory.ts';
import type { Inode } from './inode.ts';
import { ROOT_INO } from './inode-table.ts';
import { S_IFDIR, S_IFMT } from './mode.ts';
import type { Decoded } from './records.ts';
import { StoreError } from './store.ts';

/** The inodes with their names in place, orphans among them. Throws StoreError('damaged') where that cannot be done. */
export function assemble({ inodes, links, nextCookies }: Decoded): Map<number, Inode> {
  for (const inode of inodes.values()) {
    if ((inode.mode & S_IFMT) !== S_IFDIR) continue;
    inode.directory = new Directory();
    inode.directory.nextCookie = nextCookies.get(inode.ino) ?? FIRST_COOKIE;
  }
  for (const { ino, parent: parentIno, cookie, name } of links) {
    const inode = inodes.get(ino) as Inode;
    const parent = inodes.get(parentIno);
    const names = parent?.directory;
    if (!parent || !names)
      throw new StoreError('damaged', `Inode ${ino} is named in ${parentIno}, which is no directory.`);
    if (names.get(name)) throw new StoreError('damaged', `Directory ${parentIno} has a name twice.`);
    const dirent = new Dirent(parent, name, cookie, inode);
    names.add(dirent);
    if (inode.directory) inode.parent = parent;
    if (!inode.link) inode.link = dirent;
    else {
      inode.moreLinks ??= new Set();
      inode.moreLinks.add(dirent);
    }
  }
  const root = inodes.get(ROOT_INO);
  if (!root?.directory) throw new StoreError('damaged', 'The stored tree has no root directory.');
  root.parent = root;
  for (const { directory } of inodes.values()) directory?.sort();
  return inodes;
}
