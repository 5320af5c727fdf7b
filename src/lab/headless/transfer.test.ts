// Trees from folders and archives of the host's disk, and back; nothing half where it fails.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archive, archiveOf, listing, newTree } from '../../../test/archives.ts';
import { readerOf, stringToBytes } from '../../base/iov.ts';
import type { Inode } from '../../fs/tree/inode.ts';
import type { Tree } from '../../fs/tree/tree.ts';
import { loadArchive, saveArchive } from './archive-files.ts';
import { LoadError, loadFolder } from './load-folder.ts';
import { SaveError, saveFolder } from './save-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiofs-lab-transfer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

const me = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const other = me.uid === 0 ? { uid: 1234, gid: 567 } : me;

async function sample(): Promise<Tree> {
  const tree = await newTree();
  tree.setattr(tree.root, { ...me, mode: 0o750 });
  const dir = tree.mkdir(tree.root, 'dir', { mode: 0o700, ...me });
  const file = tree.mknod(dir, 'file', { mode: 0o104751, ...other });
  await tree.write(file, 0, 7, readerOf(stringToBytes('content')));
  tree.link(file, tree.root, 'same');
  tree.symlink(tree.root, 'to', 'dir/\xff', me);
  tree.mknod(tree.root, '\xfe name', { mode: 0o100600, ...me });
  const sparse = tree.mknod(tree.root, 'sparse', { mode: 0o100644, ...me });
  await tree.write(sparse, 50 * tree.chunkSize, 3, readerOf(stringToBytes('end')));
  tree.setattr(sparse, { size: 80 * tree.chunkSize });
  for (const inode of tree.inodes()) {
    tree.restore(inode, { mtime: { s: inode.directory ? -86_400 : 1_600_000_000, ns: 250_000_000 } });
  }
  return tree;
}

