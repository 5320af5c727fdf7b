// A set of chunk indices as runs [start, end): a file without holes is one run, however long it is.
/** The runs of every file of one chunk: shared by all of them, and never changed. */
const FIRST_CHUNK: number[] = [0, 1];

export class Runs {
  /** start, end, start, end … ascending, no two of them touching. */
  private bounds: number[];
  /** How many indices are in the set. */
  count = 0;

  constructor(bounds: number[] = []) {
    this.bounds = bounds.length === 2 && bounds[0] === 0 && bounds[1] === 1 ? FIRST_CHUNK : bounds;
    for (let i = 0; i < bounds.length; i += 2) this.count += (bounds[i + 1] as number) - (bounds[i] as number);
  }

  /** How many runs there are. */
  get length(): number {
    return this.bounds.length / 2;
  }

  /** start, end, start, end … */
  flat(): readonly number[] {
    return this.bounds;
  }

  /** The bounds, to be changed. */
  private own(): number[] {
    if (this.bounds === FIRST_CHUNK) this.bounds = [...FIRST_CHUNK];
    return this.bounds;
  }

  /** How many bounds are at or below the index: odd inside a run, even in a hole. */
  private position(index: number): number {
    const { bounds } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((bounds[middle] as number) <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  has(index: number): boolean {
    return (this.position(index) & 1) === 1;
  }

  /** Adds an index and says whether it was new. */
  add(index: number): boolean {
    const at = this.position(index);
    if (at & 1) return false;
    const bounds = this.own();
    const joinsLeft = at > 0 && bounds[at - 1] === index;
    const joinsRight = at < bounds.length && bounds[at] === index + 1;
    if (joinsLeft && joinsRight) bounds.splice(at - 1, 2);
    else if (joinsLeft) bounds[at - 1] = index + 1;
    else if (joinsRight) bounds[at] = index;
    else if (index === 0 && bounds.length === 0) this.bounds = FIRST_CHUNK;
    else bounds.splice(at, 0, index, index + 1);
    this.count++;
    return true;
  }

  /** Takes out start to end - 1 and returns how many were in. */
  remove(start: number, end: number): number {
    if (end <= start) return 0;
    const bounds = this.own();
    const first = this.position(start - 1);
    const last = this.position(end);
    const before = this.count;
    const kept: number[] = [];
    // An odd position is inside a run: what sticks out of the range on that side stays.
    if (first & 1) kept.push(start);
    if (last & 1) kept.push(end);
    const gone = bounds.splice(first, last - first, ...kept);
    if (first & 1) gone.unshift(start);
    if (last & 1) gone.push(end);
    for (let i = 0; i < gone.length; i += 2) this.count -= (gone[i + 1] as number) - (gone[i] as number);
    return before - this.count;
  }

  /** How many of start to end - 1 are in the set. */
  within(start: number, end: number): number {
    if (end <= start) return 0;
    const { bounds } = this;
    let count = 0;
    for (let i = this.position(start) & ~1; i < bounds.length && (bounds[i] as number) < end; i += 2) {
      count += Math.min(bounds[i + 1] as number, end) - Math.max(bounds[i] as number, start);
    }
    return count;
  }

  /** The first index from `from` on that is in the set, undefined where there is none. */
  next(from: number): number | undefined {
    const at = this.position(from);
    return at & 1 ? from : this.bounds[at];
  }

  /** The first index from `from` on that is not in the set. */
  gap(from: number): number {
    const at = this.position(from);
    return at & 1 ? (this.bounds[at] as number) : from;
  }
}
