import { describe, expect, test } from 'vitest';
import {
  clockStep,
  formatBytes,
  formatClock,
  formatDate,
  formatDevice,
  formatDuration,
  formatMode,
  showName,
  textOf,
} from './format.ts';

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

test.each([
  [0o100644, '-rw-r--r--'],
  [0o040755, 'drwxr-xr-x'],
  [0o120777, 'lrwxrwxrwx'],
  [0o060660, 'brw-rw----'],
  [0o020600, 'crw-------'],
  [0o010600, 'prw-------'],
  [0o140700, 'srwx------'],
  [0o104755, '-rwsr-xr-x'],
  [0o102644, '-rw-r-Sr--'],
  [0o041777, 'drwxrwxrwt'],
  [0o041776, 'drwxrwxrwT'],
])('mode %o', (mode, text) => expect(formatMode(mode)).toBe(text));

test('a date is local time; one that no calendar has is its number', () => {
  const seconds = new Date(2026, 10, 1, 5, 7, 59).getTime() / 1000;
  expect(formatDate(seconds)).toBe('2026-11-01 05:07');
  expect(formatDate(1e15)).toBe('@1000000000000000');
});

test.each([
  [0x0801, '8:1'],
  [0x100 * 259 + 5 + 0x10000000, '259:65541'],
])('device %i', (rdev, text) => expect(formatDevice(rdev)).toBe(text));

test('a name is text where its bytes are UTF-8 without control characters', () => {
  expect(textOf('gr\xc3\xb6\xc3\x9fe')).toBe('größe');
  expect(textOf('bad\xff')).toBeUndefined();
  expect(textOf('a\nb')).toBeUndefined();
});