describe('an archive on disk', () => {
  it.each(['a.tar', 'a.tar.gz', 'a.tgz'])('%s has all of the tree', async (name) => {
    const tree = await sample();
    tree.setxattr(tree.root, 'user.x', Uint8Array.of(0, 255), 0);
    tree.mknod(tree.root, 'fifo', { mode: 0o010600, ...me });
    await saveArchive(tree, at(name));
    expect(readdirSync(folder)).toEqual([name]);
    const bytes = readFileSync(at(name));
    expect(bytes[0] === 0x1f).toBe(name !== 'a.tar');
    const plain = name === 'a.tar' ? bytes : gunzipSync(bytes);
    expect(Buffer.compare(plain, await archiveOf(tree))).toBe(0);
    const again = await newTree();
    expect(await loadArchive(again, at(name))).toMatchObject({ left: [], leftCount: 0 });
    expect(Buffer.compare(await archiveOf(again), plain)).toBe(0);
  });

  it('that is broken changes nothing', async () => {
    const bytes = await archiveOf(await sample());
    writeFileSync(at('cut.tar'), bytes.subarray(0, bytes.length - 2000));
    writeFileSync(at('cut.tar.gz'), gzipSync(bytes).subarray(0, -100));
    for (const name of ['cut.tar', 'cut.tar.gz', 'missing.tar']) {
      const tree = await newTree();
      await expect(loadArchive(tree, at(name))).rejects.toThrow(LoadError);
      expect(await listing(tree)).toEqual({});
    }
  });

  it('tells what it leaves out', async () => {
    writeFileSync(at('bad.tar'), archive({ name: '../x' }, { name: 'in' }));
    const tree = await newTree();
    const { left } = await loadArchive(tree, at('bad.tar'));
    expect(left).toEqual([{ path: '../x', reason: expect.stringContaining('..') }]);
    expect(await listing(tree)).toEqual({ in: '' });
  });

  it('that cannot be written leaves the one that is there', async () => {
    const tree = await sample();
    writeFileSync(at('a.tar'), 'before');
    const ending = AbortSignal.abort(new Error('given up'));
    await expect(saveArchive(tree, at('a.tar'), ending)).rejects.toThrow('given up');
    expect(readdirSync(folder)).toEqual(['a.tar']);
    expect(readFileSync(at('a.tar'), 'utf8')).toBe('before');
    await expect(saveArchive(tree, at('none/a.tar'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a folder on disk', () => {
  it('has the tree, and loaded again it is the same', async () => {
    const tree = await sample();
    expect(await saveFolder(tree, at('out'))).toEqual({ left: [], leftCount: 0 });
    expect(readdirSync(folder)).toEqual(['out']);
    expect(statSync(at('out/sparse')).blocks * 512).toBeLessThan(5 * tree.chunkSize);
    expect(statSync(at('out/same')).ino).toBe(statSync(at('out/dir/file')).ino);
    const again = await newTree();
    await loadFolder(again, at('out'));
    expect(await listing(again)).toEqual(await listing(tree));
    for (const inode of tree.inodes()) {
      let same = again.root;
      for (const name of (tree.path(inode) as string).split('/').filter(Boolean))
        same = again.lookup(same, name) as Inode;
      const { mode, uid, gid, nlink, size, mtime, mtimensec } = inode;
      expect(same, tree.path(inode)).toMatchObject({ mode, uid, gid, nlink, size, mtime, mtimensec });
    }
  });

  it('says what it cannot keep', async () => {
    const tree = await newTree();
    tree.setattr(tree.root, me);
    tree.mknod(tree.root, 'fifo', { mode: 0o010600, ...me });
    const file = tree.mknod(tree.root, 'file', { mode: 0o100600, ...me });
    tree.setxattr(file, 'user.x', Uint8Array.of(1), 0);
    tree.setFlags(file, 0x40);
    const { left } = await saveFolder(tree, at('out'));
    expect(left.map(({ path, reason }) => `${path}: ${reason}`)).toEqual([
      expect.stringMatching(/^\.\/fifo: devices, FIFOs and sockets/),
      expect.stringMatching(/^\.\/file: 1 xattrs/),
      expect.stringMatching(/^\.\/file: attributes/),
    ]);
    expect(readdirSync(at('out'))).toEqual(['file']);
  });

  it('is new or empty, else nothing is touched', async () => {
    const tree = await sample();
    mkdirSync(at('empty'));
    await saveFolder(tree, `${at('empty')}/`);
    expect(readdirSync(at('empty')).length).toBe(5);
    await expect(saveFolder(tree, at('empty'))).rejects.toThrow(SaveError);
    writeFileSync(at('file'), 'before');
    await expect(saveFolder(tree, at('file'))).rejects.toThrow(/archive ends in \.tar/);
    expect(readdirSync(folder).sort()).toEqual(['empty', 'file']);
  });

  it('is not there where saving is given up', async () => {
    const tree = await sample();
    await expect(saveFolder(tree, at('out'), AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is never written through a link of the tree', async () => {
    mkdirSync(at('outside'));
    const tree = await newTree();
    tree.setattr(tree.root, me);
    tree.symlink(tree.root, 'link', at('outside'), me);
    const dir = tree.mkdir(tree.root, 'dir', { mode: 0o755, ...me });
    tree.mknod(dir, 'inside', { mode: 0o644, ...me });
    await saveFolder(tree, at('out'));
    expect(readdirSync(at('outside'))).toEqual([]);
    expect(readdirSync(at('out')).sort()).toEqual(['dir', 'link']);
  });

  it('touches nothing beside it, nor does an archive', async () => {
    const tree = await sample();
    for (const name of ['out.part', 'a.tar.part']) {
      mkdirSync(at(name));
      writeFileSync(join(at(name), 'mine'), '');
    }
    await saveFolder(tree, at('out'));
    await saveArchive(tree, at('a.tar'));
    expect(readdirSync(folder).sort()).toEqual(['a.tar', 'a.tar.part', 'out', 'out.part']);
    expect([readdirSync(at('out.part')), readdirSync(at('a.tar.part'))]).toEqual([['mine'], ['mine']]);
  });

  it('that is there may be where nothing can take its place, and is empty again where saving ends early', async () => {
    const tree = await sample();
    mkdirSync(at('behind'));
    symlinkSync(at('behind'), at('out'));
    const controller = new AbortController();
    const inside = tree.mkdir(tree.root, 'last', { mode: 0o755, ...me });
    tree.restore(inside, { mode: 0 });
    const readdir = tree.readdir.bind(tree);
    tree.readdir = (dir, cookie) => {
      if (dir === inside) controller.abort(new Error('given up'));
      return readdir(dir, cookie);
    };
    await expect(saveFolder(tree, at('out'), controller.signal)).rejects.toThrow('given up');
    expect(readdirSync(at('behind'))).toEqual([]);
    await saveFolder(tree, at('out'));
    expect(readdirSync(at('behind')).length).toBe(6);
    expect(statSync(at('out/last')).mode & 0o7777).toBe(0);
    expect(statSync(at('out')).mode & 0o7777).toBe(0o750);
  });
});
