import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isStruct, type Struct, type Type } from '../../base/struct.ts';
import * as abi from './abi.ts';

interface Golden {
  structs: Record<string, { size: number; offsets: Record<string, number> }>;
  constants: Record<string, string>;
}
const golden = JSON.parse(
  readFileSync(new URL('../../../test/golden/fuse_abi.json', import.meta.url), 'utf8'),
) as Golden;

const all = Object.entries(abi as Record<string, unknown>);
const structs = new Map<string, Struct<object>>();
for (const [name, value] of all) {
  if (typeof value === 'function' && isStruct(value as unknown as Type<unknown>)) {
    structs.set(name, value as unknown as Struct<object>);
  }
}

const constants = new Map<string, bigint>();
for (const [name, value] of all) {
  if (typeof value === 'number') constants.set(name, BigInt(value));
  if (typeof value === 'object' && value !== null) {
    for (const [flag, bit] of Object.entries(value as Record<string, number>)) {
      const word = BigInt(bit >>> 0);
      constants.set(flag, name === 'FUSE_INIT_FLAGS2' ? word << 32n : word);
    }
  }
}

describe('the ABI is that of include/uapi/linux/fuse.h 7.41 as gcc lays it out', () => {
  test.each(Object.entries(golden.structs))('struct %s', (name, { size, offsets }) => {
    const type = structs.get(name);
    expect(type?.size).toBe(size);
    expect(Object.fromEntries(type?.fields.map((field) => [field.name, field.offset]) ?? [])).toEqual(offsets);
  });

  test('no struct of our own making', () => {
    expect([...structs.keys()].filter((name) => !(name in golden.structs))).toEqual([]);
  });

  test('every flag and opcode', () => {
    // Made for the kernel or /dev/fuse alone: the unique's resend bit is not negotiated.
    const unused = ['CUSE_UNRESTRICTED_IOCTL', 'FUSE_UNIQUE_RESEND'];
    const wanted = Object.entries(golden.constants).filter(([name]) => !unused.includes(name));
    expect(wanted.filter(([name, value]) => constants.get(name) !== BigInt(value))).toEqual([]);
  });
});
