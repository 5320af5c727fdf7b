// The device side of VIRTIO 1.3, requirement by requirement, as a driver sees it through the registers.
import { describe, expect, test, vi } from 'vitest';
import { DEFAULT_FEATURES, MockDriver, pluggable } from '../../test/mock-driver.ts';
import type { Exchange, Grants } from '../base/exchange.ts';
import {
  PCI_COMMAND,
  PCI_COMMAND_INTX_DISABLE,
  PCI_INTERRUPT_PIN,
  PCI_REVISION_ID,
  PCI_STATUS,
  PCI_STATUS_INTERRUPT,
  PCI_SUBSYSTEM_ID,
  VIRTIO_CONFIG_S_ACKNOWLEDGE,
  VIRTIO_CONFIG_S_DRIVER,
  VIRTIO_CONFIG_S_DRIVER_OK,
  VIRTIO_CONFIG_S_FAILED,
  VIRTIO_CONFIG_S_FEATURES_OK,
  VIRTIO_CONFIG_S_NEEDS_RESET,
  VIRTIO_F_ACCESS_PLATFORM,
  VIRTIO_F_ADMIN_VQ,
  VIRTIO_F_IN_ORDER,
  VIRTIO_F_NOTIFICATION_DATA,
  VIRTIO_F_RING_PACKED,
  VIRTIO_F_RING_RESET,
  VIRTIO_F_SR_IOV,
  VIRTIO_F_VERSION_1,
  VIRTIO_FS_F_NOTIFICATION,
  VIRTIO_MSI_NO_VECTOR,
  VIRTIO_PCI_CAP_COMMON_CFG,
  VIRTIO_PCI_CAP_DEVICE_CFG,
  VIRTIO_PCI_CAP_ISR_CFG,
  VIRTIO_PCI_CAP_NOTIFY_CFG,
  VIRTIO_PCI_CAP_PCI_CFG,
  VIRTIO_PCI_CAP_SHARED_MEMORY_CFG,
  VIRTIO_PCI_ISR_CONFIG,
  VIRTIO_PCI_ISR_QUEUE,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_RING_F_INDIRECT_DESC,
  VRING_AVAIL_F_NO_INTERRUPT,
  VRING_DESC_F_INDIRECT,
  VRING_DESC_F_NEXT,
  VRING_DESC_F_WRITE,
  virtio_pci_common_cfg,
} from './virtio-abi.ts';
import { featureBit } from './virtio-device.ts';
import { VirtioFsDevice, type VirtioFsOptions } from './virtio-fs.ts';

/** What of the 46 requirements has no test, and why. */
const NOT_APPLICABLE: Readonly<Record<number, string>> = {
  11: 'VIRTIO_F_SUSPEND (1.4) is optional and not offered: 3 has that nothing is offered beyond what is served',
  12: 'the device has no shared memory region',
  34: 'the device has no shared memory region, so no capability for one: 36 has the list',
  35: 'the device has no capability of a vendor',
  42: 'what an INIT is belongs to the FUSE server; the device passes bytes',
  44: 'there is no notification queue: 40 has that its feature is not offered',
  45: 'DAX needs a shared memory region; an i386 guest cannot use one',
  46: 'a machine is not moved while the device is in use',
};

const tested = new Set<number>();

/** A test of requirement `number`. */
function item(number: number, clause: string, body: () => void): void {
  tested.add(number);
  test(`§6.${number} VirtIO 1.3 ${clause}`, body);
}

const VERSION_1 = featureBit(VIRTIO_F_VERSION_1);
const INDIRECT = featureBit(VIRTIO_RING_F_INDIRECT_DESC);
const EVENT_IDX = featureBit(VIRTIO_RING_F_EVENT_IDX);
const RING_RESET = featureBit(VIRTIO_F_RING_RESET);
const RUNNING =
  VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;

/** Answers with what it reads, as far as there is room. */
function echo(exchange: Exchange): void {
  const length = Math.min(exchange.reader.remaining, exchange.writer.remaining);
  exchange.writer.bytes(exchange.reader.bytes(length));
  exchange.complete(length);
}

function make(options: Partial<VirtioFsOptions> & { handle?: (exchange: Exchange) => void; ram?: number } = {}) {
  const broken: string[] = [];
  const reset = vi.fn();
  const device = new VirtioFsDevice({
    tag: 'lab',
    queueSize: 64,
    hiprioSize: 16,
    handler: { handle: options.handle ?? echo, reset },
    observer: { taken() {}, used() {}, queueReset() {}, reset() {}, broken: (reason) => broken.push(reason) },
    ...options,
  });
  return { device, broken, handlerReset: reset, driver: new MockDriver(device, options.ram ?? 1 << 17) };
}

/** A device that keeps what it takes. */
function holding(options: Parameters<typeof make>[0] = {}) {
  const held: Exchange[] = [];
  return { held, ...make({ ...options, handle: (exchange) => void held.push(exchange) }) };
}

