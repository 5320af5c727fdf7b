// Trees by name: the tasks on them, what they refuse, and that nothing half done is left.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { describe, expect, test, vi } from 'vitest';
import { FakeLocks } from '../../test/fake-locks.ts';
import { readerOf } from '../base/iov.ts';
import { databaseName, TreeNames } from '../fs/store/indexeddb-names.ts';
import { IndexedDbStore } from '../fs/store/indexeddb-store.ts';
import { checkTree } from '../fs/tree/check-tree.ts';
import { ReadOnlyTree } from '../fs/tree/read-only-tree.ts';
import { Tree } from '../fs/tree/tree.ts';
import type { Task, TaskName, TaskResult } from './messages.ts';
import { TaskCancelled, type TaskContext, TaskRefused } from './tasks.ts';
import { treeTasks } from './tree-tasks.ts';
import { Trees } from './trees.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);

const OWNER = { uid: 0, gid: 0 };
const FILE = { mode: 0o100644, ...OWNER };

class Browser {
  readonly factory = new IDBFactory();
  readonly locks = new FakeLocks();

  tab(): Tab {
    return new Tab(this);
  }

  /** Databases that are there, but for the registry. */
  async databases(): Promise<string[]> {
    const all = await this.factory.databases();
    return all.flatMap(({ name = '' }) => (name === 'virtio-fs-lab' ? [] : [name])).sort();
  }
}

/** What the tasks of these tests are. */
type Name = 'list-trees' | 'create-tree' | 'copy-tree' | 'rename-tree' | 'delete-tree' | 'reset-tree';

class Tab {
  readonly trees: Trees;
  readonly guest: string[] = [];
  readonly names: TreeNames;
  private readonly browser: Browser;

  constructor(browser: Browser) {
    this.browser = browser;
    const { factory, locks } = browser;
    this.names = new TreeNames(factory);
    this.trees = new Trees({ names: this.names, locks: locks.manager, factory });
  }

  /** Opens a tree as the guest's. */
  async open(name: string): Promise<Tree> {
    const database = (await this.names.resolve(name, { create: true })) as string;
    await this.trees.lock(database);
    const tree = await Tree.open(new IndexedDbStore(database, { factory: this.browser.factory }), {
      commitInterval: 1e8,
    });
    this.trees.current = { name, database, tree, readOnly: false };
    this.trees.guest = {
      pause: async () => void this.guest.push('pause'),
      resume: () => void this.guest.push('resume'),
    };
    return tree;
  }

  run<N extends Name & TaskName>(task: Task<N>, context: Partial<TaskContext> = {}): Promise<TaskResult<N>> {
    const table = treeTasks(this.trees);
    const perform = table[task.do as Name] as (task: Task<N>, context: TaskContext) => Promise<TaskResult<N>>;
    return perform(task, { signal: new AbortController().signal, report: () => {}, ...context });
  }

  async list(): Promise<string[]> {
    return (await this.trees.list()).map(
      ({ name, open, locked }) => `${name}${open ? ' open' : ''}${locked ? ' locked' : ''}`,
    );
  }
}

const entries = (tree: Tree): string[] => [...tree.readdir(tree.root, 0)].map(({ name }) => name).sort();
const inside = (tab: Tab, name: string): Promise<string[]> => tab.trees.still(name, async (tree) => entries(tree));

/** Why a task is refused; anything else that it ends with is an error. */
async function refusal(task: Promise<unknown>): Promise<string> {
  const error = await task.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TaskRefused)) throw new Error(`not refused: ${String(error)}`);
  return error.message;
}

