// Checks that a tree fits together: names, link counts, parents, cookies, allocation.
import { FIRST_COOKIE } from './directory.ts';
import { allocatedBytes } from './file-data.ts';
import type { Inode } from './inode.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from './mode.ts';
import type { Tree } from './tree.ts';

/** What does not fit, in words; empty for a sound tree. */
export function checkTree(tree: Tree): string[] {
  const findings: string[] = [];
  const say = (inode: Inode, what: string): void => {
    findings.push(`inode ${inode.ino}: ${what}`);
  };
  const names = new Map<Inode, number>();
  const subdirectories = new Map<Inode, number>();
  const count = (map: Map<Inode, number>, inode: Inode): void => void map.set(inode, (map.get(inode) ?? 0) + 1);
  for (const dir of tree.inodes()) {
    if (!dir.directory) continue;
    let last = FIRST_COOKIE - 1;
    for (const dirent of dir.directory.after(0)) {
      const { inode, name, cookie, parent } = dirent;
      if (cookie <= last || cookie >= dir.directory.nextCookie)
        say(dir, `cookie ${cookie} of "${name}" is out of order`);
      last = cookie;
      if (parent !== dir) say(dir, `"${name}" belongs to another directory`);
      if (dir.directory.get(name) !== dirent) say(dir, `"${name}" is listed, and not found`);
      if (tree.inode(inode.ino) !== inode) say(dir, `"${name}" is a dead inode, ${inode.ino}`);
      if (inode.link !== dirent && !inode.moreLinks?.has(dirent)) say(inode, `does not know its name "${name}"`);
      count(names, inode);
      if (inode.directory) {
        count(subdirectories, dir);
        if (inode.parent !== dir) say(inode, `is in ${dir.ino} and has another parent`);
      }
    }
  }
  for (const inode of tree.inodes()) {
    const links = names.get(inode) ?? 0;
    checkLinks(inode, links, subdirectories.get(inode) ?? 0, inode === tree.root, say);
    checkData(inode, tree.chunkSize, say);
    if (inode.directory && links > 0 && !reaches(inode, tree.root)) say(inode, 'is in a loop of directories');
  }
  return findings;
}

type Say = (inode: Inode, what: string) => void;

function checkLinks(inode: Inode, links: number, subdirectories: number, isRoot: boolean, say: Say): void {
  const known = (inode.link ? 1 : 0) + (inode.moreLinks?.size ?? 0);
  if (known !== links) say(inode, `knows ${known} names and has ${links}`);
  if (inode.moreLinks?.size === 0) say(inode, 'has an empty set of further names');
  if (inode.directory) {
    if (isRoot ? links !== 0 : links > 1) say(inode, `a directory with ${links} names`);
    const removed = !isRoot && links === 0;
    const expected = removed ? 0 : 2 + subdirectories;
    if (inode.nlink !== expected) say(inode, `nlink ${inode.nlink}, expected ${expected}`);
    if (removed && (inode.parent || inode.directory.size > 0)) say(inode, 'a removed directory with parent or names');
  } else if (inode.nlink !== links) say(inode, `nlink ${inode.nlink}, expected ${links}`);
  if (inode.nlink === 0 && inode.holds <= 0) say(inode, 'has no name and nobody holds it');
}

function checkData(inode: Inode, chunkSize: number, say: Say): void {
  const type = inode.mode & S_IFMT;
  if ((type === S_IFDIR) !== (inode.directory !== undefined)) say(inode, 'has the names of another type');
  if (type === S_IFLNK && inode.size !== inode.target.length) say(inode, `size ${inode.size} of its target is wrong`);
  if (type !== S_IFREG && (inode.runs || inode.chunks)) say(inode, 'has content and is no regular file');
  if (type !== S_IFREG) return;
  if (inode.blocks * 512 !== allocatedBytes(inode, chunkSize))
    say(inode, `blocks ${inode.blocks} do not fit its chunks`);
  const bounds = inode.runs?.flat() ?? [];
  if (bounds.some((bound, i) => i > 0 && bound <= (bounds[i - 1] as number))) say(inode, 'runs of chunks out of order');
  if ((bounds.at(-1) ?? 0) > Math.ceil(inode.size / chunkSize)) say(inode, 'has chunks behind its end');
  for (const chunk of inode.chunks?.values() ?? []) {
    if (!inode.runs?.has(chunk.index)) say(inode, `chunk ${chunk.index} is in memory and not allocated`);
    const start = chunk.index * chunkSize;
    if (chunk.bytes && chunk.length > Math.min(chunkSize, inode.size - start)) say(inode, 'content behind its end');
    if (chunk.bytes?.subarray(chunk.length).some((byte) => byte !== 0))
      say(inode, `chunk ${chunk.index} is not zero behind its content`);
  }
}

function reaches(dir: Inode, root: Inode): boolean {
  const seen = new Set<Inode>();
  let at: Inode | undefined = dir;
  while (at && at !== root && !seen.has(at)) {
    seen.add(at);
    at = at.parent;
  }
  return at === root;
}
