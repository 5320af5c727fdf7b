// One writer: tabs that keep a tree because they cannot store it, and tabs that lose it because they do not answer.
import { IDBKeyRange, IDBObjectStore } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Browser, DATABASE, outcome, settle, stored, type Tab } from '../../test/tabs.ts';
import { PosixError } from '../base/errno.ts';
import { heirOf } from '../fs/store/indexeddb-heir.ts';
import { IndexedDbStore } from '../fs/store/indexeddb-store.ts';
import { SILENCE } from './take-over.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
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
