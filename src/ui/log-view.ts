// Which records are rows now: the filter's matches, found in slices, and the end that a pause holds.
import type { Filter } from './log-filter.ts';
import type { LogStore } from './log-store.ts';

/** How many records are looked at between two looks at the clock. */
const STRIDE = 256;

/** Ascending positions, taken away at the front and added at the back. */
class Positions {
  private items = new Uint32Array(1024);
  private head = 0;
  private tail = 0;

  get length(): number {
    return this.tail - this.head;
  }

  at(index: number): number {
    return this.items[this.head + index] as number;
  }

  push(position: number): void {
    if (this.tail === this.items.length) this.makeRoom();
    this.items[this.tail++] = position;
  }

  clear(): void {
    this.head = 0;
    this.tail = 0;
  }

  /** Index of the first position that is not below. */
  find(position: number): number {
    let low = this.head;
    let high = this.tail;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.items[middle] as number) < position) low = middle + 1;
      else high = middle;
    }
    return low - this.head;
  }

  dropBelow(position: number): void {
    this.head += this.find(position);
  }

  private makeRoom(): void {
    const kept = this.items.subarray(this.head, this.tail);
    if (this.length < this.items.length / 2) {
      this.items.set(kept);
    } else {
      const larger = new Uint32Array(this.items.length * 2);
      larger.set(kept);
      this.items = larger;
    }
    this.tail = kept.length;
    this.head = 0;
  }
}

export class LogView {
  private readonly store: LogStore;
  private filter: Filter | undefined;
  private readonly matches = new Positions();
  /** Records below this position have been looked at. */
  private scanned = 0;
  private heldEnd: number | undefined;

  constructor(store: LogStore) {
    this.store = store;
  }

  get paused(): boolean {
    return this.heldEnd !== undefined;
  }

  /** Records that came since the pause. */
  get heldBack(): number {
    return this.heldEnd === undefined ? 0 : this.store.end - Math.max(this.heldEnd, this.store.begin);
  }

  /** Records that the filter chooses from. */
  get total(): number {
    return this.end - this.store.begin;
  }

  /** Rows. */
  get length(): number {
    return this.filter === undefined ? this.total : this.matches.length;
  }

  /** Records that the filter has not looked at yet. */
  get unscanned(): number {
    return this.filter === undefined ? 0 : Math.max(0, this.end - Math.max(this.scanned, this.store.begin));
  }

  /** The position of a row's record. */
  position(row: number): number {
    return this.filter === undefined ? this.store.begin + row : this.matches.at(row);
  }

  /** The row of the record at a position, or of the next one that has a row. */
  row(position: number): number {
    if (this.filter !== undefined) return this.matches.find(position);
    return Math.max(0, Math.min(position - this.store.begin, this.total));
  }

  setFilter(filter: Filter | undefined): void {
    this.filter = filter;
    this.matches.clear();
    this.scanned = this.store.begin;
  }

  /** Holds the end where it is: what comes is stored, but makes no rows until resume(). */
  pause(): void {
    this.heldEnd ??= this.store.end;
  }

  resume(): void {
    this.heldEnd = undefined;
  }

  /** To be called after the store was cleared. */
  cleared(): void {
    this.matches.clear();
    this.scanned = this.store.begin;
    if (this.paused) this.heldEnd = this.store.end;
  }

  /** Follows the store, and looks at records until all are done or `enough()`. True where nothing is left to look at. */
  advance(enough: () => boolean): boolean {
    const { store, filter, matches } = this;
    if (filter === undefined) return true;
    matches.dropBelow(store.begin);
    this.scanned = Math.max(this.scanned, store.begin);
    const { end } = this;
    while (this.scanned < end) {
      const stop = Math.min(end, this.scanned + STRIDE);
      for (let position = this.scanned; position < stop; position++) {
        if (filter.matches(store.page(position), store.offset(position))) matches.push(position);
      }
      this.scanned = stop;
      if (stop < end && enough()) return false;
    }
    return true;
  }

  private get end(): number {
    return this.heldEnd === undefined ? this.store.end : Math.max(this.heldEnd, this.store.begin);
  }
}