/** Offers a chain that is written into the table by `write`, starting at descriptor 0, and kicks. */
function offerRaw(
  driver: MockDriver,
  write: (put: (i: number, at: number, length: number, flags: number, next: number) => void) => void,
) {
  const queue = driver.queues[1]!;
  write((...descriptor) => queue.put(queue.desc, ...descriptor));
  queue.out.set(0, []);
  queue.offer(0);
  queue.notify();
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const needsReset = (driver: MockDriver) => (driver.get('device_status') & VIRTIO_CONFIG_S_NEEDS_RESET) !== 0;

describe('core', () => {
  item(1, '3.1.1: consumes nothing and interrupts for nothing before DRIVER_OK', () => {
    const { driver, device } = make();
    driver.negotiate();
    const queue = driver.setUp(1);
    queue.request(bytes(1, 2), 2);
    queue.notify();
    expect(device.state()).toMatchObject({ taken: 0, strayNotifications: 1 });
    expect(driver.bus.raised).toBe(0);
    driver.addStatus(VIRTIO_CONFIG_S_DRIVER_OK);
    expect(queue.reap()).toEqual([{ head: 0, length: 2 }]);
  });

  item(2, '2.1.2: sets DEVICE_NEEDS_RESET and sends a configuration change notification on a broken ring', () => {
    const { driver, broken } = make();
    driver.start();
    offerRaw(driver, (put) => put(0, 0xfffff000, 4096, 0, 0));
    expect(needsReset(driver)).toBe(true);
    expect(broken).toHaveLength(1);
    expect(driver.bus.irq).toBe(true);
    expect(driver.isr()).toBe(VIRTIO_PCI_ISR_CONFIG);
  });

  item(2, '2.1.2: NEEDS_RESET stays whatever the driver writes, until a reset', () => {
    const { driver } = make();
    driver.start();
    offerRaw(driver, (put) => put(0, 0xfffff000, 4096, 0, 0));
    driver.set('device_status', RUNNING);
    expect(driver.get('device_status')).toBe(RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
    driver.set('device_status', RUNNING | VIRTIO_CONFIG_S_FAILED);
    expect(driver.get('device_status')).toBe(RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED);
    driver.set('device_status', 0);
    expect(driver.get('device_status')).toBe(0);
  });

  item(2, '2.1.2: before DRIVER_OK there is no notification of NEEDS_RESET', () => {
    const { driver } = make({ ram: 1 << 16 });
    driver.negotiate();
    driver.set('queue_select', 1);
    driver.set('queue_desc_hi', 1);
    driver.set('queue_enable', 1);
    expect(needsReset(driver)).toBe(true);
    expect(driver.bus.raised).toBe(0);
  });

  item(2, '2.1.2: what was answered before the ring broke is published, what is in flight is dead', () => {
    const kept: Exchange[] = [];
    const { driver, device } = make({
      handle: (exchange) => {
        if (exchange.reader.remaining === 1) kept.push(exchange);
        else echo(exchange);
      },
    });
    const queue = driver.start()[1]!;
    queue.request(bytes(1), 1);
    const answered = queue.request(bytes(1, 2), 2);
    queue.offer(9999);
    queue.notify();
    expect(needsReset(driver)).toBe(true);
    expect(queue.reap()).toEqual([{ head: answered.head, length: 2 }]);
    expect(kept[0]!.live).toBe(false);
    kept[0]!.complete(1);
    expect(queue.reap()).toEqual([]);
    expect(device.state().dropped).toBe(1);
    queue.request(bytes(1, 2), 2);
    queue.notify();
    expect(queue.reap()).toEqual([]);
  });

  item(3, '2.2.1: offers what it serves and nothing else', () => {
    expect(make().driver.offered()).toBe(VERSION_1 | INDIRECT | EVENT_IDX | RING_RESET);
  });

  item(4, '2.2.1: accepts every subset with VERSION_1', () => {
    for (let subset = 0; subset < 8; subset++) {
      const { driver } = make();
      const features = [INDIRECT, EVENT_IDX, RING_RESET]
        .filter((_, i) => subset & (1 << i))
        .reduce((a, b) => a | b, VERSION_1);
      expect(driver.negotiate(features), features.toString(2)).toBe(true);
    }
  });

  item(4, '3.1.1: refuses FEATURES_OK for features that were not offered, and goes no further', () => {
    for (const feature of [VIRTIO_FS_F_NOTIFICATION, 31, VIRTIO_F_RING_PACKED, 63]) {
      const { driver } = make();
      expect(driver.negotiate(DEFAULT_FEATURES | featureBit(feature), true), `${feature}`).toBe(false);
      driver.set('device_status', RUNNING);
      expect(driver.get('device_status')).toBe(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    }
    const { driver } = make();
    driver.set('guest_feature_select', 2);
    driver.set('guest_feature', 1);
    expect(driver.negotiate()).toBe(false);
  });

  item(4, '3.1.1: features written after FEATURES_OK change nothing', () => {
    const { driver, device } = make();
    driver.negotiate(VERSION_1);
    driver.set('guest_feature_select', 0);
    driver.set('guest_feature', 0xffffffff);
    expect(device.state().features).toBe(VERSION_1);
  });

  item(5, '2.2.1: a set that was accepted is accepted again after a reset', () => {
    const { driver } = make();
    for (let i = 0; i < 3; i++) {
      driver.reset();
      expect(driver.negotiate()).toBe(true);
    }
  });

  item(6, '6.1: offers VERSION_1 and refuses a driver without it; does not translate addresses', () => {
    const { driver } = make();
    expect(driver.offered() & featureBit(VIRTIO_F_ACCESS_PLATFORM)).toBe(0n);
    expect(driver.negotiate(INDIRECT | EVENT_IDX)).toBe(false);
  });

  item(7, '6.2: offers neither IN_ORDER nor SR_IOV nor ADMIN_VQ nor NOTIFICATION_DATA', () => {
    const { driver } = make();
    for (const bit of [VIRTIO_F_IN_ORDER, VIRTIO_F_SR_IOV, VIRTIO_F_ADMIN_VQ, VIRTIO_F_NOTIFICATION_DATA]) {
      expect(driver.offered() & featureBit(bit)).toBe(0n);
    }
    expect([driver.get('admin_queue_index'), driver.get('admin_queue_num')]).toEqual([0, 0]);
  });

  item(8, '2.4.1: after a reset answers of before reach neither rings nor interrupt line', () => {
    const { driver, device, held, handlerReset } = holding();
    const queue = driver.start()[1]!;
    queue.request(bytes(1, 2, 3), 3);
    queue.kick();
    expect(held[0]!.live).toBe(true);
    driver.set('device_status', 0);
    expect(handlerReset).toHaveBeenCalledTimes(1);
    expect(held[0]!.live).toBe(false);
    const before = driver.ram.bytes.slice();
    const grants: Grants = { take: vi.fn() };
    held[0]!.complete(3, grants);
    expect(grants.take).not.toHaveBeenCalled();
    expect(driver.ram.changed(before)).toEqual([]);
    expect(driver.bus.raised).toBe(0);
    expect(device.state()).toMatchObject({ status: 0, dropped: 1, used: 0, resets: 1 });
  });

  item(8, '2.4.1: a reset takes a pending interrupt back', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    queue.request(bytes(1), 1);
    queue.kick();
    expect(driver.bus.irq).toBe(true);
    driver.set('device_status', 0);
    expect(driver.bus.irq).toBe(false);
    expect(driver.isr()).toBe(0);
  });

  item(
    8,
    '2.4.1: a reset from inside a handler ends the batch, publishes nothing, and the device can be set up again there',
    () => {
      let inside: (exchange: Exchange) => void = () => {};
      const { driver, device } = make({ handle: (exchange) => inside(exchange) });
      const queue = driver.start()[1]!;
      const seen: number[] = [];
      inside = (exchange) => {
        seen.push(exchange.head);
        exchange.complete(0);
        if (seen.length === 2) {
          driver.start();
          inside = echo;
        }
        exchange.complete(0);
      };
      for (let i = 0; i < 4; i++) queue.request(bytes(1), 1);
      queue.notify();
      expect(seen).toHaveLength(2);
      expect(driver.bus.raised).toBe(0);
      expect(queue.usedIdx).toBe(0);
      const fresh = driver.queues[1]!;
      const { head } = fresh.request(bytes(7), 1);
      fresh.kick();
      expect(fresh.reap()).toEqual([{ head, length: 1 }]);
      expect(device.state().resets).toBe(1);
    },
  );

  item(8, '2.4.1: after a reset from inside a handler not a byte of memory is written', () => {
    let before = new Uint8Array();
    const { driver } = make({
      handle: (exchange) => {
        if (exchange.reader.remaining === 2) return echo(exchange);
        driver.set('device_status', 0);
        before = driver.ram.bytes.slice();
        exchange.complete(0);
      },
    });
    const queue = driver.start()[1]!;
    queue.request(bytes(1, 2), 2);
    queue.notify();
    for (let i = 0; i < 3; i++) queue.request(bytes(i), 1);
    queue.notify();
    expect(driver.ram.changed(before)).toEqual([]);
  });

  item(9, '2.5.1: the configuration can be read before FEATURES_OK', () => {
    const { driver } = make({ tag: 'shared', requestQueues: 2 });
    const config = driver.config(40);
    expect(new TextDecoder().decode(config.subarray(0, 36))).toBe(`shared${'\0'.repeat(30)}`);
    expect([...config.subarray(36)]).toEqual([2, 0, 0, 0]);
  });

  item(
    10,
    '2.6.1: a queue reset drops what is in flight, and the queue starts anew with another size and place',
    () => {
      const { driver, device, held, handlerReset } = holding();
      const queue = driver.start(DEFAULT_FEATURES | RING_RESET)[1]!;
      queue.request(bytes(1, 2), 2);
      queue.kick();
      driver.set('queue_select', 1);
      driver.set('queue_reset', 1);
      expect([driver.get('queue_reset'), driver.get('queue_enable'), driver.get('queue_size')]).toEqual([0, 0, 64]);
      held[0]!.complete(2);
      expect(device.state()).toMatchObject({ dropped: 1, used: 0 });
      expect(handlerReset).not.toHaveBeenCalled();
      queue.request(bytes(1), 1);
      queue.notify();
      expect(held).toHaveLength(1);

      const again = driver.setUp(1, 8);
      const { head } = again.request(bytes(5), 1);
      again.kick();
      held[1]!.complete(0);
      expect(again.reap()).toEqual([{ head, length: 0 }]);
    },
  );
});

describe('split virtqueue', () => {
  item(13, '2.7.4.1: any cut of a message into descriptors is the same message', () => {
    const { driver } = make({ queueSize: 128 });
    const queue = driver.start()[1]!;
    const message = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
    for (const cuts of [[40], [1, 39], [39, 1], [8, 8, 8, 8, 8], new Array(40).fill(1), [20, 0, 20]]) {
      const at = driver.allocate(2 * message.length);
      driver.ram.bytes.set(message, at);
      const reads = cuts.map((length: number, i: number) => {
        const before = cuts.slice(0, i).reduce((sum: number, cut: number) => sum + cut, 0);
        return { at: at + before, length, write: false };
      });
      const writes = [...reads]
        .reverse()
        .map(({ length }) => ({ at: driver.allocate(length, 1), length, write: true }));
      queue.add([...reads, ...writes], cuts.length % 2);
      queue.kick();
      expect(queue.reap().map(({ length }) => length)).toEqual([40]);
      expect(writes.flatMap(({ at, length }) => [...driver.ram.bytes.subarray(at, at + length)])).toEqual([...message]);
    }
  });

  item(13, '2.7.5.3.1: a chain may have as many buffers as the queue has entries, directly and indirectly', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    const at = driver.allocate(64);
    const pieces = Array.from({ length: 64 }, (_, i) => ({ at: at + i, length: 1, write: i >= 32 }));
    for (const indirectFrom of [64, 0, 5]) {
      queue.add(pieces, indirectFrom);
      queue.kick();
      expect(queue.reap().map(({ length }) => length)).toEqual([32]);
    }
    queue.add([...pieces, pieces[63]!], 0);
    queue.kick();
    expect(needsReset(driver)).toBe(true);
  });

  item(13, '2.7.4: the 258 buffers of a 1 MiB read fit into a queue of 1024', () => {
    const { driver } = make({ queueSize: 1024, ram: 4 << 20 });
    const queue = driver.start()[1]!;
    const pages = Array.from({ length: 256 }, () => ({ at: driver.allocate(4096, 4096), length: 4096, write: true }));
    const request = driver.allocate(80);
    for (const indirectFrom of [258, 0]) {
      queue.add(
        [{ at: request, length: 80, write: false }, { at: driver.allocate(16), length: 16, write: true }, ...pages],
        indirectFrom,
      );
      queue.kick();
      expect(queue.reap().map(({ length }) => length)).toEqual([80]);
    }
  });

  item(14, '2.7.5.1: writes only into the used ring and into writable buffers', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    const { reply } = queue.request(bytes(1, 2, 3, 4), 4);
    const before = driver.ram.bytes.slice();
    driver.ram.ranges.length = 0;
    queue.kick();
    const changed = driver.ram.changed(before);
    const allowed = (at: number) =>
      (at >= reply && at < reply + 4) || (at >= queue.used && at < queue.used + 6 + 8 * 64);
    expect(changed.filter((at) => !allowed(at))).toEqual([]);
    expect(driver.ram.unreported(before)).toEqual([]);
  });

  item(14, '2.7.8: writes to a used ring of several pages are reported, round its end too', () => {
    const { driver } = make({ queueSize: 1024, ram: 1 << 18 });
    const queue = driver.start()[1]!;
    const at = driver.allocate(1);
    for (const batch of [1000, 1, 50, 1024]) {
      for (let i = 0; i < batch; i++) queue.add([{ at, length: 1, write: false }]);
      driver.ram.bytes.fill(0xff, queue.used + 4, queue.used + 4 + 8 * 1024);
      const before = driver.ram.bytes.slice();
      driver.ram.ranges.length = 0;
      queue.notify();
      expect(driver.ram.unreported(before)).toEqual([]);
      expect(driver.ram.ranges.length).toBeLessThanOrEqual(6);
      expect(queue.reap()).toHaveLength(batch);
    }
  });

  item(15, '2.7.5.3.2: ignores WRITE on a descriptor that points to an indirect table', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    const table = driver.allocate(32);
    const data = driver.allocate(2);
    queue.put(table, 0, data, 1, VRING_DESC_F_NEXT, 1);
    queue.put(table, 1, data + 1, 1, VRING_DESC_F_WRITE, 0);
    offerRaw(driver, (put) => put(0, table, 32, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0));
    expect(queue.reap()).toEqual([{ head: 0, length: 1 }]);
  });

  item(15, '2.7.5.3.2: takes direct descriptors that end in an indirect table', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    const at = driver.allocate(8);
    driver.ram.bytes.set(bytes(1, 2, 3, 4), at);
    const pieces = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => ({ at: at + i, length: 1, write: i > 3 }));
    for (const indirectFrom of [1, 3, 6]) {
      driver.ram.bytes.fill(0, at + 4, at + 8);
      queue.add(pieces, indirectFrom);
      queue.kick();
      expect(queue.reap().map(({ length }) => length)).toEqual([4]);
      expect([...driver.ram.bytes.subarray(at + 4, at + 8)]).toEqual([1, 2, 3, 4]);
    }
  });

  const hostile: [
    name: string,
    write: (
      put: (i: number, at: number, length: number, flags: number, next: number) => void,
      table: number,
      driver: MockDriver,
    ) => void,
  ][] = [
    ['a next outside of the table', (put) => put(0, 0, 1, VRING_DESC_F_NEXT, 64)],
    ['a descriptor that is its own next', (put) => put(0, 0, 1, VRING_DESC_F_NEXT, 0)],
    [
      'a loop of two',
      (put) => {
        put(0, 0, 0, VRING_DESC_F_NEXT, 1);
        put(1, 0, 0, VRING_DESC_F_NEXT, 0);
      },
    ],
    ['an address past 4 GiB', (put) => put(0, 2 ** 32 + 4096, 1, 0, 0)],
    ['an address at the end of 64 bits', (put) => put(0, 2 ** 64 - 4096, 1, 0, 0)],
    ['a buffer that ends past memory', (put, _table, driver) => put(0, driver.ram.bytes.length - 1, 2, 0, 0)],
    ['a buffer of 4 GiB less 1', (put) => put(0, 0, 0xffffffff, 0, 0)],
    [
      'more bytes than there is memory',
      (put, _table, driver) => {
        const { length } = driver.ram.bytes;
        put(0, 0, length, VRING_DESC_F_NEXT, 1);
        put(1, 0, 1, 0, 0);
      },
    ],
    [
      'a readable buffer after a writable one',
      (put) => {
        put(0, 0, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
        put(1, 0, 1, 0, 0);
      },
    ],
    ['an indirect table outside of memory', (put) => put(0, 0xffff0000, 16, VRING_DESC_F_INDIRECT, 0)],
    ['an empty indirect table', (put, table) => put(0, table, 0, VRING_DESC_F_INDIRECT, 0)],
    ['an indirect table of 24 bytes', (put, table) => put(0, table, 24, VRING_DESC_F_INDIRECT, 0)],
    ['INDIRECT with NEXT', (put, table) => put(0, table, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1)],
    [
      'an indirect table in an indirect table',
      (put, table, driver) => {
        driver.queues[1]!.put(table, 0, table, 16, VRING_DESC_F_INDIRECT, 0);
        put(0, table, 16, VRING_DESC_F_INDIRECT, 0);
      },
    ],
    [
      'a next outside of an indirect table',
      (put, table, driver) => {
        driver.queues[1]!.put(table, 0, 0, 1, VRING_DESC_F_NEXT, 1);
        put(0, table, 16, VRING_DESC_F_INDIRECT, 0);
      },
    ],
  ];
  for (const [name, write] of hostile) {
    item(15, `2.7.5.3.1: ${name} breaks the ring and is not handed on`, () => {
      const { driver, device } = make();
      driver.start();
      offerRaw(driver, (put) => write(put, driver.allocate(32), driver));
      expect(needsReset(driver)).toBe(true);
      expect(device.state()).toMatchObject({ taken: 0, broken: 1 });
      expect(driver.ram.intact).toBe(true);
    });
  }

  item(15, '2.7.5.3.1: an indirect table without INDIRECT_DESC breaks the ring', () => {
    const { driver } = make();
    driver.start(VERSION_1);
    offerRaw(driver, (put) => put(0, driver.allocate(16), 16, VRING_DESC_F_INDIRECT, 0));
    expect(needsReset(driver)).toBe(true);
  });

  item(
    15,
    '2.7.13.3: more available chains than entries, and a head that is no entry or given twice, break the ring',
    () => {
      const wrong: ((queue: MockDriver['queues'][number]) => void)[] = [
        (queue) => {
          for (let i = 0; i < 65; i++) queue.offer(i % 64);
        },
        (queue) => queue.offer(64),
        (queue) => {
          const { head } = queue.request(bytes(1), 1);
          queue.offer(head);
        },
      ];
      for (const act of wrong) {
        for (const { driver, device } of [holding(), make()]) {
          const queue = driver.start()[1]!;
          act(queue);
          queue.notify();
          expect(needsReset(driver)).toBe(true);
          expect(device.state().taken).toBeLessThan(2);
        }
      }
    },
  );

  item(16, '2.7.8.2: elements are there when the index moves, and say no more than the room', () => {
    const lengths: number[] = [];
    const { driver, device } = make({ handle: (exchange) => exchange.complete(lengths.shift()!) });
    const queue = driver.start()[1]!;
    for (const [length, seen] of [
      [3, 3],
      [0, 0],
      [5, 4],
      [2 ** 32, 4],
    ] as const) {
      lengths.push(length);
      queue.request(bytes(1), 4);
      queue.kick();
      expect(queue.reap().map((element) => element.length)).toEqual([seen]);
    }
    queue.request(bytes(1), 0);
    lengths.push(16);
    queue.kick();
    expect(queue.reap().map((element) => element.length)).toEqual([0]);
    expect(device.state().overlong).toBe(3);
  });

  item(16, '2.7.8.2: elements and index change with the notify write, before it returns', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    queue.request(bytes(0), 1);
    queue.notify();
    expect(driver.isr()).toBe(VIRTIO_PCI_ISR_QUEUE);
    queue.reap();
    queue.disableCallbacks();
    const heads = [1, 2].map((i) => queue.request(bytes(i), 1).head);
    expect(queue.usedIdx).toBe(1);
    queue.notify();
    expect(queue.reap()).toEqual(heads.map((head) => ({ head, length: 1 })));
    expect(driver.bus.irq).toBe(false);
  });

  item(17, '2.7.7.2: without EVENT_IDX used_event is ignored, flags 0 interrupts for each change of the index', () => {
    const { driver } = make();
    const queue = driver.start(VERSION_1)[1]!;
    for (let i = 1; i < 4; i++) {
      queue.usedEvent = 1000;
      queue.request(bytes(1), 1);
      queue.notify();
      expect(driver.bus.raised).toBe(i);
      expect(driver.isr()).toBe(VIRTIO_PCI_ISR_QUEUE);
    }
  });

  item(17, '2.7.7.2: without EVENT_IDX there is no interrupt when NO_INTERRUPT is set', () => {
    const { driver, device } = make();
    const queue = driver.start(VERSION_1)[1]!;
    queue.availFlags = VRING_AVAIL_F_NO_INTERRUPT;
    queue.request(bytes(1), 1);
    queue.notify();
    expect(queue.reap()).toHaveLength(1);
    expect(driver.bus.raised).toBe(0);
    expect(device.state()).toMatchObject({ interrupts: 0, suppressed: 1 });
  });

  item(17, '2.7.7.2: a batch ends with one interrupt', () => {
    const { driver, device } = make();
    const queue = driver.start(VERSION_1)[1]!;
    for (let i = 0; i < 10; i++) queue.request(bytes(i), 1);
    queue.notify();
    expect(queue.reap()).toHaveLength(10);
    expect(device.state()).toMatchObject({ interrupts: 1, used: 10 });
    expect(driver.bus.raised).toBe(1);
  });

  item(18, '2.7.7.2: with EVENT_IDX NO_INTERRUPT is ignored', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    queue.availFlags = VRING_AVAIL_F_NO_INTERRUPT;
    queue.request(bytes(1), 1);
    queue.notify();
    expect(driver.bus.raised).toBe(1);
  });

  item(18, '2.7.7.2: with EVENT_IDX there is an interrupt when the index passes used_event, and else none', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    const wants: boolean[] = [];
    for (let index = 0; index < 12; index++) {
      queue.usedEvent = 5;
      queue.request(bytes(1), 1);
      const before = driver.bus.raised;
      queue.notify();
      wants.push(driver.bus.raised > before);
    }
    expect(wants.indexOf(true)).toBe(5);
    expect(wants.filter(Boolean)).toHaveLength(1);
  });

  item(18, '2.7.7.2: with EVENT_IDX a batch that passes used_event interrupts once, wherever in it that is', () => {
    for (const event of [0, 3, 7, 8]) {
      const { driver } = make();
      const queue = driver.start()[1]!;
      queue.usedEvent = event;
      for (let i = 0; i < 8; i++) queue.request(bytes(1), 1);
      queue.notify();
      expect(driver.bus.raised, `${event}`).toBe(event < 8 ? 1 : 0);
    }
  });

  item(
    18,
    '2.7.7.2: a driver that reaps after the kick and then asks for interrupts gets those of later answers',
    () => {
      const { driver, held } = holding();
      const queue = driver.start()[1]!;
      queue.disableCallbacks();
      queue.request(bytes(1), 1);
      queue.kick();
      held.shift()!.complete(1);
      // used_event is 0 while callbacks are off: the first element of all passes it.
      driver.isr();
      queue.reap();
      queue.request(bytes(2), 1);
      queue.kick();
      held.shift()!.complete(1);
      expect(driver.bus.irq).toBe(false);
      expect(queue.enableCallbacks()).toBe(false);
      queue.reap();
      expect(queue.enableCallbacks()).toBe(true);
      queue.request(bytes(3), 1);
      queue.kick();
      held.shift()!.complete(1);
      expect(driver.bus.irq).toBe(true);
    },
  );

  item(19, '2.7.10: used.flags stays 0, and avail_event asks for the next chain', () => {
    for (const features of [VERSION_1, DEFAULT_FEATURES]) {
      const { driver } = make();
      const queue = driver.start(features)[1]!;
      for (let i = 1; i <= 5; i++) {
        queue.request(bytes(1), 1);
        expect(queue.kick()).toBe(true);
        expect(queue.usedFlags).toBe(0);
        expect(queue.availEvent).toBe(features === VERSION_1 ? 0 : i);
      }
    }
  });

  item(19, '2.7.10: needless notifications do no harm', () => {
    const { driver, device } = make();
    driver.negotiate();
    const queue = driver.setUp(1);
    driver.addStatus(VIRTIO_CONFIG_S_DRIVER_OK);
    queue.notify();
    const { at } = { at: driver.notifyOffset(1) };
    for (const value of [0, 2, 17, 0xffff]) driver.pci.write(0, at, 2, value);
    for (const width of [1, 4] as const) driver.pci.write(0, at, width, 1);
    driver.pci.write(0, driver.notifyOffset(0), 2, 0);
    expect(device.state()).toMatchObject({ taken: 0, broken: 0, notifications: 8, strayNotifications: 5 });
    expect(driver.bus.raised).toBe(0);
  });
});

