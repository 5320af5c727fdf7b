// The lab in a Web Worker: messages in, messages out, the tree in IndexedDB under this tab's lock.
import { databaseName } from '../fs/store/indexeddb-names.ts';
import { IndexedDbStore } from '../fs/store/indexeddb-store.ts';
import { lockTree, type TreeLock } from '../fs/store/tree-lock.ts';
import { Tree } from '../fs/tree/tree.ts';
import { GuestGone } from './agent.ts';
import { agreed } from './agreed.ts';
import { CommitNews, explainFailure, LabFailure, settled } from './failures.ts';
import { Lab } from './lab.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { nodeidsOf } from './nodeids.ts';
import { CONSOLE_INTERVAL, COUNTER_INTERVAL, LOG_INTERVAL, Outbox } from './outbox.ts';
import { TaskRefused, TaskRunner } from './tasks.ts';

declare const self: DedicatedWorkerGlobalScope;

type Start = Extract<ToWorker, { type: 'start' }>;
type Order = Exclude<ToWorker, Start | { type: 'close' | 'task' | 'cancel' }>;

const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void => self.postMessage(message, transfer);
const fail = (error: unknown): void => post({ type: 'failed', ...explainFailure(error) });

/** A lab that runs, and what the page is told of it. */
class Running {
  readonly lab: Lab;
  private readonly outbox: Outbox;
  private consoleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(lab: Lab) {
    this.lab = lab;
    const outbox = new Outbox(
      post,
      lab.log,
      () => lab.counters(),
      () => performance.now(),
    );
    this.outbox = outbox;
    lab.console.on((bytes) => {
      outbox.addConsole(bytes);
      this.consoleTimer ??= setTimeout(() => {
        this.consoleTimer = undefined;
        outbox.flushConsole();
      }, CONSOLE_INTERVAL);
    });
    lab.serial.on((bytes) => outbox.addSerial(bytes));
    lab.processes.on((name) => outbox.addName(name));
    lab.commands.on((command) => outbox.addCommand(command));
    lab.sessions.on(() => post({ type: 'agreed', agreed: agreed(lab.server.session.negotiated) }));
    lab.failures.on((failure) => post({ type: 'failed', ...failure }));
    lab.stages.on((change) => {
      outbox.flush();
      post({ type: 'stage', ...change });
    });
    setInterval(() => outbox.flush(), LOG_INTERVAL);
    setInterval(() => outbox.flushCounters(), COUNTER_INTERVAL);
  }

  take(order: Order): void {
    const { lab } = this;
    switch (order.type) {
      case 'input':
        lab.input(order.bytes);
        return;
      case 'resize':
        lab.resize(order.cols, order.rows);
        return;
      case 'restart':
        lab.restart().catch(fail);
        return;
      case 'power-off':
        lab.powerOff();
        return;
      case 'ctrl-alt-del':
        lab.ctrlAltDel();
        return;
      case 'run':
        this.run(order.id, order.script).catch(fail);
        return;
      case 'log-ack':
        this.outbox.acknowledge(order.seq);
        return;
      case 'commit-now':
        settled(lab.tree.sync()).catch(fail);
        return;
      case 'quota':
        // What may be stored is found out by storing: browsers promise more than they keep.
        return;
    }
  }

  private async run(id: number, script: string): Promise<void> {
    const nothing = new Uint8Array(0);
    try {
      post({ type: 'ran', id, ...(await this.lab.run(script).done) });
    } catch (error) {
      if (!(error instanceof GuestGone)) throw error;
      post({ type: 'ran', id, status: undefined, stdout: nothing, stderr: nothing });
    }
  }
}

let running: Running | undefined;
/** From when they are there, for `close`. */
let lock: TreeLock | undefined;
let openTree: Tree | undefined;
/** Orders that came before there was a lab to take them. */
let early: Order[] = [];

const tasks = new TaskRunner(
  {
    async sync() {
      if (openTree === undefined) throw new TaskRefused('No tree is open.');
      await openTree.sync();
      return undefined;
    },
  },
  post,
  () => performance.now(),
);

async function start({ assets, cmdline, options }: Start): Promise<void> {
  post({ type: 'hello', timeOrigin: performance.timeOrigin });
  post({ type: 'stage', stage: 'opening-tree' });
  const wasm = await compile(assets.wasm);
  lock = await lockTree(options.tree);
  let lab: Lab | undefined;
  const store = new IndexedDbStore(databaseName(options.tree), {
    onLost: (error) => {
      // Nothing can be kept any more: a guest that went on would lose what it is told was written.
      lab?.close();
      fail(error);
    },
  });
  const news = new CommitNews(post);
  const tree = await Tree.open(store, {
    reuseInodeNumbers: options.reuse,
    cacheLimit: options.chunkCache * 2 ** 20,
    onCommitFailure: (error) => news.tell(error),
  });
  openTree = tree;
  const { kernel, initrd, bios, vgabios } = assets;
  lab = new Lab(tree, {
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
  running = new Running(lab);
  for (const order of early) running.take(order);
  early = [];
  await lab.boot();
}

async function close(): Promise<void> {
  try {
    running?.lab.close();
    if (openTree !== undefined) await settled(openTree.close());
    lock?.release();
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
  if (data.type === 'start') start(data).catch(fail);
  else if (data.type === 'close') close().catch(fail);
  else if (data.type === 'task') void tasks.run(data.id, data.task);
  else if (data.type === 'cancel') tasks.cancel(data.id);
  else if (running === undefined) early.push(data);
  else running.take(data);
};
