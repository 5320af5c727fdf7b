import { describe, expect, test } from 'vitest';
import { clockStep, formatBytes, formatClock, formatDuration, showName } from './format.ts';

describe('formatBytes', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.50 KiB'],
    [10 * 1024, '10.0 KiB'],
    [640 * 1024 * 1024, '640 MiB'],
    [3 * 1024 ** 5, '3072 TiB'],
  ])('%d', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe('formatDuration', () => {
  test.each([
    [undefined, '–'],
    [0, '0 µs'],
    [0.0424, '42 µs'],
    [0.9994, '999 µs'],
    [0.9996, '1.00 ms'],
    [9.996, '10.0 ms'],
    [99.96, '100 ms'],
    [999.6, '1.00 s'],
  ])('%s ms', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

test('a span below the step of its clock', () => {
  expect([formatDuration(0, 0.1), formatDuration(0.1, 0.1), formatDuration(0, 1)]).toEqual([
    '<100 µs',
    '100 µs',
    '<1.00 ms',
  ]);
});

test('clockStep finds the step of a coarse clock', () => {
  let calls = 0;
  expect(clockStep(() => Math.floor(calls++ / 7) * 5)).toBe(5);
});

test('formatClock gives the local time of day to the millisecond', () => {
  expect(formatClock(new Date(2026, 0, 2, 3, 4, 5, 6).getTime())).toBe('03:04:05.006');
});

describe('showName', () => {
  test.each([
    ['plain', 'plain'],
    ['\xc3\xa9t\xc3\xa9', 'été'],
    ['\xff', '\\xff'],
    ['a\nb', 'a\\x0ab'],
    ['a\\b', 'a\\\\b'],
  ])('%j', (name, text) => expect(showName(name)).toBe(text));
});
