// The guest's side of a device: RAM with guards, a PCI bus, and a driver that does what Linux 6.12's virtio_pci does.
import type { Memory } from '../src/base/iov.ts';
import type { Bus } from '../src/device/bus.ts';
import type { Width } from '../src/device/register-file.ts';
import {
  PCI_BASE_ADDRESS_0,
  PCI_CAP_ID_VNDR,
  PCI_CAPABILITY_LIST,
  PCI_COMMAND,
  PCI_STATUS,
  PCI_STATUS_CAP_LIST,
  VIRTIO_CONFIG_S_ACKNOWLEDGE,
  VIRTIO_CONFIG_S_DRIVER,
  VIRTIO_CONFIG_S_DRIVER_OK,
  VIRTIO_CONFIG_S_FEATURES_OK,
  VIRTIO_F_VERSION_1,
  VIRTIO_PCI_CAP_COMMON_CFG,
  VIRTIO_PCI_CAP_DEVICE_CFG,
  VIRTIO_PCI_CAP_ISR_CFG,
  VIRTIO_PCI_CAP_NOTIFY_CFG,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_RING_F_INDIRECT_DESC,
  VRING_AVAIL_F_NO_INTERRUPT,
  VRING_DESC_F_INDIRECT,
  VRING_DESC_F_NEXT,
  VRING_DESC_F_WRITE,
  VRING_USED_F_NO_NOTIFY,
  virtio_pci_common_cfg,
} from '../src/device/virtio-abi.ts';
import {
  type DeviceKind,
  type DeviceObserver,
  type Features,
  featureBit,
  VirtioDevice,
} from '../src/device/virtio-device.ts';
import { VirtioPci } from '../src/device/virtio-pci.ts';

const GUARD = 4096;
const CANARY = 0xc5;

/**
 * RAM in the middle of a larger array: views end where RAM ends, so reading past it throws or is short, and what is
 * written past it is found by `intact`. Remembers the ranges that written() was told of.
 */
export class MockRam implements Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** [start, end, start, end, ...] since the last clear. */
  readonly ranges: number[] = [];
  private readonly whole: Uint8Array;

  constructor(size: number) {
    this.whole = new Uint8Array(size + 2 * GUARD).fill(CANARY);
    this.bytes = this.whole.subarray(GUARD, GUARD + size).fill(0);
    this.view = new DataView(this.whole.buffer, GUARD, size);
  }

  written(start: number, end: number): void {
    if (!(start >= 0 && end >= start && end <= this.bytes.length)) throw new Error(`written(${start}, ${end})`);
    this.ranges.push(start, end);
  }

  /** Whether nothing was written around RAM. */
  get intact(): boolean {
    const { whole } = this;
    for (let at = 0; at < GUARD; at++) {
      if (whole[at] !== CANARY || whole[whole.length - 1 - at] !== CANARY) return false;
    }
    return true;
  }

  /** Offsets of bytes that differ from `before`. */
  changed(before: Uint8Array): number[] {
    const { bytes } = this;
    const found: number[] = [];
    for (let at = 0; at < before.length; at++) if (bytes[at] !== before[at]) found.push(at);
    return found;
  }

  /** Of those, the ones that written() was not told of. */
  unreported(before: Uint8Array): number[] {
    const changed = this.changed(before);
    if (changed.length === 0) return changed;
    const told = new Uint8Array(this.bytes.length);
    for (let i = 0; i < this.ranges.length; i += 2) told.fill(1, this.ranges[i], this.ranges[i + 1]);
    return changed.filter((at) => told[at] === 0);
  }
}

export class MockBus implements Bus {
  readonly memory: MockRam;
  irq = false;
  /** How often the line went up, and how often the device asked for it. */
  edges = 0;
  raised = 0;

  constructor(size: number) {
    this.memory = new MockRam(size);
  }

  setIrq(level: boolean): void {
    if (level) this.raised++;
    if (level && !this.irq) this.edges++;
    this.irq = level;
  }
}

/** What the driver can be plugged to. */
export interface Pluggable {
  readonly pci: VirtioPci;
  attach(bus: Bus): void;
}

/** A device of any kind, ready to be plugged in. */
export function pluggable(kind: DeviceKind, observer?: DeviceObserver): Pluggable & { device: VirtioDevice } {
  const device = new VirtioDevice(kind, observer, () => 0);
  const pci = new VirtioPci(device);
  return {
    device,
    pci,
    attach: (bus) => {
      device.reset();
      device.bus = bus;
    },
  };
}

