// Ways from a guest's kernel to a server, both of which can be reset in the middle of a request.
import { VirtioFsDevice } from '../../src/device/virtio-fs.ts';
import type { FuseServer } from '../../src/fs/fuse/server.ts';
import { LoopExchange, type Transport, type Used } from '../fuse-client.ts';
import { MockDriver, type Piece } from '../mock-driver.ts';

/** The request was under way when the device was reset: nobody will answer it. */
export class Lost extends Error {
  override readonly name = 'Lost';
}

export interface Line {
  readonly send: Transport;
  /** The next reply is written, and never put on the ring. */
  dropNext: boolean;
  /** The device is reset, whatever is under way. */
  reset(): void;
  /** Throws where anything outside of the buffers was written. */
  check(): void;
}

/** Rejects what waits when it is broken. */
class Break {
  private promise!: Promise<never>;
  private reject!: (error: Lost) => void;

  constructor() {
    this.renew();
  }

  private renew(): void {
    this.promise = new Promise((_, reject) => {
      this.reject = reject;
    });
    this.promise.catch(() => {});
  }

  or<T>(other: Promise<T>): Promise<T> {
    return Promise.race([other, this.promise]);
  }

  now(): void {
    this.reject(new Lost());
    this.renew();
  }
}

/** Without a device between. */
export class LoopLine implements Line {
  dropNext = false;
  private readonly server: FuseServer;
  private readonly waiting = new Set<LoopExchange>();
  private readonly broken = new Break();

  constructor(server: FuseServer) {
    this.server = server;
  }

  readonly send: Transport = (request, capacity, queue) => {
    const placed = !this.dropNext;
    this.dropNext = false;
    const exchange = new LoopExchange(request, capacity, queue, [], placed);
    this.server.handle(exchange);
    if (exchange.used) return exchange.used;
    this.waiting.add(exchange);
    const used = Promise.resolve(exchange.wait()).finally(() => this.waiting.delete(exchange));
    return this.broken.or(used);
  };

  reset(): void {
    for (const exchange of this.waiting) exchange.live = false;
    this.server.reset();
    this.broken.now();
  }

  check(): void {}
}

const SLOT = 12_288;
const SLOTS = 8;

/** Over registers and rings, by a driver that does what Linux's does. */
export class QueueLine implements Line {
  readonly dropNext = false;
  private readonly driver: MockDriver;
  private readonly broken = new Break();
  /** Buffers that nothing is under way in: where the request goes, and the reply behind it. */
  private free: number[] = [];
  private readonly done = new Map<string, (length: number) => void>();

  constructor(server: FuseServer) {
    this.driver = new MockDriver(new VirtioFsDevice({ tag: 'storm', handler: server }), 1 << 19);
    this.start();
  }

  private start(): void {
    this.driver.start(undefined, 64);
    this.free = Array.from({ length: SLOTS }, () => this.driver.allocate(2 * SLOT));
  }

  /** Pieces of a descriptor each, of uneven lengths. */
  private pieces(at: number, length: number, write: boolean): Piece[] {
    const first = Math.min(40, length);
    const second = Math.min(100, length - first);
    const cuts = [first, second, length - first - second].filter((cut) => cut > 0);
    let offset = at;
    return cuts.map((cut) => {
      const piece = { at: offset, length: cut, write };
      offset += cut;
      return piece;
    });
  }

  readonly send: Transport = (request, capacity, index) => {
    if (request.length > SLOT || capacity > SLOT) throw new Error('too much for a buffer');
    const queue = this.driver.queues[index];
    const slot = this.free.pop();
    if (!queue || slot === undefined) throw new Error('too many requests at once');
    this.driver.ram.bytes.set(request, slot);
    const head = queue.add([...this.pieces(slot, request.length, false), ...this.pieces(slot + SLOT, capacity, true)]);
    const used = new Promise<Used>((resolve) => {
      this.done.set(`${index} ${head}`, (length) => {
        this.free.push(slot);
        resolve({ length, bytes: this.driver.ram.bytes.slice(slot + SLOT, slot + SLOT + length) });
      });
    });
    queue.kick();
    void this.reap();
    return this.broken.or(used);
  };

  /** Takes what was used, until nothing is under way. */
  private async reap(): Promise<void> {
    for (;;) {
      this.driver.isr();
      for (const queue of this.driver.queues) {
        for (const { head, length } of queue.reap()) {
          const key = `${queue.index} ${head}`;
          this.done.get(key)?.(length);
          this.done.delete(key);
        }
      }
      if (this.done.size === 0) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  reset(): void {
    this.done.clear();
    this.driver.reset();
    this.broken.now();
    this.start();
  }

  check(): void {
    if (!this.driver.ram.intact) throw new Error('something was written around RAM');
    this.driver.ram.ranges.length = 0;
  }
}
