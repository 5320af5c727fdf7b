// When the node packages count as installed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packagesMatch } from './packages.mjs';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'packages-'));
  mkdirSync(join(root, 'node_modules'));
});
afterEach(() => rmSync(root, { recursive: true }));

const locked = {
  '': { version: '0.1.0' },
  'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/b-for-another-system': { version: '1.0.0', integrity: 'sha512-b', optional: true },
};
const a = { 'node_modules/a': locked['node_modules/a'] };

function given(present: object | undefined) {
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: locked }));
  if (present) writeFileSync(join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages: present }));
  return packagesMatch(root);
}

test('what the lock names is there', () => {
  expect(given(a)).toBe(true);
});

test.each([
  ['nothing is installed, or it was cut off', undefined],
  ['a package is missing', {}],
  ['a package has another version', { 'node_modules/a': { version: '1.0.1', integrity: 'sha512-a' } }],
  ['a package has other bytes', { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-x' } }],
  ['a package is there that the lock does not name', { ...a, 'node_modules/c': { version: '1.0.0' } }],
])('%s: not installed', (_, present) => {
  expect(given(present)).toBe(false);
});
