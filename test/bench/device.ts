// The cost of one request from the notify register to the used ring: device and server, no guest, memory store.
import { VirtioFsDevice } from '../../src/device/virtio-fs.ts';
import { MockDriver, type Piece } from '../mock-driver.ts';
import { type BenchRequest, benchRequests } from './requests.ts';
import type { DeviceRow } from './results.ts';
import { median } from './statistics.ts';
import type { Progress } from './workloads.ts';

const ROUNDS = 9;
const PAGE = 4096;
const REQUEST_QUEUE = 1;

/** Header and arguments in one descriptor, payload in pages behind it: what virtio_fs of Linux makes of a request. */
function pieces(at: number, total: number, write: boolean): Piece[] {
  const head = total > PAGE ? total % PAGE || PAGE : total;
  const found: Piece[] = [{ at, length: head, write }];
  for (let offset = head; offset < total; offset += PAGE) found.push({ at: at + offset, length: PAGE, write });
  return found;
}

/** Lays the request out as one chain with an indirect table, and returns how to send it once more. */
function sender(driver: MockDriver, { name, request, capacity }: BenchRequest): () => void {
  const queue = driver.queues[REQUEST_QUEUE];
  if (!queue) throw new Error('the device has no request queue');
  const at = driver.allocate(request.length, PAGE);
  driver.ram.bytes.set(request, at);
  const reply = driver.allocate(capacity, PAGE);
  const head = queue.add([...pieces(at, request.length, false), ...pieces(reply, capacity, true)], 0);
  queue.notify();
  queue.reap();
  const status = driver.ram.view.getInt32(reply + 4, true);
  const length = driver.ram.view.getUint32(reply, true);
  if (status !== 0 || length < 16) throw new Error(`${name} was answered with ${status}, ${length} bytes`);
  return () => {
    queue.offer(head);
    queue.notify();
  };
}

/** Medians of rounds that take turns, after one that warms up. Throws where a request was not answered at once. */
export async function benchDevice(progress: Progress): Promise<DeviceRow[]> {
  const { server, tree, requests } = await benchRequests();
  // The requests are for the session that was opened while they were made: a reset by the driver would end it.
  const handler = { handle: server.handle.bind(server), reset: () => {} };
  const device = new VirtioFsDevice({ tag: 'bench', handler });
  const driver = new MockDriver(device, 16 << 20);
  driver.start();
  const runs = requests.map((request) => ({ request, send: sender(driver, request), us: [] as number[] }));
  for (let round = 0; round <= ROUNDS; round++) {
    progress(`device, round ${round} of ${ROUNDS}`);
    for (const { request, send, us } of runs) {
      const before = device.state().used;
      const begin = performance.now();
      for (let i = 0; i < request.count; i++) send();
      const took = ((performance.now() - begin) * 1000) / request.count;
      if (device.state().used - before !== request.count) throw new Error(`${request.name} was not answered at once`);
      if (round > 0) us.push(took);
      driver.ram.ranges.length = 0;
    }
    await tree.sync();
  }
  await tree.close();
  return runs.map(({ request, us }) => ({ name: request.name, us: median(us) }));
}
