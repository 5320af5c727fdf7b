import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { initFlagsPage } from './init-flags.ts';

it('docs/init-flags.md is up to date (npm run docs)', () => {
  const page = readFileSync(new URL('../../docs/init-flags.md', import.meta.url), 'utf8');
  expect(page).toBe(initFlagsPage());
});
