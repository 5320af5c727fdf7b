// The conformance suite through the virtqueues: a driver like Linux's, the device, and the server behind it.
import { VirtioFsDevice } from '../../src/device/virtio-fs.ts';
import type { FuseServer } from '../../src/fs/fuse/server.ts';
import { MemoryStore } from '../../src/fs/store/memory-store.ts';
import type { Transport, Used } from '../fuse-client.ts';
import { MockDriver, type MockQueue } from '../mock-driver.ts';
import { conformance } from './over-fuse.ts';

const PAGE = 4096;
/** The most that a request or a reply of the suite takes, bytes. */
const ROOM = 160 * 1024;

/** One request at a time, in buffers that are used again; header and pages in descriptors of their own. */
class Wire {
  private readonly driver: MockDriver;
  private readonly request: number;
  private readonly reply: number;
  private readonly tables = new Map<number, number>();

  constructor(server: FuseServer) {
    const handler = { handle: server.handle.bind(server), reset: () => {} };
    this.driver = new MockDriver(new VirtioFsDevice({ tag: 'conformance', handler }), 1 << 21);
    this.driver.start();
    this.request = this.driver.allocate(ROOM, PAGE);
    this.reply = this.driver.allocate(ROOM, PAGE);
    for (const queue of this.driver.queues) this.tables.set(queue.index, 0);
  }

  private pieces(at: number, total: number, write: boolean) {
    const head = total > PAGE ? total % PAGE || PAGE : total;
    const pieces = [{ at, length: head, write }];
    for (let offset = head; offset < total; offset += PAGE) pieces.push({ at: at + offset, length: PAGE, write });
    return pieces;
  }

  async send(request: Uint8Array, capacity: number, index: number): Promise<Used> {
    const queue = this.driver.queues[index] as MockQueue;
    this.driver.ram.bytes.set(request, this.request);
    const pieces = this.pieces(this.request, request.length, false);
    if (capacity > 0) pieces.push(...this.pieces(this.reply, capacity, true));
    queue.add(pieces);
    queue.kick();
    const [used] = await this.reaped(queue);
    if (!this.driver.ram.intact) throw new Error('something was written around RAM');
    this.driver.ram.ranges.length = 0;
    const { length } = used!;
    return { length, bytes: this.driver.ram.bytes.slice(this.reply, this.reply + length) };
  }

  /** What was used, as soon as the device has raised its interrupt. */
  private async reaped(queue: MockQueue): Promise<{ length: number }[]> {
    for (;;) {
      const used = queue.reap();
      if (used.length > 0) {
        this.driver.isr();
        return used;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function wire(server: FuseServer): Transport {
  const line = new Wire(server);
  return (request, capacity, queue) => line.send(request, capacity, queue);
}

conformance('over the virtqueues', { store: () => new MemoryStore(), transport: wire });
