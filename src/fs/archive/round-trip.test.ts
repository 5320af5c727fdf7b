// What is exported and imported is the same tree, and exported again the same bytes.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { archiveOf, newTree, treeOf } from '../../../test/archives.ts';
import { dumpTree, TreeDriver } from '../../../test/tree-driver.ts';
import { steps, TreeModel } from '../../../test/tree-model.ts';
import { readerOf, stringToBytes } from '../../base/iov.ts';
import { checkTree } from '../tree/check-tree.ts';
import type { Inode } from '../tree/inode.ts';
import { deviceNumber } from '../tree/mode.ts';
import type { Tree } from '../tree/tree.ts';
import { archiveSize } from './archive-writer.ts';

const CHUNK = 4096;
const owner = { uid: 1000, gid: 100 };
/** A cookie has gaps that an archive does not tell: the order is what counts. */
const withoutGaps = <T extends { cookie: number; path: string }>(dump: T[]): T[] => {
  const rank = new Map<string, number>();
  const dirOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));
  const sorted = [...dump].sort((a, b) => a.cookie - b.cookie);
  return dump.map((entry) => {
    const siblings = sorted.filter(({ path }) => dirOf(path) === dirOf(entry.path));
    rank.set(entry.path, siblings.indexOf(entry));
    return { ...entry, cookie: rank.get(entry.path) as number };
  });
};

interface Options {
  chunkSize: number;
  pieceSize?: number;
}

async function expectSameBytes(tree: Tree, options: Options): Promise<Tree> {
  const bytes = await archiveOf(tree);
  expect(await archiveSize(tree)).toBe(bytes.length);
  const { tree: again, report } = await treeOf(bytes, options);
  expect(report.left).toEqual([]);
  expect(checkTree(again)).toEqual([]);
  expect(Buffer.compare(await archiveOf(again), bytes)).toBe(0);
  return again;
}

async function expectSame(tree: Tree, options: Options): Promise<Tree> {
  const again = await expectSameBytes(tree, options);
  expect(withoutGaps(await dumpTree(again))).toEqual(withoutGaps(await dumpTree(tree)));
  return again;
}

test.each([1, 511, 65_536])('any tree, archive in pieces of %i bytes', async (pieceSize) => {
  await fc.assert(
    fc.asyncProperty(steps(120), async (changes) => {
      const clock = { s: 1_000_000, ns: 0 };
      const tree = await newTree({ clock: () => ({ ...clock }), chunkSize: CHUNK, cacheLimit: 4 * CHUNK });
      const model = new TreeModel(CHUNK);
      const driver = new TreeDriver(tree, clock);
      for (const [i, change] of changes.entries()) await model.step(change, i, driver);
      const again = await expectSame(tree, { chunkSize: CHUNK, pieceSize });
      await tree.close();
      await again.close();
    }),
    { numRuns: pieceSize === 1 ? 20 : 100 },
  );
});

