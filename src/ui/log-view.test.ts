import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileFilter } from './log-filter.ts';
import { LogStore } from './log-store.ts';
import { LogView } from './log-view.ts';
import { batch, record } from './test-records.ts';

const never = (): boolean => false;
const paths = (store: LogStore, view: LogView): (string | undefined)[] =>
  Array.from({ length: view.length }, (_, row) => store.record(view.position(row)).path);

function setUp(records = 100): { store: LogStore; view: LogView; add: (...names: string[]) => void } {
  const store = new LogStore({ bytes: 1 << 24, records });
  const view = new LogView(store);
  const add = (...names: string[]): void =>
    store.append(
      batch(
        1,
        names.map((path) => record({ path, opcode: 4095 })),
      ),
    );
  return { store, view, add };
}

describe('LogView', () => {
  test('without a filter every record is a row', () => {
    const { store, view, add } = setUp();
    add('/a', '/b');
    expect(paths(store, view)).toEqual(['/a', '/b']);
    expect(view.row(1)).toBe(1);
  });

  test('with a filter its matches are, and new ones follow', () => {
    const { store, view, add } = setUp();
    add('/a1', '/b1', '/a2');
    view.setFilter(compileFilter('a'));
    view.advance(never);
    add('/b2', '/a3');
    expect(view.unscanned).toBe(2);
    view.advance(never);
    expect(paths(store, view)).toEqual(['/a1', '/a2', '/a3']);
    expect([view.total, view.row(1), view.row(2)]).toEqual([5, 1, 1]);
  });

  test('looks at records in slices', () => {
    const { view, add } = setUp(10_000);
    add(...Array.from({ length: 5000 }, (_, i) => `/${i % 2 ? 'a' : 'b'}`));
    view.setFilter(compileFilter('a'));
    expect(view.advance(() => true)).toBe(false);
    expect(view.unscanned).toBe(5000 - 256);
    let slices = 1;
    while (!view.advance(() => true)) slices++;
    expect([view.length, slices]).toEqual([2500, 19]);
  });

  test('a pause holds the end, also for a new filter; resuming shows what came', () => {
    const { store, view, add } = setUp();
    add('/a1');
    view.pause();
    add('/a2', '/a3');
    expect([view.length, view.heldBack, view.paused]).toEqual([1, 2, true]);
    view.setFilter(compileFilter('a'));
    view.advance(never);
    expect(paths(store, view)).toEqual(['/a1']);
    view.resume();
    view.advance(never);
    expect([view.length, view.heldBack]).toEqual([3, 0]);
  });

  test('what is overwritten during a pause leaves the rows', () => {
    const { store, view, add } = setUp(3);
    add('/a1', '/a2', '/a3');
    view.pause();
    add('/a4', '/a5');
    expect(paths(store, view)).toEqual(['/a3']);
    add('/a6', '/a7');
    expect([view.length, view.heldBack]).toEqual([0, 3]);
  });

  test('clearing leaves no row, paused or not', () => {
    const { store, view, add } = setUp();
    view.setFilter(compileFilter('a'));
    add('/a1');
    view.advance(never);
    store.clear();
    view.cleared();
    expect([view.length, view.total]).toEqual([0, 0]);
    add('/a2');
    view.advance(never);
    expect(paths(store, view)).toEqual(['/a2']);
  });

  test('rows are what filtering all kept records gives, whatever the order of events', () => {
    const step = fc.oneof(
      fc.record({ add: fc.array(fc.constantFrom('/a', '/b', '/ab', '/c'), { minLength: 1, maxLength: 9 }) }),
      fc.record({ filter: fc.constantFrom('', 'a', 'b', 'a b') }),
      fc.record({ advance: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { store, view, add } = setUp(12);
        let words: string[] = [];
        for (const now of steps) {
          if ('add' in now) add(...now.add);
          if ('filter' in now) {
            words = now.filter.split(' ').filter(Boolean);
            view.setFilter(compileFilter(now.filter));
          }
          if ('advance' in now) view.advance(() => now.advance);
        }
        view.advance(never);
        const kept = Array.from({ length: store.count }, (_, i) => store.record(store.begin + i).path as string);
        expect(paths(store, view)).toEqual(kept.filter((path) => words.every((word) => path.includes(word))));
      }),
    );
  });
});
