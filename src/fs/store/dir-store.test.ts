// What is the folder's alone: cut frames, killed processes, the lock, rewriting.
import { spawn } from 'node:child_process';
import {
  closeSync,
  cpSync,
  fstatSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { contentOf } from '../../../test/tree-driver.ts';
import { readerOf } from '../../base/iov.ts';
import { checkTree } from '../tree/check-tree.ts';
import { type Batch, SCHEMA, StoreError } from '../tree/store.ts';
import { Tree } from '../tree/tree.ts';
import { DirStore } from './dir-store.ts';

// The operating system's calls, as they are but for what a test lets fail or looks at.
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return { ...fs, fsyncSync: vi.fn(fs.fsyncSync), openSync: vi.fn(fs.openSync), closeSync: vi.fn(fs.closeSync) };
});
afterEach(() => {
  vi.mocked(fsyncSync).mockReset();
  vi.mocked(openSync).mockReset();
  vi.mocked(closeSync).mockReset();
});

const made: string[] = [];
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'dir-store-'));
  made.push(path);
  return path;
};
afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

const logOf = (path: string): string => join(path, readdirSync(path).find((name) => name.endsWith('.log')) as string);
const bytes = (length: number, value: number) => readerOf(new Uint8Array(length).fill(value));

async function putFile(tree: Tree, name: string, length: number, value: number): Promise<void> {
  const inode = tree.mknod(tree.root, name, { mode: 0o644, uid: 0, gid: 0 });
  await tree.write(inode, 0, length, bytes(length, value));
}

async function namesIn(path: string): Promise<string[]> {
  const tree = await Tree.open(new DirStore(path), { commitInterval: 1e9 });
  expect(checkTree(tree)).toEqual([]);
  const names = [...tree.readdir(tree.root, 0)].map(({ name }) => name);
  for (const { inode } of tree.readdir(tree.root, 0)) await contentOf(tree, inode);
  await tree.close();
  return names;
}

/** A log of five commits with a file each, and where the log ended after each of them. */
async function fiveCommits(): Promise<{ path: string; ends: number[] }> {
  const path = folder();
  const tree = await Tree.open(new DirStore(path), { commitInterval: 1e9 });
  const ends: number[] = [];
  for (let i = 0; i < 5; i++) {
    await putFile(tree, `f${i}`, 3000, i);
    await tree.sync();
    ends.push(statSync(logOf(path)).size);
  }
  await tree.close();
  return { path, ends };
}

test('a log that is cut anywhere opens at the last whole commit', async () => {
  const { path, ends } = await fiveCommits();
  const cuts = fc.integer({ min: 30, max: ends.at(-1) as number });
  await fc.assert(
    fc.asyncProperty(cuts, async (length) => {
      const copy = folder();
      cpSync(path, copy, { recursive: true });
      truncateSync(logOf(copy), length);
      const whole = ends.filter((end) => end <= length).length;
      expect(await namesIn(copy)).toEqual(['f0', 'f1', 'f2', 'f3', 'f4'].slice(0, whole));
    }),
    { numRuns: 40 },
  );
});

test('a last commit whose bytes did not all reach the disk is none', async () => {
  const { path, ends } = await fiveCommits();
  const log = logOf(path);
  const content = readFileSync(log);
  content[(ends[4] as number) - 10] = 255;
  writeFileSync(log, content);
  expect(await namesIn(path)).toEqual(['f0', 'f1', 'f2', 'f3']);
  const tree = await Tree.open(new DirStore(path));
  await putFile(tree, 'next', 10, 1);
  await tree.close();
  expect(await namesIn(path)).toEqual(['f0', 'f1', 'f2', 'f3', 'next']);
});

test('a log that is mostly void is rewritten, and the tree is the same', async () => {
  const path = folder();
  const tree = await Tree.open(new DirStore(path, { garbageLimit: 50_000 }), { commitInterval: 1e9 });
  await putFile(tree, 'stays', 5000, 7);
  for (let i = 0; i < 100; i++) {
    await putFile(tree, 'goes', 5000, i);
    await tree.sync();
    tree.unlink(tree.root, 'goes');
  }
  await tree.close();
  expect(statSync(logOf(path)).size).toBeLessThan(150_000);
  expect(readdirSync(path)).toHaveLength(1);
  expect(await namesIn(path)).toEqual(['stays']);
});

const refusal = (): Error => Object.assign(new Error('EIO, says the test'), { code: 'EIO' });

/** Commits that make so much void that the log is to be rewritten, and a last one. */
async function churn(path: string, rounds: number): Promise<void> {
  const tree = await Tree.open(new DirStore(path, { garbageLimit: 20_000 }), { commitInterval: 1e9 });
  await putFile(tree, 'stays', 5000, 7);
  for (let i = 0; i < rounds; i++) {
    await putFile(tree, 'goes', 5000, i);
    await tree.sync();
    tree.unlink(tree.root, 'goes');
  }
  await putFile(tree, 'last', 10, 1);
  await tree.close();
}

const numbersIn = (path: string): string[] =>
  readdirSync(path)
    .filter((name) => name.startsWith('tree-'))
    .sort();

test('a rewritten log whose name could not be flushed is the log all the same, and flushed with the next commit', async () => {
  const path = folder();
  const isFolder = (fd: number): boolean => fstatSync(fd).isDirectory();
  const real = vi.mocked(fsyncSync).getMockImplementation() as typeof fsyncSync;
  let refused = 0;
  let flushed = 0;
  vi.mocked(fsyncSync).mockImplementation((fd) => {
    const rewritten = isFolder(fd) && readdirSync(path).includes('tree-2.log');
    if (rewritten && refused++ === 0) throw refusal();
    if (rewritten) flushed++;
    real(fd);
  });
  // Too few for a second rewrite.
  await churn(path, 7);
  expect(refused).toBeGreaterThan(0);
  expect(flushed).toBeGreaterThan(0);
  expect(await namesIn(path)).toEqual(['stays', 'last']);
});

