// What a commit says of files whose content finds no room: as much as the store has of them, and no more.
import type { Chunk } from './chunk.ts';
import { allocatedBytes } from './file-data.ts';
import { Inode } from './inode.ts';
import { Runs } from './runs.ts';
import type { StoredChunk } from './store.ts';

/** Inodes whose content is not all stored, and what is to be stored in place of each. */
export type Subset = Map<Inode, Inode>;

/**
 * What can be said of the inodes of these unsaved chunks, and of those whose end is not stored, without them: a size up
 * to which everything is stored, and only chunks that are. The old content of a chunk that was overwritten stays.
 */
export function subsetOf(unsaved: Iterable<Chunk>, lagging: Iterable<Inode>, chunkSize: number): Subset {
  const subset: Subset = new Map();
  const standIn = (inode: Inode): Inode => {
    let found = subset.get(inode);
    if (!found) {
      found = Object.assign(new Inode(inode.ino, inode.generation, inode.mode), inode);
      found.size = inode.lag?.stored ?? inode.size;
      found.runs = inode.runs && new Runs([...inode.runs.flat()]);
      subset.set(inode, found);
    }
    return found;
  };
  for (const inode of lagging) standIn(inode);
  for (const { inode, index, stored } of unsaved) {
    const { runs } = standIn(inode);
    if (stored < 0) runs?.remove(index, index + 1);
  }
  for (const found of subset.values()) {
    if (found.runs?.count === 0) found.runs = undefined;
    found.blocks = allocatedBytes(found, chunkSize) / 512;
  }
  return subset;
}

/** Bytes that these inodes take more than what is stored of them. */
export function growthOf(subset: Subset): number {
  let bytes = 0;
  for (const [inode, stored] of subset) bytes += (inode.blocks - stored.blocks) * 512;
  return bytes;
}

/** Whether the store has content of the chunk that is behind a cut: a commit that tells the cut has to write it. */
export const isCut = ({ stored, valid }: Chunk): boolean => stored > valid;

/** The part of a cut chunk that the store has and that is content. */
export function cutChunk({ inode, index, bytes, valid }: Chunk): StoredChunk {
  return { ino: inode.ino, index, bytes: (bytes as Uint8Array<ArrayBuffer>).slice(0, valid) };
}
