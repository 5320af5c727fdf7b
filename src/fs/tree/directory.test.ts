// 5.17: cookies of directory entries.
import { expect, test } from 'vitest';
import { MemoryStore } from '../../../test/memory-store.ts';
import type { Inode } from './inode.ts';
import { Tree } from './tree.ts';

const owner = { uid: 0, gid: 0 };
const list = (tree: Tree, dir: Inode, cookie = 0): [string, number][] =>
  [...tree.readdir(dir, cookie)].map(({ name, cookie: at }) => [name, at]);
const make = (tree: Tree, name: string): Inode => tree.mknod(tree.root, name, { mode: 0o644, ...owner });

test('5.17 cookies begin at 3, grow, and are not used again', async () => {
  const tree = await Tree.open(new MemoryStore());
  for (const name of ['a', 'b', 'c']) make(tree, name);
  tree.unlink(tree.root, 'c');
  tree.unlink(tree.root, 'a');
  make(tree, 'a');
  expect(list(tree, tree.root)).toEqual([
    ['b', 4],
    ['a', 6],
  ]);
  expect(tree.lastCookie(tree.root)).toBe(6);
  await tree.close();
});

test('5.17 cookies and the next of them survive closing', async () => {
  const store = new MemoryStore();
  const tree = await Tree.open(store);
  for (let i = 0; i < 100; i++) make(tree, `n${i}`);
  for (let i = 0; i < 100; i += 3) tree.unlink(tree.root, `n${i}`);
  tree.unlink(tree.root, 'n98');
  const before = list(tree, tree.root);
  await tree.close();
  const again = await Tree.open(store);
  expect(list(again, again.root)).toEqual(before);
  make(again, 'new');
  expect(list(again, again.root).at(-1)).toEqual(['new', 103]);
  await again.close();
});

test('5.17 a listing in parts skips nothing and repeats nothing while entries come and go', async () => {
  const tree = await Tree.open(new MemoryStore());
  const stays = Array.from({ length: 500 }, (_, i) => `stays-${i}`);
  for (const name of stays) {
    make(tree, name);
    make(tree, `${name}-goes`);
  }
  const seen: string[] = [];
  let cookie = 0;
  for (let round = 0; ; round++) {
    const part = list(tree, tree.root, cookie).slice(0, 7);
    if (part.length === 0) break;
    for (const [name, at] of part) {
      seen.push(name);
      cookie = at;
    }
    for (let i = round * 5; i < round * 5 + 5 && i < 500; i++) tree.unlink(tree.root, `stays-${i}-goes`);
    if (round < 50) make(tree, `new-${round}`);
  }
  expect(seen.filter((name) => /^stays-\d+$/.test(name))).toEqual(stays);
  expect(new Set(seen).size).toBe(seen.length);
  await tree.close();
});

test('a rename over a name keeps its cookie, another gives a new one', async () => {
  const tree = await Tree.open(new MemoryStore());
  for (const name of ['a', 'b', 'c']) make(tree, name);
  tree.rename(tree.root, 'a', tree.root, 'b', 0, owner);
  tree.rename(tree.root, 'c', tree.root, 'd', 0, owner);
  expect(list(tree, tree.root)).toEqual([
    ['b', 4],
    ['d', 6],
  ]);
  await tree.close();
});
