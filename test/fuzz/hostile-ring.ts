// One case of a hostile driver against the device: rings anywhere, descriptors of any kind, handlers of any kind.
import type { Exchange } from '../../src/base/exchange.ts';
import type { Width } from '../../src/device/register-file.ts';
import {
  VIRTIO_CONFIG_S_DRIVER_OK,
  VIRTIO_CONFIG_S_NEEDS_RESET,
  VIRTIO_F_RING_RESET,
  VIRTIO_F_VERSION_1,
  VIRTIO_PCI_CAP_COMMON_CFG,
  VIRTIO_PCI_CAP_PCI_CFG,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_RING_F_INDIRECT_DESC,
} from '../../src/device/virtio-abi.ts';
import { featureBit } from '../../src/device/virtio-device.ts';
import { VirtioFsDevice } from '../../src/device/virtio-fs.ts';
import { MockDriver } from '../mock-driver.ts';
import type { Random } from './random.ts';

const RAM = 8192;
/** In tidy cases the rings lie behind this, and buffers before it. */
const RINGS = 4096;
const QUEUES = 3;
const QUEUE_SIZE = 16;

/** What the cases came to: a fuzz that never gets a chain through, or never breaks a ring, proves little. */
export interface Tally {
  cases: number;
  taken: number;
  answered: number;
  broken: number;
  resets: number;
  dropped: number;
}

export class HostileRing {
  readonly tally: Tally = { cases: 0, taken: 0, answered: 0, broken: 0, resets: 0, dropped: 0 };
  private random: Random;
  private readonly device: VirtioFsDevice;
  private readonly driver: MockDriver;
  private readonly held: Exchange[] = [];
  /** 1 for each byte of RAM that the device may write in this case. */
  private readonly allowed = new Uint8Array(RAM);
  private readonly before = new Uint8Array(RAM);
  private takenInCase = 0;
  private tidy = false;
  private failure: unknown;

  constructor(random: Random) {
    this.random = random;
    this.device = new VirtioFsDevice({
      tag: 'fuzz',
      requestQueues: QUEUES - 1,
      queueSize: QUEUE_SIZE,
      hiprioSize: 4,
      handler: {
        handle: (exchange) => this.handle(exchange),
        reset: () => {
          this.tally.resets++;
        },
      },
    });
    this.driver = new MockDriver(this.device, RAM);
  }

  /** Throws Error, saying what is wrong, where the device does what it must not. */
  run(random: Random): void {
    this.random = random;
    const { driver, device, tally } = this;
    const { bytes } = driver.ram;
    this.held.length = 0;
    this.takenInCase = 0;
    this.failure = undefined;
    this.allowed.fill(0);
    driver.ram.ranges.length = 0;
    driver.set('device_status', 0);
    // Cases differ in how full of nonsense memory is: all zeroes, and every byte random.
    if (random.once(3)) for (let at = 0; at < RAM; at += 4) driver.ram.view.setUint32(at, random.next(), true);
    else bytes.fill(0);
    const start = device.state();
    this.setUp();
    this.before.set(bytes);
    for (let round = random.below(3); round >= 0; round--) this.act();
    for (const exchange of this.held.splice(0)) this.answer(exchange);
    const end = device.state();
    tally.cases++;
    tally.taken += end.taken - start.taken;
    tally.answered += end.used - start.used;
    tally.broken += end.broken - start.broken;
    tally.dropped += end.dropped - start.dropped;
    this.check(end.taken - start.taken, end.used - start.used, end.dropped - start.dropped);
  }

  private check(taken: number, used: number, dropped: number): void {
    const { driver } = this;
    if (this.failure !== undefined) throw this.failure;
    if (taken !== used + dropped) throw new Error(`${taken} chains taken, ${used} answered, ${dropped} dropped`);
    if (dropped > 0 && !this.stopped) throw new Error(`${dropped} answers dropped by a device that runs`);
    if (!driver.ram.intact) throw new Error('memory around RAM was written');
    const { bytes } = driver.ram;
    for (let at = 0; at < RAM; at++) {
      if (bytes[at] !== this.before[at] && this.allowed[at] === 0) throw new Error(`byte ${at} was written`);
    }
    const unreported = driver.ram.unreported(this.before);
    if (unreported.length > 0) throw new Error(`bytes ${unreported.slice(0, 8)} were written and not reported`);
  }

