// One writer: how tabs hold a tree, hand it over and lose it. Tabs of one process, over stand-ins for what joins them.
import { IDBFactory, IDBKeyRange, IDBObjectStore } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeChannels } from '../../test/fake-channels.ts';
import { FakeLocks } from '../../test/fake-locks.ts';
import { PosixError } from '../base/errno.ts';
import { announceHeir, heirOf } from '../fs/store/indexeddb-heir.ts';
import { databaseName, TreeNames } from '../fs/store/indexeddb-names.ts';
import { IndexedDbStore } from '../fs/store/indexeddb-store.ts';
import { Tree } from '../fs/tree/tree.ts';
import { Holder, type HolderOptions, type HoldHow } from './holder.ts';
import { SILENCE } from './take-over.ts';
import { Trees } from './trees.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const DATABASE = databaseName('t');
const OWNER = { uid: 0, gid: 0 };

/** Lets everything happen that waits for no timer. */
async function settle(turns = 100): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** What tabs of one browser share. */
class Browser {
  readonly factory = new IDBFactory();
  readonly locks = new FakeLocks();
  readonly channels = new FakeChannels();

  tab(options: { locks?: boolean; deaf?: boolean } = {}): Tab {
    return new Tab(this, options.locks ?? true, options.deaf ?? false);
  }
}

/** A tab with a guest that only counts. */
class Tab {
  readonly events: string[] = [];
  readonly messages: string[] = [];
  readonly trees: Trees;
  readonly ending = new AbortController();
  holder: Holder | undefined;
  private readonly registry: TreeNames;
  private readonly browser: Browser;
  private readonly lockManager: LockManager | undefined;
  private readonly deaf: boolean;
  private frozen: Promise<void> | undefined;
  private thawing: (() => void) | undefined;

  constructor(browser: Browser, hasLocks: boolean, deaf: boolean) {
    this.browser = browser;
    this.deaf = deaf;
    this.lockManager = hasLocks ? browser.locks.tab(() => this.frozen) : undefined;
    const { factory } = browser;
    this.registry = new TreeNames(factory);
    const { lockManager: locks, channel } = this;
    this.trees = new Trees({ names: this.registry, locks, factory, channel });
  }

  private readonly channel = (name: string) =>
    this.browser.channels.channel(this.deaf ? `${name}, unheard` : name, () => this.frozen);

  async open(how: HoldHow = 'now'): Promise<this> {
    return this.hold(await Holder.open(DATABASE, how, this.options()));
  }

  async openNamed(how: HoldHow = 'now'): Promise<this> {
    return this.hold(await Holder.openNamed(this.registry, 't', how, this.options()));
  }

  private options(): HolderOptions {
    const { browser, trees, channel } = this;
    return {
      trees,
      locks: this.lockManager,
      factory: browser.factory,
      channel,
      tree: { commitInterval: 1e8 },
      signal: this.ending.signal,
      onGone: ({ code, message }) => {
        this.events.push(code);
        this.messages.push(message);
      },
      onKept: (why) => {
        this.events.push('kept');
        this.messages.push(why);
      },
      onWanted: () => this.events.push('wanted'),
      onError: (error) => this.events.push(`error: ${error}`),
    };
  }

  private hold(holder: Holder): this {
    this.holder = holder;
    const { trees } = this;
    trees.current = { name: 't', database: holder.database, tree: holder.tree, readOnly: false };
    trees.guest = {
      pause: async () => void this.events.push('pause'),
      resume: () => void this.events.push('resume'),
    };
    return this;
  }

  get tree() {
    return (this.holder as Holder).tree;
  }

  make(name: string): void {
    this.tree.mknod(this.tree.root, name, { mode: 0o100644, ...OWNER });
  }

  get names(): string[] {
    return [...this.tree.readdir(this.tree.root, 0)].map(({ name }) => name).sort();
  }

  /** The tab does nothing any more, until it is thawed. */
  freeze(): void {
    this.frozen = new Promise((resolve) => {
      this.thawing = resolve;
    });
  }

  async thaw(): Promise<void> {
    this.frozen = undefined;
    this.thawing?.();
    await settle();
  }
}

/** How opening ended: 'open', or the code of the failure. */
const outcome = (opening: Promise<unknown>): Promise<string> =>
  opening.then(
    () => 'open',
    (error: { code?: string }) => error.code ?? String(error),
  );

/** The names in the stored tree, as the next one to open it finds them. */
async function stored(browser: Browser): Promise<string[]> {
  const tab = browser.tab({ locks: false });
  await tab.open();
  return tab.names;
}

