// One split virtqueue: takes available chains, places used elements, decides on interrupts (VirtIO 1.3 2.7).
import type { Exchange, Grants } from '../base/exchange.ts';
import { IovReader, IovWriter, type Memory, Spans } from '../base/iov.ts';
import { walkChain } from './descriptor-chain.ts';
import { inMemory } from './guest-memory.ts';
import {
  VRING_AVAIL_ALIGN_SIZE,
  VRING_AVAIL_F_NO_INTERRUPT,
  VRING_DESC_ALIGN_SIZE,
  VRING_FLAGS,
  VRING_IDX,
  VRING_RING,
  VRING_USED_ALIGN_SIZE,
  vring_desc,
  vring_used_elem,
} from './virtio-abi.ts';

/** What a queue needs of its device. */
export interface QueueOwner {
  /** An element was placed; the owner has publish() called now or at the end of the batch. */
  placed(queue: Virtqueue): void;
  /** An answer came for a chain that was taken before a reset. */
  dropped(): void;
  /** A chain was completed a second time. */
  completedTwice(): void;
  /** More bytes were reported than the chain has room for; they were cut. */
  overlong(): void;
}

/** Called for each element that publish() made visible, before its exchange is used again. */
export type Published = (exchange: ChainExchange, interrupted: boolean) => void;

const TWO_32 = 4294967296;
const PAGE = 4096;

/**
 * vring_need_event() of linux/virtio_ring.h: whether an index that moved from `old` to `next` passed `event`. All u16.
 */
export const vringNeedEvent = (event: number, next: number, old: number): boolean =>
  ((next - event - 1) & 0xffff) < ((next - old) & 0xffff);

/** An Exchange over a chain of this queue. */
export class ChainExchange implements Exchange {
  readonly queue: number;
  readonly reader: IovReader;
  readonly writer: IovWriter;
  head = 0;
  record = 0;
  /** Where in the available ring it came from (u16). */
  availIndex = 0;
  /** Where in the used ring it went (u16), and with how many bytes. */
  usedIndex = 0;
  usedLength = 0;
  /** The queue's epoch when it was taken; -1 where it is not taken. */
  epoch = -1;
  readonly memory: Memory;
  private readonly owner: Virtqueue;

  constructor(owner: Virtqueue, memory: Memory) {
    this.owner = owner;
    this.memory = memory;
    this.queue = owner.index;
    this.reader = new IovReader(memory, new Spans());
    this.writer = new IovWriter(memory, new Spans());
  }

  get live(): boolean {
    return this.epoch === this.owner.epoch;
  }

  complete(length: number, grants?: Grants): void {
    this.owner.complete(this, length, grants);
  }
}

/** So many exchanges at least are free before one is used again. */
const RESTING = 8;

/**
 * Exchanges to be used again, the one that is free for longest first and never soon: a late second complete() of one
 * finds it free and does no harm.
 */
class ExchangePool {
  private readonly owner: Virtqueue;
  private readonly slots: (ChainExchange | undefined)[];
  private memory: Memory | undefined;
  private first = 0;
  private count = 0;

  constructor(owner: Virtqueue, capacity: number) {
    this.owner = owner;
    this.slots = new Array<ChainExchange | undefined>(capacity).fill(undefined);
  }

  /** Gives out exchanges over `memory` from now on. */
  use(memory: Memory): void {
    if (this.memory === memory) return;
    this.memory = memory;
    this.slots.fill(undefined);
    this.count = 0;
  }

  acquire(): ChainExchange {
    if (this.count < RESTING) return new ChainExchange(this.owner, this.memory as Memory);
    const exchange = this.slots[this.first] as ChainExchange;
    this.slots[this.first] = undefined;
    this.first = this.first + 1 === this.slots.length ? 0 : this.first + 1;
    this.count--;
    return exchange;
  }

  release(exchange: ChainExchange): void {
    exchange.epoch = -1;
    if (exchange.memory !== this.memory || this.count === this.slots.length) return;
    const at = this.first + this.count;
    this.slots[at < this.slots.length ? at : at - this.slots.length] = exchange;
    this.count++;
  }
}

export class Virtqueue {
  readonly index: number;
  /** The largest number of entries. */
  readonly maxSize: number;
  /** What the driver wrote, as it wrote it. */
  size: number;
  descLo = 0;
  descHi = 0;
  availLo = 0;
  availHi = 0;
  usedLo = 0;
  usedHi = 0;
  enabled = false;
  /** Rises with each reset: what was taken in an older epoch is dead. */
  epoch = 0;

