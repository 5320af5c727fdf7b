import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Register, RegisterFile, type Width } from './register-file.ts';

/** Registers that are memory, with the model of what they hold as bytes. */
function memoryRegisters(sizes: readonly Width[]) {
  let offset = 0;
  const registers: Register[] = [];
  const log: string[] = [];
  for (const size of sizes) {
    let value = 0;
    const name = `r${offset}`;
    registers.push({
      name,
      offset,
      size,
      read: () => {
        log.push(`read ${name}`);
        return value;
      },
      write: (written) => {
        value = written;
        log.push(`write ${name}`);
      },
    });
    offset += size;
  }
  return { file: new RegisterFile(registers), length: offset, log };
}

test('accesses of any width at any place behave as memory does', () => {
  const access = fc.record({
    offset: fc.nat(40),
    width: fc.constantFrom<Width>(1, 2, 4),
    value: fc.option(fc.nat(0xffffffff), { nil: undefined }),
  });
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom<Width>(1, 2, 4), { minLength: 1, maxLength: 12 }),
      fc.array(access),
      (sizes, accesses) => {
        const { file, length } = memoryRegisters(sizes);
        const model = new Uint8Array(64);
        for (const { offset, width, value } of accesses) {
          if (value === undefined) {
            const bytes = model.subarray(offset, offset + width);
            expect(file.read(offset, width)).toBe(bytes.reduceRight((sum, byte) => sum * 256 + byte, 0));
          } else {
            file.write(offset, width, value);
            for (let i = 0; i < width && offset + i < length; i++) model[offset + i] = value >>> (8 * i);
          }
        }
      },
    ),
  );
});

test('a register that is read by a wide access is read once', () => {
  const { file, log } = memoryRegisters([1, 1, 2]);
  file.read(0, 4);
  expect(log).toEqual(['read r0', 'read r1', 'read r2']);
  log.length = 0;
  file.write(0, 4, 0);
  expect(log).toEqual(['write r0', 'write r1', 'write r2']);
});

test('registers that overlap are a mistake', () => {
  const register = (offset: number) => ({ name: 'a', offset, size: 4 as const, read: () => 0 });
  expect(() => new RegisterFile([register(0), register(2)])).toThrow('two registers');
});