describe('all that an inode has', () => {
  const bytes = (text: string): Uint8Array<ArrayBuffer> => stringToBytes(text);
  const file = (tree: Tree, name: string, mode = 0o100644): Inode => tree.mknod(tree.root, name, { mode, ...owner });

  const cases: Record<string, (tree: Tree) => Promise<void> | void> = {
    'an empty tree': () => {},
    'times before 1970, of nanoseconds, and far in the future': (tree) => {
      const inode = file(tree, 'f');
      tree.restore(inode, {
        atime: { s: -1, ns: 1 },
        mtime: { s: -3, ns: 0 },
        ctime: { s: 2 ** 40, ns: 999_999_999 },
        btime: { s: -1, ns: 500_000_000 },
      });
    },
    'owners and modes of every size': (tree) => {
      tree.setattr(file(tree, 'f'), { mode: 0o7777, uid: 2 ** 32 - 2, gid: 2_097_152 });
      tree.setattr(file(tree, 'g'), { mode: 0, uid: 2_097_151, gid: 0 });
    },
    'names that are long, no text, or odd': (tree) => {
      for (const name of ['x'.repeat(255), '\xff\xfe', 'gr\xc3\xbc\xc3\x9fe', ' ', '\n', '-rf', 'a=b\nc', '\x01'])
        file(tree, name);
      let dir = tree.root;
      for (let i = 0; i < 5; i++) dir = tree.mkdir(dir, `${'\xfe'.repeat(254)}${i}`, { mode: 0o700, ...owner });
      tree.symlink(dir, 'link', 't'.repeat(4095), owner);
      tree.symlink(dir, 'text', '../\xff\n', owner);
    },
    'devices, whiteouts, FIFOs and sockets': (tree) => {
      tree.mknod(tree.root, 'whiteout', { mode: 0o020000, ...owner, rdev: 0 });
      tree.mknod(tree.root, 'char', { mode: 0o020600, ...owner, rdev: deviceNumber(0xfff, 0xfffff) });
      tree.mknod(tree.root, 'block', { mode: 0o060600, ...owner, rdev: deviceNumber(8, 1) });
      tree.mknod(tree.root, 'fifo', { mode: 0o010644, ...owner });
      tree.mknod(tree.root, 'socket', { mode: 0o140755, ...owner });
    },
    'xattrs of any bytes, none, and much': (tree) => {
      const inode = file(tree, 'f');
      tree.setxattr(
        inode,
        'user.binary',
        Uint8Array.from({ length: 256 }, (_, i) => i),
        0,
      );
      tree.setxattr(inode, 'user.empty', new Uint8Array(0), 0);
      tree.setxattr(inode, 'user.a=b%3D\n\xff', bytes('odd'), 0);
      for (let i = 0; i < 15; i++) tree.setxattr(inode, `user.big${i}`, new Uint8Array(65_536).fill(10), 0);
      tree.setxattr(inode, 'security.capability', Uint8Array.of(0, 0, 0, 2), 0);
    },
    'ACLs, with the mode that they make': (tree) => {
      const acl = Uint8Array.from([
        ...[2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0],
        ...[4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 6, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255],
      ]);
      tree.setxattr(file(tree, 'f'), 'system.posix_acl_access', acl, 0);
      const dir = tree.mkdir(tree.root, 'd', { mode: 0o2750, ...owner });
      tree.setxattr(dir, 'system.posix_acl_default', acl.slice(), 0);
      tree.mknod(dir, 'inside', { mode: 0o100600, ...owner });
    },
    'hard links across directories, of files that are protected too': (tree) => {
      const inode = file(tree, 'first');
      const dir = tree.mkdir(tree.root, 'd', { mode: 0o755, ...owner });
      tree.link(inode, dir, 'second');
      tree.link(inode, tree.root, 'third');
      tree.setFlags(inode, 0x10 | 0x80);
      tree.mknod(dir, 'append', { mode: 0o100600, ...owner });
      tree.setFlags(tree.lookup(dir, 'append') as Inode, 0x20 | 0x40);
      tree.setFlags(dir, 0x10);
      const link = tree.symlink(tree.root, 's', 'first', owner);
      tree.link(link, tree.root, 's2');
    },
    'holes: at the start, in the middle, at the end, many, nothing else': async (tree) => {
      const put = (inode: Inode, at: number, length: number): void | Promise<void> =>
        tree.write(inode, at, length, readerOf(new Uint8Array(length).fill(7)));
      await put(file(tree, 'start'), 3 * CHUNK, 10);
      const middle = file(tree, 'middle');
      await put(middle, 0, CHUNK + 1);
      await put(middle, 5 * CHUNK + 5, CHUNK);
      tree.setattr(middle, { size: 20 * CHUNK });
      tree.setattr(file(tree, 'nothing'), { size: 12_345 });
      const many = file(tree, 'many');
      for (let i = 0; i < 400; i++) await put(many, 2 * i * CHUNK, 1);
    },
    'the root itself': (tree) => {
      tree.setattr(tree.root, { mode: 0o1777, uid: 5, gid: 6, mtime: { s: 7, ns: 8 } });
      tree.setxattr(tree.root, 'user.root', bytes('yes'), 0);
    },
  };

  it.each(Object.entries(cases))('%s', async (_, fill) => {
    const tree = await newTree({ chunkSize: CHUNK });
    await fill(tree);
    const again = await expectSame(tree, { chunkSize: CHUNK });
    for (const inode of tree.inodes()) {
      const path = tree.path(inode) as string;
      let same = again.root;
      for (const name of path.split('/').filter(Boolean)) same = again.lookup(same, name) as Inode;
      const { mode, uid, gid, rdev, size, btime, btimensec, atime, atimensec, flags, runs } = inode;
      expect(same).toMatchObject({ mode, uid, gid, rdev, size, btime, btimensec, atime, atimensec, flags });
      expect(same.runs?.flat()).toEqual(runs?.flat());
    }
  });

  it('a file of 9 TiB that is nearly all hole', async () => {
    const tree = await newTree();
    const huge = file(tree, `hug${'e'.repeat(200)}`);
    await tree.write(huge, 0, 1, readerOf(Uint8Array.of(1)));
    await tree.write(huge, 9 * 2 ** 40, 3, readerOf(Uint8Array.of(2, 3, 4)));
    const again = await expectSameBytes(tree, { chunkSize: tree.chunkSize });
    const same = again.lookup(again.root, huge.link?.name as string) as Inode;
    expect(same.size).toBe(9 * 2 ** 40 + 3);
    expect(await again.read(same, 9 * 2 ** 40, 10)).toEqual([Uint8Array.of(2, 3, 4)]);
  });

  it('keeps the order of a directory', async () => {
    const tree = await newTree();
    for (const name of ['z', 'a', 'm']) file(tree, name);
    tree.rename(tree.root, 'a', tree.root, 'b', 0, owner);
    const again = await expectSame(tree, { chunkSize: tree.chunkSize });
    expect([...again.readdir(again.root, 0)].map(({ name }) => name)).toEqual(['z', 'm', 'b']);
  });

  it('directories in each other, a thousand deep', async () => {
    const tree = await newTree();
    let dir = tree.root;
    for (let i = 0; i < 1000; i++) dir = tree.mkdir(dir, 'd', { mode: 0o755, ...owner });
    const again = await expectSameBytes(tree, { chunkSize: tree.chunkSize });
    expect(again.counters.inodes).toBe(1001);
  });
});
