// The small parts of the format: numbers, times, records, maps, names of attributes.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { stringToBytes } from '../../base/iov.ts';
import { decodeHeader, encodeHeader, numberOf } from './header.ts';
import { decodeFlags, encodeFlags } from './inode-flags.ts';
import { decodeCount, decodePax, decodeTime, encodePax, encodeTime, type PaxRecord, xattrKey, xattrOf } from './pax.ts';
import { encodeMap, mapSize, whyNotSparse } from './sparse-map.ts';

const byteString = (options?: fc.IntArrayConstraints | object): fc.Arbitrary<string> =>
  fc.uint8Array(options).map((bytes) => String.fromCharCode(...bytes));

describe('numbers of a header', () => {
  it.each([
    ['0000644\0', 0o644],
    ['   644 \0', 0o644],
    ['777777777777', 0o777777777777],
    ['\0\0\0\0\0\0\0\0', 0],
    ['        ', 0],
    ['0000648\0', undefined],
    ['-0000644', undefined],
    ['1e3\0\0\0\0\0', undefined],
    ['\x80\0\0\0\0\0\x01\0', 256],
    ['\xff\xff\xff\xff\xff\xff\xff\xff', -1],
    ['\xff\xff\xff\xff\xff\xfe\xae\x80', -86_400],
    ['\x80\0\0\0\0\x20\0\0\0\0\0\0', undefined],
    ['\x80\0\0\0\0\x1f\xff\xff\xff\xff\xff\xff', Number.MAX_SAFE_INTEGER],
  ])('%j', (text, value) => {
    expect(numberOf(stringToBytes(text))).toBe(value);
  });
});

test('a header comes back, and with one byte changed it does not', () => {
  const header = {
    name: 'n'.repeat(100),
    mode: 0o7777,
    uid: 0o7777777,
    gid: 1,
    size: 0o77777777777,
    mtime: 5,
    typeflag: '3',
    linkname: '\xff'.repeat(100),
    devmajor: 4095,
    devminor: 1_048_575,
  };
  const block = encodeHeader(header);
  expect(decodeHeader(block)).toEqual(header);
  for (const at of [0, 99, 156, 157, 511]) {
    const changed = block.slice();
    changed[at] = (changed[at] as number) ^ 1;
    expect(decodeHeader(changed)).toBeUndefined();
  }
  // As SunOS 4 summed: bytes as signed numbers.
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte > 127 ? byte - 256 : byte), 0);
  const signed = block.slice();
  signed.set(stringToBytes(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  expect(decodeHeader(signed)).toEqual(header);
});

describe('records', () => {
  test('of any bytes come back', () => {
    const key = byteString({ minLength: 1, maxLength: 20 }).filter((text) => !text.includes('='));
    const value = byteString({ maxLength: 1200 });
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value) as fc.Arbitrary<PaxRecord>, { maxLength: 5 }), (records) => {
        expect(decodePax(stringToBytes(encodePax(records)))).toEqual(records);
      }),
    );
  });

  test('have a length that counts itself, where it gets a digit more too', () => {
    for (let length = 0; length < 1100; length++) {
      const text = encodePax([['k', 'x'.repeat(length)]]);
      expect(Number(text.split(' ')[0])).toBe(text.length);
    }
  });

  it.each([
    '12',
    'x path=a\n',
    '8 path=a\n',
    '11 path=a\n',
    '010 path=a\n',
    '7 path\n\n',
    '6 =aa\n',
    '10 path=aX',
    '-1 a=b\n',
  ])('makes no sense: %j', (text) => {
    expect(decodePax(stringToBytes(text))).toBeUndefined();
  });

  test('whatever the bytes, reading them ends', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodePax(bytes)));
  });
});

describe('times', () => {
  test('to the nanosecond come back', () => {
    const time = fc.record({
      s: fc.maxSafeInteger(),
      ns: fc.integer({ min: 0, max: 999_999_999 }),
    });
    fc.assert(fc.property(time, (value) => void expect(decodeTime(encodeTime(value))).toEqual(value)));
  });

  it.each([
    ['1', { s: 1, ns: 0 }],
    ['1.5', { s: 1, ns: 500_000_000 }],
    ['1.', { s: 1, ns: 0 }],
    ['-1.5', { s: -2, ns: 500_000_000 }],
    ['-0.0000000001', { s: -1, ns: 999_999_999 }],
    ['0.9999999999', { s: 0, ns: 999_999_999 }],
    ['-0', { s: 0, ns: 0 }],
    ['', undefined],
    ['NaN', undefined],
    ['1e9', undefined],
    ['1,5', undefined],
    ['+1', undefined],
    ['9007199254740991', { s: Number.MAX_SAFE_INTEGER, ns: 0 }],
    ['-9007199254740991', { s: Number.MIN_SAFE_INTEGER, ns: 0 }],
    ['-9007199254740991.5', undefined],
    ['9'.repeat(16), undefined],
    ['1'.repeat(17), undefined],
  ])('%j', (text, value) => {
    expect(decodeTime(text)).toEqual(value);
  });
});

test('counts are whole numbers that are not negative', () => {
  expect(['0', '12', '-1', '1.5', '', ' 1', '0x10', '9007199254740992'].map(decodeCount)).toEqual([
    ...[0, 12],
    ...Array.from({ length: 6 }, () => undefined),
  ]);
});

test('xattr names come back from their keys, which have no equals sign', () => {
  fc.assert(
    fc.property(byteString({ minLength: 1, maxLength: 40 }), (name) => {
      const key = xattrKey(name);
      expect(key).not.toContain('=');
      expect(xattrOf(key)).toBe(name);
    }),
  );
  expect(xattrOf('SCHILY.acl.access')).toBeUndefined();
});

test('attributes come back from their names, in the words of libarchive and others', () => {
  for (let flags = 0; flags < 0x100; flags += 0x10)
    expect(decodeFlags(encodeFlags(flags))).toEqual({ flags, unknown: [] });
  expect(encodeFlags(0x30)).toBe('sappnd,schg');
  expect(decodeFlags('simmutable,append,opaque')).toEqual({ flags: 0x30, unknown: ['opaque'] });
});

test('a map has the size that is told before it is made', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2 ** 40), { maxLength: 200 }), (numbers) => {
      const map = [...numbers, ...numbers];
      expect(encodeMap(map).length).toBe(mapSize(map));
      expect(mapSize(map) % 512).toBe(0);
    }),
  );
});

test('a map is one of parts in order, within the file, as long as what is stored', () => {
  expect(whyNotSparse({ map: [0, 4, 8, 0], size: 8 }, 4)).toBeUndefined();
  expect(whyNotSparse({ map: [], size: 8 }, 0)).toBeUndefined();
  expect(whyNotSparse({ map: [4, 4, 0, 4], size: 8 }, 8)).toMatch(/out of order/);
  expect(whyNotSparse({ map: [0, 4, 8], size: 8 }, 4)).toMatch(/incomplete/);
  expect(whyNotSparse({ map: [0, Number.MAX_SAFE_INTEGER], size: 8 }, 8)).toMatch(/behind its end/);
});
