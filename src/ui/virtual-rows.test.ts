import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { atEnd, MAX_ROW_ELEMENTS, rowsInDocument, rowsPerPage, scrollEnd, scrollToShow } from './virtual-rows.ts';

const viewport = { scrollTop: 0, height: 220, rowHeight: 22, count: 1000 };

describe('rowsInDocument', () => {
  test('at the top, in the middle, at the end', () => {
    expect(rowsInDocument(viewport)).toEqual({ first: 0, last: 19 });
    expect(rowsInDocument({ ...viewport, scrollTop: 2200 })).toEqual({ first: 92, last: 119 });
    expect(rowsInDocument({ ...viewport, scrollTop: 1000 * 22 - 220 }).last).toBe(1000);
  });

  test('none, fewer than fit, and a scroll position that is past the end', () => {
    expect(rowsInDocument({ ...viewport, count: 0 })).toEqual({ first: 0, last: 0 });
    expect(rowsInDocument({ ...viewport, count: 3 })).toEqual({ first: 0, last: 3 });
    const past = rowsInDocument({ ...viewport, count: 5, scrollTop: 99_999 });
    expect(past).toEqual({ first: 0, last: 5 });
  });

  test('holds every row that is seen, and never too many', () => {
    const number = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
    fc.assert(
      fc.property(number(300_000), number(3000), number(7_000_000), (count, height, wanted) => {
        const scrollTop = Math.min(wanted, scrollEnd({ ...viewport, count, height }));
        const { first, last } = rowsInDocument({ scrollTop, height, rowHeight: 22, count });
        expect(last - first).toBeLessThanOrEqual(MAX_ROW_ELEMENTS);
        expect(first).toBeLessThanOrEqual(Math.floor(scrollTop / 22));
        expect(last).toBeGreaterThanOrEqual(Math.min(count, Math.ceil((scrollTop + height) / 22)));
      }),
    );
  });
});

test('rowsPerPage', () => {
  expect([rowsPerPage(220, 22), rowsPerPage(10, 22)]).toEqual([9, 1]);
});

describe('scrollToShow', () => {
  test.each([
    ['above', 3, 220, 66],
    ['below', 20, 0, 242],
    ['seen', 5, 0, 0],
  ])('%s', (_, row, scrollTop, expected) => expect(scrollToShow(row, { ...viewport, scrollTop })).toBe(expected));
});

test('atEnd allows half a row', () => {
  const end = scrollEnd(viewport);
  expect([end, end - 11, end - 12].map((scrollTop) => atEnd({ ...viewport, scrollTop }))).toEqual([true, true, false]);
});
