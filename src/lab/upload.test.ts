import { describe, expect, test } from 'vitest';
import { PosixError } from '../base/errno.ts';
import { MemoryStore } from '../fs/store/memory-store.ts';
import { checkTree } from '../fs/tree/check-tree.ts';
import type { Inode } from '../fs/tree/inode.ts';
import { Tree } from '../fs/tree/tree.ts';
import type { Progress, Taken, UploadEntry } from './messages.ts';
import { TaskCancelled } from './tasks.ts';
import { findTaken, nameBytes, Upload } from './upload.ts';

const OWNER = { uid: 7, gid: 7 };
const WHEN = 1_600_000_000_123;

const newTree = () => Tree.open(new MemoryStore(), { random: () => 0.5 });
const file = (content: BlobPart, name = 'x') => new File([content], name, { lastModified: WHEN });
const entry = (path: string, content?: BlobPart): UploadEntry => ({
  path: path.split('/'),
  file: content === undefined ? undefined : file(content),
});

async function text(tree: Tree, inode: Inode | undefined): Promise<string> {
  const pieces = await tree.read(inode as Inode, 0, 2 ** 20);
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString();
}

function at(tree: Tree, path: string): Inode | undefined {
  let inode: Inode | undefined = tree.root;
  for (const name of path.split('/')) inode = inode && tree.lookup(inode, nameBytes(name));
  return inode;
}

interface Put {
  taken?: Taken;
  signal?: AbortSignal;
  onReport?: (progress: Progress) => void;
  into?: Inode;
}

const put = (tree: Tree, entries: UploadEntry[], { taken = 'skip', signal, onReport, into }: Put = {}) =>
  new Upload(tree, into ?? tree.root, entries, taken, {
    signal: signal ?? new AbortController().signal,
    report: (progress) => onReport?.(progress),
  }).run(entries);

