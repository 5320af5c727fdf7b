// Which inode number comes next, with and without re-use; generations that are renewed.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { PosixError } from '../../base/errno.ts';
import { checkTree } from './check-tree.ts';
import { FreeNumbers } from './free-numbers.ts';
import { Inode } from './inode.ts';
import { GENERATION_END, INO_END, InodeTable } from './inode-table.ts';
import { PAGE_SIZE } from './records.ts';
import type { Superblock } from './store.ts';
import { Tree, type TreeOptions } from './tree.ts';

const owner = { uid: 0, gid: 0 };
const quiet: TreeOptions = { commitInterval: 2 ** 30, random: () => 0.25 };
const make = (tree: Tree, name: string): Inode => tree.mknod(tree.root, name, { mode: 0o644, ...owner });
/** A store with the same commits, whose last superblock is changed. */
async function copyOf(store: FaultyStore, change: (superblock: Superblock) => void = () => {}): Promise<MemoryStore> {
  const copy = new MemoryStore();
  for (const { batch } of store.stored) {
    const superblock = { ...batch.superblock };
    change(superblock);
    await copy.commit({ ...batch, superblock });
  }
  return copy;
}
const remove = (tree: Tree, name: string): void => tree.unlink(tree.root, name);

describe('free numbers', () => {
  it('are given out lowest first, whatever was given back when', () => {
    const ends = fc.integer({ min: 3, max: 60 });
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 2, max: 80 })), ends, fc.array(fc.nat(200)), (used, end, steps) => {
        const free = new Set(
          Array.from({ length: end - 2 }, (_, i) => i + 2).filter((number) => !used.includes(number)),
        );
        const given: number[] = used.filter((number) => number < end);
        const numbers = new FreeNumbers(used, 2, end);
        for (const step of steps) {
          const back = given[step % 2 === 0 ? step % given.length : -1];
          if (back !== undefined) {
            given.splice(given.indexOf(back), 1);
            free.add(back);
            numbers.add(back);
            continue;
          }
          const lowest = free.size === 0 ? undefined : Math.min(...free);
          expect(numbers.take()).toBe(lowest);
          if (lowest !== undefined) {
            free.delete(lowest);
            given.push(lowest);
          }
        }
      }),
    );
  });
});

describe('inode numbers', () => {
  const table = (numbers: number[], nextIno: number, reuse: boolean): InodeTable => {
    const inodes = new Map(numbers.map((ino) => [ino, new Inode(ino, 7, 0o100644)]));
    return new InodeTable(inodes, { generation: 7, nextIno, reuse });
  };
  const numbers = (of: InodeTable, count: number): number[] => Array.from({ length: count }, () => of.make(0).ino);

  it('none comes back while there are others above it', () => {
    const inodes = table([1, 2, 5], 9, false);
    const made = inodes.make(0);
    inodes.remove(made);
    expect(made.ino).toBe(9);
    expect(numbers(inodes, 3)).toEqual([10, 11, 12]);
  });

  it('at the end of the space those that are free come back, and then ENOSPC', () => {
    const inodes = table([1, 2, 4, INO_END - 2], INO_END - 1, false);
    const last = inodes.make(0);
    expect(last.ino).toBe(INO_END - 1);
    expect(numbers(inodes, 3)).toEqual([3, 5, 6]);
    inodes.remove(last);
    inodes.remove(inodes.get(5) as Inode);
    expect(numbers(inodes, 2)).toEqual([5, 7]);
    const full = table([1, 2], 3, true);
    full.nextIno = INO_END;
    expect(() => full.make(0)).toThrow(PosixError);
  });

  it('with re-use the lowest free one is next', () => {
    const inodes = table([1, 2, 5], 9, true);
    expect(numbers(inodes, 5)).toEqual([3, 4, 6, 7, 8]);
    inodes.remove(inodes.get(6) as Inode);
    inodes.remove(inodes.get(2) as Inode);
    expect(numbers(inodes, 3)).toEqual([2, 6, 9]);
  });

  it('a number that comes back has another generation, each time', () => {
    const inodes = table([1], 2, true);
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const inode = inodes.make(0);
      expect(inode.ino).toBe(2);
      seen.add(inode.generation);
      inodes.remove(inode);
    }
    expect(seen.size).toBe(1000);
  });
});

