import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesAsText, forTerminal } from './byte-names.ts';

const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** The inverse: what a reader of the log does. */
function textAsBytes(text: string): string {
  const parts = text.split(/\\x([0-9a-f]{2})/);
  return parts.map((part, i) => (i % 2 ? String.fromCharCode(Number.parseInt(part, 16)) : bytes(part))).join('');
}

describe('names as text', () => {
  it.each([
    ['plain', 'plain'],
    [bytes('Grüße 🙂'), 'Grüße 🙂'],
    ['a\xffb', 'a\\xffb'],
    ['\xc3', '\\xc3'],
    ['\xed\xa0\x80', '\\xed\\xa0\\x80'],
    ['\\', '\\'],
    ['\\xff', '\\x5cxff'],
    [bytes('\ufeffmark'), '\ufeffmark'],
  ])('%j is %j', (name, text) => {
    expect(bytesAsText(name)).toBe(text);
  });

  it('can be turned back whatever the bytes', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 6 }).map((b) => Buffer.from(b).toString('latin1')),
      fc.constantFrom('\\', '\\x', '\\x4', 'x41', 'ü', '\xc3', 'é\xe2\x82'),
      fc.string({ unit: 'grapheme' }).map(bytes),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const name = pieces.join('');
        expect(textAsBytes(bytesAsText(name))).toBe(name);
      }),
    );
  });
});

it('a line for a terminal has nothing that it obeys', () => {
  expect(forTerminal(`${bytesAsText('\x1b]0;\xc3\xa4\x07\xc2\x9b2J\x9b')}\n`)).toBe(
    String.raw`\x1b]0;ä\x07\x9b2J\x9b\x0a`,
  );
});
