import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LogStore } from './log-store.ts';
import { batch, record } from './test-records.ts';

const numbered = (from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => record({ seq: from + i, path: `/f${from + i}` }));

describe('LogStore', () => {
  test('keeps records by position, over many batches', () => {
    const store = new LogStore();
    store.append(batch(1, numbered(1, 3)));
    store.append(batch(4, numbered(4, 2)));
    expect(store.count).toBe(5);
    expect([0, 1, 2, 3, 4].map((position) => store.record(position).path)).toEqual(['/f1', '/f2', '/f3', '/f4', '/f5']);
    expect(store.seq(4)).toBe(5);
  });

  test('overwrites the oldest beyond the number of records, and counts them', () => {
    const store = new LogStore({ bytes: 1 << 20, records: 4 });
    store.append(batch(1, numbered(1, 6), 10));
    expect([store.begin, store.end, store.overwritten]).toEqual([2, 6, 12]);
    expect(store.record(2).seq).toBe(3);
    expect(() => store.record(1)).toThrow(RangeError);
  });

  test('overwrites the oldest beyond the bytes', () => {
    const one = record({ path: '/f1' }).length;
    const store = new LogStore({ bytes: one * 3, records: 100 });
    store.append(batch(1, numbered(1, 5)));
    expect([store.count, store.bytes]).toEqual([3, one * 3]);
    expect(store.record(store.begin).seq).toBe(3);
  });

  test('a record larger than a page, and than the limit, is kept alone', () => {
    const store = new LogStore({ bytes: 1024, records: 100 });
    const large = record({ seq: 2, req: new Uint8Array(3 << 20).fill(7) });
    store.append(batch(1, [...numbered(1, 1), large]));
    expect([store.count, store.record(store.begin).req.length]).toEqual([1, 3 << 20]);
    store.append(batch(3, numbered(3, 1)));
    expect([store.count, store.record(store.begin).seq]).toEqual([1, 3]);
  });

  test('clear forgets the records and what was overwritten here; positions go on', () => {
    const store = new LogStore({ bytes: 1 << 20, records: 2 });
    store.append(batch(1, numbered(1, 3)));
    store.clear();
    expect([store.count, store.overwritten, store.begin]).toEqual([0, 0, 3]);
    store.append(batch(4, numbered(4, 1)));
    expect(store.record(3).seq).toBe(4);
  });

  test('a decoded record outlives its place in the store', () => {
    const store = new LogStore({ bytes: 1 << 20, records: 1 });
    store.append(batch(1, numbered(1, 1)));
    const kept = store.record(0);
    for (let i = 2; i < 6000; i++) store.append(batch(i, numbered(i, 1)));
    expect([kept.path, kept.req.length]).toEqual(['/f1', 56]);
  });

  test('refuses bytes that are not the records they are said to be', () => {
    const good = batch(1, numbered(1, 1));
    expect(() => new LogStore().append({ ...good, count: 2 })).toThrow(RangeError);
    new Uint32Array(good.bytes)[0] = 4096;
    expect(() => new LogStore().append(good)).toThrow(RangeError);
  });

  test('what is kept is always the newest that fits, without a gap', () => {
    const sizes = fc.array(fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 8 }), { maxLength: 30 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 20 }), (batches, limit) => {
        const store = new LogStore({ bytes: 1_500_000, records: limit });
        let seq = 0;
        for (const lengths of batches) {
          const records = lengths.map((length) => record({ seq: ++seq, req: new Uint8Array(length) }));
          store.append(batch(seq - records.length + 1, records));
        }
        expect(store.end).toBe(seq);
        expect(store.overwritten).toBe(store.begin);
        expect(store.count).toBeLessThanOrEqual(limit);
        if (store.count > 1) expect(store.bytes).toBeLessThanOrEqual(1_500_000);
        if (seq > 0) expect(store.count).toBeGreaterThan(0);
        for (let position = store.begin; position < store.end; position++)
          expect(store.seq(position)).toBe(position + 1);
      }),
      { numRuns: 50 },
    );
  });
});
