import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { array, bits64, i32, i64, struct, u8, u16, u32, u64 } from './struct.ts';

const inner = struct({ a: u16, b: u16 });
const sample = struct({ big: u64, signed: i64, owner: bits64, word: u32, int: i32, nested: inner, list: array(u8, 4) });

describe('struct', () => {
  test('lays fields out as C does and reads them in place', () => {
    expect(sample.size).toBe(40);
    expect(sample.fields.map((f) => [f.name, f.offset])).toEqual([
      ['big', 0],
      ['signed', 8],
      ['owner', 16],
      ['word', 24],
      ['int', 28],
      ['nested', 32],
      ['list', 36],
    ]);
    const view = new DataView(new ArrayBuffer(44));
    const value = new sample(view, 4);
    value.word = 0xdeadbeef;
    value.nested.b = 0x1234;
    expect(view.getUint32(28, true)).toBe(0xdeadbeef);
    expect(view.getUint16(38, true)).toBe(0x1234);
  });

  test('padding that C would insert has to be declared', () => {
    expect(() => struct({ a: u8, b: u32 })).toThrow('declare the padding');
    expect(() => struct({ a: u32, b: u8 })).toThrow('tail padding');
  });

  test('u64 and i64 keep every safe integer', () => {
    const view = new DataView(new ArrayBuffer(8));
    fc.assert(
      fc.property(fc.maxSafeInteger(), (n) => {
        i64.set(view, 0, n);
        expect(i64.get(view, 0)).toBe(n);
        expect(view.getBigInt64(0, true)).toBe(BigInt(n));
        u64.set(view, 0, Math.abs(n));
        expect(view.getBigUint64(0, true)).toBe(BigInt(Math.abs(n)));
        expect(u64.get(view, 0)).toBe(Math.abs(n));
      }),
    );
  });

  test('what a double cannot hold is refused by the setters and shows as unsafe when read', () => {
    const view = new DataView(new ArrayBuffer(8));
    expect(() => u64.set(view, 0, -1)).toThrow(RangeError);
    expect(() => u64.set(view, 0, 2 ** 53)).toThrow(RangeError);
    expect(() => i64.set(view, 0, 0.5)).toThrow(RangeError);
    bits64.set(view, 0, 0xffff_ffff_ffff_ffffn);
    expect(Number.isSafeInteger(u64.get(view, 0))).toBe(false);
    expect(i64.get(view, 0)).toBe(-1);
  });

  test('set assigns a nested struct field by field', () => {
    const view = new DataView(new ArrayBuffer(40));
    sample.set(view, 0, {
      big: 1,
      signed: -2,
      owner: 3n,
      word: 4,
      int: -5,
      nested: { a: 6, b: 7 },
      list: [8, 9, 10, 11],
    });
    const read = sample.get(view, 0);
    expect([read.big, read.signed, read.owner, read.word, read.int]).toEqual([1, -2, 3n, 4, -5]);
    expect([read.nested.a, read.nested.b, ...read.list]).toEqual([6, 7, 8, 9, 10, 11]);
  });
});
