// Tabs of one browser in one process, each with a holder of the tree `t`, over stand-ins for what joins them.
import { IDBFactory } from 'fake-indexeddb';
import { vi } from 'vitest';
import { databaseName, TreeNames } from '../src/fs/store/indexeddb-names.ts';
import type { Tree } from '../src/fs/tree/tree.ts';
import { Holder, type HolderOptions, type HoldHow } from '../src/lab/holder.ts';
import { Trees } from '../src/lab/trees.ts';
import { FakeChannels } from './fake-channels.ts';
import { FakeLocks } from './fake-locks.ts';

/** That of the tree `t`. */
export const DATABASE = databaseName('t');
export const OWNER = { uid: 0, gid: 0 };

/** Lets everything happen that waits for no timer. */
export async function settle(turns = 100): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** What tabs of one browser share. */
export class Browser {
  readonly factory = new IDBFactory();
  readonly locks = new FakeLocks();
  readonly channels = new FakeChannels();

  tab(options: { locks?: boolean; deaf?: boolean } = {}): Tab {
    return new Tab(this, options.locks ?? true, options.deaf ?? false);
  }
}

/** A tab with a guest that only counts. */
export class Tab {
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
export const outcome = (opening: Promise<unknown>): Promise<string> =>
  opening.then(
    () => 'open',
    (error: { code?: string }) => error.code ?? String(error),
  );

/** The names in the stored tree, as the next one to open it finds them. */
export async function stored(browser: Browser): Promise<string[]> {
  const tab = browser.tab({ locks: false });
  await tab.open();
  return tab.names;
}

/** The next call of a method of the tree waits until what this returns is called. */
export function delayed(tree: Tree, method: 'sync' | 'close'): () => void {
  const original = tree[method];
  let go = (): void => {};
  vi.spyOn(tree, method).mockImplementationOnce(async () => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    await original.call(tree);
  });
  return () => go();
}
