// What the device itself costs: one notification with a chain in it, answered at once by a handler that does nothing.
import type { Exchange } from '../../src/base/exchange.ts';
import { VirtioFsDevice } from '../../src/device/virtio-fs.ts';
import { DEFAULT_FEATURES, MockDriver, type Piece } from '../mock-driver.ts';
import type { DeviceRow } from './results.ts';
import { median } from './statistics.ts';
import type { Progress } from './workloads.ts';

const PAGE = 4096;
const REQUEST_QUEUE = 1;
const REQUESTS = 50_000;
const ROUNDS = 7;

interface Shape {
  readonly name: string;
  /** Chains a notification. */
  readonly batch: number;
  readonly pages: number;
  readonly indirect: boolean;
}

const SHAPES: readonly Shape[] = [
  { name: 'a small request, indirect', batch: 1, pages: 0, indirect: true },
  { name: 'a small request, direct', batch: 1, pages: 0, indirect: false },
  { name: '16 small requests a notification, each', batch: 16, pages: 0, indirect: true },
  { name: 'a request of 258 buffers, indirect', batch: 1, pages: 256, indirect: true },
];

/** Medians of rounds that take turns, after two that warm up. */
export function benchTransport(progress: Progress): DeviceRow[] {
  const runs = SHAPES.map((shape) => ({ shape, send: sender(shape), us: [] as number[] }));
  for (let round = -1; round <= ROUNDS; round++) {
    progress(`transport, round ${round} of ${ROUNDS}`);
    for (const { shape, send, us } of runs) {
      const times = Math.ceil(REQUESTS / shape.batch / (shape.pages === 0 ? 1 : 20));
      const begin = performance.now();
      for (let i = 0; i < times; i++) send();
      const took = performance.now() - begin;
      if (round > 0) us.push((took * 1000) / times / shape.batch);
    }
  }
  return runs.map(({ shape, us }) => ({ name: shape.name, us: median(us) }));
}

/** A way to send the same chains again and again that costs next to nothing itself. */
function sender({ batch, pages, indirect }: Shape): () => void {
  const handler = { handle: (exchange: Exchange) => exchange.complete(16), reset() {} };
  const driver = new MockDriver(new VirtioFsDevice({ tag: 'bench', handler }), 4 << 20);
  const queue = driver.start(DEFAULT_FEATURES)[REQUEST_QUEUE];
  if (queue === undefined) throw new Error('the device has no request queue');
  driver.ram.written = () => {};
  const heads = Array.from({ length: batch }, () => {
    const pieces: Piece[] = [
      { at: driver.allocate(40), length: 40, write: false },
      { at: driver.allocate(32), length: 32, write: false },
      { at: driver.allocate(16), length: 16, write: true },
      { at: driver.allocate(128), length: 128, write: true },
    ];
    for (let i = 0; i < pages; i++) pieces.push({ at: driver.allocate(PAGE, PAGE), length: PAGE, write: true });
    return queue.add(pieces, indirect ? 0 : pieces.length);
  });
  queue.notify();
  queue.reap();
  return () => {
    for (const head of heads) queue.offer(head);
    queue.notify();
  };
}
