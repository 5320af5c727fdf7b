import { expect, test, vi } from 'vitest';
import { GuestMemory, inMemory } from './guest-memory.ts';

test('views follow the buffer when it grows and moves', () => {
  const wasm = new WebAssembly.Memory({ initial: 2 });
  const written = vi.fn();
  const memory = new GuestMemory({ buffer: () => wasm.buffer, offset: () => 65536, size: 65536, written });
  memory.view.setUint32(8, 0xdeadbeef, true);
  memory.bytes[12] = 7;
  const old = memory.bytes;
  wasm.grow(1);
  expect(old.length).toBe(0);
  expect(memory.view.getUint32(8, true)).toBe(0xdeadbeef);
  expect(memory.bytes[12]).toBe(7);
  expect(memory.bytes.length).toBe(65536);
  expect(new Uint8Array(wasm.buffer)[65536 + 12]).toBe(7);
  memory.written(3, 5);
  expect(written).toHaveBeenCalledExactlyOnceWith(3, 5);
});

test('ranges are compared without overflow', () => {
  const memory = new GuestMemory({ buffer: () => new ArrayBuffer(4096), offset: () => 0, size: 4096, written() {} });
  expect(inMemory(memory, 0, 4096)).toBe(true);
  expect(inMemory(memory, 4096, 0)).toBe(true);
  expect(inMemory(memory, 1, 4096)).toBe(false);
  expect(inMemory(memory, 2 ** 64 - 4096, 4096)).toBe(false);
  expect(inMemory(memory, 0, 2 ** 32 - 1)).toBe(false);
});
