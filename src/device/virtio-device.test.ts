import { expect, test, vi } from 'vitest';
import { entropyDevice } from '../../test/entropy-device.ts';
import { MockBus, MockDriver, pluggable } from '../../test/mock-driver.ts';
import type { Exchange } from '../base/exchange.ts';
import { VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_PCI_CAP_DEVICE_CFG } from './virtio-abi.ts';
import { VirtioFsDevice } from './virtio-fs.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

function observed(handle: (exchange: Exchange) => void) {
  const events: unknown[][] = [];
  let clock = 0;
  const device = new VirtioFsDevice({
    tag: 'lab',
    queueSize: 16,
    now: () => ++clock,
    handler: { handle, reset: () => events.push(['handler reset']) },
    observer: {
      taken: (exchange, availIndex, available, taken) => {
        exchange.record = 100 + availIndex;
        events.push(['taken', exchange.head, availIndex, available, taken]);
      },
      used: (exchange, length, usedIndex, interrupted, at) =>
        events.push(['used', exchange.record, exchange.writer.spans.total, length, usedIndex, interrupted, at]),
      broken: (reason) => events.push(['broken', reason]),
      queueReset: (queue) => events.push(['queue reset', queue]),
      reset: () => events.push(['reset']),
    },
  });
  return { device, events, driver: new MockDriver(device) };
}

test('a whole device in thirty lines: entropy', () => {
  const driver = new MockDriver(pluggable(entropyDevice((target) => target.fill(0x5a))));
  expect(driver.pci.config.read(2, 2)).toBe(0x1044);
  expect(() => driver.capability(VIRTIO_PCI_CAP_DEVICE_CFG)).toThrow();
  const queue = driver.start()[0]!;
  const { head, reply } = queue.request(bytes(), 8);
  queue.kick();
  expect(queue.reap()).toEqual([{ head, length: 8 }]);
  expect([...driver.ram.bytes.subarray(reply, reply + 8)]).toEqual(new Array(8).fill(0x5a));
});

test('the observer hears of each chain, with its record, its indices and its times', () => {
  const { driver, events } = observed((exchange) => exchange.complete(exchange.head === 0 ? 3 : 0));
  const queue = driver.start()[1]!;
  queue.request(bytes(1), 3);
  queue.request(bytes(2), 5);
  queue.notify();
  expect(events).toEqual([
    ['taken', 0, 0, 1, 1],
    ['taken', 2, 1, 1, 2],
    ['used', 100, 3, 3, 0, true, 3],
    ['used', 101, 5, 0, 1, true, 4],
  ]);
});

test('answers from outside of a notification are published at once', () => {
  const held: Exchange[] = [];
  const { driver, events, device } = observed((exchange) => void held.push(exchange));
  const queue = driver.start()[1]!;
  queue.request(bytes(1), 1);
  queue.request(bytes(2), 1);
  queue.kick();
  held[1]!.complete(1);
  expect(queue.usedIdx).toBe(1);
  expect(driver.bus.irq).toBe(true);
  held[0]!.complete(1);
  expect(queue.reap()).toHaveLength(2);
  expect(events.map(([name]) => name)).toEqual(['taken', 'taken', 'used', 'used']);
  // The second answer did not pass used_event, which the driver had not moved on.
  expect(device.state()).toMatchObject({ interrupts: 1, suppressed: 1 });
});

test('a notification inside a notification belongs to the same batch', () => {
  const { driver, device } = observed((exchange) => {
    if (exchange.queue === 1) driver.queues[0]!.notify();
    exchange.complete(0);
  });
  const [hiprio, queue] = driver.start();
  hiprio!.request(bytes(1), 0);
  queue!.request(bytes(2), 0);
  queue!.notify();
  expect([hiprio!.reap().length, queue!.reap().length]).toEqual([1, 1]);
  expect(device.state()).toMatchObject({ interrupts: 1, suppressed: 0, taken: 2 });
});

