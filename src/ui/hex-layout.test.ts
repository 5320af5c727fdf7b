import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Field } from '../lab/describe.ts';
import { asciiText, hexLines, hexText, inField } from './hex-layout.ts';

const field = (at: number, length: number, depth: number): Field => ({ name: 'f', value: '', at, length, depth });

describe('hexLines', () => {
  test('cuts runs where the innermost field changes, and at the line', () => {
    const fields = [field(0, 10, 0), field(0, 4, 1), field(4, 6, 1)];
    expect(hexLines(12, 8, fields)).toEqual([
      {
        at: 0,
        runs: [
          { at: 0, length: 4, field: 1 },
          { at: 4, length: 4, field: 2 },
        ],
      },
      {
        at: 8,
        runs: [
          { at: 8, length: 2, field: 2 },
          { at: 10, length: 2, field: undefined },
        ],
      },
    ]);
  });

  test('fields beyond the bytes that were kept', () => {
    expect(hexLines(4, 8, [field(2, 100, 0), field(200, 4, 0)])).toEqual([
      {
        at: 0,
        runs: [
          { at: 0, length: 2, field: undefined },
          { at: 2, length: 2, field: 0 },
        ],
      },
    ]);
  });

  test('no bytes: no lines', () => expect(hexLines(0, 8, [field(0, 4, 0)])).toEqual([]));

  test('runs cover each byte once, in order', () => {
    const small = fc.integer({ min: 0, max: 60 });
    const some = fc.array(fc.tuple(small, small, fc.integer({ min: 0, max: 3 })).map((f) => field(...f)));
    fc.assert(
      fc.property(small, fc.constantFrom(8, 16), some, (length, width, fields) => {
        const runs = hexLines(length, width, fields).flatMap((line) => line.runs);
        let at = 0;
        for (const run of runs) {
          expect(run.at).toBe(at);
          at += run.length;
          if (run.field !== undefined) expect(inField(run, fields[run.field])).toBe(true);
        }
        expect(at).toBe(length);
      }),
    );
  });
});

test('texts of a run', () => {
  const bytes = Uint8Array.of(0, 0x41, 0xff, 0x7e);
  expect([hexText(bytes, 1, 3), asciiText(bytes, 0, 4)]).toEqual(['41 ff 7e', '·A·~']);
});
