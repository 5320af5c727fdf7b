// What the rows of the log say, made when a row is first shown and kept while it is likely to be shown again.
import { row } from '../lab/describe.ts';
import { RecordFlag } from '../lab/record.ts';
import { showName } from './format.ts';
import type { LogStore } from './log-store.ts';
import { type OpClass, opClass } from './op-class.ts';

export interface RowText {
  readonly seq: number;
  readonly pid: number;
  /** When it was taken, ms since the time origin. */
  readonly time: number;
  readonly op: string;
  readonly opClass: OpClass;
  readonly path: string;
  readonly what: string;
  readonly result: string;
  /** ms. */
  readonly duration: number | undefined;
  /** error: an errno; wrong: a broken rule, the guest's or ours. */
  readonly state: 'ok' | 'error' | 'wrong';
}

const KEPT = 1024;

export class RowTexts {
  private readonly store: LogStore;
  private readonly kept = new Map<number, RowText>();

  constructor(store: LogStore) {
    this.store = store;
  }

  /** The texts of the record at a kept position. */
  get(position: number): RowText {
    const known = this.kept.get(position);
    if (known !== undefined) return known;
    const made = this.make(position);
    this.kept.set(position, made);
    if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value as number);
    return made;
  }

  clear(): void {
    this.kept.clear();
  }

  private make(position: number): RowText {
    const record = this.store.record(position);
    const { number, time, op, path, what, result, duration } = row(record);
    const wrong = (record.flags & (RecordFlag.VIOLATION | RecordFlag.BUG)) !== 0;
    const failed = record.error !== undefined && record.error !== 0;
    return {
      seq: number,
      pid: record.pid,
      time,
      op,
      opClass: opClass(op),
      path: showName(path),
      what,
      result,
      duration,
      state: wrong ? 'wrong' : failed ? 'error' : 'ok',
    };
  }
}
