// GNU tar reads what we write, and we read what GNU tar writes, in each of its formats.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { archiveOf, listing, newTree, treeOf } from '../../../test/archives.ts';
import { readerOf, stringToBytes } from '../../base/iov.ts';
import { checkTree } from '../tree/check-tree.ts';
import type { Inode } from '../tree/inode.ts';
import { deviceNumber } from '../tree/mode.ts';
import type { Tree } from '../tree/tree.ts';

const asRoot = process.getuid?.() === 0;
const owner = asRoot ? { uid: 1234, gid: 567 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
let folder: string;

/** Runs GNU tar; its output. Fails the test where it ends with another status than 0. */
function tar(...words: string[]): { stdout: string; stderr: string } {
  const { status, stdout, stderr, error } = spawnSync('tar', words, {
    encoding: 'latin1',
    cwd: folder,
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
  });
  if (error) throw error;
  expect(
    stderr.split('\n').filter((line) => line !== '' && !/^tar: Ignoring unknown extended header/.test(line)),
  ).toEqual([]);
  expect(status).toBe(0);
  return { stdout, stderr };
}

beforeAll(() => {
  const { stdout } = spawnSync('tar', ['--version'], { encoding: 'utf8' });
  if (!stdout?.includes('GNU tar')) throw new Error('These tests need GNU tar in PATH (Debian: apt-get install tar).');
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiofs-lab-tar-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A tree of everything that this user may make on a disk. */
async function everything(): Promise<Tree> {
  const tree = await newTree();
  const at = (s: number, ns = 0): { s: number; ns: number } => ({ s, ns });
  const file = async (dir: Inode, name: string, content: string, mode = 0o100644): Promise<Inode> => {
    const inode = tree.mknod(dir, name, { mode, ...owner });
    if (content !== '') await tree.write(inode, 0, content.length, readerOf(stringToBytes(content)));
    tree.setattr(inode, { mtime: at(1_700_000_000, 123_456_789), atime: at(1_600_000_000, 987_654_321) });
    return inode;
  };
  const dir = tree.mkdir(tree.root, 'dir', { mode: 0o750, ...owner });
  const first = await file(dir, 'first', 'hard');
  tree.link(first, tree.root, 'second');
  await file(dir, 'n'.repeat(255), 'long name');
  let deep = dir;
  for (let i = 0; i < 4; i++) deep = tree.mkdir(deep, `${'d'.repeat(200)}${i}`, { mode: 0o755, ...owner });
  await file(deep, 'leaf', 'deep');
  tree.symlink(dir, 'to', '../nowhere', owner);
  tree.symlink(dir, 'far', `${'x/'.repeat(200)}y`, owner);
  await file(tree.root, '\xff\xfe not text', 'bytes');
  await file(tree.root, `\xff${'z'.repeat(150)}`, 'long bytes');
  await file(tree.root, 'gr\xc3\xbc\xc3\x9fe', 'text');
  await file(tree.root, 'set', '', 0o104755);
  await file(tree.root, 'empty', '');
  const sparse = await file(tree.root, 'sparse', 'begin');
  await tree.write(sparse, 40 * tree.chunkSize + 17, 6, readerOf(stringToBytes('middle')));
  tree.setattr(sparse, { size: 100 * tree.chunkSize + 1, mtime: at(1, 5) });
  const xattrs = await file(tree.root, 'xattrs', 'x');
  tree.setxattr(xattrs, 'user.bytes', Uint8Array.of(0, 1, 255, 10, 61), 0);
  tree.setxattr(xattrs, 'user.a=b%', stringToBytes('odd'), 0);
  tree.mknod(tree.root, 'fifo', { mode: 0o010640, ...owner });
  if (asRoot) {
    tree.mknod(tree.root, 'whiteout', { mode: 0o020000, ...owner });
    tree.mknod(tree.root, 'block', { mode: 0o060660, ...owner, rdev: deviceNumber(7, 300) });
  }
  tree.setattr(tree.root, { mode: 0o755, ...owner, mtime: at(3) });
  for (const directory of [deep, dir]) tree.setattr(directory, { mtime: at(1_500_000_000, 5) });
  return tree;
}

describe('GNU tar with what we write', () => {
  let tree: Tree;
  beforeEach(async () => {
    tree = await everything();
    writeFileSync(join(folder, 'lab.tar'), await archiveOf(tree));
  });

  it('lists it in our order', () => {
    const names = tar('-t', '--quoting-style=literal', '-f', 'lab.tar').stdout.split('\n').slice(0, -1);
    expect(names).toContain('./dir/first');
    expect(names).toContain('./\xff\xfe not text');
    expect(names).toContain(`./\xff${'z'.repeat(150)}`);
    expect(names).toContain('./gr\xc3\xbc\xc3\x9fe');
    expect(names.slice(0, 3)).toEqual(['./', './dir/', './dir/first']);
    const first = tree.root.directory?.after(0).next().value?.name;
    expect(first).toBe('dir');
  });

  it('tells owners as numbers, modes, times, devices, links and xattrs', () => {
    const lines = tar('-tvv', '--xattrs', '--numeric-owner', '--full-time', '-f', 'lab.tar').stdout;
    const ids = `${owner.uid}/${owner.gid}`;
    expect(lines).toMatch(new RegExp(`-rw-r--r-- +${ids} +4 2023-11-14 22:13:20.123456789 ./dir/first`));
    expect(lines).toMatch(/h\S+ .* \.\/second link to \.\/dir\/first/);
    expect(lines).toMatch(/l\S+ .* \.\/dir\/to -> \.\.\/nowhere/);
    expect(lines).toMatch(/-rwsr-xr-x /);
    expect(lines).toMatch(/p\S+ .*\.\/fifo/);
    expect(lines).toMatch(new RegExp(`${100 * tree.chunkSize + 1} 1970-01-01 00:00:01.000000005 ./sparse`));
    expect(lines).toMatch(/-rw-r--r--\* .* \.\/xattrs\n *x: 5 user\.bytes\n *x: 3 user\.a=b%/);
    if (asRoot) expect(lines).toMatch(/b\S+ +\S+ +7,300 .* \.\/block/);
    if (asRoot) expect(lines).toMatch(/c--------- +\S+ +0,0 .* \.\/whiteout/);
  });

  it('extracts it, finds no difference, and what it archives again is the same tree to us', async () => {
    mkdirSync(join(folder, 'out'));
    tar('-xp', '--xattrs', '--xattrs-include=*', '--numeric-owner', '-f', 'lab.tar', '-C', 'out');
    expect(tar('--compare', '--numeric-owner', '-f', 'lab.tar', '-C', 'out').stdout).toBe('');
    const out = join(folder, 'out');
    expect(readFileSync(join(out, 'dir/first'), 'latin1')).toBe('hard');
    expect(statSync(join(out, 'second')).ino).toBe(statSync(join(out, 'dir/first')).ino);
    expect(lstatSync(join(out, 'dir/first'), { bigint: true }).mtimeNs).toBe(1_700_000_000_123_456_789n);
    expect(lstatSync(join(out, 'dir'), { bigint: true }).mtimeNs).toBe(1_500_000_000_000_000_005n);
    expect(statSync(join(out, 'set')).mode & 0o7777).toBe(0o4755);
    expect(statSync(join(out, 'sparse')).blocks * 512).toBeLessThan(10 * tree.chunkSize);
    expect(readlinkSync(join(out, 'dir/far'))).toBe(`${'x/'.repeat(200)}y`);

    tar(
      '-c',
      '--format=pax',
      '--sort=none',
      '--xattrs',
      '--xattrs-include=*',
      '--sparse',
      '-f',
      'again.tar',
      '-C',
      'out',
      '.',
    );
    const { tree: again, report } = await treeOf(readFileSync(join(folder, 'again.tar')));
    expect(report.left).toEqual([]);
    const mine = await listing(tree);
    expect(await listing(again)).toEqual(mine);
    const xattrs = again.lookup(again.root, 'xattrs') as Inode;
    expect([...(xattrs.xattrs as Map<string, Uint8Array>)].sort()).toEqual(
      [...((tree.lookup(tree.root, 'xattrs') as Inode).xattrs as Map<string, Uint8Array>)].sort(),
    );
    for (const inode of tree.inodes()) {
      let same = again.root;
      for (const name of (tree.path(inode) as string).split('/').filter(Boolean))
        same = again.lookup(same, name) as Inode;
      const { mode, uid, gid, size, mtime, mtimensec, rdev, nlink } = inode;
      expect(same, tree.path(inode)).toMatchObject({ mode, uid, gid, size, mtime, mtimensec, rdev, nlink });
    }
    expect((again.lookup(again.root, 'sparse') as Inode).blocks * 512).toBeLessThanOrEqual(10 * again.chunkSize);
  });

  it('takes a socket and attributes that it does not know for an empty file, without failing', async () => {
    const own = await newTree();
    own.mknod(own.root, 'socket', { mode: 0o140755, ...owner });
    own.setFlags(own.mknod(own.root, 'protected', { mode: 0o100600, ...owner }), 0x10);
    writeFileSync(join(folder, 'own.tar'), await archiveOf(own));
    mkdirSync(join(folder, 'out'));
    const { stderr } = tar('-xp', '-f', 'own.tar', '-C', 'out');
    expect(stderr).toMatch(/SCHILY\.filetype/);
    expect(lstatSync(join(folder, 'out/socket')).isFile()).toBe(true);
    expect(lstatSync(join(folder, 'out/protected')).isFile()).toBe(true);
  });
});

describe('what GNU tar writes', () => {
  /** Files of the host with everything that a format can tell. */
  function make(): string {
    const base = join(folder, 'in');
    mkdirSync(join(base, 'dir'), { recursive: true });
    writeFileSync(join(base, 'dir/file'), 'content');
    chmodSync(join(base, 'dir/file'), 0o4750);
    linkSync(join(base, 'dir/file'), join(base, 'link'));
    symlinkSync('dir/file', join(base, 'symlink'));
    lutimesSync(join(base, 'dir/file'), 1000, 2000);
    return base;
  }

  function makeLong(base: string): void {
    mkdirSync(join(base, 'p'.repeat(120), 'q'.repeat(120)), { recursive: true });
    writeFileSync(join(base, 'p'.repeat(120), 'q'.repeat(120), 'r'.repeat(120)), 'long');
    symlinkSync('t'.repeat(300), join(base, 'long-target'));
  }

  function makeSparse(base: string, parts: number): void {
    const fd = openSync(join(base, 'sparse'), 'w');
    for (let i = 0; i < parts; i++) writeSync(fd, Buffer.alloc(4096, 65 + (i % 26)), 0, 4096, i * 131_072 + 65_536);
    ftruncateSync(fd, parts * 131_072 + 70_000);
    closeSync(fd);
  }

  const plain = {
    dir: 'directory',
    'dir/file': 'content',
    link: 'content',
    symlink: '-> dir/file',
  };

  it.each(['v7', 'ustar', 'gnu', 'oldgnu', 'pax'])('--format=%s', async (format) => {
    make();
    tar('-c', `--format=${format}`, '--sort=name', '-f', 'a.tar', '-C', 'in', '.');
    const { tree, report } = await treeOf(readFileSync(join(folder, 'a.tar')));
    expect(report.left).toEqual([]);
    expect(await listing(tree)).toEqual(plain);
    const file = tree.lookup(tree.root, 'link') as Inode;
    expect(file).toMatchObject({ nlink: 2, mtime: 2000, mode: 0o104750, uid: process.getuid?.() });
    expect(checkTree(tree)).toEqual([]);
  });

  it.each(['gnu', 'oldgnu', 'pax'])('--format=%s with long names and targets', async (format) => {
    const base = make();
    makeLong(base);
    tar('-c', `--format=${format}`, '--sort=name', '-f', 'a.tar', '-C', 'in', '.');
    const { tree, report } = await treeOf(readFileSync(join(folder, 'a.tar')));
    expect(report.left).toEqual([]);
    const [p, q, r] = ['p'.repeat(120), 'q'.repeat(120), 'r'.repeat(120)];
    expect(await listing(tree)).toEqual({
      ...plain,
      'long-target': `-> ${'t'.repeat(300)}`,
      [p]: 'directory',
      [`${p}/${q}`]: 'directory',
      [`${p}/${q}/${r}`]: 'long',
    });
  });

  it.each([
    ['gnu', []],
    ['pax', ['--sparse-version=0.0']],
    ['pax', ['--sparse-version=0.1']],
    ['pax', ['--sparse-version=1.0']],
  ])('--sparse --format=%s %j, of few parts and of many', async (format, more) => {
    for (const parts of [3, 60]) {
      const base = make();
      makeSparse(base, parts);
      tar('-c', '--sparse', `--format=${format}`, ...more, '-f', 'a.tar', '-C', 'in', '.');
      const bytes = readFileSync(join(folder, 'a.tar'));
      expect(bytes.length).toBeLessThan(parts * 8192 + 40_960);
      const { tree, report } = await treeOf(bytes);
      expect(report.left).toEqual([]);
      const content = (await listing(tree)).sparse as string;
      expect(content === readFileSync(join(base, 'sparse'), 'latin1')).toBe(true);
      expect((tree.lookup(tree.root, 'sparse') as Inode).blocks * 512).toBeLessThanOrEqual(parts * tree.chunkSize * 2);
      rmSync(base, { recursive: true });
    }
  });

  it('numbers in base 256: times before 1970', async () => {
    const base = make();
    spawnSync('touch', ['-d', '@-86400', join(base, 'dir/file')]);
    tar('-c', '--format=gnu', '-f', 'a.tar', '-C', 'in', '.');
    const { tree } = await treeOf(readFileSync(join(folder, 'a.tar')));
    expect(tree.lookup(tree.root, 'link')).toMatchObject({ mtime: -86_400 });
  });

  it('gzipped, and without an entry for the root', async () => {
    make();
    tar('-cz', '-f', 'a.tar.gz', '-C', 'in', 'dir', 'link', 'symlink');
    const { tree, report } = await treeOf(readFileSync(join(folder, 'a.tar.gz')), { pieceSize: 7 });
    expect(report.left).toEqual([]);
    expect(await listing(tree)).toEqual(plain);
  });

  it('appended to: the later file counts', async () => {
    const base = make();
    tar('-c', '--format=pax', '-f', 'a.tar', '-C', 'in', '.');
    writeFileSync(join(base, 'dir/file'), 'newer');
    tar('-r', '--format=pax', '-f', 'a.tar', '-C', 'in', './dir/file');
    const { tree } = await treeOf(readFileSync(join(folder, 'a.tar')));
    expect(await listing(tree)).toMatchObject({ 'dir/file': 'newer' });
  });

  it('with a global header', async () => {
    make();
    tar('-c', '--format=pax', '--pax-option=globexthdr.name=g,comment=hello,mtime=77', '-f', 'a.tar', '-C', 'in', '.');
    const { tree, report } = await treeOf(readFileSync(join(folder, 'a.tar')));
    expect(report.left).toEqual([]);
    expect(await listing(tree)).toEqual(plain);
    expect(tree.lookup(tree.root, 'link')).toMatchObject({ mtime: 77 });
  });
});
