// Makes the tree in memory from what a store delivered, and refuses what does not fit together.
import { Directory, Dirent, FIRST_COOKIE } from './directory.ts';
import type { Inode } from './inode.ts';
import { ROOT_INO } from './inode-table.ts';
import { S_IFDIR, S_IFMT } from './mode.ts';
import { decodeRecords } from './records.ts';
import { StoreError } from './store.ts';

/** All inodes with their names in place, orphans among them. Throws StoreError('damaged'). */
export function loadInodes(records: readonly Uint8Array[]): Map<number, Inode> {
  const { inodes, links, nextCookies } = decodeRecords(records);
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