  private readonly owner: QueueOwner;
  private memory: Memory | undefined;
  private badSize: number | undefined;
  private indirect = false;
  private eventIdx = false;
  private desc = 0;
  private avail = 0;
  private used = 0;
  /** The table that chains start in, for walkChain. */
  private table = { at: 0, size: 0 };
  /** Next entry of the available ring to take, and up to where it is filled as last seen (u16). */
  private nextAvail = 0;
  private seenAvail = 0;
  /** Next entry of the used ring to fill, and the index that the driver sees (u16). */
  private nextUsed = 0;
  private publishedUsed = 0;
  /** 1 for each head that the driver has not been given back. */
  private readonly taken: Uint8Array;
  private takenCount = 0;
  /** Placed, not published. */
  private readonly pending: ChainExchange[] = [];
  private readonly pool: ExchangePool;

  constructor(index: number, maxSize: number, owner: QueueOwner) {
    this.index = index;
    this.maxSize = maxSize;
    this.size = maxSize;
    this.owner = owner;
    this.taken = new Uint8Array(maxSize);
    this.pool = new ExchangePool(this, maxSize + RESTING);
  }

  /** Chains that were taken and not answered. */
  get inFlight(): number {
    return this.takenCount;
  }

  /** Back to the state of power-on. What is in flight is dead. */
  reset(): void {
    this.epoch++;
    this.size = this.maxSize;
    this.badSize = undefined;
    this.descLo = 0;
    this.descHi = 0;
    this.availLo = 0;
    this.availHi = 0;
    this.usedLo = 0;
    this.usedHi = 0;
    this.enabled = false;
    this.nextAvail = 0;
    this.seenAvail = 0;
    this.nextUsed = 0;
    this.publishedUsed = 0;
    this.taken.fill(0);
    this.takenCount = 0;
    if (this.pending.length > 0) this.report(this.memory as Memory, this.pending.length);
    for (const exchange of this.pending) this.pool.release(exchange);
    this.pending.length = 0;
  }

  /** Ends everything that is in flight without a change to what the driver has set up. */
  abandon(): void {
    this.epoch++;
  }

  /** The driver's choice of size. One that cannot be is kept out of the register and refused when the queue is enabled. */
  setSize(size: number): void {
    if (size > 0 && size <= this.maxSize && (size & (size - 1)) === 0) {
      this.size = size;
      this.badSize = undefined;
    } else {
      this.badSize = size;
    }
  }

  /** Starts the queue. Returns undefined, or why the driver's set-up is not one. */
  enable(memory: Memory, indirect: boolean, eventIdx: boolean): string | undefined {
    const { size } = this;
    if (this.badSize !== undefined) return `queue ${this.index}: size ${this.badSize}`;
    const desc = this.descHi * TWO_32 + this.descLo;
    const avail = this.availHi * TWO_32 + this.availLo;
    const used = this.usedHi * TWO_32 + this.usedLo;
    const event = eventIdx ? 2 : 0;
    const areas: readonly (readonly [name: string, at: number, length: number, align: number])[] = [
      ['descriptor table', desc, size * vring_desc.size, VRING_DESC_ALIGN_SIZE],
      ['available ring', avail, VRING_RING + 2 * size + event, VRING_AVAIL_ALIGN_SIZE],
      ['used ring', used, VRING_RING + vring_used_elem.size * size + event, VRING_USED_ALIGN_SIZE],
    ];
    for (const [name, at, length, align] of areas) {
      if (!inMemory(memory, at, length)) return `queue ${this.index}: ${name} at ${at} is outside of memory`;
      if (at % align !== 0) return `queue ${this.index}: ${name} at ${at} is not aligned to ${align}`;
    }
    this.memory = memory;
    this.pool.use(memory);
    this.indirect = indirect;
    this.eventIdx = eventIdx;
    this.desc = desc;
    this.avail = avail;
    this.used = used;
    this.table = { at: this.desc, size };
    this.enabled = true;
    return undefined;
  }

  /**
   * Looks how far the available ring is filled. To be called once a notification: take() goes up to there, however the
   * rings may overlap. Returns undefined, or why it cannot be.
   */
  look(): string | undefined {
    this.seenAvail = (this.memory as Memory).view.getUint16(this.avail + VRING_IDX, true);
    const count = (this.seenAvail - this.nextAvail) & 0xffff;
    return count > this.size ? `queue ${this.index}: ${count} available in a ring of ${this.size}` : undefined;
  }