/** A piece of guest memory in a chain. */
export interface Piece {
  readonly at: number;
  readonly length: number;
  readonly write: boolean;
}

export interface Capability {
  readonly at: number;
  readonly type: number;
  readonly length: number;
  readonly bar: number;
  readonly offset: number;
  readonly size: number;
}

export const DEFAULT_FEATURES: Features =
  featureBit(VIRTIO_F_VERSION_1) | featureBit(VIRTIO_RING_F_INDIRECT_DESC) | featureBit(VIRTIO_RING_F_EVENT_IDX);

type CommonField = keyof InstanceType<typeof virtio_pci_common_cfg>;
const commonFields = new Map(virtio_pci_common_cfg.fields.map((field) => [field.name, field]));

export class MockDriver {
  readonly bus: MockBus;
  readonly pci: VirtioPci;
  readonly capabilities: readonly Capability[];
  features: Features = 0n;
  readonly queues: MockQueue[] = [];
  private top = 4096;

  constructor(device: Pluggable, ramSize = 1 << 18) {
    this.bus = new MockBus(ramSize);
    this.pci = device.pci;
    device.attach(this.bus);
    this.pci.config.write(PCI_BASE_ADDRESS_0, 4, 0xc000);
    this.pci.config.write(PCI_COMMAND, 2, 5);
    this.capabilities = this.walkCapabilities();
  }

  get ram(): MockRam {
    return this.bus.memory;
  }

  /** As virtio_pci_find_capability() walks the list. */
  private walkCapabilities(): Capability[] {
    const { config } = this.pci;
    const found: Capability[] = [];
    if ((config.read(PCI_STATUS, 2) & PCI_STATUS_CAP_LIST) === 0) return found;
    const seen = new Set<number>();
    for (let at = config.read(PCI_CAPABILITY_LIST, 1); at !== 0; at = config.read(at + 1, 1)) {
      if (seen.has(at)) throw new Error('the capability list is a loop');
      seen.add(at);
      if (config.read(at, 1) !== PCI_CAP_ID_VNDR) continue;
      found.push({
        at,
        length: config.read(at + 2, 1),
        type: config.read(at + 3, 1),
        bar: config.read(at + 4, 1),
        offset: config.read(at + 8, 4),
        size: config.read(at + 12, 4),
      });
    }
    return found;
  }

  capability(type: number): Capability {
    const found = this.capabilities.find((cap) => cap.type === type);
    if (found === undefined) throw new Error(`no capability of type ${type}`);
    return found;
  }

  read(type: number, offset: number, width: Width): number {
    const cap = this.capability(type);
    return this.pci.read(cap.bar, cap.offset + offset, width);
  }

  write(type: number, offset: number, width: Width, value: number): void {
    const cap = this.capability(type);
    this.pci.write(cap.bar, cap.offset + offset, width, value);
  }

  /** A field of the common configuration, in its own width. */
  get(name: CommonField): number {
    const { offset, type } = commonFields.get(name)!;
    return this.read(VIRTIO_PCI_CAP_COMMON_CFG, offset, type.size as Width);
  }

  set(name: CommonField, value: number): void {
    const { offset, type } = commonFields.get(name)!;
    this.write(VIRTIO_PCI_CAP_COMMON_CFG, offset, type.size as Width, value);
  }

  /** As vp_interrupt() does first: reading clears and lets go of the line. */
  isr(): number {
    return this.read(VIRTIO_PCI_CAP_ISR_CFG, 0, 1);
  }