describe('trees', () => {
  test('are made empty or as the example, listed by name, copied, renamed, deleted', async () => {
    const tab = new Browser().tab();
    await tab.run({ do: 'create-tree', name: 'b', example: true });
    await tab.run({ do: 'create-tree', name: 'a', example: false });
    expect(await tab.list()).toEqual(['a', 'b']);
    expect(await inside(tab, 'a')).toEqual([]);
    expect(await inside(tab, 'b')).toContain('README');
    await tab.run({ do: 'copy-tree', from: 'b', to: 'c' });
    await tab.run({ do: 'delete-tree', name: 'b' });
    await tab.run({ do: 'rename-tree', from: 'c', to: 'b' });
    expect(await tab.list()).toEqual(['a', 'b']);
    expect(await inside(tab, 'b')).toContain('README');
    expect(await tab.trees.still('b', async (tree) => checkTree(tree))).toEqual([]);
  });

  test('that are deleted leave no database', async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await tab.run({ do: 'create-tree', name: 'a', example: true });
    expect(await browser.databases()).toHaveLength(1);
    await tab.run({ do: 'delete-tree', name: 'a' });
    expect(await browser.databases()).toEqual([]);
    expect(browser.locks.names).toEqual([]);
  });

  test('that are reset are the example, and what was in them is gone', async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await tab.run({ do: 'create-tree', name: 'a', example: false });
    await tab.trees.still('a', async (tree) => void tree.mkdir(tree.root, 'mess', FILE));
    await tab.run({ do: 'reset-tree', name: 'a' });
    const names = await inside(tab, 'a');
    expect(names).toContain('README');
    expect(names).not.toContain('mess');
    expect(await browser.databases()).toHaveLength(1);
  });

  test('refuse bad names, taken ones and unknown ones, in words', async () => {
    const tab = new Browser().tab();
    await tab.run({ do: 'create-tree', name: 'a', example: false });
    await tab.run({ do: 'create-tree', name: 'b', example: false });
    for (const name of ['', 'a/b', 'ü', 'x'.repeat(65), '~']) {
      expect(await refusal(tab.run({ do: 'create-tree', name, example: false })), name).toMatch(/name/);
      expect(await refusal(tab.run({ do: 'rename-tree', from: 'a', to: name })), name).toMatch(/name/);
    }
    expect(await refusal(tab.run({ do: 'create-tree', name: 'a', example: false }))).toMatch(/already/);
    expect(await refusal(tab.run({ do: 'copy-tree', from: 'a', to: 'b' }))).toMatch(/already/);
    expect(await refusal(tab.run({ do: 'rename-tree', from: 'a', to: 'b' }))).toMatch(/already/);
    for (const task of [
      { do: 'delete-tree', name: 'c' } as const,
      { do: 'copy-tree', from: 'c', to: 'd' } as const,
      { do: 'rename-tree', from: 'c', to: 'd' } as const,
    ]) {
      expect(await refusal(tab.run(task))).toMatch(/no tree/);
    }
    expect(await tab.list()).toEqual(['a', 'b']);
  });
});