describe('a second tab', () => {
  test('is told that the tree is open, and leaves no trace', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    expect(await outcome(browser.tab().open())).toBe('locked');
    a.make('f');
    await a.tree.sync();
    expect(a.events).toEqual([]);
  });

  test('opens it once the first one has closed it', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('f');
    await a.holder?.close();
    await settle();
    expect((await browser.tab().open()).names).toEqual(['f']);
  });
});

describe('a take-over', () => {
  test('gives everything that the first one has, unsynced too: it stops its guest, stores, and says why', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('unsynced');
    const b = await browser.tab().open('take-over');
    expect(b.names).toEqual(['unsynced']);
    expect(a.events).toEqual(['wanted', 'pause', 'taken-over']);
    expect(a.messages[0]).toMatch(/everything was stored/);
    expect(browser.channels.said.map(({ say }) => say)).toEqual(['take-over', 'handing-over', 'handed-over']);
    expect(await heirOf(DATABASE, browser.factory)).toBeUndefined();
    b.make('more');
    await b.tree.sync();
    expect(a.trees.current).toBeUndefined();
    expect(b.events).toEqual([]);
  });

  test('goes back and forth', async () => {
    const browser = new Browser();
    let last = await browser.tab().open();
    for (let i = 0; i < 5; i++) {
      last.make(`f${i}`);
      last = await browser.tab().open('take-over');
    }
    expect(last.names).toEqual(['f0', 'f1', 'f2', 'f3', 'f4']);
  });

  test('waits as long as the first one gives signs of life', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('slow');
    const { sync } = a.tree;
    let go = (): void => {};
    vi.spyOn(a.tree, 'sync').mockImplementationOnce(async () => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      await sync.call(a.tree);
    });
    const b = browser.tab();
    const opening = outcome(b.open('take-over'));
    await settle();
    for (let i = 0; i < 20; i++) {
      await vi.advanceTimersByTimeAsync(SILENCE / 2);
      await settle(10);
    }
    expect(b.holder).toBeUndefined();
    go();
    expect(await opening).toBe('open');
    expect(b.names).toEqual(['slow']);
    expect(a.events).toEqual(['wanted', 'pause', 'taken-over']);
  });

  test('has tasks on the tree given up, and waits for their end', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    let end = (): void => {};
    const task = a.trees.still('t', () => new Promise<void>((resolve) => (end = resolve)));
    await settle();
    const b = browser.tab();
    const opening = outcome(b.open('take-over'));
    await settle();
    expect(a.events).toEqual(['pause', 'wanted']);
    end();
    await task;
    expect(await opening).toBe('open');
    expect(a.events).toEqual(['pause', 'wanted', 'resume', 'pause', 'taken-over']);
  });

  test('is seen in the next commit where the question was not heard', async () => {
    const browser = new Browser();
    const a = await browser.tab({ deaf: true }).open();
    const b = browser.tab();
    const opening = outcome(b.open('take-over'));
    await settle();
    expect(a.events).toEqual([]);
    a.make('f');
    await a.tree.sync();
    expect(await opening).toBe('open');
    expect(a.events).toEqual(['wanted', 'pause', 'taken-over']);
    expect(b.names).toEqual(['f']);
  });

  test('is given up when its tab is closed, and leaves no heir', async () => {
    for (const turns of [0, 5, 30]) {
      const browser = new Browser();
      const a = await browser.tab().open();
      a.make('f');
      a.freeze();
      const b = browser.tab();
      const opening = b.open('take-over');
      const ended = outcome(opening);
      await settle(turns);
      b.ending.abort({ code: 'closed' });
      expect(await ended, `${turns}`).toBe('closed');
      expect(await heirOf(DATABASE, browser.factory)).toBeUndefined();
      await a.thaw();
      a.make('g');
      await a.tree.sync();
      await settle();
      expect(a.events).toEqual([]);
      expect(browser.locks.names).toEqual([DATABASE]);
    }
  });

  test('of a tab that died meanwhile gives the tree to nobody: seen in a commit, heard, or while everything is stored', async () => {
    for (const how of ['commit', 'channel', 'during'] as const) {
      const browser = new Browser();
      const a = await browser.tab({ deaf: how === 'commit' }).open();
      a.make('f');
      const token = crypto.randomUUID();
      const { sync } = a.tree;
      const death = new AbortController();
      if (how === 'during') {
        void browser.locks.request(token, {}, () => new Promise<void>((end) => (death.signal.onabort = () => end())));
        vi.spyOn(a.tree, 'sync').mockImplementationOnce(async () => {
          await sync.call(a.tree);
          death.abort();
          await settle(2);
        });
      }
      await announceHeir(DATABASE, token, browser.factory);
      browser.channels.channel(DATABASE).postMessage({ say: 'take-over', token, anyway: false });
      await settle();
      a.make('g');
      await a.tree.sync();
      await settle();
      expect(a.events, how).toEqual(how === 'during' ? ['wanted', 'pause', 'resume'] : []);
      expect(await heirOf(DATABASE, browser.factory), how).toBeUndefined();
      expect(browser.locks.names, how).toEqual([DATABASE]);
      // And whoever lives gets it.
      const b = browser.tab();
      const opening = outcome(b.open('take-over'));
      await settle();
      if (how === 'commit') {
        a.tree.setattr(a.tree.root, { mode: 0o40700 });
        await a.tree.sync();
      }
      expect(await opening, how).toBe('open');
      expect(b.names, how).toEqual(['f', 'g']);
    }
  });

  test('is heard while the first one is still opening the tree, and answered when it has', async () => {
    for (let distance = 0; distance <= 40; distance += 4) {
      const browser = new Browser();
      const before = await browser.tab().open();
      before.make('f');
      await before.holder?.close();
      await settle();
      const a = browser.tab();
      const b = browser.tab();
      const first = outcome(a.open());
      await settle(distance);
      // No timer runs: it is not taken from a tab that is only slow.
      const second = outcome(b.open('take-over'));
      expect([await first, await second], `${distance}`).toEqual(['open', 'open']);
      expect(b.names).toEqual(['f']);
      expect(a.events.filter((event) => event !== 'wanted' && event !== 'pause')).toEqual(['taken-over']);
      b.make('g');
      await b.tree.sync();
    }
  });

  test('gets signs of life from a tab that is closing the tree, however long that takes', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('slow');
    const { close } = a.tree;
    let go = (): void => {};
    vi.spyOn(a.tree, 'close').mockImplementationOnce(async () => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      await close.call(a.tree);
    });
    const closing = a.holder?.close();
    const b = browser.tab();
    const opening = outcome(b.open('take-over'));
    for (let i = 0; i < 10; i++) {
      await settle(10);
      await vi.advanceTimersByTimeAsync(SILENCE / 2);
    }
    expect(b.holder).toBeUndefined();
    go();
    await closing;
    expect(await opening).toBe('open');
    expect(b.names).toEqual(['slow']);
    expect(a.events).toEqual([]);
  });

  test('is refused by a task on a tree that nobody has open, which goes on', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    await a.holder?.close();
    await settle();
    let end = (): void => {};
    const task = a.trees.still('t', () => new Promise<void>((resolve) => (end = resolve)));
    await settle();
    const b = browser.tab();
    await expect(b.open('take-over')).rejects.toMatchObject({
      code: 'not-handed-over',
      message: expect.stringContaining('at work on the tree'),
    });
    expect(await outcome(b.open('take-over-anyway'))).toBe('not-handed-over');
    end();
    await task;
    expect(await outcome(b.open())).toBe('open');
  });

  test('of a tree that is being replaced opens the new one', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('old');
    await a.holder?.close();
    await settle();
    // A tab that does not hear the question replaces the tree while it is waited for.
    const deaf = browser.tab({ deaf: true });
    let end = (): void => {};
    const build = deaf.trees.build(
      't',
      async (tree) => {
        tree.mknod(tree.root, 'new', { mode: 0o100644, ...OWNER });
        await new Promise<void>((resolve) => (end = resolve));
      },
      { replace: true },
    );
    await settle();
    const b = browser.tab();
    const opening = outcome(b.openNamed('take-over'));
    await settle();
    end();
    await build;
    expect(await opening).toBe('open');
    expect(b.names).toEqual(['new']);
    b.make('more');
    await b.holder?.close();
    await settle();
    const c = browser.tab();
    await c.openNamed();
    expect(c.names).toEqual(['more', 'new']);
  });

  test('that steals a tree while another tab builds one in its place leaves what it has', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('old');
    await a.holder?.close();
    await settle();
    const deaf = browser.tab({ deaf: true });
    let end = (): void => {};
    const body = (): Promise<void> => new Promise((resolve) => (end = resolve));
    const build = outcome(deaf.trees.build('t', body, { replace: true }));
    await settle();
    const b = browser.tab();
    const opening = outcome(b.openNamed('take-over'));
    await settle();
    await vi.advanceTimersByTimeAsync(SILENCE);
    expect(await opening).toBe('open');
    b.make('mine');
    await b.tree.sync();
    end();
    expect(await build).toMatch(/taken over/);
    b.make('more');
    await b.holder?.close();
    await settle();
    const c = browser.tab();
    await c.openNamed();
    expect(c.names).toEqual(['mine', 'more', 'old']);
    expect((await browser.factory.databases()).length).toBe(2);
  });

  test('of a tree that nobody has any more is at once', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    await a.holder?.close();
    const b = await browser.tab().open('take-over');
    expect(b.names).toEqual([]);
  });
});

