// npm run check-tree on folders and archives: what it prints, and the status it ends with.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT } from '../../scripts/process.mjs';
import { readerOf } from '../../src/base/iov.ts';
import { DirStore } from '../../src/fs/store/dir-store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { tamper } from '../stored-damage.ts';
import { type Outcome, run } from './run.ts';

const CHUNK = 4096;
let scratch: string;
let folder: string;

const checkTree = (...options: string[]): Promise<Outcome> => run(options);

/** Runs the command as npm does. */
async function command(...options: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [join(ROOT, 'scripts', 'check-tree.mjs'), ...options]);
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
  });
  const [status] = (await once(child, 'close')) as [number];
  return { status, ...said };
}

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'check-tree-'));
  folder = join(scratch, 'store');
  const tree = await Tree.open(new DirStore(folder), { chunkSize: CHUNK });
  // "ä", as bytes.
  const file = tree.mknod(tree.root, '\xc3\xa4', { mode: 0o644, uid: 0, gid: 0 });
  await tree.write(file, 0, 3 * CHUNK, readerOf(new Uint8Array(3 * CHUNK).fill(1)));
  await tree.close();
});

afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** Everything in the folder. */
const bytes = (): string[] =>
  readdirSync(folder).map((name) => `${name} ${readFileSync(join(folder, name)).toString('base64')}`);

test('a sound tree is clean: 0', async () => {
  const before = bytes();
  expect(await command('--store', folder)).toEqual({ status: 0, stdout: `${folder}: clean\n`, stderr: '' });
  expect(bytes()).toEqual(before);
});

test('a damaged one has findings: 1, unchanged, and none after the repair', async () => {
  await tamper(new DirStore(folder), (raw) => raw.chunks.get(2)?.delete(1));
  const before = bytes();
  const finding = '  chunk-missing: inode 2, /ä: content is lost: bytes 4096 to 8192 (repair: it reads as zeros)\n';
  const checked = await command('--store', folder);
  expect(checked).toEqual({ status: 1, stdout: `${folder}: 1 finding\n${finding}`, stderr: '' });
  expect(bytes()).toEqual(before);
  const repaired = await checkTree('--store', folder, '--repair');
  expect(repaired).toEqual({ status: 1, stdout: `${folder}: 1 finding, repaired\n${finding}`, stderr: '' });
  expect(await checkTree('--store', folder)).toMatchObject({ status: 0 });
});

test('what a commit that was cut short left behind is no damage, and stays until the tree is opened', async () => {
  const [log = ''] = readdirSync(folder);
  writeFileSync(join(folder, log), Buffer.concat([readFileSync(join(folder, log)), Buffer.alloc(100, 7)]));
  const before = bytes();
  expect(await checkTree('--store', folder)).toMatchObject({ status: 0 });
  expect(bytes()).toEqual(before);
});

test('what cannot be looked at: 2', async () => {
  const missing = await command('--store', join(scratch, 'none'));
  expect(missing).toMatchObject({ status: 2, stdout: expect.stringContaining('There is no tree in') });
  expect(readdirSync(scratch)).toEqual(['store']);
  const held = await Tree.open(new DirStore(folder));
  expect(await checkTree('--store', folder)).toMatchObject({
    status: 2,
    stdout: expect.stringContaining(`in use by process ${process.pid}`),
  });
  await held.close();
  await tamper(new DirStore(folder), (raw) => {
    raw.superblock.schema = 99;
  });
  expect(await checkTree('--store', folder)).toMatchObject({
    status: 2,
    stdout: expect.stringContaining('has format 99'),
  });
  expect(await checkTree('--profile', scratch)).toMatchObject({
    status: 2,
    stdout: expect.stringContaining('no folder of a Chromium profile'),
  });
});

test('a command line that makes no sense: 2', async () => {
  for (const options of [
    [],
    ['--store', 'a', 'b.tar'],
    ['--repair', 'a.tar'],
    ['--tree', 'a', '--store', 'b'],
    ['--x'],
  ]) {
    expect(await checkTree(...options)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('usage:'),
    });
  }
  expect(await checkTree('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('usage:') });
});

/** A header and its content, padded to blocks. */
function entry(name: string, type: string, content = '', link = ''): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 'latin1');
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(link, 157, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

test('an archive: what an import would leave out', async () => {
  const file = join(scratch, 'a.tar');
  writeFileSync(file, Buffer.concat([entry('a', '0', 'hello'), entry('b', '1', '', 'a'), Buffer.alloc(1024)]));
  expect(await checkTree(file)).toEqual({ status: 0, stdout: `${file}: clean\n`, stderr: '' });
  writeFileSync(file, Buffer.concat([entry('../out', '0', 'x'), entry('b', '1', '', '../a'), Buffer.alloc(1024)]));
  const hostile = await checkTree(file);
  expect(hostile).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(/: 2 findings\n {2}\.\.\/out: .*\n {2}b: .*\n$/),
  });
  writeFileSync(file, entry('a', '0', 'hello').subarray(0, 515));
  expect(await checkTree(file)).toMatchObject({ status: 1, stdout: expect.stringContaining('the archive: ') });
  writeFileSync(file, 'no archive, but long enough for one'.repeat(50));
  expect(await checkTree(file)).toMatchObject({ status: 2 });
  expect(await checkTree(join(scratch, 'none.tar'))).toMatchObject({ status: 2 });
});
