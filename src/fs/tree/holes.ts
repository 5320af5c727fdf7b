// Where a file has data and where holes: chunks that are not allocated, and blocks of zeros in those that are in memory.
import { PosixError } from '../../base/errno.ts';
import type { Inode } from './inode.ts';
import { SEEK_DATA } from './mode.ts';

/** What programs take for the size of a hole: st_blksize, bytes. Chunks are larger, but begin at a multiple of it. */
const BLOCK = 4096;

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}

/**
 * Where in a chunk the first block begins that is zero, or is not: at or behind `within`, `chunkSize` where there is
 * none. A chunk that is not in memory counts as data: nobody has to wait, and it may be read as well as left out.
 */
function block(inode: Inode, index: number, within: number, chunkSize: number, zero: boolean): number {
  const bytes = inode.chunks?.get(index)?.bytes;
  if (!bytes) return zero ? chunkSize : within;
  for (let at = within; at < chunkSize; at += BLOCK - (at % BLOCK)) {
    const start = at - (at % BLOCK);
    if (isZero(bytes, start, Math.min(start + BLOCK, bytes.length)) === zero) return at;
  }
  return chunkSize;
}

/**
 * Where the next data (whence SEEK_DATA) or hole begins at or behind `offset`; the end of the file is a hole. ENXIO
 * from the end on, and for data where none follows.
 */
export function seek(inode: Inode, offset: number, whence: number, chunkSize: number): number {
  const { runs, size } = inode;
  if (offset >= size) throw new PosixError('ENXIO');
  let at = offset;
  for (let index = Math.floor(offset / chunkSize); at < size; at = ++index * chunkSize) {
    if (whence === SEEK_DATA) {
      const next = runs?.next(index);
      if (next === undefined) break;
      if (next > index) at = next * chunkSize;
      index = next;
    } else if (!runs?.has(index)) return at;
    const within = block(inode, index, at - index * chunkSize, chunkSize, whence !== SEEK_DATA);
    if (within < chunkSize) return Math.min(index * chunkSize + within, size);
  }
  if (whence === SEEK_DATA) throw new PosixError('ENXIO');
  return size;
}
