import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../fs/store/memory-store.ts';
import type { Dirent } from '../fs/tree/directory.ts';
import type { Inode } from '../fs/tree/inode.ts';
import { Tree } from '../fs/tree/tree.ts';
import { direntOf, FileRows, type ListOptions } from './file-rows.ts';

const OWNER = { uid: 0, gid: 0 };
const newTree = () => Tree.open(new MemoryStore(), { random: () => 0.5 });
const folder = (tree: Tree, dir: Inode, name: string) => tree.mkdir(dir, name, { mode: 0o755, ...OWNER });
const file = (tree: Tree, dir: Inode, name: string) => tree.mknod(dir, name, { mode: 0o644, ...OWNER });

function list(rows: FileRows, tree: Tree, options: Partial<ListOptions> = {}) {
  return rows.list(tree, { expanded: [1], from: 0, count: 1000, find: undefined, ...options }, (inode) => inode.ino);
}

/** Level and name of each row. */
const shown = (listed: ReturnType<typeof list>) => listed.rows.map(({ level, name }) => `${level} ${name}`);

describe('the list of a tree', () => {
  test('has the root first, and names in the order of their bytes', async () => {
    const tree = await newTree();
    for (const name of ['b', 'a', 'B', '\xc3\xa4', 'a2', 'a10']) file(tree, tree.root, name);
    const listed = list(new FileRows(), tree);
    expect(shown(listed)).toEqual(['1 ', '2 B', '2 a', '2 a10', '2 a2', '2 b', '2 \xc3\xa4']);
    expect(listed.total).toBe(7);
    expect(listed.rows[1]).toMatchObject({ parent: 1, position: 1, of: 6, mode: 0o100644, entries: 0 });
    expect(list(new FileRows(), tree, { expanded: [] }).rows).toMatchObject([{ ino: 1, expanded: false, entries: 6 }]);
  });

  test('lists the names of expanded directories behind them, where those they are in are expanded too', async () => {
    const tree = await newTree();
    const a = folder(tree, tree.root, 'a');
    const inner = folder(tree, a, 'inner');
    file(tree, inner, 'deep');
    file(tree, tree.root, 'b');
    const rows = new FileRows();
    expect(shown(list(rows, tree, { expanded: [1, inner.ino] }))).toEqual(['1 ', '2 a', '2 b']);
    expect(shown(list(rows, tree, { expanded: [inner.ino, a.ino, 1] }))).toEqual([
      '1 ',
      '2 a',
      '3 inner',
      '4 deep',
      '2 b',
    ]);
  });

  test('an expanded directory that was removed, or is none, is left out', async () => {
    const tree = await newTree();
    const gone = folder(tree, tree.root, 'gone');
    const plain = file(tree, tree.root, 'plain');
    tree.hold(gone);
    tree.rmdir(tree.root, 'gone');
    expect(shown(list(new FileRows(), tree, { expanded: [1, gone.ino, plain.ino, 999] }))).toEqual(['1 ', '2 plain']);
  });

  test('follows names that come, go and are moved between two looks', async () => {
    const tree = await newTree();
    const rows = new FileRows();
    for (let i = 0; i < 100; i++) file(tree, tree.root, `f${i}`);
    list(rows, tree);
    // As many go as come: the number of names is no sign of it.
    for (let i = 0; i < 60; i++) {
      tree.unlink(tree.root, `f${i}`);
      file(tree, tree.root, `g${i}`);
    }
    tree.rename(tree.root, 'f60', tree.root, 'a', 0, OWNER);
    const names = list(rows, tree).rows.map(({ name }) => name);
    expect(names).toEqual(shown(list(new FileRows(), tree)).map((row) => row.slice(2)));
    expect(names).toHaveLength(101);
    expect(names[1]).toBe('a');
  });

  test('an entry is found by its cookie, and not when it is gone', async () => {
    const tree = await newTree();
    file(tree, tree.root, 'a');
    file(tree, tree.root, 'b');
    const entry = [...tree.readdir(tree.root, 0)][1] as Dirent;
    expect(direntOf(tree.root, entry.cookie)).toBe(entry);
    tree.unlink(tree.root, 'b');
    expect(direntOf(tree.root, entry.cookie)).toBeUndefined();
    expect(direntOf(entry.inode, 3)).toBeUndefined();
  });

  test('any window of it is that part of the whole, and says where a name is', async () => {
    // Each step makes a directory or a file in one of the directories there are.
    const steps = fc.array(fc.tuple(fc.nat(), fc.boolean(), fc.nat(20)), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, fc.array(fc.nat()), fc.nat(60), fc.nat(60), async (made, chosen, from, count) => {
        const tree = await newTree();
        const dirs = [tree.root];
        for (const [where, isFolder, number] of made) {
          const dir = dirs[where % dirs.length] as Inode;
          const name = `n${number}`;
          if (tree.lookup(dir, name)) continue;
          if (isFolder) dirs.push(folder(tree, dir, name));
          else file(tree, dir, name);
        }
        const expanded = [1, ...chosen.map((choice) => (dirs[choice % dirs.length] as Inode).ino)];
        const rows = new FileRows();
        // By the definition of it, without windows and spans.
        const whole: string[] = ['1 '];
        const visit = (dir: Inode, level: number): void => {
          const dirents = [...tree.readdir(dir, 0)].sort((a, b) => (a.name < b.name ? -1 : 1));
          for (const { name, inode } of dirents) {
            whole.push(`${level} ${name}`);
            if (inode.directory && expanded.includes(inode.ino)) visit(inode, level + 1);
          }
        };
        visit(tree.root, 2);
        const part = list(rows, tree, { expanded, from, count });
        expect(part.total).toBe(whole.length);
        expect(shown(part)).toEqual(whole.slice(from, from + count));
        const { rows: all } = list(rows, tree, { expanded });
        for (const [index, { parent, cookie, above, level }] of all.entries()) {
          const up = all.findLastIndex((other, at) => at < index && other.level < level);
          expect(above && list(rows, tree, { expanded, count: 0, find: above }).found).toBe(above && up);
          expect(list(rows, tree, { expanded, count: 0, find: { parent, cookie } }).found).toBe(index);
        }
      }),
    );
  });
});