test.each(['open', 'write'])('a rewrite that fails at its %s leaves the log as it is', async (what) => {
  const path = folder();
  const open = vi.mocked(openSync).getMockImplementation() as typeof openSync;
  const flush = vi.mocked(fsyncSync).getMockImplementation() as typeof fsyncSync;
  let refused = 0;
  const opened = new Set<number>();
  vi.mocked(openSync).mockImplementation((name, ...rest) => {
    const isNew = String(name).endsWith('.new');
    if (isNew && what === 'open' && refused++ === 0) throw refusal();
    const fd = open(name, ...rest);
    if (isNew) opened.add(fd);
    return fd;
  });
  vi.mocked(fsyncSync).mockImplementation((fd) => {
    if (opened.has(fd) && what === 'write' && refused++ === 0) throw refusal();
    flush(fd);
  });
  await churn(path, 10);
  expect(refused).toBeGreaterThan(0);
  expect(numbersIn(path)).toHaveLength(1);
  expect(await namesIn(path)).toEqual(['stays', 'last']);
});

test('an old log that cannot be closed harms nothing', async () => {
  const path = folder();
  const close = vi.mocked(closeSync).getMockImplementation() as typeof closeSync;
  let refused = 0;
  vi.mocked(closeSync).mockImplementation((fd) => {
    const isLog = fstatSync(fd).isFile();
    close(fd);
    if (isLog && readdirSync(path).includes('tree-2.log') && refused++ === 0) throw refusal();
  });
  await churn(path, 10);
  expect(refused).toBeGreaterThan(0);
  expect(await namesIn(path)).toEqual(['stays', 'last']);
});

test('the names of a new log and of new folders are flushed', async () => {
  const top = folder();
  const real = vi.mocked(fsyncSync).getMockImplementation() as typeof fsyncSync;
  const flushed = new Set<number>();
  vi.mocked(fsyncSync).mockImplementation((fd) => {
    flushed.add(fstatSync(fd).ino);
    real(fd);
  });
  const path = join(top, 'a', 'b');
  const tree = await Tree.open(new DirStore(path));
  await tree.close();
  for (const each of [top, join(top, 'a'), path]) expect(flushed).toContain(statSync(each).ino);
  expect(flushed).not.toContain(statSync(tmpdir()).ino);
});

test('damage before the last commit is told, and nothing is cut off', async () => {
  const { path, ends } = await fiveCommits();
  const log = logOf(path);
  const whole = readFileSync(log);
  // In the header and in the index of the third commit; in the header of the first.
  for (const at of [(ends[1] as number) + 2, (ends[1] as number) + 60, 30]) {
    const content = Uint8Array.from(whole);
    content[at] = (content[at] as number) ^ 255;
    writeFileSync(log, content);
    await expect(Tree.open(new DirStore(path))).rejects.toMatchObject({ code: 'damaged' });
    expect(statSync(log).size).toBe(whole.length);
  }
  writeFileSync(log, whole);
  expect(await namesIn(path)).toHaveLength(5);
});

test('of commits that nobody waited for a crash may leave any: what is whole before the first gap counts', async () => {
  const path = folder();
  const superblock = { schema: SCHEMA, chunkSize: 4096, pageSize: 32, generation: 1, commit: 0, operation: 0 };
  const store = new DirStore(path);
  await store.open();
  const ends: number[] = [];
  for (let commit = 1; commit <= 4; commit++) {
    const batch: Batch = { superblock: { ...superblock, commit }, puts: [], removals: [], drops: [], chunks: [] };
    await store.commit(batch, commit === 4 ? 'strict' : 'relaxed');
    ends.push(statSync(logOf(path)).size);
  }
  await store.close();
  const content = readFileSync(logOf(path));
  content[(ends[0] as number) + 2] = 0;
  writeFileSync(logOf(path), content);
  const again = new DirStore(path);
  expect((await again.open()).superblock?.commit).toBe(1);
  await again.close();
});

test('a second store is told who has the folder; a lock that a dead process left is taken over', async () => {
  const path = folder();
  const tree = await Tree.open(new DirStore(path));
  const error = await Tree.open(new DirStore(path)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toMatchObject({ code: 'locked', message: expect.stringContaining(String(process.pid)) });
  await tree.close();
  writeFileSync(join(path, 'lock'), JSON.stringify({ pid: process.pid, started: 'another time' }));
  expect(await namesIn(path)).toEqual([]);
});

test('a folder that is no tree of this version is left alone', async () => {
  const path = folder();
  writeFileSync(join(path, 'tree-1.log'), 'something else, longer than the first line of a log');
  await expect(Tree.open(new DirStore(path))).rejects.toMatchObject({ code: 'newer' });
  expect(readFileSync(join(path, 'tree-1.log'), 'utf8')).toContain('something else');
});

test.each([3, 17, 41])('a process killed after %i syncs has lost nothing that was synced', async (count) => {
  const path = folder();
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/dir-store-writer.ts', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  let last = -1;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    if (last === count) child.kill('SIGKILL');
  }
  await closed;
  const tree = await Tree.open(new DirStore(path), { commitInterval: 1e9 });
  expect(checkTree(tree)).toEqual([]);
  for (let i = Math.max(0, last - 18); i <= last; i++) {
    const inode = tree.lookup(tree.root, `f${i}`);
    if (!inode) throw new Error(`f${i} of ${last} is lost`);
    const content = await contentOf(tree, inode);
    expect(content).toEqual(new Uint8Array(20_000 + i).fill(i));
  }
  await tree.close();
});