test('a second complete() does no harm, also while other chains are under way', () => {
  const held: Exchange[] = [];
  const { driver, device } = observed((exchange) => void held.push(exchange));
  const queue = driver.start()[1]!;
  queue.request(bytes(1), 1);
  queue.kick();
  const first = held[0]!;
  first.complete(1);
  first.complete(1);
  queue.reap();
  for (let i = 0; i < 4; i++) queue.request(bytes(i), 1);
  queue.kick();
  first.complete(1);
  expect(queue.reap()).toEqual([]);
  expect(device.state()).toMatchObject({ completedTwice: 2, used: 1 });
});

test('what an answer grants is taken where it is placed on the ring, and not when it is dropped', () => {
  const grants = { take: vi.fn() };
  const held: Exchange[] = [];
  const { driver, device } = observed((exchange) => void held.push(exchange));
  const queue = driver.start()[1]!;
  for (let i = 0; i < 3; i++) queue.request(bytes(i), 1);
  queue.kick();
  held[0]!.complete(1, grants);
  expect(grants.take).toHaveBeenCalledTimes(1);
  held[0]!.complete(1, grants);
  device.reset();
  held[1]!.complete(1, grants);
  expect(grants.take).toHaveBeenCalledTimes(1);
});

test('a handler that throws costs the guest its device, and nothing else', () => {
  const { driver, events } = observed(() => {
    throw new Error('mistake');
  });
  const queue = driver.start()[1]!;
  queue.request(bytes(1), 1);
  expect(() => queue.kick()).not.toThrow();
  expect(driver.get('device_status') & VIRTIO_CONFIG_S_NEEDS_RESET).not.toBe(0);
  expect(events.at(-1)![1]).toContain('mistake');
});

test('the same device in a fresh machine starts anew, and the old one is left alone', () => {
  const held: Exchange[] = [];
  const { device, driver, events } = observed((exchange) => void held.push(exchange));
  const queue = driver.start()[1]!;
  queue.request(bytes(1), 1);
  queue.kick();
  driver.pci.config.adopt(driver.pci.configSpace.slice().fill(0xff, 0x10, 0x14));
  const before = driver.ram.bytes.slice();

  const second = new MockDriver(device, 1 << 17);
  expect(events.slice(-2)).toEqual([['handler reset'], ['reset']]);
  expect(second.pci.config.read(0x10, 4)).toBe(0xc001);
  const fresh = second.start()[1]!;
  held.pop()!.complete(1);
  // So many that every exchange that rests is used again.
  for (let i = 0; i < 30; i++) {
    const { head, reply } = fresh.request(bytes(9), 1);
    fresh.kick();
    held[0]!.writer.bytes(bytes(i));
    held.pop()!.complete(1);
    expect(fresh.reap()).toEqual([{ head, length: 1 }]);
    expect(second.ram.bytes[reply]).toBe(i);
  }
  expect(driver.ram.changed(before)).toEqual([]);
  expect(device.state()).toMatchObject({ dropped: 1, resets: 1 });
});

test('a device that is not plugged in takes writes and does nothing', () => {
  const device = new VirtioFsDevice({ tag: 'lab', handler: { handle() {}, reset() {} } });
  for (let offset = 0; offset < 256; offset++) device.pci.write(0, offset, 1, 0xff);
  for (let offset = 0; offset < 256; offset++) device.pci.read(0, offset, 4);
  const bus = new MockBus(4096);
  device.attach(bus);
  device.detach();
  expect(bus.irq).toBe(false);
  expect(device.state().status).toBe(0);
});

test('options that no device can have are refused', () => {
  const handler = { handle() {}, reset() {} };
  for (const tag of ['', 'a\nb', 'a\0', 'x'.repeat(37)]) {
    expect(() => new VirtioFsDevice({ tag, handler }), JSON.stringify(tag)).toThrow(RangeError);
  }
  for (const queueSize of [0, 3, 65536, -8]) {
    expect(() => new VirtioFsDevice({ tag: 'a', handler, queueSize })).toThrow(RangeError);
  }
  expect(new VirtioFsDevice({ tag: 'x'.repeat(36), handler }).state().queues.map(({ size }) => size)).toEqual([
    128, 1024,
  ]);
});
