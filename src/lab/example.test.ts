import { expect, test } from 'vitest';
import { MemoryStore } from '../fs/store/memory-store.ts';
import { checkTree } from '../fs/tree/check-tree.ts';
import type { Inode } from '../fs/tree/inode.ts';
import { Tree } from '../fs/tree/tree.ts';
import { fillExample } from './example.ts';

async function example(): Promise<Tree> {
  const tree = await Tree.open(new MemoryStore(), { clock: () => ({ s: 1_700_000_000, ns: 0 }) });
  await fillExample(tree);
  return tree;
}

function at(tree: Tree, path: string): Inode {
  let inode: Inode | undefined = tree.root;
  for (const name of path.split('/')) inode = inode && tree.lookup(inode, name);
  if (!inode) throw new Error(`${path} is missing`);
  return inode;
}

/** Every entry, with what is in it at its beginning. */
async function dump(tree: Tree, dir = tree.root, path = ''): Promise<unknown[]> {
  const lines: unknown[] = [];
  for (const { name, inode } of tree.readdir(dir, 0)) {
    const { mode, uid, gid, size, target, mtime } = inode;
    const content = inode.directory || target ? [] : await tree.read(inode, 0, 4096);
    lines.push([`${path}/${name}`, mode, uid, gid, size, target, mtime, Buffer.concat(content).toString()]);
    if (inode.directory) lines.push(...(await dump(tree, inode, `${path}/${name}`)));
  }
  return lines;
}

test('is the same each time, and sound', async () => {
  const tree = await example();
  expect(checkTree(tree)).toEqual([]);
  const lines = await dump(tree);
  expect(lines.length).toBeGreaterThan(8);
  expect(lines).toEqual(await dump(await example()));
});

test('has one of each: a script, links of both kinds, an xattr, a file with a hole', async () => {
  const tree = await example();
  expect(at(tree, 'README').size).toBeGreaterThan(500);
  expect(at(tree, 'bin/tour').mode).toBe(0o100755);
  expect(at(tree, 'links/hard')).toBe(at(tree, 'notes/ideas'));
  expect(at(tree, 'links/hard').nlink).toBe(2);
  expect(at(tree, 'links/soft').target).toBe('../notes/ideas');
  expect(Buffer.from(tree.getxattr(at(tree, 'notes/ideas'), 'user.mood')).toString()).toBe('curious');
  expect(at(tree, 'sparse').size).toBe(64 * 2 ** 20);
  expect(tree.counters.bytesStored).toBeLessThan(200_000);
});
