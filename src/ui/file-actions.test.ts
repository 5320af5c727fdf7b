import { describe, expect, test } from 'vitest';
import type { FileRow, UploadResult } from '../lab/messages.ts';
import { guestPath, nameProblem, targetOf, uploadOutcome } from './file-actions.ts';

const row = (part: Partial<FileRow>): FileRow => ({
  ...{ parent: 1, cookie: 3, name: 'a', folder: '/', above: { parent: 0, cookie: 0 }, level: 2, position: 1, of: 1 },
  ...{
    ino: 2,
    nodeid: 2,
    mode: 0o100644,
    uid: 0,
    gid: 0,
    size: 0,
    blocks: 0,
    nlink: 1,
    rdev: 0,
    mtime: 0,
    mtimensec: 0,
  },
  ...{ target: '', entries: 0, expanded: false },
  ...part,
});

const result = (part: Partial<UploadResult>): UploadResult => ({
  ...{ files: 0, bytes: 0, placed: [], left: [], leftCount: 0, stopped: undefined },
  ...part,
});

describe('where something is', () => {
  test('paths are those of the guest', () => {
    expect(guestPath(row({ parent: 0, name: '', folder: '' }))).toBe('/mnt/lab');
    expect(guestPath(row({}))).toBe('/mnt/lab/a');
    expect(guestPath(row({ folder: '/gr\xc3\xb6\xc3\x9fe', name: 'bad\xff' }))).toBe('/mnt/lab/größe/bad\\xff');
  });

  test('what is put at a folder goes into it, at a file beside it', () => {
    expect(targetOf(undefined)).toEqual({ ino: 1, path: '/mnt/lab' });
    expect(targetOf(row({ mode: 0o040755, ino: 7 }))).toEqual({ ino: 7, path: '/mnt/lab/a' });
    expect(targetOf(row({ parent: 5, folder: '/x/y' }))).toEqual({ ino: 5, path: '/mnt/lab/x/y' });
    expect(targetOf(row({}))).toEqual({ ino: 1, path: '/mnt/lab' });
  });
});

test.each([
  ['', 'A name is needed.'],
  ['..', 'This name has a meaning of its own.'],
  ['a/b', 'A name has no slash.'],
  ['ä'.repeat(128), 'A name has at most 255 bytes.'],
  ['ä'.repeat(127), undefined],
  ['...', undefined],
])('as a name %j: %s', (text, problem) => expect(nameProblem(text)).toBe(problem));

describe('what became of an upload', () => {
  test('all of it', () => {
    expect(uploadOutcome(result({ files: 3, bytes: 2048 }), 3, '/mnt/lab')).toEqual({
      kind: 'info',
      text: '3 files (2.00 KiB) put into /mnt/lab.',
      details: [],
    });
  });

  test('some left out, with reasons', () => {
    const left = [{ path: 'a', reason: 'the name is taken' }];
    expect(uploadOutcome(result({ files: 1, bytes: 1, left, leftCount: 1200 }), 1201, '/mnt/lab')).toEqual({
      kind: 'warning',
      text: '1 file (1 B) put into /mnt/lab, 1,200 left out.',
      details: ['a: the name is taken', 'and 1,199 more'],
    });
  });

  test('given up: which files are there, whole', () => {
    const given = result({ files: 2, bytes: 10, placed: ['a', 'b/c'], stopped: 'It was given up.' });
    expect(uploadOutcome(given, 5, '/mnt/lab')).toEqual({
      kind: 'warning',
      text: 'It was given up. 2 files (10 B) put into /mnt/lab, whole; 3 did not come.',
      details: ['a: there, whole', 'b/c: there, whole'],
    });
    expect(uploadOutcome(result({ stopped: 'It was given up.' }), 1, '/mnt/lab').text).toBe(
      'It was given up. No file put into /mnt/lab; 1 did not come.',
    );
  });

  test('all there, and not stored', () => {
    const given = result({ files: 1, bytes: 1, stopped: 'It is in the tree and not stored yet: no room is left.' });
    expect(uploadOutcome(given, 1, '/mnt/lab').text).toBe(
      '1 file (1 B) put into /mnt/lab. It is in the tree and not stored yet: no room is left.',
    );
  });
});