  /** Whether a reset, of the device or a queue, or NEEDS_RESET explains answers that went nowhere. */
  private stopped = false;

  private get needsReset(): boolean {
    return (this.driver.get('device_status') & VIRTIO_CONFIG_S_NEEDS_RESET) !== 0;
  }

  private setUp(): void {
    const { driver, random } = this;
    this.stopped = false;
    this.tidy = !random.once(3);
    let features = featureBit(VIRTIO_F_VERSION_1);
    for (const bit of [VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_RING_F_EVENT_IDX, VIRTIO_F_RING_RESET]) {
      if (!random.once(4)) features |= featureBit(bit);
    }
    driver.negotiate(features);
    for (let index = 0; index < QUEUES; index++) {
      driver.set('queue_select', index);
      const size = random.once(40) ? random.below(40) : 1 << random.below(index === 0 ? 3 : 5);
      driver.set('queue_size', size);
      const desc = this.address(16, index * 1024);
      const avail = this.address(2, index * 1024 + 512);
      const used = this.address(4, index * 1024 + 768);
      driver.set('queue_desc_lo', desc);
      driver.set('queue_avail_lo', avail);
      driver.set('queue_used_lo', used);
      if (random.once(150)) driver.set('queue_used_hi', random.next());
      driver.set('queue_enable', 1);
      if (driver.get('queue_enable') === 0) continue;
      this.allow(used, 6 + 8 * size);
      this.fillRing(desc, avail, size);
    }
    driver.addStatus(VIRTIO_CONFIG_S_DRIVER_OK * (random.once(40) ? 0 : 1));
    this.stopped ||= this.needsReset;
  }

  /** An address for a ring: in a tidy case one of its own, else mostly aligned and inside, and any two may overlap. */
  private address(align: number, own: number): number {
    const { random } = this;
    if (this.tidy) return RINGS + own;
    if (random.once(60)) return random.next();
    const at = random.below(RAM - (random.once(8) ? 0 : 600));
    return random.once(60) ? at : at - (at % align);
  }

  private fillRing(desc: number, avail: number, size: number): void {
    const { random } = this;
    const { view } = this.driver.ram;
    for (let i = 0; i < size; i++) this.descriptor(desc + 16 * i, size);
    // Chains that are legal, for the rest of the ring to be reached.
    if (!random.once(6)) this.legalChain(desc, size);
    const count = random.once(30) ? random.below(65536) : random.below(size + 1);
    for (let i = 0; i < size; i++) view.setUint16(avail + 4 + 2 * i, random.once(60) ? random.next() : i % size, true);
    view.setUint16(avail, random.once(2) ? 0 : random.next(), true);
    view.setUint16(avail + 2, count, true);
    if (avail + 6 + 2 * size <= RAM) view.setUint16(avail + 4 + 2 * size, random.below(size + 1), true);
  }

  private descriptor(at: number, size: number): void {
    const { random } = this;
    const { view } = this.driver.ram;
    if (at + 16 > RAM) return;
    view.setUint32(at, random.once(25) ? random.next() : random.below(RAM), true);
    view.setUint32(at + 4, random.once(60) ? random.next() : 0, true);
    const length = random.once(30) ? random.next() : random.once(4) ? 16 * random.below(6) : random.below(200);
    view.setUint32(at + 8, length, true);
    view.setUint16(at + 12, random.once(20) ? random.next() : random.pick([0, 0, 0, 1, 2, 2, 3, 4, 4, 5, 6]), true);
    view.setUint16(at + 14, random.once(20) ? random.next() : random.below(size), true);
  }

  /** Descriptor i leads to i + 1 as far as a random length, readable ones first; some end in an indirect table. */
  private legalChain(desc: number, size: number): void {
    const { random } = this;
    const { view } = this.driver.ram;
    for (let i = 0; i < size; i++) {
      const at = desc + 16 * i;
      if (at + 16 > RAM) return;
      const last = i === size - 1 || random.once(3);
      this.legalDescriptor(at, i, last);
      if (last && random.once(3)) {
        const entries = 1 + random.below(4);
        const table = random.below(RINGS - 16 * entries);
        for (let k = 0; k < entries; k++) {
          if (random.once(4)) this.descriptor(table + 16 * k, entries);
          else this.legalDescriptor(table + 16 * k, k, k === entries - 1);
        }
        view.setUint32(at, table, true);
        view.setUint32(at + 8, 16 * entries, true);
        view.setUint16(at + 12, 4, true);
      }
    }
  }

