// Runs against a plain set.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Runs } from './runs.ts';

const index = fc.nat(40);

test('a set of indices, whatever is added and removed', () => {
  const step = fc.tuple(fc.boolean(), index, fc.nat(12));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (changes) => {
      const runs = new Runs();
      const set = new Set<number>();
      for (const [add, from, length] of changes) {
        if (add) {
          expect(runs.add(from)).toBe(!set.has(from));
          set.add(from);
        } else {
          let removed = 0;
          for (let i = from; i < from + length; i++) if (set.delete(i)) removed++;
          expect(runs.remove(from, from + length)).toBe(removed);
        }
        expect(runs.count).toBe(set.size);
        const flat = runs.flat();
        expect(flat.every((bound, i) => i === 0 || bound > (flat[i - 1] as number))).toBe(true);
        for (let i = 0; i < 55; i++) {
          expect(runs.has(i)).toBe(set.has(i));
          expect(runs.next(i)).toBe([...set].sort((a, b) => a - b).find((other) => other >= i));
          let gap = i;
          while (set.has(gap)) gap++;
          expect(runs.gap(i)).toBe(gap);
          expect(runs.within(from, i)).toBe([...set].filter((other) => other >= from && other < i).length);
        }
      }
      expect(new Runs([...runs.flat()]).count).toBe(runs.count);
    }),
  );
});

test('a file without holes is one run', () => {
  const runs = new Runs();
  for (let i = 0; i < 1000; i++) runs.add(i);
  expect(runs.flat()).toEqual([0, 1000]);
});
