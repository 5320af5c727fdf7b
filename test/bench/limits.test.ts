// A limit that is missed is seen, and a figure that is lacking keeps no limit.
import { expect, test } from 'vitest';
import { REFERENCE_MS } from './calibration.ts';
import { judge, LIMITS } from './limits.ts';
import { type Results, WORKLOADS } from './results.ts';

const results = (ours: number, lookup: number, calibration = REFERENCE_MS, transactions = 1): Results => ({
  calibration_ms: calibration,
  guest: WORKLOADS.map(({ name }) => ({ name, ours_ms: ours, v86_9p_ms: 300, tmpfs_ms: 10 })),
  device: [
    { name: 'LOOKUP', us: lookup },
    { name: 'READ 1 MiB', us: 100 },
  ],
  cached: [],
  chromium: [],
  store: [
    { name: 'fsync-transactions', unit: '', value: transactions },
    { name: 'fsync-ratio', unit: '×', value: 2 },
    { name: 'ahead-ratio', unit: '×', value: 2 },
    { name: 'busy-ratio', unit: '×', value: 20 },
  ],
  scale: [{ inodes: 100_000, open_ms: 500, memory_mb: 30 }],
});

test('a run within all limits misses none', () => {
  expect(judge(results(100, 14)).missed).toBe(0);
});

test('each ratio that is too small is missed', () => {
  // 300 / 120 = 2.5: enough for the three that want 1.5, too little for the two that want 3.
  expect(judge(results(120, 14)).missed).toBe(2);
  expect(judge(results(250, 14)).missed).toBe(5);
});

test('times are scaled by the calibration loop, both ways', () => {
  expect(judge(results(100, 20)).missed).toBe(1);
  expect(judge(results(100, 20, REFERENCE_MS * 2)).missed).toBe(0);
  expect(judge(results(100, 14, REFERENCE_MS / 2)).missed).toBe(1);
});

test('ratios and counts are as they are, however fast the machine is', () => {
  expect(judge(results(100, 14, REFERENCE_MS / 2, 1)).missed).toBe(1);
  expect(judge(results(100, 14, REFERENCE_MS * 2, 2)).missed).toBe(1);
});

test('a tree of many inodes that takes too long, or too much, is missed', () => {
  const at = (open_ms: number, memory_mb: number) => ({
    ...results(100, 14),
    scale: [{ inodes: 100_000, open_ms, memory_mb }],
  });
  expect([judge(at(1999, 59)).missed, judge(at(2001, 59)).missed, judge(at(1999, 61)).missed]).toEqual([0, 1, 1]);
});

test('what was not measured is missed', () => {
  expect(
    judge({ calibration_ms: REFERENCE_MS, guest: [], cached: [], device: [], chromium: [], store: [], scale: [] })
      .missed,
  ).toBe(LIMITS.length);
});
