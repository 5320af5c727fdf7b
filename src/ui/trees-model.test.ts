import { expect, test } from 'vitest';
import { archiveName, findingText, importOutcome, treeNameOf, treeNameProblem } from './trees-model.ts';

test.each([
  ['notes.tar', 'notes'],
  ['notes-2026.tar.gz', 'notes-2026'],
  ['my notes (2).TGZ', 'my-notes-2'],
  ['größe.tar', 'gr-e'],
  ['???.tar', 'imported'],
  [`${'x'.repeat(80)}.tar`, 'x'.repeat(64)],
])('a tree of %s is called %s', (file, name) => {
  expect(treeNameOf(file)).toBe(name);
  expect(treeNameProblem(name, [])).toBeUndefined();
});

test('a name that is taken, or that no tree can have', () => {
  const trees = [{ name: 'default', open: true, locked: true }];
  expect(treeNameProblem('default', trees)).toBe('There is a tree of this name.');
  expect(treeNameProblem('default', [])).toBeUndefined();
  for (const name of ['', 'a/b', 'a b', 'x'.repeat(65)]) {
    expect(treeNameProblem(name, trees)).toBe('1 to 64 letters, digits, dots, dashes.');
  }
});

test('an archive has the day in its name', () => {
  expect(archiveName('default', new Date(2026, 0, 5))).toBe('default-2026-01-05.tar');
});

test('a finding says where, what, and what a repair does', () => {
  const finding = { code: 'chunk-missing', text: 'Bytes are missing.', repair: 'they are zero then.' } as const;
  expect(findingText(finding)).toBe('Bytes are missing. Repair: they are zero then.');
  expect(findingText({ ...finding, ino: 7 })).toBe('inode 7: Bytes are missing. Repair: they are zero then.');
  expect(findingText({ ...finding, ino: 7, path: '/bad\xff' })).toBe(
    '/bad\\xff (inode 7): Bytes are missing. Repair: they are zero then.',
  );
});

test('what an import left out is told', () => {
  const left = [
    { path: '../../etc/passwd', reason: 'it leads out of the tree' },
    { path: '', reason: 'it ends early' },
  ];
  expect(importOutcome('new', { entries: 1, bytes: 5, left: [], leftCount: 0 })).toEqual({
    kind: 'info',
    text: '1 entry (5 B) put into the tree new.',
    details: [],
  });
  expect(importOutcome('new', { entries: 2, bytes: 5, left, leftCount: 5 })).toEqual({
    kind: 'warning',
    text: '2 entries (5 B) put into the tree new; 5 left out, all or in part.',
    details: ['../../etc/passwd: it leads out of the tree', 'The archive: it ends early', 'and 3 more'],
  });
});
