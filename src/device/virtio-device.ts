// The core that every virtio device shares, without a transport: status, features, queues, batches and resets.
import type { Exchange, RequestHandler } from '../base/exchange.ts';
import type { Bus } from './bus.ts';
import { nextStatus } from './device-status.ts';
import {
  VIRTIO_CONFIG_S_DRIVER_OK,
  VIRTIO_CONFIG_S_FEATURES_OK,
  VIRTIO_CONFIG_S_NEEDS_RESET,
  VIRTIO_F_RING_RESET,
  VIRTIO_F_VERSION_1,
  VIRTIO_PCI_ISR_CONFIG,
  VIRTIO_PCI_ISR_QUEUE,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_RING_F_INDIRECT_DESC,
} from './virtio-abi.ts';
import { type ChainExchange, type Published, type QueueOwner, Virtqueue } from './virtqueue.ts';

/** Feature bits as a set: bit n is VIRTIO_F_x = n. */
export type Features = bigint;

export const featureBit = (bit: number): Features => 1n << BigInt(bit);
const has = (features: Features, bit: number): boolean => (features & featureBit(bit)) !== 0n;

/** What makes a virtio device one of its kind. */
export interface DeviceKind extends RequestHandler {
  /** linux/virtio_ids.h */
  readonly id: number;
  /** PCI base class and subclass. */
  readonly pciClass: number;
  /** Features of this kind; those of the ring and the transport come on top. */
  readonly features: Features;
  /** Device configuration, read-only to the driver; a multiple of 4 bytes. */
  readonly config: Uint8Array;
  /** The largest size of each queue, by index, with these features agreed. */
  queueSizes(agreed: Features): readonly number[];
}

/** Follows what the device does. Must not call the device. Times in ms, as `now` gives them. */
export interface DeviceObserver {
  /** A chain was taken from entry `availIndex` (u16) of the available ring; `available` is when the
   * first of its batch was taken: the driver has just notified. */
  taken(exchange: Exchange, availIndex: number, available: number, taken: number): void;
  /**
   * Its answer of `length` bytes is visible in entry `usedIndex` (u16) of the used ring. The spans are still valid.
   * `interrupted` tells whether the batch that it is in ended with an interrupt.
   */
  used(exchange: Exchange, length: number, usedIndex: number, interrupted: boolean, at: number): void;
  /** The driver broke a rule: the device waits for a reset. */
  broken(reason: string): void;
  /** The driver reset one queue, by index: what was in flight there is dead. */
  queueReset(queue: number): void;
  /** A device that had been started was reset. */
  reset(): void;
}

/** What a device tells its transport. */
export interface Transport {
  /** Sets bits of the ISR (VIRTIO_PCI_ISR_*) and interrupts. */
  interrupt(isr: number): void;
  /** Takes back interrupts, and all that a reset takes back. */
  reset(): void;
}

/** Numbers since the device was made. */
export interface DeviceCounters {
  notifications: number;
  /** Of those, the ones that no running queue was meant by. */
  strayNotifications: number;
  taken: number;
  used: number;
  /** Batches that ended with an interrupt, and that the driver wanted none for. */
  interrupts: number;
  suppressed: number;
  /** Answers that came after a reset, second answers, and answers longer than their buffer. */
  dropped: number;
  completedTwice: number;
  overlong: number;
  resets: number;
  broken: number;
}

export class VirtioDevice implements QueueOwner {
  readonly kind: DeviceKind;
  readonly offered: Features;
  readonly counters: DeviceCounters = {
    notifications: 0,
    strayNotifications: 0,
    taken: 0,
    used: 0,
    interrupts: 0,
    suppressed: 0,
    dropped: 0,
    completedTwice: 0,
    overlong: 0,
    resets: 0,
    broken: 0,
  };
  status = 0;
  /** What the driver acknowledges; it counts once FEATURES_OK is set. */
  accepted: Features = 0n;
  queues: readonly Virtqueue[];
  bus: Bus | undefined;
  /** Sets itself. */
  transport: Transport | undefined;