  private legalDescriptor(at: number, index: number, last: boolean): void {
    const { random } = this;
    const { view } = this.driver.ram;
    view.setUint32(at, random.below(RINGS - 256), true);
    view.setUint32(at + 4, 0, true);
    view.setUint32(at + 8, random.below(256), true);
    view.setUint16(at + 12, last ? 2 : 1, true);
    view.setUint16(at + 14, index + 1, true);
  }

  private act(): void {
    const { driver, random, device } = this;
    const kind = random.below(12);
    if (kind < 8) {
      const limit = device.state().queues.reduce((sum, { size }) => sum + size, 0);
      const before = this.takenInCase;
      driver.pci.write(
        0,
        driver.notifyOffset(random.below(QUEUES)),
        2,
        random.once(20) ? random.next() : random.below(QUEUES),
      );
      if (this.takenInCase - before > limit) throw new Error('more chains in one notification than there are entries');
    } else if (kind === 8) {
      this.answerOne();
    } else if (kind === 9) {
      const offset = random.below(64);
      const width = random.pick<Width>([1, 2, 4]);
      this.stopped = true;
      driver.write(VIRTIO_PCI_CAP_COMMON_CFG, offset, width, random.once(2) ? random.below(16) : random.next());
      this.allowUsedRings();
    } else if (kind === 10) {
      const { at } = driver.capability(VIRTIO_PCI_CAP_PCI_CFG);
      this.stopped = true;
      driver.pci.config.write(at + 8, 4, random.below(300));
      driver.pci.config.write(at + 12, 4, random.below(6));
      driver.pci.config.write(at + 16, random.pick<Width>([1, 2, 4]), random.next());
      this.allowUsedRings();
    } else {
      for (let offset = 0; offset < 256; offset += random.pick([1, 2, 4]))
        driver.pci.read(0, offset, random.pick<Width>([1, 2, 4]));
    }
    this.stopped ||= this.needsReset;
  }

  /** A queue that was set up by a stray write has a used ring, too. */
  private allowUsedRings(): void {
    const { driver } = this;
    for (let index = 0; index < QUEUES; index++) {
      driver.set('queue_select', index);
      if (driver.get('queue_enable') === 1) this.allow(driver.get('queue_used_lo'), 6 + 8 * driver.get('queue_size'));
    }
  }

  /** The device catches what a handler throws. */
  private handle(exchange: Exchange): void {
    try {
      this.play(exchange);
    } catch (error) {
      this.failure ??= error;
      throw error;
    }
  }

  private play(exchange: Exchange): void {
    const { random, driver } = this;
    this.takenInCase++;
    for (const { spans } of [exchange.reader, exchange.writer]) {
      for (let i = 0; i < spans.count; i++) {
        if (spans.at[i]! + spans.length[i]! > RAM) throw new Error('a span outside of memory');
      }
    }
    for (let i = 0; i < exchange.writer.spans.count; i++) {
      this.allow(exchange.writer.spans.at[i]!, exchange.writer.spans.length[i]!);
    }
    const choice = random.below(40);
    if (choice === 0) {
      this.stopped = true;
      driver.set('device_status', 0);
    } else if (choice === 1) {
      this.stopped = true;
      driver.set('queue_select', exchange.queue);
      driver.set('queue_reset', 1);
    } else if (choice === 2) {
      driver.pci.write(0, driver.notifyOffset(0), 2, random.below(QUEUES));
      this.stopped ||= this.needsReset;
    }
    if (random.once(5)) {
      this.held.push(exchange);
      return;
    }
    this.answer(exchange);
    if (random.once(10)) exchange.complete(random.next());
    if (random.once(6)) this.answerOne();
  }

  private answerOne(): void {
    const [exchange] = this.held.splice(this.random.below(this.held.length + 1), 1);
    if (exchange !== undefined) this.answer(exchange);
  }

  private answer(exchange: Exchange): void {
    const { random } = this;
    if (exchange.live) {
      exchange.reader.rewind();
      const request = exchange.reader.bytes(exchange.reader.remaining);
      exchange.writer.bytes(request.subarray(0, exchange.writer.remaining));
      exchange.writer.zero(exchange.writer.remaining);
    }
    exchange.complete(random.once(4) ? random.next() : exchange.writer.spans.total);
  }

  private allow(at: number, length: number): void {
    this.allowed.fill(1, at, at + length);
  }
}
