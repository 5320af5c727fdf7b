import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FromWorker, LabOptions, ToWorker } from '../lab/messages.ts';
import { CLOSE_LIMIT, Lab } from './lab-client.ts';

/** What the page makes of a worker, which says what a test wants. */
class FakeWorker {
  static made: FakeWorker[] = [];
  readonly orders: ToWorker[] = [];
  onmessage: ((event: { data: FromWorker }) => void) | null = null;
  terminated = false;
  constructor(_url: string | URL, options: WorkerOptions) {
    if (options.type === 'module' && options.name === 'lab') FakeWorker.made.push(this);
  }
  postMessage(order: ToWorker): void {
    this.orders.push(order);
  }
  terminate(): void {
    this.terminated = true;
  }
  say(data: FromWorker): void {
    this.onmessage?.({ data });
  }
}

const IMAGE = { assets: {}, cmdline: '' };
vi.mock('./image-loader.ts', () => ({
  LoadError: class extends Error {},
  ImageLoader: class {
    load = async () => IMAGE;
  },
}));

const options: LabOptions = {
  memory: 64,
  tag: 'lab',
  cache: 'auto',
  writeback: true,
  locks: false,
  like: undefined,
  handles: undefined,
  failHandles: undefined,
  wrong: undefined,
  reuse: false,
  chunkCache: 256,
  limit: undefined,
  tree: 't',
};
const makeLab = () => new Lab(options, { base: './', wasm: { url: 'w', size: 1 } });
const worker = (at: number): FakeWorker => FakeWorker.made[at] as FakeWorker;

beforeEach(() => {
  FakeWorker.made = [];
  vi.stubGlobal('Worker', FakeWorker);
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('requestAnimationFrame', () => 1);
  vi.stubGlobal('cancelAnimationFrame', () => {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a failure to store that passes is a notice, which goes when all is stored', async () => {
  const lab = makeLab();
  await lab.start();
  worker(0).say({ type: 'stage', stage: 'ready' });
  for (const code of ['store-failing', 'quota'] as const) {
    worker(0).say({ type: 'failed', code, message: 'why' });
    expect([lab.stage.value, lab.warning.value?.code, lab.failure.value]).toEqual(['ready', code, undefined]);
    worker(0).say({ type: 'stored' });
    expect(lab.warning.value).toBeUndefined();
  }
  worker(0).say({ type: 'failed', code: 'tree-lost', message: 'why' });
  expect([lab.stage.value, lab.failure.value?.code]).toEqual(['failed', 'tree-lost']);
});

test('a new start lets the worker store what is dirty before it ends it', async () => {
  const lab = makeLab();
  await lab.start();
  worker(0).say({ type: 'failed', code: 'internal', message: 'why' });
  const again = lab.start();
  expect(worker(0).orders.at(-1)).toEqual({ type: 'close' });
  worker(0).say({ type: 'stage', stage: 'stopped' });
  expect([lab.stage.value, worker(0).terminated, FakeWorker.made.length]).toEqual(['loading', false, 1]);
  worker(0).say({ type: 'closed' });
  await again;
  expect([worker(0).terminated, FakeWorker.made.length]).toEqual([true, 2]);
  expect(worker(1).orders[0]?.type).toBe('start');
});

test('a worker that does not answer is ended all the same', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const lab = makeLab();
  await lab.start();
  const again = lab.start();
  await vi.advanceTimersByTimeAsync(CLOSE_LIMIT);
  await again;
  expect([worker(0).terminated, FakeWorker.made.length]).toEqual([true, 2]);
});

test('of two starts at once the last one counts', async () => {
  const lab = makeLab();
  await lab.start();
  const first = lab.start();
  const second = lab.start();
  worker(0).say({ type: 'closed' });
  await Promise.all([first, second]);
  expect(FakeWorker.made.length).toBe(2);
  expect(worker(1).orders.map((order) => order.type)).toEqual(['start', 'resize']);
});

test('a task is answered to whoever asked, and given up where the worker ends', async () => {
  const lab = makeLab();
  await lab.start();
  const order = () => worker(0).orders.filter((each) => each.type === 'task' || each.type === 'cancel');
  const told: number[] = [];
  const first = lab.task({ do: 'sync' }, { onProgress: ({ done }) => told.push(done) });
  const ending = new AbortController();
  const second = lab.task({ do: 'sync' }, { signal: ending.signal });
  ending.abort();
  expect(order()).toEqual([
    { type: 'task', id: 1, task: { do: 'sync' } },
    { type: 'task', id: 2, task: { do: 'sync' } },
    { type: 'cancel', id: 2 },
  ]);
  worker(0).say({ type: 'task-progress', id: 1, progress: { done: 4, total: 5, what: 'x' } });
  worker(0).say({ type: 'task-failed', id: 2, code: 'cancelled', message: 'so' });
  worker(0).say({ type: 'task-done', id: 1, result: undefined });
  expect(await first).toBeUndefined();
  expect(told).toEqual([4]);
  await expect(second).rejects.toMatchObject({ code: 'cancelled', message: 'so' });

  const third = lab.task({ do: 'sync' });
  void lab.start();
  await expect(third).rejects.toMatchObject({ code: 'cancelled' });
});