  config(length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, i) => this.read(VIRTIO_PCI_CAP_DEVICE_CFG, i, 1));
  }

  offered(): Features {
    let features = 0n;
    for (const word of [0, 1]) {
      this.set('device_feature_select', word);
      features |= BigInt(this.get('device_feature')) << BigInt(32 * word);
    }
    return features;
  }

  addStatus(bit: number): number {
    this.set('device_status', this.get('device_status') | bit);
    return this.get('device_status');
  }

  reset(): void {
    this.set('device_status', 0);
    this.queues.length = 0;
    this.top = 4096;
  }

  /** Up to FEATURES_OK, with `wanted` as far as it is offered (or all of it, with `force`). Tells whether it was accepted. */
  negotiate(wanted = DEFAULT_FEATURES, force = false): boolean {
    this.addStatus(VIRTIO_CONFIG_S_ACKNOWLEDGE);
    this.addStatus(VIRTIO_CONFIG_S_DRIVER);
    this.features = force ? wanted : wanted & this.offered();
    for (const word of [0, 1]) {
      this.set('guest_feature_select', word);
      this.set('guest_feature', Number((this.features >> BigInt(32 * word)) & 0xffffffffn));
    }
    return (this.addStatus(VIRTIO_CONFIG_S_FEATURES_OK) & VIRTIO_CONFIG_S_FEATURES_OK) !== 0;
  }

  has(bit: number): boolean {
    return (this.features & featureBit(bit)) !== 0n;
  }

  /** Memory that nothing else uses. */
  allocate(length: number, align = 16): number {
    const at = Math.ceil(this.top / align) * align;
    this.top = at + length;
    if (this.top > this.ram.bytes.length) throw new Error('the mock has no memory left');
    return at;
  }

  /** Sets queue `index` up with rings of its own and enables it, as setup_vq() does. */
  setUp(index: number, size?: number): MockQueue {
    this.set('queue_select', index);
    const entries = size ?? this.get('queue_size');
    const queue = new MockQueue(this, index, entries);
    this.set('queue_size', entries);
    this.set('queue_desc_lo', queue.desc);
    this.set('queue_desc_hi', 0);
    this.set('queue_avail_lo', queue.avail);
    this.set('queue_avail_hi', 0);
    this.set('queue_used_lo', queue.used);
    this.set('queue_used_hi', 0);
    this.set('queue_enable', 1);
    this.queues[index] = queue;
    return queue;
  }

  /** The whole of a probe, with all queues; returns them. */
  start(wanted = DEFAULT_FEATURES, size?: number): MockQueue[] {
    this.reset();
    if (!this.negotiate(wanted)) throw new Error('the device refuses the features');
    const count = this.get('num_queues');
    for (let index = 0; index < count; index++) this.setUp(index, size);
    this.addStatus(VIRTIO_CONFIG_S_DRIVER_OK);
    return this.queues;
  }

  /** Where queue `index` is notified, as offset in the BAR. */
  notifyOffset(index: number): number {
    const cap = this.capability(VIRTIO_PCI_CAP_NOTIFY_CFG);
    this.set('queue_select', index);
    return cap.offset + this.get('queue_notify_off') * this.pci.config.read(cap.at + 16, 4);
  }
}

/** One virtqueue as vring_split of drivers/virtio/virtio_ring.c keeps it. */
export class MockQueue {
  readonly driver: MockDriver;
  readonly index: number;
  readonly size: number;
  readonly desc: number;
  readonly avail: number;
  readonly used: number;
  /** Chains that the device has, by head: their descriptors. */
  readonly out = new Map<number, number[]>();
  readonly free: number[];
  private readonly notifyAt: number;
  private availIdx = 0;
  private added = 0;
  private lastUsed = 0;
  private callbacks = true;

  constructor(driver: MockDriver, index: number, size: number) {
    this.driver = driver;
    this.index = index;
    this.size = size;
    this.desc = driver.allocate(16 * size, 16);
    this.avail = driver.allocate(6 + 2 * size, 2);
    this.used = driver.allocate(6 + 8 * size, 4);
    driver.ram.bytes.fill(0, this.desc, this.used + 6 + 8 * size);
    this.free = Array.from({ length: size }, (_, i) => i);
    this.notifyAt = driver.notifyOffset(index);
  }

  private get view(): DataView {
    return this.driver.ram.view;
  }

  get eventIdx(): boolean {
    return this.driver.has(VIRTIO_RING_F_EVENT_IDX);
  }

  set usedEvent(value: number) {
    this.view.setUint16(this.avail + 4 + 2 * this.size, value, true);
  }

  get usedEvent(): number {
    return this.view.getUint16(this.avail + 4 + 2 * this.size, true);
  }

  get availEvent(): number {
    return this.view.getUint16(this.used + 4 + 8 * this.size, true);
  }

  get usedIdx(): number {
    return this.view.getUint16(this.used + 2, true);
  }

  get usedFlags(): number {
    return this.view.getUint16(this.used, true);
  }

  set availFlags(value: number) {
    this.view.setUint16(this.avail, value, true);
  }

  /** Writes descriptor `i` of a table at `table`. */
  put(table: number, i: number, at: number, length: number, flags: number, next: number): void {
    const base = table + 16 * i;
    this.view.setUint32(base, at >>> 0, true);
    this.view.setUint32(base + 4, Math.floor(at / 2 ** 32), true);
    this.view.setUint32(base + 8, length, true);
    this.view.setUint16(base + 12, flags, true);
    this.view.setUint16(base + 14, next, true);
  }

