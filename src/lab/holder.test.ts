// One writer: how tabs hold a tree and hand it over.
import { IDBKeyRange } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Browser, DATABASE, delayed, OWNER, outcome, settle, stored } from '../../test/tabs.ts';
import { announceHeir, heirOf } from '../fs/store/indexeddb-heir.ts';
import { Tree } from '../fs/tree/tree.ts';
import { SILENCE } from './take-over.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

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
    const go = delayed(a.tree, 'sync');
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
    const go = delayed(a.tree, 'close');
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