describe('PCI transport', () => {
  item(20, '4.1.2.1: has the ids of a modern file system device', () => {
    const { config } = make().driver.pci;
    expect([config.read(0, 2), config.read(2, 2)]).toEqual([0x1af4, 0x105a]);
    expect(config.read(PCI_REVISION_ID, 1)).toBeGreaterThanOrEqual(1);
    expect(config.read(PCI_SUBSYSTEM_ID, 2)).toBeGreaterThanOrEqual(0x40);
  });

  item(21, '4.1.3.1: fields can be read and written in any width, 64-bit ones by halves', () => {
    const { driver } = make();
    const cap = VIRTIO_PCI_CAP_COMMON_CFG;
    driver.set('queue_select', 1);
    const desc = virtio_pci_common_cfg.fields.find(({ name }) => name === 'queue_desc_lo')!.offset;
    driver.write(cap, desc, 2, 0xbeef);
    driver.write(cap, desc + 2, 1, 0xad);
    driver.write(cap, desc + 3, 1, 0xde);
    driver.write(cap, desc + 4, 4, 0x12345678);
    expect([driver.get('queue_desc_lo'), driver.get('queue_desc_hi')]).toEqual([0xdeadbeef, 0x12345678]);
    expect(driver.read(cap, desc + 1, 2)).toBe(0xadbe);
    expect(driver.read(cap, desc + 2, 4)).toBe(0x5678dead);
    // queue_select and queue_size together, then num_queues with msix_config before it.
    driver.write(cap, 22, 4, (16 << 16) | 1);
    expect([driver.get('queue_select'), driver.get('queue_size')]).toEqual([1, 16]);
    expect(driver.read(cap, 16, 4)).toBe((2 << 16) | VIRTIO_MSI_NO_VECTOR);
    expect(driver.read(VIRTIO_PCI_CAP_DEVICE_CFG, 36, 2)).toBe(1);
    expect(driver.read(VIRTIO_PCI_CAP_DEVICE_CFG, 0, 4)).toBe(0x0062616c);
  });

  item(21, '4.1.3.1: device_status is the same register in any width', () => {
    const { driver } = make();
    driver.write(VIRTIO_PCI_CAP_COMMON_CFG, 20, 4, VIRTIO_CONFIG_S_ACKNOWLEDGE | (1 << 16));
    expect(driver.get('device_status')).toBe(VIRTIO_CONFIG_S_ACKNOWLEDGE);
    expect(driver.get('queue_select')).toBe(1);
    driver.write(VIRTIO_PCI_CAP_COMMON_CFG, 20, 2, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    expect(driver.read(VIRTIO_PCI_CAP_COMMON_CFG, 20, 2)).toBe(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
  });

  item(22, '4.1.4.2: cap_len covers each capability, and they do not overlap', () => {
    const { capabilities } = make().driver;
    const lengths = new Map([
      [VIRTIO_PCI_CAP_NOTIFY_CFG, 20],
      [VIRTIO_PCI_CAP_PCI_CFG, 20],
    ]);
    for (const cap of capabilities) expect(cap.length, `${cap.type}`).toBe(lengths.get(cap.type) ?? 16);
    const sorted = [...capabilities].sort((a, b) => a.at - b.at);
    for (let i = 1; i < sorted.length; i++)
      expect(sorted[i]!.at).toBeGreaterThanOrEqual(sorted[i - 1]!.at + sorted[i - 1]!.length);
  });

  item(22, '4.1.4.1: the structures lie inside the BAR and do not overlap', () => {
    const { driver } = make();
    const windows = driver.capabilities
      .filter(({ type }) => type !== VIRTIO_PCI_CAP_PCI_CFG)
      .sort((a, b) => a.offset - b.offset);
    let end = 0;
    for (const { bar, offset, size } of windows) {
      expect(bar).toBe(0);
      expect(offset).toBeGreaterThanOrEqual(end);
      end = offset + size;
    }
    expect(end).toBeLessThanOrEqual(driver.pci.bars[0]!.size);
  });

  item(23, '4.1.4.3.1: there is a common configuration, 4-aligned, with all fields up to admin_queue_num', () => {
    const { offset, size } = make().driver.capability(VIRTIO_PCI_CAP_COMMON_CFG);
    expect(offset % 4).toBe(0);
    expect(size).toBe(64);
  });

  item(24, '4.1.4.3.1: device_feature shows the word that is selected, and 0 for words that there are not', () => {
    const { driver } = make();
    const words = [0, 1, 2, 3, 0xffffffff].map((select) => {
      driver.set('device_feature_select', select);
      return driver.get('device_feature');
    });
    expect(words).toEqual([0x30000000, 0x00000101, 0, 0, 0]);
  });

  item(25, '4.1.4.3.1: guest_feature reads back what was written, by its select', () => {
    const { driver } = make();
    for (const [select, value] of [
      [0, 0x80000001],
      [1, 0x00000101],
    ] as const) {
      driver.set('guest_feature_select', select);
      driver.set('guest_feature', value);
    }
    driver.set('guest_feature_select', 0);
    expect(driver.get('guest_feature')).toBe(0x80000001);
    driver.set('guest_feature_select', 1);
    expect(driver.get('guest_feature')).toBe(0x00000101);
    driver.set('guest_feature_select', 2);
    expect(driver.get('guest_feature')).toBe(0);
  });

  item(26, '4.1.4.3.1: config_generation differs after a change that the driver may have seen half of', () => {
    const config = new Uint8Array(8);
    const plug = pluggable({
      id: 26,
      pciClass: 0,
      features: 0n,
      config,
      queueSizes: () => [8],
      handle: echo,
      reset() {},
    });
    const driver = new MockDriver(plug);
    driver.start();
    const first = driver.get('config_generation');
    expect(driver.get('config_generation')).toBe(first);
    for (let i = 0; i < 256; i++) {
      config.fill(i);
      plug.pci.changed();
    }
    expect(driver.get('config_generation')).not.toBe(first);
    expect(driver.isr()).toBe(VIRTIO_PCI_ISR_CONFIG);
    expect(driver.bus.irq).toBe(false);
  });

  item(27, '4.1.4.3.1: writing 0 to device_status resets, and it reads 0', () => {
    const { driver } = make();
    driver.start();
    driver.set('device_status', 0);
    expect(driver.get('device_status')).toBe(0);
    expect(driver.start()).toHaveLength(2);
  });

  item(27, '3.1.1: steps that no driver may take change nothing', () => {
    const { driver } = make();
    for (const status of [VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FEATURES_OK, RUNNING, 0x10]) {
      driver.set('device_status', status);
      expect(driver.get('device_status')).toBe(0);
    }
    driver.start();
    driver.set('device_status', VIRTIO_CONFIG_S_ACKNOWLEDGE);
    expect(driver.get('device_status')).toBe(RUNNING);
  });

  item(28, '4.1.4.3.1: a reset disables the queues and takes their set-up back', () => {
    const { driver } = make();
    driver.start(DEFAULT_FEATURES, 8);
    driver.set('device_status', 0);
    for (const index of [0, 1]) {
      driver.set('queue_select', index);
      expect(driver.get('queue_enable')).toBe(0);
      expect(driver.get('queue_desc_lo')).toBe(0);
      expect(driver.get('queue_size')).toBe(index === 0 ? 16 : 64);
    }
  });

  item(28, '4.1.4.3.2: an enabled queue keeps its set-up, and is not disabled by writing 0', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    driver.set('queue_select', 1);
    driver.set('queue_size', 8);
    driver.set('queue_desc_lo', 0);
    driver.set('queue_enable', 0);
    expect([driver.get('queue_size'), driver.get('queue_desc_lo'), driver.get('queue_enable')]).toEqual([
      64,
      queue.desc,
      1,
    ]);
  });

  item(29, '4.1.4.3.1: queue_size is 0 where there is no queue, and else a power of 2', () => {
    const { driver } = make({ requestQueues: 3 });
    expect(driver.get('num_queues')).toBe(4);
    const sizes = [0, 1, 2, 3, 4, 0xffff].map((index) => {
      driver.set('queue_select', index);
      return driver.get('queue_size');
    });
    expect(sizes).toEqual([16, 64, 64, 64, 0, 0]);
    for (const bad of [0, 3, 100, 128]) {
      driver.set('queue_select', 1);
      driver.set('queue_size', bad);
      expect(driver.get('queue_size')).toBe(64);
    }
  });

  item(29, '4.1.4.3.2: a queue with a size, an address or an alignment that cannot be is not enabled', () => {
    const wrong: ((driver: MockDriver) => void)[] = [
      (driver) => driver.set('queue_size', 3),
      (driver) => driver.set('queue_size', 128),
      (driver) => driver.set('queue_desc_lo', 8),
      (driver) => driver.set('queue_avail_lo', 1),
      (driver) => driver.set('queue_used_lo', 2),
      (driver) => driver.set('queue_used_hi', 1),
      (driver) => driver.set('queue_avail_lo', driver.ram.bytes.length - 128),
      (driver) => driver.set('queue_desc_lo', driver.ram.bytes.length - 16),
    ];
    for (const act of wrong) {
      const { driver } = make();
      driver.negotiate();
      driver.set('queue_select', 1);
      act(driver);
      driver.set('queue_enable', 1);
      expect(driver.get('queue_enable')).toBe(0);
      expect(needsReset(driver)).toBe(true);
    }
  });

  item(
    30,
    '4.1.4.3.1: queue_reset without RING_RESET does nothing; with it the queue is off and the register 0',
    () => {
      const plain = make().driver;
      plain.start();
      plain.set('queue_select', 1);
      plain.set('queue_reset', 1);
      expect(plain.get('queue_enable')).toBe(1);
      const { driver } = make();
      driver.start(DEFAULT_FEATURES | RING_RESET);
      driver.set('queue_select', 1);
      driver.set('queue_reset', 1);
      expect([driver.get('queue_reset'), driver.get('queue_enable')]).toEqual([0, 0]);
      driver.setUp(1);
      expect([driver.get('queue_reset'), driver.get('queue_enable')]).toEqual([0, 1]);
    },
  );

  item(30, '2.6.1: a queue reset from inside a handler ends the batch of that queue alone', () => {
    const seen: number[] = [];
    const { driver } = make({
      handle: (exchange) => {
        seen.push(exchange.queue);
        if (seen.length === 1) {
          driver.set('queue_select', 1);
          driver.set('queue_reset', 1);
        }
        exchange.complete(0);
      },
    });
    const [hiprio, queue] = driver.start(DEFAULT_FEATURES | RING_RESET);
    queue!.request(bytes(1), 1);
    queue!.request(bytes(2), 1);
    queue!.notify();
    expect(queue!.usedIdx).toBe(0);
    hiprio!.request(bytes(3), 0);
    hiprio!.kick();
    expect(hiprio!.reap()).toHaveLength(1);
    expect(seen).toEqual([1, 0]);
  });

  item(31, '4.1.4.4.1: every queue has its place inside the notification structure', () => {
    const { driver } = make({ requestQueues: 31 });
    const cap = driver.capability(VIRTIO_PCI_CAP_NOTIFY_CFG);
    const multiplier = driver.pci.config.read(cap.at + 16, 4);
    expect(cap.offset % 2).toBe(0);
    expect(multiplier === 0 || (multiplier % 2 === 0 && (multiplier & (multiplier - 1)) === 0)).toBe(true);
    const places = new Set<number>();
    for (let index = 0; index < 32; index++) {
      driver.set('queue_select', index);
      const place = driver.get('queue_notify_off') * multiplier;
      expect(place + 2).toBeLessThanOrEqual(cap.size);
      places.add(place);
      expect(driver.get('queue_notify_data')).toBe(index);
    }
    expect(places.size).toBe(32);
  });

  item(32, '4.1.4.5.1: the ISR says why, reading it clears it and lets go of the line; status shows it', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    const pending = () => (driver.pci.config.read(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT) !== 0;
    expect(pending()).toBe(false);
    queue.request(bytes(1), 1);
    queue.kick();
    offerRaw(driver, (put) => put(0, 0xffffffff, 1, 0, 0));
    expect([driver.bus.irq, pending()]).toEqual([true, true]);
    expect(driver.isr()).toBe(VIRTIO_PCI_ISR_QUEUE | VIRTIO_PCI_ISR_CONFIG);
    expect([driver.bus.irq, pending()]).toEqual([false, false]);
    expect(driver.isr()).toBe(0);
  });

  item(32, '4.1.4.5.1: the INTx disable bit keeps the line down and the ISR as it is', () => {
    const { driver } = make();
    const queue = driver.start()[1]!;
    const { config } = driver.pci;
    config.write(PCI_COMMAND, 2, 5 | PCI_COMMAND_INTX_DISABLE);
    queue.request(bytes(1), 1);
    queue.kick();
    expect(driver.bus.irq).toBe(false);
    config.write(PCI_COMMAND, 2, 5);
    expect(driver.bus.irq).toBe(true);
    expect(driver.isr()).toBe(VIRTIO_PCI_ISR_QUEUE);
  });

  item(32, '4.1.4.5.1: there is an ISR of a byte', () => {
    expect(make().driver.capability(VIRTIO_PCI_CAP_ISR_CFG).size).toBeGreaterThanOrEqual(1);
  });

  item(33, '4.1.4.6.1: the device configuration is 4-aligned', () => {
    const { offset, size } = make().driver.capability(VIRTIO_PCI_CAP_DEVICE_CFG);
    expect([offset % 4, size]).toEqual([0, 40]);
  });

  item(36, '4.1.4.9.1: pci_cfg_data reads and writes the BAR with the length and offset of the capability', () => {
    const { driver } = make();
    const { config } = driver.pci;
    expect(driver.capabilities.map(({ type }) => type)).not.toContain(VIRTIO_PCI_CAP_SHARED_MEMORY_CFG);
    const { at } = driver.capability(VIRTIO_PCI_CAP_PCI_CFG);
    const common = driver.capability(VIRTIO_PCI_CAP_COMMON_CFG).offset;
    const aim = (offset: number, length: number, bar = 0) => {
      config.write(at + 4, 1, bar);
      config.write(at + 8, 4, offset);
      config.write(at + 12, 4, length);
    };
    aim(common + 18, 2);
    expect(config.read(at + 16, 2)).toBe(2);
    aim(common + 20, 1);
    config.write(at + 16, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    expect(driver.get('device_status')).toBe(VIRTIO_CONFIG_S_ACKNOWLEDGE);
    aim(common, 4);
    config.write(at + 16, 4, 1);
    aim(common + 4, 4);
    expect(config.read(at + 16, 4)).toBe(0x101);
    for (const [offset, length, bar] of [
      [common + 20, 3, 0],
      [common + 20, 0, 0],
      [common + 21, 2, 0],
      [256, 1, 0],
      [0xffffffff, 1, 0],
      [common + 20, 1, 1],
    ] as const) {
      aim(offset, length, bar);
      config.write(at + 16, 4, 0);
      config.read(at + 16, 4);
    }
    expect(driver.get('device_status')).toBe(VIRTIO_CONFIG_S_ACKNOWLEDGE);
  });

  item(36, '4.1.4.9.1: the rest of the configuration space keeps what a driver may not change', () => {
    const { driver } = make();
    const { config } = driver.pci;
    const before = config.bytes.slice();
    for (let offset = 0; offset < 256; offset += 4) config.write(offset, 4, 0xffffffff);
    const { at } = driver.capability(VIRTIO_PCI_CAP_PCI_CFG);
    const may = (offset: number) =>
      [4, 5, 0x0c, 0x0d, 0x10, 0x11, 0x12, 0x13, 0x3c].includes(offset) || (offset >= at + 4 && offset < at + 20);
    const changed = [...before.keys()].filter((offset) => config.bytes[offset] !== before[offset]);
    expect(changed.filter((offset) => !may(offset))).toEqual([]);
    expect(config.read(0x10, 4)).toBe(0xffffff01);
  });

  item(37, '4.1.5.1.2: without MSI-X the vectors read NO_VECTOR', () => {
    const { driver } = make();
    driver.set('msix_config', 0);
    driver.set('queue_msix_vector', 1);
    expect([driver.get('msix_config'), driver.get('queue_msix_vector')]).toEqual([
      VIRTIO_MSI_NO_VECTOR,
      VIRTIO_MSI_NO_VECTOR,
    ]);
  });

  item(38, '4.1.5: the device has a capability list and interrupt pin A', () => {
    const { driver } = make();
    expect(driver.capabilities).toHaveLength(5);
    expect(driver.pci.config.read(PCI_INTERRUPT_PIN, 1)).toBe(1);
  });
});

describe('file system device', () => {
  item(39, '5.11.4: num_request_queues is at least 1', () => {
    for (const requestQueues of [1, 2, 31]) {
      expect(make({ requestQueues }).driver.config(40)[36]).toBe(requestQueues);
    }
    for (const requestQueues of [0, 32, 1.5]) expect(() => make({ requestQueues })).toThrow(RangeError);
  });

  item(40, '5.11.4: notify_buf_size is not there, as its feature is not offered', () => {
    const { driver } = make();
    expect(driver.offered() & featureBit(VIRTIO_FS_F_NOTIFICATION)).toBe(0n);
    expect(driver.capability(VIRTIO_PCI_CAP_DEVICE_CFG).size).toBe(40);
  });

  item(41, '5.11.6.1: hiprio is served while requests wait', () => {
    const waiting: Exchange[] = [];
    const { driver } = make({
      handle: (exchange) => (exchange.queue === 0 ? exchange.complete(0) : void waiting.push(exchange)),
    });
    const [hiprio, queue] = driver.start();
    for (let i = 0; i < 32; i++) queue!.request(bytes(1), 1);
    queue!.kick();
    expect(waiting).toHaveLength(32);
    const { head } = hiprio!.request(new Uint8Array(48), 0);
    hiprio!.kick();
    expect(hiprio!.reap()).toEqual([{ head, length: 0 }]);
  });

  item(43, '5.11.6: answers go back in the order in which they come, older ones from inside a handler too', () => {
    const held: Exchange[] = [];
    const { driver, device } = make({
      handle: (exchange) => {
        held.push(exchange);
        if (held.length === 4) for (const older of held.splice(0).reverse()) older.complete(1);
      },
    });
    const queue = driver.start()[1]!;
    const heads = [1, 2, 3].map((i) => queue.request(bytes(i), 1).head);
    queue.kick();
    expect(queue.reap()).toEqual([]);
    heads.push(queue.request(bytes(4), 1).head);
    queue.kick();
    expect(queue.reap().map(({ head }) => head)).toEqual(heads.reverse());
    expect(device.state()).toMatchObject({ interrupts: 1, taken: 4, used: 4 });
  });
});

test('each of the 46 requirements has a test or a reason not to', () => {
  const untested = Object.keys(NOT_APPLICABLE).map(Number);
  const all = [...tested, ...untested].sort((a, b) => a - b);
  expect(all).toEqual(Array.from({ length: 46 }, (_, i) => i + 1));
});
