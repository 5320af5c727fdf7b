import { describe, expect, test } from 'vitest';
import { chosenFiles, droppedEntries, hasFiles } from './dropped.ts';

const fileEntry = (name: string, content = '') => ({
  name,
  isFile: true,
  isDirectory: false,
  file: (resolve: (file: File) => void) => resolve(new File([content], name)),
});

/** Gives its names in parts, as browsers do. */
const folderEntry = (name: string, names: object[]) => ({
  name,
  isFile: false,
  isDirectory: true,
  createReader: () => {
    const left = [...names];
    return { readEntries: (resolve: (entries: object[]) => void) => resolve(left.splice(0, 2)) };
  },
});

const transfer = (items: object[]) => ({ items, files: [], types: ['Files'] }) as unknown as DataTransfer;
const item = (entry: object | null, file: File | null = null) => ({
  kind: 'file',
  webkitGetAsEntry: () => entry,
  getAsFile: () => file,
});

async function shown(given: DataTransfer): Promise<string[]> {
  const entries = await droppedEntries(given);
  return Promise.all(entries.map(async ({ path, file }) => `${path.join('/')} ${file ? await file.text() : 'folder'}`));
}

describe('what was dropped', () => {
  test('folders come before what is in them, empty ones too', async () => {
    const folder = folderEntry('top', [
      fileEntry('a', '1'),
      fileEntry('b', '2'),
      folderEntry('inner', [fileEntry('c', '3')]),
      folderEntry('empty', []),
    ]);
    expect(await shown(transfer([item(fileEntry('plain', '0')), item(folder)]))).toEqual([
      'plain 0',
      'top folder',
      'top/a 1',
      'top/b 2',
      'top/inner folder',
      'top/inner/c 3',
      'top/empty folder',
    ]);
  });

  test('is taken before the event is over: later there is nothing to be had', async () => {
    const items = [item(fileEntry('a', '1'))];
    const entries = droppedEntries(transfer(items));
    items.length = 0;
    expect(await entries).toHaveLength(1);
  });

  test('files without an entry, and text that is none', async () => {
    const items = [item(null, new File(['1'], 'a')), { kind: 'string', getAsFile: () => null }];
    expect(await shown(transfer(items))).toEqual(['a 1']);
  });

  test('what cannot be read rejects', async () => {
    const broken = {
      ...fileEntry('a'),
      file: (_: unknown, reject: (error: DOMException) => void) => reject(new DOMException('no', 'NotFoundError')),
    };
    await expect(droppedEntries(transfer([item(broken)]))).rejects.toThrow('no');
  });

  test('are files or not', () => {
    expect(hasFiles(transfer([]))).toBe(true);
    expect(hasFiles({ types: ['text/plain'] } as unknown as DataTransfer)).toBe(false);
    expect(hasFiles(null)).toBe(false);
  });
});

test('files of a chosen folder have its name before theirs', () => {
  const file = (name: string, webkitRelativePath: string) => Object.assign(new File([], name), { webkitRelativePath });
  expect(chosenFiles([file('a', ''), file('b', 'top/in/b')]).map(({ path }) => path)).toEqual([
    ['a'],
    ['top', 'in', 'b'],
  ]);
});
