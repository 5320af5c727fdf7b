// Lines of a hex dump, cut where fields begin and end, so that a field can be marked as a whole. Pure.
import type { Field } from '../lab/describe.ts';

/** Bytes of one line that belong to one field. */
export interface Run {
  readonly at: number;
  readonly length: number;
  /** Index of the innermost field that has them; undefined where none does. */
  readonly field: number | undefined;
}

export interface HexLine {
  readonly at: number;
  readonly runs: readonly Run[];
}

/** For each byte the index of the innermost field: the deepest, of equals the shortest. */
function owners(fields: readonly Field[], length: number): Int32Array {
  const owner = new Int32Array(length).fill(-1);
  const order = fields.map((_, index) => index).filter((index) => (fields[index] as Field).length > 0);
  order.sort((a, b) => {
    const [x, y] = [fields[a] as Field, fields[b] as Field];
    return x.depth - y.depth || y.length - x.length;
  });
  for (const index of order) {
    const { at, length: size } = fields[index] as Field;
    owner.fill(index, Math.max(0, at), Math.min(length, at + size));
  }
  return owner;
}

/** Cuts `length` bytes into lines of `width`, and those into runs. */
export function hexLines(length: number, width: number, fields: readonly Field[]): HexLine[] {
  const owner = owners(fields, length);
  const lines: HexLine[] = [];
  for (let start = 0; start < length; start += width) {
    const end = Math.min(length, start + width);
    const runs: Run[] = [];
    for (let at = start; at < end; ) {
      const field = owner[at] as number;
      let next = at + 1;
      while (next < end && owner[next] === field) next++;
      runs.push({ at, length: next - at, field: field < 0 ? undefined : field });
      at = next;
    }
    lines.push({ at: start, runs });
  }
  return lines;
}

/** Whether a run lies within a field's bytes. */
export const inField = (run: Run, field: Field | undefined): boolean =>
  field !== undefined && field.length > 0 && run.at >= field.at && run.at + run.length <= field.at + field.length;

const pad2 = (byte: number): string => byte.toString(16).padStart(2, '0');

/** `0a 1b`, without a space at the end. */
export const hexText = (bytes: Uint8Array, at: number, length: number): string =>
  Array.from(bytes.subarray(at, at + length), pad2).join(' ');

/** Printable ASCII as it is, a dot for any other byte. */
export const asciiText = (bytes: Uint8Array, at: number, length: number): string =>
  Array.from(bytes.subarray(at, at + length), (byte) =>
    byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·',
  ).join('');

/** The offset that stands before a line. */
export const offsetText = (at: number): string => at.toString(16).padStart(4, '0');
