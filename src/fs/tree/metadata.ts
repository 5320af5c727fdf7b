// The metadata of one commit: the records of what is dirty, as it is now.
import type { InodeTable } from './inode-table.ts';
import { encodeExtra, encodePage, extraKey, needsExtra, pageKey } from './records.ts';
import type { Batch, Superblock } from './store.ts';
import type { Subset } from './subset.ts';

/**
 * The records of these pages, and the second records of these inodes; what is not there any more is removed. Adds
 * inodes of the pages to `extras` whose second record comes or goes. Of the inodes of a subset it tells what that says.
 */
export function encodeMetadata(
  table: InodeTable,
  superblock: Superblock,
  pages: Set<number>,
  extras: Set<number>,
  subset?: Subset,
): Pick<Batch, 'puts' | 'removals' | 'superblock'> {
  const puts: Batch['puts'] = [];
  const removals: string[] = [];
  for (const page of pages) {
    const inodes = table.page(page).map((inode) => subset?.get(inode) ?? inode);
    for (const inode of inodes) if (needsExtra(inode) !== inode.extraStored) extras.add(inode.ino);
    if (inodes.length > 0) puts.push([pageKey(page), encodePage(page, inodes)]);
    else removals.push(pageKey(page));
  }
  for (const ino of extras) {
    const inode = table.get(ino);
    const told = inode && (subset?.get(inode) ?? inode);
    const needed = told !== undefined && needsExtra(told);
    if (inode) inode.extraStored = needed;
    if (needed) puts.push([extraKey(ino), encodeExtra(told)]);
    else removals.push(extraKey(ino));
  }
  superblock.generation = table.generation;
  superblock.nextIno = table.nextIno;
  const told = { ...superblock };
  if (subset) told.partial = true;
  return { puts, removals, superblock: told };
}