  /**
   * Puts a chain on the available ring: of `pieces`, of which those from `indirectFrom` on go into an indirect table.
   * The caller kicks. Returns the head.
   */
  add(pieces: readonly Piece[], indirectFrom = pieces.length): number {
    const inTable = pieces.length - indirectFrom;
    const direct = indirectFrom + (inTable > 0 ? 1 : 0);
    if (direct > this.free.length) throw new Error('the ring is full');
    const used = this.free.splice(0, direct);
    used.forEach((i, n) => {
      const next = used[n + 1];
      if (n < indirectFrom) {
        const { at, length, write } = pieces[n]!;
        const flags = (write ? VRING_DESC_F_WRITE : 0) | (next === undefined ? 0 : VRING_DESC_F_NEXT);
        this.put(this.desc, i, at, length, flags, next ?? 0);
        return;
      }
      const table = this.driver.allocate(16 * inTable);
      pieces.slice(indirectFrom).forEach(({ at, length, write }, k) => {
        const last = k === inTable - 1;
        this.put(
          table,
          k,
          at,
          length,
          (write ? VRING_DESC_F_WRITE : 0) | (last ? 0 : VRING_DESC_F_NEXT),
          last ? 0 : k + 1,
        );
      });
      this.put(this.desc, i, table, 16 * inTable, VRING_DESC_F_INDIRECT, 0);
    });
    const head = used[0]!;
    this.out.set(head, used);
    this.offer(head);
    return head;
  }

  /** Puts a head on the available ring, whatever it is. */
  offer(head: number): void {
    this.view.setUint16(this.avail + 4 + 2 * (this.availIdx % this.size), head, true);
    this.availIdx = (this.availIdx + 1) & 0xffff;
    this.added++;
    this.view.setUint16(this.avail + 2, this.availIdx, true);
  }

  /** A chain of freshly allocated memory: `request` to read and `room` bytes to write. Returns where the room is. */
  request(request: Uint8Array, room: number): { head: number; reply: number } {
    const at = this.driver.allocate(request.length);
    const reply = this.driver.allocate(room);
    this.driver.ram.bytes.set(request, at);
    const pieces: Piece[] = [{ at, length: request.length, write: false }];
    if (room > 0) pieces.push({ at: reply, length: room, write: true });
    return { head: this.add(pieces), reply };
  }

  /** virtqueue_kick_prepare(): whether the device wants to be told. */
  needsKick(): boolean {
    const next = this.availIdx;
    const old = (this.availIdx - this.added) & 0xffff;
    this.added = 0;
    if (!this.eventIdx) return (this.usedFlags & VRING_USED_F_NO_NOTIFY) === 0;
    return ((next - this.availEvent - 1) & 0xffff) < ((next - old) & 0xffff);
  }

  kick(): boolean {
    const needed = this.needsKick();
    if (needed) this.notify();
    return needed;
  }

  /** vp_notify() */
  notify(): void {
    this.driver.pci.write(0, this.notifyAt, 2, this.index);
  }

  /** virtqueue_disable_cb() */
  disableCallbacks(): void {
    this.callbacks = false;
    if (this.eventIdx) this.usedEvent = 0;
    else this.availFlags = VRING_AVAIL_F_NO_INTERRUPT;
  }

  /** virtqueue_enable_cb(): false where there is something to reap already. */
  enableCallbacks(): boolean {
    this.callbacks = true;
    if (this.eventIdx) this.usedEvent = this.lastUsed;
    else this.availFlags = 0;
    return this.usedIdx === this.lastUsed;
  }

  /** virtqueue_get_buf() until there is no more. Throws Error for an element that no driver could take. */
  reap(): { head: number; length: number }[] {
    const found: { head: number; length: number }[] = [];
    while (this.lastUsed !== this.usedIdx) {
      const at = this.used + 4 + 8 * (this.lastUsed % this.size);
      const head = this.view.getUint32(at, true);
      const descriptors = this.out.get(head);
      if (descriptors === undefined) throw new Error(`id ${head} is not a head!`);
      this.out.delete(head);
      this.free.push(...descriptors);
      found.push({ head, length: this.view.getUint32(at + 4, true) });
      this.lastUsed = (this.lastUsed + 1) & 0xffff;
    }
    if (this.eventIdx && this.callbacks) this.usedEvent = this.lastUsed;
    return found;
  }
}
