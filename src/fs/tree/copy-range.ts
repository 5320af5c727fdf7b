// copy_file_range(2) within the tree: content goes from chunks to chunks, holes stay holes.
import { PosixError } from '../../base/errno.ts';
import { CHUNK_END, type FileData, type Source } from './file-data.ts';
import type { Inode } from './inode.ts';
import { FALLOC_FL_ZERO_RANGE } from './mode.ts';

/** Bytes of content that one copy moves: what it writes stays in memory until it is stored. */
export const COPY_MAX = 16 * 2 ** 20;

/** Pieces of chunks as FileData.read gives them, read once from front to back. */
class Pieces implements Source {
  private readonly pieces: readonly Uint8Array[];
  private index = 0;
  private within = 0;
  constructor(pieces: readonly Uint8Array[]) {
    this.pieces = pieces;
  }
  copyTo(target: Uint8Array): void {
    for (let done = 0; done < target.length; ) {
      const piece = this.pieces[this.index] as Uint8Array;
      const part = piece.subarray(this.within, this.within + target.length - done);
      target.set(part, done);
      done += part.length;
      this.within += part.length;
      if (this.within === piece.length) {
        this.index++;
        this.within = 0;
      }
    }
  }
}

/** How far a copy has come. */
interface Work {
  readonly data: FileData;
  readonly source: Inode;
  readonly from: number;
  readonly target: Inode;
  readonly to: number;
  count: number;
  done: number;
  /** Bytes of it that were no hole. */
  content: number;
}

/**
 * Copies `length` bytes, of content at most COPY_MAX, and says how many: fewer where the source ends. Where nothing is
 * allocated in the source, whole chunks of the target become holes. A promise only where a chunk has to be loaded or too
 * much is unsaved. EFBIG, EIO, ENOSPC; EINVAL where source and target overlap.
 */
export function copyRange(
  data: FileData,
  source: Inode,
  from: number,
  target: Inode,
  to: number,
  length: number,
): number | Promise<number> {
  const count = Math.min(length, Math.max(source.size - from, 0));
  // After it was cut at the end, as fs/read_write.c generic_copy_file_checks has it.
  if (source === target && from < to + count && to < from + count) throw new PosixError('EINVAL', 'overlap');
  if (to + count > data.sizeMax) throw new PosixError('EFBIG');
  return goOn({ data, source, from, target, to, count, done: 0, content: 0 });
}

function goOn(work: Work): number | Promise<number> {
  while (work.done < work.count && work.content < COPY_MAX) {
    const later = copyPiece(work);
    if (later)
      return later.then(
        () => goOn(work),
        (error: unknown) => {
          // What was copied before it is told first, as by write(2).
          if (work.done === 0) throw error;
          return work.done;
        },
      );
  }
  return work.done;
}

/** Copies up to the end of a chunk of the target, or a whole hole of the source. */
function copyPiece(work: Work): void | Promise<void> {
  const { data, source, target } = work;
  const { chunkSize } = data;
  const from = work.from + work.done;
  const to = work.to + work.done;
  // The source may have become shorter while something was waited for.
  const left = Math.min(work.count, source.size - work.from) - work.done;
  if (left <= 0) {
    work.count = work.done;
    return;
  }
  const hole = (source.runs?.next(Math.floor(from / chunkSize)) ?? CHUNK_END) * chunkSize - from;
  if (hole > 0) {
    const size = Math.min(hole, left);
    return passed(work, size, data.fallocate(target, FALLOC_FL_ZERO_RANGE, to, size));
  }
  const pieces = data.read(source, from, Math.min(left, chunkSize - (to % chunkSize)));
  return pieces instanceof Promise
    ? pieces.then((loaded) => writePieces(work, to, loaded))
    : writePieces(work, to, pieces);
}

function writePieces(work: Work, to: number, pieces: readonly Uint8Array[]): void | Promise<void> {
  let size = 0;
  for (const piece of pieces) size += piece.length;
  work.content += size;
  return passed(work, size, work.data.write(work.target, to, size, new Pieces(pieces)));
}

/** Counts bytes as copied when they are. */
function passed(work: Work, size: number, later: void | Promise<void>): void | Promise<void> {
  const count = (): void => {
    work.done += size;
  };
  return later ? later.then(count) : count();
}
