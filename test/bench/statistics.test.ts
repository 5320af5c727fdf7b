import { expect, test } from 'vitest';
import { figure, median, table } from './statistics.ts';

test('the median is the middle, or between the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 9, 2])).toBe(3);
  expect(() => median([])).toThrow('no values');
});

test('figures have three digits', () => {
  expect([0, 0.01234, 1.2345, 12.345, 123.45, 12345.6].map(figure)).toEqual([
    '0',
    '0.012',
    '1.23',
    '12.3',
    '123',
    '12346',
  ]);
});

test('tables are aligned', () => {
  expect(
    table([
      ['name', 'ms'],
      ['a', '1'],
      ['bcdef', '123'],
    ]),
  ).toBe('name    ms\n-----  ---\na        1\nbcdef  123');
});