describe('the tree that is open', () => {
  test('stands still, its guest paused and everything stored, while something works on it', async () => {
    const browser = new Browser();
    const tab = browser.tab();
    const tree = await tab.open('a');
    tree.mknod(tree.root, 'f', FILE);
    await tab.trees.still('a', async (given) => {
      expect(given).toBe(tree);
      expect(tree.dirtyBytes).toBe(0);
      expect(tab.guest).toEqual(['pause']);
    });
    expect(tab.guest).toEqual(['pause', 'resume']);
    await expect(tab.trees.still('a', () => Promise.reject(new Error('why')))).rejects.toThrow('why');
    expect(tab.guest).toEqual(['pause', 'resume', 'pause', 'resume']);
  });

  test('is worked on by one task at a time', async () => {
    const tab = new Browser().tab();
    await tab.open('a');
    const order: string[] = [];
    const work = (name: string): Promise<void> =>
      tab.trees.still('a', async () => {
        order.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        order.push(`${name} ends`);
      });
    await Promise.all([work('1'), work('2'), work('3')]);
    expect(order).toEqual(['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends']);
  });

  test('is copied with what is not stored yet; the copy has generations of its own', async () => {
    const tab = new Browser().tab();
    const tree = await tab.open('a');
    const inode = tree.mknod(tree.root, 'f', FILE);
    await tree.write(inode, 0, 3, readerOf(Uint8Array.of(1, 2, 3)));
    const reports: string[] = [];
    await tab.run({ do: 'copy-tree', from: 'a', to: 'b' }, { report: ({ what }) => reports.push(what) });
    expect(tab.guest).toEqual(['pause', 'resume']);
    expect(reports.length).toBeGreaterThan(0);
    await tab.trees.still('b', async (copy) => {
      const copied = copy.lookup(copy.root, 'f');
      if (!copied) throw new Error('f is not in the copy');
      expect((await copy.read(copied, 0, 9)).map((bytes) => [...bytes])).toEqual([[1, 2, 3]]);
      expect(copied.ino).toBe(inode.ino);
      expect(copied.generation).not.toBe(inode.generation);
      expect(checkTree(copy)).toEqual([]);
    });
  });

  test('is renamed, and goes on', async () => {
    const browser = new Browser();
    const tab = browser.tab();
    const tree = await tab.open('a');
    tree.mknod(tree.root, 'f', FILE);
    await tab.run({ do: 'rename-tree', from: 'a', to: 'b' });
    expect(tab.trees.current?.name).toBe('b');
    await tree.sync();
    expect(await tab.list()).toEqual(['b open locked']);
    // A new one may have the old name, and is another tree.
    await tab.run({ do: 'create-tree', name: 'a', example: false });
    expect(await inside(tab, 'a')).toEqual([]);
    expect(await inside(tab, 'b')).toEqual(['f']);
  });

  test('is not deleted, reset or written to under the guest', async () => {
    const tab = new Browser().tab();
    await tab.open('a');
    expect(await refusal(tab.run({ do: 'delete-tree', name: 'a' }))).toMatch(/open here/);
    expect(await refusal(tab.run({ do: 'reset-tree', name: 'a' }))).toMatch(/open here/);
    expect(await refusal(tab.trees.withStore('a', 'write', async () => {}))).toMatch(/open here/);
    expect(await tab.list()).toEqual(['a open locked']);
  });

  test('is read as a store, everything stored', async () => {
    const tab = new Browser().tab();
    const tree = await tab.open('a');
    tree.mknod(tree.root, 'f', FILE);
    const commits = await tab.trees.withStore('a', 'read', async (store) => (await store.open()).superblock?.commit);
    expect(commits).toBeGreaterThan(0);
    // It goes on after that.
    tree.mknod(tree.root, 'g', FILE);
    await tree.sync();
  });
});

describe('a tree that another tab has open', () => {
  test('is in nobody’s hands but that tab’s', async () => {
    const browser = new Browser();
    const other = browser.tab();
    const tree = await other.open('a');
    tree.mknod(tree.root, 'f', FILE);
    await tree.sync();
    const tab = browser.tab();
    expect(await tab.list()).toEqual(['a locked']);
    for (const task of [
      () => tab.run({ do: 'delete-tree', name: 'a' }),
      () => tab.run({ do: 'reset-tree', name: 'a' }),
      () => tab.run({ do: 'rename-tree', from: 'a', to: 'b' }),
      () => tab.run({ do: 'copy-tree', from: 'a', to: 'b' }),
      () => tab.trees.still('a', async () => {}),
      () => tab.trees.withStore('a', 'read', async () => {}),
    ]) {
      expect(await refusal(task())).toMatch(/open in another tab/);
    }
    expect(await browser.databases()).toEqual([databaseName('a')]);
    tree.mknod(tree.root, 'g', FILE);
    await tree.sync();
  });
});

test('a tree that is only looked at is checked while nobody has it, and is not beside its writer', async () => {
  const browser = new Browser();
  const other = browser.tab();
  const tree = await other.open('a');
  await tree.sync();
  const tab = browser.tab();
  const database = databaseName('a');
  const store = new IndexedDbStore(database, { factory: browser.factory, readOnly: true });
  tab.trees.current = { name: 'a', database, tree: await ReadOnlyTree.open(store), readOnly: true };
  const look = (): Promise<unknown> => tab.trees.withStore('a', 'read', (stored) => stored.open());
  expect(await refusal(look())).toMatch(/open in another tab/);
  expect(await refusal(tab.trees.withStore('a', 'write', async () => {}))).toMatch(/open here/);
  const free = new Browser().tab();
  await free.run({ do: 'create-tree', name: 'a', example: false });
  free.trees.current = { ...tab.trees.current, database: (await free.names.resolve('a')) as string };
  expect(await free.trees.withStore('a', 'read', (stored) => stored.open())).toMatchObject({ superblock: {} });
});