test('a tab that is closed while it opens a tree leaves it closed, with nothing that goes on', async () => {
  const browser = new Browser();
  const a = browser.tab();
  const { open } = Tree;
  let opened: Tree | undefined;
  vi.spyOn(Tree, 'open').mockImplementationOnce(async (...args) => {
    opened = await open.apply(Tree, args);
    opened.mknod(opened.root, 'f', { mode: 0o100644, ...OWNER });
    a.ending.abort({ code: 'closed' });
    return opened;
  });
  expect(await outcome(a.open())).toBe('closed');
  expect(opened?.dirtyBytes).toBe(0);
  expect(browser.locks.names).toEqual([]);
  expect(await stored(browser)).toEqual(['f']);
});

describe('a first tab that cannot store everything', () => {
  const full = (tab: Tab) => vi.spyOn(tab.tree, 'sync').mockRejectedValue(new PosixError('ENOSPC', 'no room'));

  test('keeps the tree and goes on; both are told', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('f');
    const sync = full(a);
    const b = browser.tab();
    const opening = b.open('take-over');
    await expect(opening).rejects.toMatchObject({
      code: 'not-handed-over',
      message: expect.stringMatching(/^\d+ bytes .*ENOSPC/),
    });
    expect(a.events).toEqual(['wanted', 'pause', 'kept', 'resume']);
    expect(a.messages[0]).toMatch(/^[1-9]\d* bytes/);
    expect(await heirOf(DATABASE, browser.factory)).toBeUndefined();
    expect(await outcome(browser.tab().open())).toBe('locked');

    // There is room again, and it is asked again.
    sync.mockRestore();
    expect((await browser.tab().open('take-over')).names).toEqual(['f']);
    expect(a.events.slice(4)).toEqual(['wanted', 'pause', 'taken-over']);
  });

  test('lets its guest go on where storing fails in a way that nobody foresaw, and keeps the tree', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    vi.spyOn(a.tree, 'sync').mockRejectedValueOnce(new TypeError('a mistake'));
    expect(await outcome(browser.tab().open('take-over'))).toBe('not-handed-over');
    expect(a.events).toEqual(['wanted', 'pause', 'resume', 'error: TypeError: a mistake']);
    a.make('f');
    expect((await browser.tab().open('take-over')).names).toEqual(['f']);
  });

  test('lets go where the other one insists, and says what is lost', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('f');
    full(a);
    const b = await browser.tab().open('take-over-anyway');
    expect(a.events).toEqual(['wanted', 'pause', 'taken-over']);
    expect(a.messages[0]).toMatch(/not everything could be stored: [1-9]\d* bytes/);
    b.make('g');
    await b.tree.sync();
    expect(b.names).toContain('g');
  });

  test('is not asked by a commit for what it has refused', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('f');
    const sync = full(a);
    const b = browser.tab();
    const opening = outcome(b.open('take-over'));
    await settle(2);
    expect(await opening).toBe('not-handed-over');
    sync.mockRestore();
    a.make('g');
    await a.tree.sync();
    await settle();
    expect(a.events).toEqual(['wanted', 'pause', 'kept', 'resume']);
  });
});

