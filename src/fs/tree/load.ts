// Makes the tree in memory from what a store delivered, and refuses what does not fit together.
import { assemble } from './assemble.ts';
import { checkMetadata } from './check-stored.ts';
import { FIRST_COOKIE } from './directory.ts';
import { allocatedBytes } from './file-data.ts';
import { describeFinding } from './findings.ts';
import type { Inode } from './inode.ts';
import { ROOT_INO } from './inode-table.ts';
import { isName } from './mend-names.ts';
import { senselessFields } from './mend-superblock.ts';
import { FILE_SIZE_MAX, hasType, S_IFLNK, S_IFMT, S_IFREG } from './mode.ts';
import { decodeRecords } from './records.ts';
import { StoreError, type TreeImage } from './store.ts';

const SECTOR = 512;
/** Findings that a refusal tells; a check tells all. */
const TOLD = 3;

/**
 * All inodes with their names in place, orphans among them; none of a tree that is still to be made. Throws
 * StoreError('damaged') with what a check finds; 'newer'.
 */
export function loadInodes({ superblock, records }: TreeImage): Map<number, Inode> {
  if (superblock === undefined && records.length === 0) return new Map();
  let cause: unknown;
  try {
    if (superblock && senselessFields(superblock).length === 0) {
      const inodes = assemble(decodeRecords(records));
      if (fits(inodes, superblock.chunkSize)) return inodes;
    }
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'damaged') throw error;
    cause = error;
  }
  const findings = checkMetadata(superblock, records);
  const told = findings.slice(0, TOLD).map(describeFinding);
  if (findings.length > TOLD) told.push(`and ${findings.length - TOLD} more`);
  const text = `The stored tree is damaged. ${told.join('; ')}. Nothing was changed: check and repair it.`;
  throw new StoreError('damaged', text, { cause });
}

/** Whether counts, parents and places of content fit together. Each opening asks: a check then says what does not. */
function fits(inodes: ReadonlyMap<number, Inode>, chunkSize: number): boolean {
  const below = new Set<Inode>();
  for (const inode of inodes.values()) {
    if (!fitsType(inode) || !fitsContent(inode, chunkSize) || !fitsNames(inode)) return false;
    const names = (inode.link ? 1 : 0) + (inode.moreLinks?.size ?? 0);
    if (!inode.directory) {
      if (inode.nlink !== names) return false;
    } else if (!fitsDirectory(inode, names) || !reachesRoot(inode, below)) return false;
  }
  return true;
}

function fitsType({ mode, runs, size, target }: Inode): boolean {
  const type = mode & S_IFMT;
  if (type === S_IFLNK) return target !== '' && size === target.length && !runs;
  return hasType(mode) && target === '' && (type === S_IFREG || !runs);
}

function fitsNames({ link, moreLinks }: Inode): boolean {
  if (link && !isName(link.name)) return false;
  for (const { name } of moreLinks ?? []) if (!isName(name)) return false;
  return true;
}

function fitsDirectory(inode: Inode, names: number): boolean {
  const { directory, ino, nlink } = inode;
  if (!directory) return false;
  if (names === 0 && ino !== ROOT_INO) return nlink === 0 && directory.size === 0;
  if (names !== (ino === ROOT_INO ? 0 : 1)) return false;
  let subdirectories = 0;
  let last = FIRST_COOKIE - 1;
  // From below every cookie: what a listing would never come to is damage too.
  for (const { inode: child, cookie } of directory.after(-1)) {
    if (child.directory) subdirectories++;
    if (cookie <= last || cookie >= directory.nextCookie) return false;
    last = cookie;
  }
  return nlink === 2 + subdirectories;
}

/** `below`: directories that are known to be below the root. */
function reachesRoot(dir: Inode, below: Set<Inode>): boolean {
  const way = new Set<Inode>();
  let at: Inode | undefined = dir;
  while (at && at.parent !== at && !below.has(at)) {
    // Around, and never to the root.
    if (way.has(at)) return false;
    way.add(at);
    at = at.parent;
  }
  // One that was removed has no parent.
  for (const inode of way) below.add(inode);
  return true;
}

function fitsContent(inode: Inode, chunkSize: number): boolean {
  if (inode.size > FILE_SIZE_MAX) return false;
  if (!inode.runs) return inode.blocks === 0;
  const bounds = inode.runs.flat();
  for (let i = 1; i < bounds.length; i++) if ((bounds[i] as number) <= (bounds[i - 1] as number)) return false;
  if ((bounds.at(-1) as number) > Math.ceil(inode.size / chunkSize)) return false;
  return inode.blocks * SECTOR === allocatedBytes(inode, chunkSize);
}
