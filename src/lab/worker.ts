// The lab in a Web Worker: messages in, messages out, the tree in IndexedDB under this tab's lock.
import { TreeNames } from '../fs/store/indexeddb-names.ts';
import { StoreError } from '../fs/tree/store.ts';
import { checkTasks } from './check-tasks.ts';
import { CommitNews, explainFailure, LabFailure } from './failures.ts';
import { fileTasks } from './file-tasks.ts';
import { Holder } from './holder.ts';
import { Lab } from './lab.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { nodeidsOf } from './nodeids.ts';
import { posixWords } from './posix-words.ts';
import { type Order, Running } from './running.ts';
import { TaskCancelled, TaskRefused, TaskRunner } from './tasks.ts';
import { transferTasks } from './transfer-tasks.ts';
import { treeFigures } from './tree-figures.ts';
import { treeTasks } from './tree-tasks.ts';
import { Trees } from './trees.ts';
import { ofView } from './view-tasks.ts';
import { Viewer } from './viewer.ts';

declare const self: DedicatedWorkerGlobalScope;

type Start = Extract<ToWorker, { type: 'start' }>;

const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void => self.postMessage(message, transfer);
const fail = (error: unknown): void => post({ type: 'failed', ...explainFailure(error) });

const factory = self.indexedDB;
const locks: LockManager | undefined = self.navigator.locks;
const names = new TreeNames(factory);
const channel = (name: string): BroadcastChannel => new BroadcastChannel(name);
const trees = new Trees({ names, locks, factory, channel });

let running: Running | undefined;
/** What has the tree open, from when it is: `close` closes it. */
let opened: { close(): Promise<void> } | undefined;
/** Aborted by `close`. */
const ending = new AbortController();
let starting: Promise<void> | undefined;
/** Orders that came before there was a lab to take them. */
let early: Order[] = [];

const transfers = transferTasks(trees);
const files = fileTasks(trees, () => running?.lab.nodeids());
const tasks = new TaskRunner(
  {
    async sync() {
      if (trees.current === undefined) throw new TaskRefused('No tree is open.');
      try {
        await trees.current.tree.sync();
      } catch (error) {
        const words = posixWords(error);
        if (words === undefined) throw error;
        throw new TaskRefused(`Not everything could be stored: ${words}.`);
      }
      return undefined;
    },
    ...treeTasks(trees),
    ...checkTasks(trees),
    ...transfers,
    ...files,
    ...ofView(trees, { ...transfers, ...files }),
  },
  post,
  () => performance.now(),
);

async function start(order: Start): Promise<void> {
  post({ type: 'hello', timeOrigin: performance.timeOrigin });
  post({ type: 'stage', stage: 'opening-tree' });
  if (order.how === 'none') post({ type: 'stage', stage: 'idle' });
  else if (order.how === 'read-only') await view(order);
  else await startGuest(order, order.how === 'guest' ? 'now' : order.how);
  // What others left half done is in nobody's way: this can fail without anything else failing.
  trees.sweep().catch((error: unknown) => console.warn('Left-over databases were not removed:', error));
}

async function startGuest({ assets, cmdline, options }: Start, how: 'now' | 'take-over' | 'take-over-anyway') {
  if (assets === undefined) throw new TypeError('a guest needs its image');
  const wasm = await compile(assets.wasm);
  const news = new CommitNews(post);
  const holder = await Holder.openNamed(names, options.tree, how, {
    trees,
    locks,
    factory,
    channel,
    tree: {
      reuseInodeNumbers: options.reuse,
      cacheLimit: options.chunkCache * 2 ** 20,
      limit: options.limit === undefined ? undefined : options.limit * 2 ** 20,
      onCommitFailure: (error) => news.tell(error),
    },
    signal: ending.signal,
    onGone(failure) {
      // Nothing can be kept any more: a guest that went on would lose what it is told was written.
      running?.lab.close();
      post({ type: 'failed', ...failure });
    },
    onKept: (message) => post({ type: 'failed', code: 'tree-wanted', message }),
    onWanted: () => tasks.cancelOn(trees.current?.name, new TaskCancelled('Another tab takes the tree over.')),
    onError: fail,
  });
  opened = holder;
  const { tree, database } = holder;
  const { kernel, initrd, bios, vgabios } = assets;
  const lab = new Lab(tree, {
    image: { kernel, initrd, bios, vgabios, wasm },
    cmdline: options.tag === 'lab' ? cmdline : `${cmdline} lab.tag=${options.tag}`,
    memory: options.memory,
    tag: options.tag,
    cache: options.cache,
    writeback: options.writeback,
    locks: options.locks,
    like: options.like,
    nodeids: nodeidsOf(options),
    p9: options.p9 ?? false,
  });
  trees.current = { name: options.tree, database, tree, readOnly: false };
  trees.guest = lab;
  running = new Running(lab, post, fail);
  for (const order of early) running.take(order);
  early = [];
  await lab.boot();
}

/** Shows the tree as it is stored, and again whenever that has changed. */
async function view({ options }: Start): Promise<void> {
  const name = options.tree;
  const database = await names.resolve(name);
  if (database === undefined) throw new StoreError('name', `There is no tree “${name}” yet.`);
  const viewer: Viewer = new Viewer(database, {
    factory,
    tree: { cacheLimit: options.chunkCache * 2 ** 20 },
    onTree(tree) {
      trees.current = { name, database, tree, readOnly: true, renew: () => viewer.renew(tree) };
      const none = { requests: 0, requestsPerSecond: 0, cachedInodes: 0, handles: 0, interrupts: 0, pending: 0 };
      post({ type: 'counters', counters: { ...none, ...treeFigures(tree) } });
    },
    onGone(error) {
      trees.current = undefined;
      fail(error);
    },
  });
  await viewer.open();
  opened = viewer;
  post({ type: 'stage', stage: 'viewing' });
}

async function close(): Promise<void> {
  try {
    ending.abort(new Error('the worker is closed'));
    running?.lab.close();
    await starting;
    await opened?.close();
  } finally {
    post({ type: 'closed' });
  }
}

async function compile(bytes: ArrayBuffer): Promise<WebAssembly.Module> {
  if (typeof WebAssembly !== 'object') throw new LabFailure('no-wasm', 'there is no WebAssembly');
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw new LabFailure('no-wasm', (error as Error).message, { cause: error });
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>): void => {
  if (data.type === 'start') {
    starting = start(data).catch((error: unknown) => {
      if (!ending.signal.aborted) fail(error);
    });
  } else if (data.type === 'close') close().catch(fail);
  else if (data.type === 'task') void tasks.run(data.id, data.task);
  else if (data.type === 'cancel') tasks.cancel(data.id);
  else if (running === undefined) early.push(data);
  else running.take(data);
};