describe('in a full storage', () => {
  /** Nothing can be put, until the room that is held back is given up, if there is some. */
  function full(reserve: boolean): void {
    const { put } = IDBObjectStore.prototype;
    const refuse = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('no room', 'QuotaExceededError');
    });
    vi.spyOn(IndexedDbStore.prototype, 'relieve').mockImplementation(async () => {
      if (reserve) refuse.mockImplementation(put);
      return reserve;
    });
  }

  test('a tree is opened, and taken over, with the room that is held back', async () => {
    const browser = new Browser();
    const first = await browser.tab().open();
    first.make('f');
    await first.holder?.close();
    await settle();
    full(true);
    const a = await browser.tab().open();
    expect(a.names).toEqual(['f']);
    vi.restoreAllMocks();
    full(true);
    const b = await browser.tab().open('take-over');
    expect(b.names).toEqual(['f']);
    expect(a.events).toEqual(['wanted', 'pause', 'taken-over']);
  });

  test('without such room it is said, and the tree stays with whoever has it', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    await a.tree.sync();
    full(false);
    expect(await outcome(browser.tab().open('take-over'))).toBe('quota');
    vi.restoreAllMocks();
    expect(a.events).toEqual([]);
    a.make('g');
    await a.tree.sync();
    expect(await stored(browser)).toEqual(['g']);
  });
});

