// The check of what single inodes say of themselves: type, size, times, target, attributes.
import { FIRST_COOKIE } from './directory.ts';
import { CHUNK_END } from './file-data.ts';
import type { Inode } from './inode.ts';
import { GENERATION_END, ROOT_INO } from './inode-table.ts';
import type { Mending } from './mending.ts';
import { isDirectory } from './mending.ts';
import {
  FILE_SIZE_MAX,
  hasType,
  PATH_MAX,
  PERMISSIONS,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  XATTR_NAME_MAX,
} from './mode.ts';

const NSEC = 1_000_000_000;
const TIMES = [
  ['atime', 'atimensec'],
  ['mtime', 'mtimensec'],
  ['ctime', 'ctimensec'],
  ['btime', 'btimensec'],
] as const;

export function mendAttributes(mending: Mending): void {
  const parents = new Set<number>();
  for (const links of mending.names.values()) for (const { parent } of links) parents.add(parent);
  for (const inode of mending.inodes.values()) {
    mendType(mending, inode, parents.has(inode.ino));
    mendTarget(mending, inode);
    mendSize(mending, inode);
    mendRest(mending, inode);
  }
}

/** A type that cannot be, or that what belongs to the inode speaks against. */
function mendType(mending: Mending, inode: Inode, isParent: boolean): void {
  const { ino, mode } = inode;
  const hasCookies = mending.nextCookies.has(ino);
  const known = hasType(mode) && mode <= (S_IFMT | PERMISSIONS);
  // Only directories have a next cookie, and only they have names in them.
  if (known && (isDirectory(inode) || !(hasCookies && isParent)) && (ino !== ROOT_INO || isDirectory(inode))) {
    if (!isDirectory(inode) && hasCookies) mending.nextCookies.delete(ino);
    return;
  }
  const type =
    ino === ROOT_INO || hasCookies || isParent ? S_IFDIR : inode.target !== '' && !inode.runs ? S_IFLNK : S_IFREG;
  const words = type === S_IFDIR ? 'a directory' : type === S_IFLNK ? 'a symbolic link' : 'a regular file';
  mending.say('attributes', ino, `its type, ${(mode & S_IFMT).toString(8)}, cannot be`, `it is ${words}`);
  inode.mode = type | (mode & PERMISSIONS);
  if (type === S_IFDIR) mending.nextCookies.set(ino, mending.nextCookies.get(ino) ?? FIRST_COOKIE);
  mending.renamed.add(ino);
}

function mendTarget(mending: Mending, inode: Inode): void {
  const { ino, target } = inode;
  const isLink = (inode.mode & S_IFMT) === S_IFLNK;
  if (!isLink) {
    if (target === '') return;
    mending.say('attributes', ino, 'it has a target, and is no symbolic link', 'the target goes');
    inode.target = '';
  } else if (target === '' || target.length >= PATH_MAX) {
    mending.say('attributes', ino, `the target of the symbolic link has ${target.length} bytes`, 'it is an empty file');
    inode.mode = S_IFREG | (inode.mode & PERMISSIONS);
    inode.target = '';
    inode.size = 0;
  }
}

function mendSize(mending: Mending, inode: Inode): void {
  const { ino, size } = inode;
  const type = inode.mode & S_IFMT;
  if (type === S_IFREG) {
    const { chunkSize } = mending.superblock;
    if (Number.isSafeInteger(size) && size <= Math.min(FILE_SIZE_MAX, CHUNK_END * chunkSize)) return;
    mending.say('attributes', ino, 'its size cannot be', 'it ends behind its content');
    // What is stored behind it makes it longer again.
    inode.size = 0;
    mending.refilled.add(ino);
    return;
  }
  const expected = type === S_IFLNK ? inode.target.length : 0;
  if (size !== expected) {
    mending.say('attributes', ino, `its size is ${size}, and should be ${expected}`, 'it gets that size');
    inode.size = expected;
  }
  if (inode.runs) {
    mending.say('runs', ino, 'it has content, and is no regular file', 'the content goes');
    inode.runs = undefined;
  }
  if (inode.blocks !== 0) {
    mending.say('blocks', ino, 'it takes room, and is no regular file', 'the count is set right');
    inode.blocks = 0;
  }
}

function mendRest(mending: Mending, inode: Inode): void {
  const { ino, generation } = inode;
  if (ino === ROOT_INO ? generation !== 0 : generation === 0 || generation >= GENERATION_END) {
    mending.say('attributes', ino, `its generation, ${generation}, cannot be`, 'it gets a new one');
    if (ino === ROOT_INO) inode.generation = 0;
    else mending.renew(inode);
  }
  const strange = TIMES.filter(([s, ns]) => !Number.isSafeInteger(inode[s]) || inode[ns] >= NSEC);
  if (strange.length > 0) {
    mending.say('attributes', ino, `times that cannot be: ${strange.map(([s]) => s).join(', ')}`, 'they begin anew');
    for (const [s, ns] of strange) {
      inode[s] = Number.isSafeInteger(inode[s]) ? inode[s] : 0;
      inode[ns] = 0;
    }
  }
  for (const name of inode.xattrs?.keys() ?? []) {
    if (name !== '' && name.length <= XATTR_NAME_MAX) continue;
    mending.say('attributes', ino, `an extended attribute has a name of ${name.length} bytes`, 'it goes');
    inode.xattrs?.delete(name);
  }
  if (inode.xattrs?.size === 0) inode.xattrs = undefined;
}
