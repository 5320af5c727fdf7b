// The page's copy of the log: records as bytes, the oldest overwritten beyond a limit.
import { decode, HEADER_SIZE, type LogRecord, RecordAt, sizeAt } from '../lab/record.ts';

export interface LogLimits {
  /** Of records kept, in bytes. */
  bytes: number;
  records: number;
}

export const DEFAULT_LIMITS: LogLimits = { bytes: 64 * 1024 * 1024, records: 300_000 };

/** Records behind each other, as the worker sends them. `overwritten`: how many it has dropped so far. */
export interface LogBatch {
  first: number;
  count: number;
  bytes: ArrayBuffer;
  overwritten: number;
}

const PAGE = 1024 * 1024;

/** Where records lie. */
export interface RecordPage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  used: number;
}

/**
 * A record has a position: 0 for the first that ever came, then one more each. Those from `begin` up to, but not with,
 * `end` are kept. Positions are never given twice, so a row's identity is its position.
 */
export class LogStore {
  readonly limits: LogLimits;
  begin = 0;
  end = 0;
  /** Bytes of the records kept. */
  bytes = 0;
  private overwrittenThere = 0;
  private overwrittenHere = 0;
  private pages: RecordPage[] = [];
  /** Number of pages[0] among all pages ever made. */
  private firstPage = 0;
  private spare: RecordPage | undefined;
  private readonly pageOf: Uint32Array;
  private readonly offsetOf: Uint32Array;

  constructor(limits: LogLimits = DEFAULT_LIMITS) {
    this.limits = limits;
    this.pageOf = new Uint32Array(limits.records);
    this.offsetOf = new Uint32Array(limits.records);
  }

  /** Records kept. */
  get count(): number {
    return this.end - this.begin;
  }

  /** Records that were lost to the limits, in the worker or here. */
  get overwritten(): number {
    return this.overwrittenThere + this.overwrittenHere;
  }

  /** Takes a batch in. Throws RangeError where its bytes are not the records it says. */
  append(batch: LogBatch): void {
    const source = new Uint8Array(batch.bytes);
    const view = new DataView(batch.bytes);
    let at = 0;
    for (let i = 0; i < batch.count; i++) {
      const size = at + HEADER_SIZE <= source.length ? sizeAt(view, at) : 0;
      if (size < HEADER_SIZE || size % 8 !== 0 || at + size > source.length) {
        throw new RangeError(`record ${batch.first + i}: ${size} bytes at ${at} of ${source.length}`);
      }
      this.add(source.subarray(at, at + size));
      at += size;
    }
    this.overwrittenThere = batch.overwritten;
  }

  /** Forgets every record. They count neither as kept nor as overwritten. */
  clear(): void {
    this.begin = this.end;
    this.bytes = 0;
    this.firstPage += this.pages.length;
    this.pages = [];
    this.overwrittenHere = 0;
  }

  /** The page that holds the record at a kept position. */
  page(position: number): RecordPage {
    if (position < this.begin || position >= this.end) throw new RangeError(`no record at ${position}`);
    return this.pages[(this.pageOf[position % this.limits.records] as number) - this.firstPage] as RecordPage;
  }

  /** Where in its page a record begins. */
  offset(position: number): number {
    return this.offsetOf[position % this.limits.records] as number;
  }

  /** The number the request has, without decoding the rest. */
  seq(position: number): number {
    return this.page(position).view.getFloat64(this.offset(position) + RecordAt.seq, true);
  }

  /** The record at a kept position, decoded from a copy of its bytes: it stays true when the record is overwritten. */
  record(position: number): LogRecord {
    const { bytes, view } = this.page(position);
    const at = this.offset(position);
    return decode(new DataView(bytes.slice(at, at + sizeAt(view, at)).buffer), 0);
  }

  private add(record: Uint8Array): void {
    const { limits } = this;
    while (this.count > 0 && (this.count >= limits.records || this.bytes + record.length > limits.bytes)) this.evict();
    let page = this.pages.at(-1);
    if (page === undefined || page.used + record.length > page.bytes.length) {
      page = this.newPage(record.length);
      this.pages.push(page);
    }
    page.bytes.set(record, page.used);
    const slot = this.end % limits.records;
    this.pageOf[slot] = this.firstPage + this.pages.length - 1;
    this.offsetOf[slot] = page.used;
    page.used += record.length;
    this.bytes += record.length;
    this.end++;
  }

  private newPage(size: number): RecordPage {
    const { spare } = this;
    if (spare !== undefined && size <= spare.bytes.length) {
      this.spare = undefined;
      spare.used = 0;
      return spare;
    }
    const bytes = new Uint8Array(Math.max(PAGE, size));
    return { bytes, view: new DataView(bytes.buffer), used: 0 };
  }

  private evict(): void {
    this.bytes -= sizeAt(this.page(this.begin).view, this.offset(this.begin));
    this.begin++;
    this.overwrittenHere++;
    const oldest =
      this.count === 0 ? this.firstPage + this.pages.length : this.pageOf[this.begin % this.limits.records];
    while (this.firstPage < (oldest as number)) {
      this.spare = this.pages.shift();
      this.firstPage++;
    }
  }
}
