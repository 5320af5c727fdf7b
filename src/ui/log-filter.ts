// The text filter of the log: words, all of which have to be found in opcode, path or error. Works on record bytes.
import { errnoName, opcodeName } from '../lab/describe.ts';
import { pathAt, RecordAt, RecordFlag } from '../lab/record.ts';
import type { RecordPage } from './log-store.ts';

export interface Filter {
  readonly text: string;
  /** Whether the record that begins at `at` passes. */
  matches(page: RecordPage, at: number): boolean;
}

/** Upper-case ASCII to lower case, any other byte as it is. */
const LOWER = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/** One word, with the opcodes and errors already judged: there are few of them. */
class Word {
  private readonly text: string;
  private readonly bytes: Uint8Array;
  private readonly opcodes = new Map<number, boolean>();
  private readonly errors = new Map<number, boolean>();

  constructor(text: string) {
    this.text = text.toLowerCase();
    this.bytes = new TextEncoder().encode(text).map((byte) => LOWER[byte] as number);
  }

  found(page: RecordPage, at: number): boolean {
    const { view } = page;
    if (this.judged(this.opcodes, view.getUint32(at + RecordAt.opcode, true), opcodeName)) return true;
    const error = view.getInt32(at + RecordAt.error, true);
    if (error !== 0 && this.judged(this.errors, -error, errnoName)) return true;
    if (!(view.getUint32(at + RecordAt.flags, true) & RecordFlag.HAS_PATH)) return false;
    const from =
      at + pathAt(view.getUint32(at + RecordAt.reqLength, true), view.getUint32(at + RecordAt.resLength, true));
    return this.inBytes(page.bytes, from, from + view.getUint32(at + RecordAt.pathLength, true));
  }

  private judged(known: Map<number, boolean>, value: number, nameOf: (value: number) => string): boolean {
    const verdict = known.get(value) ?? nameOf(value).toLowerCase().includes(this.text);
    known.set(value, verdict);
    return verdict;
  }

  private inBytes(bytes: Uint8Array, from: number, end: number): boolean {
    const wanted = this.bytes;
    const last = end - wanted.length;
    for (let start = from; start <= last; start++) {
      let i = 0;
      while (i < wanted.length && LOWER[bytes[start + i] as number] === wanted[i]) i++;
      if (i === wanted.length) return true;
    }
    return false;
  }
}

/** The filter that a text stands for; undefined for one without words, which everything passes. */
export function compileFilter(text: string): Filter | undefined {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return undefined;
  const compiled = words.map((word) => new Word(word));
  return { text: words.join(' '), matches: (page, at) => compiled.every((word) => word.found(page, at)) };
}
