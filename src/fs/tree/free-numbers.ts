// Inode numbers that are free: the gaps of a stored tree, and what was given back since. The lowest comes first.

export class FreeNumbers {
  /** Gaps that were there at first: [from, to) in ascending order, used from `gap` on. */
  private readonly gaps: [from: number, to: number][] = [];
  private gap = 0;
  /** What was given back: a binary heap, the lowest on top. */
  private readonly heap: number[] = [];

  /** Everything from `from` to `end` - 1 that is not in `used` is free. */
  constructor(used: Iterable<number>, from: number, end: number) {
    const taken = [...used].filter((number) => number >= from && number < end).sort((a, b) => a - b);
    let at = from;
    for (const number of taken) {
      if (number > at) this.gaps.push([at, number]);
      at = number + 1;
    }
    if (end > at) this.gaps.push([at, end]);
  }

  /** A number becomes free. It was not before. */
  add(number: number): void {
    const { heap } = this;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = heap[above] as number;
      if (other <= number) break;
      heap[at] = other;
      at = above;
    }
    heap[at] = number;
  }

  /** The lowest free number, which is not free any more; undefined where there is none. */
  take(): number | undefined {
    const gap = this.gaps[this.gap];
    const top = this.heap[0];
    if (gap === undefined || (top !== undefined && top < gap[0])) return this.pop();
    const number = gap[0]++;
    if (gap[0] === gap[1]) this.gap++;
    return number;
  }

  private pop(): number | undefined {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && (heap[below + 1] as number) < (heap[below] as number)) below++;
      if ((heap[below] as number) >= last) break;
      heap[at] = heap[below] as number;
      at = below;
    }
    heap[at] = last;
    return top;
  }
}