describe('an upload', () => {
  test('puts folders and files where they belong, whole, with their times', async () => {
    const tree = await newTree();
    const reports: Progress[] = [];
    const entries = [entry('a/b/c', 'deep'), entry('a/empty'), entry('ä', 'top'), entry('zero', '')];
    const result = await put(tree, entries, { onReport: (progress) => reports.push(progress) });
    expect(result).toEqual({
      ...{ files: 3, bytes: 7, placed: ['a/b/c', 'ä', 'zero'], left: [], leftCount: 0, stopped: undefined },
    });
    expect(await text(tree, at(tree, 'a/b/c'))).toBe('deep');
    expect(await text(tree, at(tree, 'ä'))).toBe('top');
    expect(at(tree, 'zero')?.size).toBe(0);
    expect(at(tree, 'a/empty')).toMatchObject({ mode: 0o40755, uid: 0, gid: 0 });
    expect(at(tree, 'ä')).toMatchObject({ mode: 0o100644, uid: 0, gid: 0, mtime: 1_600_000_000, mtimensec: 123e6 });
    expect(reports[0]).toEqual({ done: 0, total: 7, what: 'a/b/c' });
    expect(reports.at(-1)).toMatchObject({ done: 7, total: 7, what: 'zero' });
    expect(checkTree(tree)).toEqual([]);
  });

  test('goes into the directory that was chosen, folders that are there are filled', async () => {
    const tree = await newTree();
    const dir = tree.mkdir(tree.root, 'dir', { mode: 0o700, ...OWNER });
    tree.mkdir(dir, 'a', { mode: 0o711, ...OWNER });
    await put(tree, [entry('a/new', '1')], { into: dir });
    expect(at(tree, 'dir/a')).toMatchObject({ mode: 0o40711, uid: 7 });
    expect(await text(tree, at(tree, 'dir/a/new'))).toBe('1');
  });

  test.each([
    ['skip', 'old', undefined, 2],
    ['replace', 'new', undefined, 1],
    ['keep-both', 'old', 'new', 0],
  ] as const)('where a name is taken: %s', async (taken, kept, second, leftCount) => {
    const tree = await newTree();
    const old = await put(tree, [entry('f.txt', 'old'), entry('d/x', 'inside')]);
    expect(old.files).toBe(2);
    const before = at(tree, 'f.txt') as Inode;
    // Open in the guest: it goes on reading what it has.
    tree.hold(before);
    const result = await put(tree, [entry('f.txt', 'new'), entry('d', 'a file in place of a folder')], { taken });
    expect(result.leftCount).toBe(leftCount);
    expect(await text(tree, at(tree, 'f.txt'))).toBe(kept);
    expect(at(tree, 'f (2).txt') && (await text(tree, at(tree, 'f (2).txt')))).toBe(second);
    expect(await text(tree, before)).toBe('old');
    expect(await text(tree, at(tree, 'd/x'))).toBe('inside');
    tree.drop(before);
    expect(checkTree(tree)).toEqual([]);
  });

  test('a folder whose name a file has: its files are left out with a reason, or it gets a name of its own', async () => {
    const tree = await newTree();
    await put(tree, [entry('name', 'file')]);
    const below = [entry('name/one', '1'), entry('name/two', '2')];
    const skipped = await put(tree, below, { taken: 'replace' });
    expect(skipped.left).toEqual([
      { path: 'name/one', reason: 'a file has the name of the folder' },
      { path: 'name/two', reason: 'its folder was left out: a file has the name of the folder' },
    ]);
    expect(await text(tree, at(tree, 'name'))).toBe('file');
    await put(tree, below, { taken: 'keep-both' });
    expect(await text(tree, at(tree, 'name (2)/two'))).toBe('2');
  });

  test('given up: the file that it was at is not there, those before it are whole', async () => {
    const tree = await newTree();
    const controller = new AbortController();
    const entries = [entry('one', 'first'), entry('two', 'x'.repeat(3_000_000)), entry('three', 'third')];
    const result = await put(tree, entries, {
      signal: controller.signal,
      onReport: ({ what, done }) => {
        if (what === 'two' && done > 5) controller.abort(new TaskCancelled('It was given up.'));
      },
    });
    expect(result).toMatchObject({ files: 1, bytes: 5, placed: ['one'], leftCount: 0, stopped: 'It was given up.' });
    expect([...tree.readdir(tree.root, 0)].map(({ name }) => name)).toEqual(['one']);
    // Nothing of it is kept without a name either.
    expect(tree.counters.inodes).toBe(2);
    expect(checkTree(tree)).toEqual([]);
  });

  test('a file that cannot be read, and a name that is too long, are left out; the others come', async () => {
    const tree = await newTree();
    const broken = file('lost');
    broken.stream = () => new ReadableStream({ pull: (controller) => controller.error(new Error('it changed')) });
    const long = 'n'.repeat(256);
    const result = await put(tree, [
      { path: ['broken'], file: broken },
      entry(long, 'x'),
      entry(`${long}/inside`, 'x'),
      entry('fine', 'y'),
    ]);
    expect(result.left).toEqual([
      { path: 'broken', reason: 'it could not be read: it changed' },
      { path: long, reason: 'the name is longer than 255 bytes' },
      { path: `${long}/inside`, reason: 'the name is longer than 255 bytes' },
    ]);
    expect(result.placed).toEqual(['fine']);
    expect(tree.counters.inodes).toBe(2);
  });

  test('no room: it ends there, and what came before stays', async () => {
    const tree = await newTree();
    const { write } = tree;
    tree.write = (inode, offset, length, source, stamp) => {
      if (inode.ino > 2) throw new PosixError('ENOSPC');
      return write.call(tree, inode, offset, length, source, stamp);
    };
    const result = await put(tree, [entry('one', '1'), entry('two', '2'), entry('three', '3')]);
    expect(result).toMatchObject({ placed: ['one'], leftCount: 1, stopped: 'No room is left.' });
    expect(result.left).toEqual([{ path: 'two', reason: 'no room is left' }]);
  });

  test('a name that the guest takes while the file comes is treated as one that was taken before', async () => {
    for (const taken of ['skip', 'replace', 'keep-both'] as const) {
      const tree = await newTree();
      const result = await put(tree, [entry('name', 'mine')], {
        taken,
        onReport: () => {
          if (!tree.lookup(tree.root, 'name')) tree.mknod(tree.root, 'name', { mode: 0o600, ...OWNER });
        },
      });
      expect(result.leftCount).toBe(taken === 'skip' ? 1 : 0);
      expect(at(tree, 'name')?.size).toBe(taken === 'replace' ? 4 : 0);
      expect(at(tree, 'name (2)')?.size).toBe(taken === 'keep-both' ? 4 : undefined);
    }
  });

  test('a target folder that is removed meanwhile takes nothing, and is kept no longer than that', async () => {
    const tree = await newTree();
    const dir = tree.mkdir(tree.root, 'dir', { mode: 0o755, ...OWNER });
    const result = await put(tree, [entry('one', '1'), entry('two', '2')], {
      into: dir,
      onReport: () => {
        if (tree.lookup(tree.root, 'dir')) tree.rmdir(tree.root, 'dir');
      },
    });
    expect(result).toMatchObject({ files: 0, leftCount: 2 });
    expect(tree.counters.inodes).toBe(1);
  });
});

describe('names that are taken', () => {
  test('are files, and folders where a file is to be; once each', async () => {
    const tree = await newTree();
    await put(tree, [entry('dir/file', '1'), entry('plain', '2')]);
    const paths = ['dir', 'dir/file', 'dir/new', 'plain/below', 'plain/other', 'new'].map((path) => ({
      path: path.split('/'),
      isFolder: path === 'dir',
    }));
    expect(findTaken(tree, tree.root, paths)).toEqual({ names: ['dir/file', 'plain'], count: 2 });
    expect(findTaken(tree, tree.root, [{ path: ['dir'], isFolder: false }]).names).toEqual(['dir']);
    expect(findTaken(tree, tree.root, [{ path: ['x'.repeat(300)], isFolder: false }]).count).toBe(0);
  });
});