describe('inode numbers of a stored tree', () => {
  it('what was given out before it was closed does not come back, also where nothing is left of it', async () => {
    const store = new MemoryStore();
    const tree = await Tree.open(store, quiet);
    for (let i = 0; i < 3 * PAGE_SIZE; i++) make(tree, `f${i}`);
    for (let i = 1; i < 3 * PAGE_SIZE; i++) remove(tree, `f${i}`);
    await tree.close();
    const again = await Tree.open(store, quiet);
    expect(make(again, 'next').ino).toBe(3 * PAGE_SIZE + 2);
    await again.close();
    const last = await Tree.open(store, { ...quiet, reuseInodeNumbers: true });
    expect([make(last, 'a').ino, make(last, 'b').ino]).toEqual([3, 4]);
    expect(last.lookup(last.root, 'next')?.ino).toBe(3 * PAGE_SIZE + 2);
    expect(checkTree(last)).toEqual([]);
    await last.close();
  });

  it('a tree without that number in its superblock goes on behind its highest inode', async () => {
    const store = new FaultyStore(new MemoryStore());
    const tree = await Tree.open(store, quiet);
    for (const name of ['a', 'b', 'c']) make(tree, name);
    remove(tree, 'b');
    await tree.close();
    const old = await copyOf(store, (superblock) => {
      expect(superblock.nextIno).toBe(5);
      delete superblock.nextIno;
    });
    const again = await Tree.open(old, quiet);
    expect(make(again, 'd').ino).toBe(5);
    await again.close();
  });

  it('pages of few inodes, and pages of none, are stored as they should be', async () => {
    const store = new MemoryStore();
    const tree = await Tree.open(store, quiet);
    for (let i = 0; i < 10 * PAGE_SIZE; i++) make(tree, `f${i}`);
    await tree.sync();
    for (let i = 0; i < 10 * PAGE_SIZE; i++) if (i % 100 !== 0) remove(tree, `f${i}`);
    await tree.close();
    // The root's page and those of the four files that are left.
    expect((await store.open()).records).toHaveLength(4);
    const again = await Tree.open(store, quiet);
    expect([...again.readdir(again.root, 0)].map(({ name }) => name)).toEqual(['f0', 'f100', 'f200', 'f300']);
    expect(checkTree(again)).toEqual([]);
    await again.close();
  });
});

describe('5.5 renewed generations', () => {
  const generations = (tree: Tree): Map<number, number> =>
    new Map([...tree.inodes()].map(({ ino, generation }) => [ino, generation]));

  it('every inode but the root gets another one, in one commit', async () => {
    const store = new FaultyStore(new MemoryStore());
    const tree = await Tree.open(store, quiet);
    for (let i = 0; i < 2 * PAGE_SIZE; i++) make(tree, `f${i}`);
    await tree.sync();
    const before = generations(tree);
    const commits = store.stored.length;
    await tree.renewGenerations();
    expect(store.stored).toHaveLength(commits + 1);
    const after = generations(tree);
    expect(after.get(1)).toBe(0);
    for (const [ino, generation] of after) {
      if (ino === 1) continue;
      expect(generation).not.toBe(before.get(ino));
      expect(generation).toBeGreaterThan(0);
      expect(generation).toBeLessThan(GENERATION_END);
    }
    expect(new Set(after.values()).size).toBe(after.size);
    await tree.close();
    const again = await Tree.open(store, quiet);
    expect(generations(again)).toEqual(after);
    expect([...before.values(), ...after.values()]).not.toContain(make(again, 'later').generation);
    await again.close();
  });

  it('two crashes without a commit between them do not lose the same pair', async () => {
    const disk = new MemoryStore();
    const tree = await Tree.open(disk, quiet);
    await tree.close();
    const lost = new Set<string>();
    for (const random of [0.1, 0.2, 0.3]) {
      const store = new FaultyStore(disk);
      store.fate = () => 'fail';
      const killed = await Tree.open(store, { ...quiet, random: () => random });
      const { ino, generation } = make(killed, 'f');
      lost.add(`${ino} ${generation}`);
      await expect(killed.close()).rejects.toThrow(PosixError);
    }
    expect(lost.size).toBe(3);
  });

  it('a crash before that commit leaves the old ones', async () => {
    const inner = new MemoryStore();
    const store = new FaultyStore(inner);
    const tree = await Tree.open(store, quiet);
    make(tree, 'f');
    await tree.sync();
    const before = generations(tree);
    store.fate = () => 'fail';
    await expect(tree.renewGenerations()).rejects.toThrow(PosixError);
    const again = await Tree.open(inner, quiet);
    expect(generations(again)).toEqual(before);
    await again.close();
    await expect(tree.close()).rejects.toThrow(PosixError);
  });

  it('two copies of a tree go different ways', async () => {
    const store = new FaultyStore(new MemoryStore());
    const tree = await Tree.open(store, quiet);
    make(tree, 'f');
    await tree.close();
    const renewed = async (random: number): Promise<number | undefined> => {
      const opened = await Tree.open(await copyOf(store), { ...quiet, random: () => random });
      await opened.renewGenerations();
      const { generation } = opened.lookup(opened.root, 'f') as Inode;
      await opened.close();
      return generation;
    };
    const all = [await renewed(0), await renewed(0.5), await renewed(0.999)];
    expect(new Set(all).size).toBe(3);
  });

  it('EBUSY while an inode is looked up or open', async () => {
    const tree = await Tree.open(new MemoryStore(), quiet);
    const inode = make(tree, 'f');
    tree.hold(inode);
    const { generation } = inode;
    expect(() => tree.renewGenerations()).toThrow(expect.objectContaining({ errno: 16 }));
    expect(inode.generation).toBe(generation);
    tree.drop(inode);
    await tree.renewGenerations();
    expect(inode.generation).not.toBe(generation);
    await tree.close();
  });
});