describe('a first tab that does not answer', () => {
  test('is fenced after 5 s: it wakes, commits nothing, and says that it lost the tree', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('stored');
    await a.tree.sync();
    a.make('dirty');
    a.freeze();
    const b = browser.tab();
    const opening = outcome(b.open('take-over'));
    await settle();
    await vi.advanceTimersByTimeAsync(SILENCE - 1);
    await settle();
    expect(b.holder).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(await opening).toBe('open');
    expect(b.names).toEqual(['stored']);
    b.make('after');
    await b.tree.sync();

    await a.thaw();
    expect(a.events).toEqual(['tree-lost']);
    await expect(a.tree.sync()).rejects.toMatchObject({ errno: 5 });
    expect(b.events).toEqual([]);
    expect(await stored(browser)).toEqual(['after', 'stored']);
  });

  test('is fenced by its own next commit, before it hears anything', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('dirty');
    a.freeze();
    const b = browser.tab();
    const opening = outcome(b.open('take-over'));
    await settle();
    await vi.advanceTimersByTimeAsync(SILENCE);
    expect(await opening).toBe('open');
    // It comes to itself in the middle of a commit.
    await expect(a.tree.sync()).rejects.toMatchObject({ errno: 5 });
    expect(a.events).toEqual(['tree-lost']);
    await a.thaw();
    expect(a.events).toEqual(['tree-lost']);
    expect(await stored(browser)).toEqual([]);
  });

  test('saves what it has where it wakes before the other one has opened the tree', async () => {
    const browser = new Browser();
    const a = await browser.tab().open();
    a.make('dirty');
    // Somebody steals the lock and goes away.
    await browser.locks.request(DATABASE, { steal: true }, () => {});
    await settle();
    expect(a.events).toEqual(['tree-lost']);
    expect(await stored(browser)).toEqual(['dirty']);
  });
});

describe('two that take over at once', () => {
  test.each(['answers', 'stands still'])(
    'get it one after the other or one of them, where the first %s',
    async (how) => {
      for (let distance = 0; distance <= 30; distance++) {
        const browser = new Browser();
        const a = await browser.tab().open();
        a.make('f');
        if (how === 'stands still') {
          await a.tree.sync();
          a.freeze();
        }
        const b = browser.tab();
        const c = browser.tab();
        const first = outcome(b.open('take-over'));
        await settle(distance);
        const second = outcome(c.open('take-over'));
        const ends = Promise.all([first, second]);
        for (let i = 0; i < 8; i++) {
          await settle(20);
          await vi.advanceTimersByTimeAsync(SILENCE / 4);
        }
        const what = `with ${distance} turns between them`;
        const results = await ends;
        expect(results, what).toContain('open');
        expect(
          results.every((result) => result === 'open' || result === 'locked'),
          `${what}: ${results}`,
        ).toBe(true);
        await a.thaw();
        // Whoever opened it and is not told to have lost it writes it, and there is exactly one.
        const writers = [a, b, c].filter(
          (tab) => tab.holder && tab.events.every((event) => event === 'wanted' || event === 'pause'),
        );
        expect(writers, `${what}: ${results}, ${a.events}; ${b.events}; ${c.events}`).toHaveLength(1);
        const [writer] = writers as [Tab];
        expect(writer, what).not.toBe(a);
        writer.make('mine');
        await writer.tree.sync();
        expect(browser.locks.names, what).toEqual([DATABASE]);
        expect(await stored(browser), what).toEqual(['f', 'mine']);
      }
    },
  );
});

describe('without Web Locks', () => {
  test('whoever opens the tree fences the one before', async () => {
    const browser = new Browser();
    const a = await browser.tab({ locks: false }).open();
    a.make('stored');
    await a.tree.sync();
    a.make('dirty');
    const b = await browser.tab({ locks: false }).open();
    expect(b.names).toEqual(['stored']);
    await expect(a.tree.sync()).rejects.toMatchObject({ errno: 5 });
    expect(a.events).toEqual(['tree-lost']);
    b.make('after');
    await b.tree.sync();
    expect(await stored(browser)).toEqual(['after', 'stored']);
  });

  test('a take-over has the first one store everything all the same', async () => {
    const browser = new Browser();
    const a = await browser.tab({ locks: false }).open();
    a.make('unsynced');
    const b = await browser.tab({ locks: false }).open('take-over');
    expect(b.names).toEqual(['unsynced']);
    expect(a.events).toEqual(['wanted', 'pause', 'taken-over']);
  });
});
