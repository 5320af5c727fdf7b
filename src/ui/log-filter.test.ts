import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileFilter } from './log-filter.ts';
import { LogStore } from './log-store.ts';
import { batch, record } from './test-records.ts';

const LOOKUP = 1;
const GETATTR = 3;

function passes(filter: string, parts: Parameters<typeof record>[0]): boolean {
  const store = new LogStore();
  store.append(batch(1, [record(), record(parts)]));
  const compiled = compileFilter(filter);
  return compiled === undefined || compiled.matches(store.page(1), store.offset(1));
}

describe('compileFilter', () => {
  test.each([
    ['opcode', 'look', { opcode: LOOKUP }, true],
    ['opcode in capitals', 'LOOKUP', { opcode: LOOKUP }, true],
    ['another opcode', 'lookup', { opcode: GETATTR }, false],
    ['opcode without an entry', '4095', { opcode: 4095 }, true],
    ['path', 'etc/pass', { path: '/etc/passwd' }, true],
    ['path, whatever the case', 'MAKEFILE', { path: '/src/Makefile' }, true],
    ['path beyond ASCII', 'été', { path: '/\xc3\xa9t\xc3\xa9' }, true],
    ['no path', 'etc', { path: undefined }, false],
    ['error', 'enoent', { error: -2 }, true],
    ['no error', 'enoent', { error: 0 }, false],
    ['no reply', 'enoent', { error: undefined }, false],
    ['error without a name', '250', { error: -250 }, true],
    ['all words', 'lookup  enoent /x', { opcode: LOOKUP, error: -2, path: '/x' }, true],
    ['one word missing', 'lookup enoent /y', { opcode: LOOKUP, error: -2, path: '/x' }, false],
    ['the end of the path', 'xyz', { path: '/a/xyz' }, true],
    ['beyond the end of the path', 'xyz', { path: '/a/xy' }, false],
  ])('%s', (_, filter, parts, expected) => expect(passes(filter, parts)).toBe(expected));

  test('no words: no filter', () => expect(compileFilter('  ')).toBeUndefined());

  test('finds in a path what String.includes finds', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '/', '.'), maxLength: 12 });
    fc.assert(
      fc.property(text, text, (path, word) => {
        fc.pre(word !== '');
        expect(passes(word, { path, opcode: 4095 })).toBe(path.toLowerCase().includes(word.toLowerCase()));
      }),
    );
  });
});
