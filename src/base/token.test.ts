import { afterEach, expect, test, vi } from 'vitest';
import { randomToken } from './token.ts';

afterEach(() => vi.unstubAllGlobals());

test('tokens differ, also where a page that came over plain HTTP has no randomUUID', () => {
  const { crypto } = globalThis;
  vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes) });
  const tokens = Array.from({ length: 1000 }, randomToken);
  expect(new Set(tokens).size).toBe(1000);
  for (const token of tokens) expect(token).toMatch(/^[0-9a-f]{32}$/);
});