describe('a name that another tab gave away between its look-up and the lock', () => {
  test('takes nothing with it', async () => {
    const browser = new Browser();
    const a = browser.tab();
    const b = browser.tab();
    await a.run({ do: 'create-tree', name: 't', example: false });
    for (const task of [
      () => a.run({ do: 'delete-tree', name: 't' }),
      () => a.trees.still('t', async () => {}),
      () => a.run({ do: 'rename-tree', from: 't', to: 'u' }),
    ]) {
      // Another tab replaces the tree just before it is locked.
      const { lock } = a.trees;
      vi.spyOn(a.trees, 'lock').mockImplementationOnce(async (...args) => {
        await b.run({ do: 'reset-tree', name: 't' });
        return lock.apply(a.trees, args);
      });
      expect(await refusal(task())).toMatch(/replaced in another tab/);
      expect(await a.list()).toEqual(['t']);
      expect(await inside(b, 't')).toContain('README');
      expect(await browser.databases()).toHaveLength(1);
    }
  });
});

describe('what is not finished', () => {
  test('leaves nothing: no name, no database, no lock', async () => {
    const browser = new Browser();
    const tab = browser.tab();
    const failing = tab.trees.build('a', async (tree) => {
      tree.mknod(tree.root, 'f', FILE);
      await tree.sync();
      throw new Error('in the middle');
    });
    await expect(failing).rejects.toThrow('in the middle');
    expect(await tab.list()).toEqual([]);
    expect(await browser.databases()).toEqual([]);
    expect(browser.locks.names).toEqual([]);
  });

  test('leaves the tree that it was to replace', async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await tab.run({ do: 'create-tree', name: 'a', example: false });
    await tab.trees.still('a', async (tree) => void tree.mknod(tree.root, 'kept', FILE));
    const before = await browser.databases();
    const failing = tab.trees.build('a', () => Promise.reject(new Error('no')), { replace: true });
    await expect(failing).rejects.toThrow('no');
    expect(await inside(tab, 'a')).toEqual(['kept']);
    expect(await browser.databases()).toEqual(before);
  });

  test('a copy that is given up leaves nothing', async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await tab.run({ do: 'create-tree', name: 'a', example: true });
    const controller = new AbortController();
    const copying = tab.run(
      { do: 'copy-tree', from: 'a', to: 'b' },
      { signal: controller.signal, report: () => controller.abort(new TaskCancelled('enough')) },
    );
    await expect(copying).rejects.toThrow('enough');
    expect(await tab.list()).toEqual(['a']);
    expect(await browser.databases()).toHaveLength(1);
    expect(browser.locks.names).toEqual([]);
  });

  test('is swept where its tab is gone, and left alone where it is not', async () => {
    const browser = new Browser();
    const tab = browser.tab();
    await tab.run({ do: 'create-tree', name: 'kept', example: false });
    // Of a tab that was killed.
    const dead = await tab.names.fresh('dead');
    await (await Tree.open(new IndexedDbStore(dead, { factory: browser.factory }))).close();
    let end = (): void => {};
    const begun = new Promise<void>((begin) => {
      void browser.tab().trees.build('alive', () => {
        begin();
        return new Promise((resolve) => (end = resolve));
      });
    });
    await begun;
    await tab.trees.sweep();
    const left = await browser.databases();
    expect(left).toHaveLength(2);
    expect(left).not.toContain(dead);
    end();
    await vi.waitFor(async () => expect(await tab.list()).toEqual(['alive', 'kept']));
    await tab.trees.sweep();
    expect(await browser.databases()).toEqual(left);
  });
});

test('one name that two tabs make at once is one tree', async () => {
  for (let distance = 0; distance < 12; distance++) {
    const browser = new Browser();
    const make = async (tab: Tab): Promise<string> => {
      try {
        await tab.trees.build('a', async (tree) => void tree.mknod(tree.root, 'f', FILE));
        return 'made';
      } catch (error) {
        if (error instanceof TaskRefused) return 'refused';
        throw error;
      }
    };
    const first = make(browser.tab());
    for (let i = 0; i < distance; i++) await new Promise((resolve) => setImmediate(resolve));
    const second = make(browser.tab());
    expect([await first, await second].sort(), `${distance}`).toEqual(['made', 'refused']);
    expect(await browser.databases(), `${distance}`).toHaveLength(1);
    expect(await inside(browser.tab(), 'a')).toEqual(['f']);
  }
});