  private readonly observer: DeviceObserver | undefined;
  private readonly now: () => number;
  private readonly published: Published | undefined;
  private running = false;
  /** Notifications on the stack; in one, answers are collected and published when it ends. */
  private depth = 0;
  private readonly dirty: Virtqueue[] = [];

  constructor(kind: DeviceKind, observer: DeviceObserver | undefined, now: () => number) {
    this.kind = kind;
    this.observer = observer;
    this.now = now;
    this.offered =
      kind.features |
      featureBit(VIRTIO_RING_F_INDIRECT_DESC) |
      featureBit(VIRTIO_RING_F_EVENT_IDX) |
      featureBit(VIRTIO_F_VERSION_1) |
      featureBit(VIRTIO_F_RING_RESET);
    this.queues = this.makeQueues(0n);
    if (observer !== undefined) {
      this.published = (exchange, interrupted) =>
        observer.used(exchange, exchange.usedLength, exchange.usedIndex, interrupted, this.now());
    }
  }

  /** The features that are agreed on, none before FEATURES_OK. */
  get agreed(): Features {
    return this.status & VIRTIO_CONFIG_S_FEATURES_OK ? this.accepted : 0n;
  }

  get needsReset(): boolean {
    return (this.status & VIRTIO_CONFIG_S_NEEDS_RESET) !== 0;
  }

  /** The driver writes device_status. */
  writeStatus(written: number): void {
    if (written === 0) {
      this.reset();
      return;
    }
    const before = this.status;
    let next = nextStatus(before, written);
    if (next & ~before & VIRTIO_CONFIG_S_FEATURES_OK) {
      if (this.canAgree()) this.queues = this.makeQueues(this.accepted);
      else next &= ~VIRTIO_CONFIG_S_FEATURES_OK;
    }
    this.status = next;
    if (next & ~before & VIRTIO_CONFIG_S_DRIVER_OK) this.start();
  }

  /** The driver acknowledges features; too late once FEATURES_OK is set. */
  accept(features: Features): void {
    if ((this.status & VIRTIO_CONFIG_S_FEATURES_OK) === 0) this.accepted = features;
  }

  /** Back to power-on, from anywhere, also from inside a handler. Answers to what is in flight are dropped from now on. */
  reset(): void {
    const wasRunning = (this.status & VIRTIO_CONFIG_S_DRIVER_OK) !== 0;
    this.status = 0;
    this.running = false;
    this.accepted = 0n;
    this.dirty.length = 0;
    for (const queue of this.queues) queue.reset();
    this.queues = this.makeQueues(0n);
    this.transport?.reset();
    if (!wasRunning) return;
    this.counters.resets++;
    this.kind.reset();
    this.observer?.reset();
  }

  /** The driver enables a queue. */
  enableQueue(queue: Virtqueue): void {
    const { bus } = this;
    if (queue.enabled || bus === undefined) return;
    const agreed = this.agreed;
    const wrong = queue.enable(
      bus.memory,
      has(agreed, VIRTIO_RING_F_INDIRECT_DESC),
      has(agreed, VIRTIO_RING_F_EVENT_IDX),
    );
    if (wrong !== undefined) this.fail(wrong);
  }

  /** The driver resets one queue (VirtIO 1.3 2.6.1), where that was agreed. Done when it returns. */
  resetQueue(queue: Virtqueue): void {
    if (!has(this.agreed, VIRTIO_F_RING_RESET)) return;
    queue.reset();
    this.observer?.queueReset(queue.index);
  }

