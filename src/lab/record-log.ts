// The log's memory: finished records in order, the oldest dropped beyond a limit, taken out in batches.
import { RecordViews } from './record.ts';

export interface RecordLimits {
  /** Of records kept, in bytes. */
  bytes: number;
  records: number;
}

export const DEFAULT_LIMITS: RecordLimits = { bytes: 64 * 1024 * 1024, records: 300_000 };

/** Records behind each other. `first` is the ordinal of the first one, from 1. */
export interface RecordBatch {
  first: number;
  count: number;
  bytes: ArrayBuffer;
}

const SEGMENT = 256 * 1024;

class Segment {
  readonly views: RecordViews;
  first: number;
  /** Bytes and records in it. */
  used = 0;
  count = 0;
  constructor(size: number, first: number) {
    this.views = new RecordViews(new ArrayBuffer(size));
    this.first = first;
  }
}

/** A queue of segments rather than one ring, so that a record is one range and nothing is held that is not used. */
export class RecordLog {
  private readonly limits: RecordLimits;
  private readonly sealed: Segment[] = [];
  private current = new Segment(SEGMENT, 1);
  private spare: Segment | undefined;
  private bytes = 0;
  private records = 0;
  private nextOrdinal = 1;
  /** Records dropped unseen, ever. */
  overwritten = 0;
  /** Where the record goes for which room was made: valid until the next reserve(). */
  views: RecordViews = this.current.views;
  at = 0;
  /** Called when a segment is full: who writes records to a file takes them here, and none is overwritten. */
  onFull: (() => void) | undefined;

  constructor(limits: RecordLimits = DEFAULT_LIMITS) {
    this.limits = limits;
  }

  /** Records waiting. */
  get count(): number {
    return this.records;
  }

  /** Bytes of records waiting. */
  get size(): number {
    return this.bytes;
  }

  /** Makes room for a record of `size` bytes (a multiple of 8) at `views`, `at`. It counts from now on. */
  reserve(size: number): void {
    let { current } = this;
    if (current.used + size > current.views.bytes.length) {
      if (current.count > 0) {
        this.sealed.push(current);
        this.current = new Segment(0, this.nextOrdinal);
        this.onFull?.();
      }
      current = size <= SEGMENT && this.spare !== undefined ? this.spare : new Segment(Math.max(SEGMENT, size), 0);
      this.spare = undefined;
      current.first = this.nextOrdinal;
      this.current = current;
    }
    this.views = current.views;
    this.at = current.used;
    current.used += size;
    current.count++;
    this.bytes += size;
    this.records++;
    this.nextOrdinal++;
    while (this.sealed.length > 0 && (this.bytes > this.limits.bytes || this.records > this.limits.records)) {
      const oldest = this.sealed.shift() as Segment;
      this.overwritten += oldest.count;
      this.forget(oldest);
    }
  }

  /** Takes the oldest records out, about `bytes` at most (one segment at least), or undefined where there are none. */
  take(bytes = 1024 * 1024): RecordBatch | undefined {
    if (this.records === 0) return undefined;
    const taken: Segment[] = [];
    let size = 0;
    for (let next = this.oldest(); next !== undefined; next = this.oldest()) {
      if (taken.length > 0 && size + next.used > bytes) break;
      taken.push(next);
      size += next.used;
      if (next === this.current) {
        this.current = new Segment(0, this.nextOrdinal);
        break;
      }
      this.sealed.shift();
    }
    const batch: RecordBatch = { first: (taken[0] as Segment).first, count: 0, bytes: new ArrayBuffer(size) };
    const target = new Uint8Array(batch.bytes);
    let at = 0;
    for (const segment of taken) {
      target.set(segment.views.bytes.subarray(0, segment.used), at);
      at += segment.used;
      batch.count += segment.count;
      this.forget(segment);
    }
    return batch;
  }

  private oldest(): Segment | undefined {
    return this.sealed[0] ?? (this.current.count > 0 ? this.current : undefined);
  }

  private forget(segment: Segment): void {
    this.bytes -= segment.used;
    this.records -= segment.count;
    segment.used = 0;
    segment.count = 0;
    if (segment.views.bytes.length === SEGMENT) this.spare = segment;
  }
}
