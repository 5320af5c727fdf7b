// The POSIX locks of one owner on one file: ranges that are split and merged as Linux does it. Pure.

/** Types of locks (asm-generic/fcntl.h). */
export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;

/** The last byte that a lock can name: a lock up to here holds whatever the file grows to. */
export const OFFSET_MAX = 2n ** 63n - 1n;

/** Bytes `start` to `end`, both included, as 64 bits that a double could not hold. */
export interface Range {
  readonly type: number;
  readonly start: bigint;
  readonly end: bigint;
  /** The process that asked for it, as the guest numbers it. */
  readonly pid: number;
  /** The open file that it was asked for through. */
  readonly file: number;
}

export const overlap = (a: Pick<Range, 'start' | 'end'>, b: Pick<Range, 'start' | 'end'>): boolean =>
  a.end >= b.start && b.end >= a.start;

/** Whether two owners cannot have both. */
export const conflicts = (a: Range, b: Range): boolean => (a.type === F_WRLCK || b.type === F_WRLCK) && overlap(a, b);

const touch = (a: Range, b: Range): boolean => a.end >= b.start - 1n && b.end >= a.start - 1n;

/**
 * What is there after `set` was locked, or with F_UNLCK unlocked. `ranges` are sorted, none overlaps another, none of
 * one type touches another; so are those that are returned. A merged lock keeps the process of the oldest part, as in
 * fs/locks.c posix_lock_inode.
 */
export function setRange(ranges: readonly Range[], set: Range): Range[] {
  let { start, end } = set;
  let origin: Range | undefined;
  const out: Range[] = [];
  for (const range of ranges) {
    if (range.type === set.type) {
      if (touch(range, set)) {
        if (range.start < start) start = range.start;
        if (range.end > end) end = range.end;
        origin ??= range;
      } else {
        out.push(range);
      }
    } else if (overlap(range, set)) {
      const left = range.start < set.start;
      const right = range.end > set.end;
      if (left) out.push({ ...range, end: set.start - 1n });
      if (right) out.push({ ...range, start: set.end + 1n });
      if (!left && !right) origin ??= set;
    } else {
      out.push(range);
    }
  }
  if (set.type !== F_UNLCK) {
    const { pid, file } = origin ?? set;
    out.push({ type: set.type, start, end, pid, file });
  }
  return out.sort((a, b) => (a.start < b.start ? -1 : 1));
}
