// Assertions that work in any JavaScript: the conformance suite of stores runs in a browser too.
import { StoreError, type StoreErrorCode } from '../src/fs/tree/store.ts';

/** A value as text; bytes by all their values, and undefined as itself. */
function textOf(value: unknown): string {
  const text = JSON.stringify(value, (_, item: unknown) => {
    if (ArrayBuffer.isView(item)) return `bytes ${Array.from(item as Uint8Array).join(' ')}`;
    return item === undefined ? 'undefined' : item;
  });
  return text ?? 'undefined';
}

function sameBytes(a: unknown, b: unknown): boolean {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.length !== b.length) return false;
  return a.every((byte, i) => byte === b[i]);
}

/** Throws where two values are not the same. Objects are, whatever the order of their properties. */
export function equal(value: unknown, expected: unknown, what: string): void {
  if (sameBytes(value, expected)) return;
  const sorted = (item: unknown): unknown =>
    item !== null && typeof item === 'object' && Object.getPrototypeOf(item) === Object.prototype
      ? Object.fromEntries(
          Object.entries(item)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, inner]) => [key, sorted(inner)]),
        )
      : item;
  const [a, b] = [textOf(sorted(value)), textOf(sorted(expected))];
  if (a !== b) throw new Error(`${what}: found ${a.slice(0, 400)}, expected ${b.slice(0, 400)}`);
}

export function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Records in an order that says nothing of where they come from. */
export const found = (records: readonly Uint8Array[]): string => records.map(textOf).sort().join('\n');

/** Throws unless the work ends with a StoreError of the code. */
export async function fails(work: () => Promise<unknown>, code: StoreErrorCode): Promise<void> {
  let value: unknown;
  try {
    value = await work();
  } catch (error) {
    if (error instanceof StoreError && error.code === code) return;
    throw new Error(`expected StoreError ${code}, found ${String(error)}`, { cause: error });
  }
  throw new Error(`expected StoreError ${code}, found ${textOf(value)}`);
}