  /** The next available chain; undefined where there is none; or, as text, why the ring is broken. */
  take(): ChainExchange | string | undefined {
    const position = this.nextAvail;
    if (position === this.seenAvail) return undefined;
    const memory = this.memory as Memory;
    const { size } = this;
    const head = memory.view.getUint16(this.avail + VRING_RING + 2 * (position & (size - 1)), true);
    if (head >= size) return `queue ${this.index}: head ${head} in a ring of ${size}`;
    if (this.taken[head] === 1) return `queue ${this.index}: head ${head} is with the device`;
    const exchange = this.pool.acquire();
    const { reader, writer } = exchange;
    const wrong = walkChain(memory, this.table, head, this.indirect, reader.spans, writer.spans);
    if (wrong !== undefined) {
      this.pool.release(exchange);
      return `queue ${this.index}: ${wrong}`;
    }
    reader.rewind();
    writer.rewind();
    exchange.head = head;
    exchange.record = 0;
    exchange.availIndex = position;
    exchange.epoch = this.epoch;
    this.nextAvail = (position + 1) & 0xffff;
    this.taken[head] = 1;
    this.takenCount++;
    return exchange;
  }

  /** With EVENT_IDX: asks for a notification of the next chain (VirtIO 1.3 2.7.10). */
  askForMore(): void {
    if (!this.eventIdx) return;
    const memory = this.memory as Memory;
    const at = this.used + VRING_RING + vring_used_elem.size * this.size;
    memory.written(at, at + 2);
    memory.view.setUint16(at, this.nextAvail, true);
  }

  /** Places the answer on the used ring, where the driver sees it at the next publish(). */
  complete(exchange: ChainExchange, length: number, grants: Grants | undefined): void {
    if (exchange.epoch === -1) {
      this.owner.completedTwice();
      return;
    }
    if (exchange.epoch !== this.epoch) {
      this.pool.release(exchange);
      this.owner.dropped();
      return;
    }
    const room = exchange.writer.spans.total;
    if (length > room) {
      length = room;
      this.owner.overlong();
    }
    exchange.epoch = -1;
    exchange.usedIndex = this.nextUsed;
    exchange.usedLength = length;
    const { view } = this.memory as Memory;
    const at = this.used + VRING_RING + vring_used_elem.size * (this.nextUsed & (this.size - 1));
    view.setUint32(at, exchange.head, true);
    view.setUint32(at + 4, length, true);
    this.nextUsed = (this.nextUsed + 1) & 0xffff;
    this.takenCount--;
    this.pending.push(exchange);
    grants?.take();
    this.owner.placed(this);
  }

  /**
   * Shows the driver what was placed: one write of used.idx. Returns whether the driver wants an interrupt for it.
   * INVARIANT: complete() leaves the report of its writes to this method, which comes before the guest runs on.
   */
  publish(published: Published | undefined): boolean {
    const { pending, memory, used } = this;
    if (pending.length === 0 || memory === undefined) return false;
    this.report(memory, pending.length);
    const { view } = memory;
    const old = this.publishedUsed;
    const next = this.nextUsed;
    view.setUint16(used + VRING_IDX, next, true);
    this.publishedUsed = next;
    const interrupt = this.eventIdx
      ? vringNeedEvent(view.getUint16(this.avail + VRING_RING + 2 * this.size, true), next, old)
      : (view.getUint16(this.avail + VRING_FLAGS, true) & VRING_AVAIL_F_NO_INTERRUPT) === 0;
    for (let i = 0; i < pending.length; i++) {
      const exchange = pending[i] as ChainExchange;
      this.taken[exchange.head] = 0;
      published?.(exchange, interrupt);
      this.pool.release(exchange);
    }
    pending.length = 0;
    return interrupt;
  }

  /** Reports the writes of the last `count` elements and of the index: pages of code are rarely there, calls are dear. */
  private report(memory: Memory, count: number): void {
    const { used, size } = this;
    const first = this.publishedUsed & (size - 1);
    const wraps = first + count > size;
    const start = used + VRING_RING + (wraps ? 0 : vring_used_elem.size * first);
    const end = used + VRING_RING + vring_used_elem.size * (wraps ? size : first + count);
    if (end - used <= PAGE) {
      memory.written(used, end);
      return;
    }
    memory.written(used, used + VRING_RING);
    memory.written(start, end);
  }
}