  /** The driver notifies a queue: takes all that is available and publishes all that is answered, with one interrupt. */
  notify(index: number): void {
    const { counters } = this;
    counters.notifications++;
    const queue = this.queues[index];
    if (!this.running || queue === undefined || !queue.enabled) {
      counters.strayNotifications++;
      return;
    }
    this.depth++;
    const wrong = this.serve(queue);
    this.depth--;
    if (wrong !== undefined) this.fail(wrong);
    else if (this.depth === 0 && this.dirty.length > 0) this.publish();
  }

  /** Sets DEVICE_NEEDS_RESET: what is answered is published, what is in flight is dead, and nothing more is taken. */
  fail(reason: string): void {
    if (this.needsReset) return;
    if (this.dirty.length > 0) this.publish();
    this.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    this.running = false;
    for (const queue of this.queues) queue.abandon();
    this.counters.broken++;
    if (this.status & VIRTIO_CONFIG_S_DRIVER_OK) this.transport?.interrupt(VIRTIO_PCI_ISR_CONFIG);
    this.observer?.broken(reason);
  }

  placed(queue: Virtqueue): void {
    this.counters.used++;
    if (!this.dirty.includes(queue)) this.dirty.push(queue);
    if (this.depth === 0) this.publish();
  }

  dropped(): void {
    this.counters.dropped++;
  }

  completedTwice(): void {
    this.counters.completedTwice++;
  }

  overlong(): void {
    this.counters.overlong++;
  }

  /** Features that the device can work with: a subset of the offered ones, with VERSION_1. None of them needs another. */
  private canAgree(): boolean {
    return (this.accepted & ~this.offered) === 0n && has(this.accepted, VIRTIO_F_VERSION_1);
  }

  private makeQueues(agreed: Features): readonly Virtqueue[] {
    const sizes = this.kind.queueSizes(agreed);
    const now = this.queues as readonly Virtqueue[] | undefined;
    if (now?.length === sizes.length && now.every((queue, i) => queue.maxSize === sizes[i])) return now;
    return sizes.map((size, index) => new Virtqueue(index, size, this));
  }

  private start(): void {
    if (this.needsReset) return;
    this.running = true;
    // What was made available before DRIVER_OK has not been looked at.
    this.depth++;
    let wrong: string | undefined;
    for (const queue of this.queues) {
      if (wrong === undefined && queue.enabled) wrong = this.serve(queue);
    }
    this.depth--;
    if (wrong !== undefined) this.fail(wrong);
    else if (this.dirty.length > 0) this.publish();
  }

  /** Hands each available chain to the handler. Returns undefined, or why the ring is broken. */
  private serve(queue: Virtqueue): string | undefined {
    const { kind, counters, observer } = this;
    const { epoch } = queue;
    let available: number | undefined;
    const wrong = queue.look();
    if (wrong !== undefined) return wrong;
    for (;;) {
      const exchange = queue.take();
      if (exchange === undefined) break;
      if (typeof exchange === 'string') return exchange;
      counters.taken++;
      if (observer !== undefined) {
        const now = this.now();
        available ??= now;
        observer.taken(exchange, exchange.availIndex, available, now);
      }
      try {
        kind.handle(exchange);
      } catch (error) {
        return this.thrown(queue, exchange, error);
      }
      if (queue.epoch !== epoch) return undefined;
    }
    queue.askForMore();
    return undefined;
  }

  /** A handler must not throw; where one does, the guest is told rather than the emulator hurt. */
  private thrown(queue: Virtqueue, exchange: ChainExchange, error: unknown): string {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `queue ${queue.index}: the handler of head ${exchange.head} threw ${text}`;
  }

  private publish(): void {
    const { dirty, counters } = this;
    let wanted = false;
    for (let i = 0; i < dirty.length; i++) {
      if ((dirty[i] as Virtqueue).publish(this.published)) wanted = true;
    }
    dirty.length = 0;
    if (wanted) {
      counters.interrupts++;
      this.transport?.interrupt(VIRTIO_PCI_ISR_QUEUE);
    } else {
      counters.suppressed++;
    }
  }
}
