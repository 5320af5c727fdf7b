import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DEFAULT_FEATURES, MockDriver } from '../../test/mock-driver.ts';
import { VIRTIO_F_RING_RESET } from '../device/virtio-abi.ts';
import { featureBit } from '../device/virtio-device.ts';
import { FuseServer } from '../fs/fuse/server.ts';
import { MemoryStore } from '../fs/store/memory-store.ts';
import { Tree } from '../fs/tree/tree.ts';
import { Lab } from './lab.ts';
import { decode, RecordFlag, recordOffsets } from './record.ts';

beforeEach(() => {
  // A server that keeps what it is asked.
  vi.spyOn(FuseServer.prototype, 'handle').mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A lab without a machine: a driver of the test's own is at its device, and sends what is never answered. */
async function setUp() {
  const nothing = new ArrayBuffer(0);
  const wasm = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const lab = new Lab(await Tree.open(new MemoryStore()), {
    image: { kernel: nothing, initrd: nothing, bios: nothing, vgabios: nothing, wasm },
    cmdline: '',
    memory: 64,
    tag: 'lab',
    cache: 'auto',
    writeback: true,
  });
  const driver = new MockDriver(lab.device);
  lab.recorder.memory = driver.ram;
  const queues = driver.start(DEFAULT_FEATURES | featureBit(VIRTIO_F_RING_RESET));
  const ask = (queue: number): void => {
    queues[queue]?.request(new Uint8Array(40), 16);
    queues[queue]?.notify();
  };
  return { lab, driver, ask };
}

test('what is pending is what the device has, also after a reset', async () => {
  const { lab, ask } = await setUp();
  ask(0);
  ask(1);
  ask(1);
  expect(lab.counters().pending).toBe(3);
  lab.device.reset();
  expect(lab.counters().pending).toBe(0);
});

test('a queue that is reset drops its requests in the log, and no others', async () => {
  const { lab, driver, ask } = await setUp();
  const dropped = (): number[] => {
    const batch = lab.log.take();
    if (batch === undefined) return [];
    const view = new DataView(batch.bytes);
    const records = [...recordOffsets(view)].map((at) => decode(view, at));
    return records.filter(({ flags }) => flags & RecordFlag.DROPPED).map(({ queue }) => queue);
  };
  ask(0);
  ask(1);
  ask(1);
  driver.set('queue_select', 1);
  driver.set('queue_reset', 1);
  expect(dropped()).toEqual([1, 1]);
  expect(lab.counters().pending).toBe(1);
  lab.device.reset();
  expect(dropped()).toEqual([0]);
});
