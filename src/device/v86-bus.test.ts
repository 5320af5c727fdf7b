import type { V86 } from 'v86';
import { expect, test, vi } from 'vitest';
import type { Exchange } from '../base/exchange.ts';
import { attachToV86 } from './v86-bus.ts';
import { PCI_STATUS, PCI_STATUS_INTERRUPT, VIRTIO_PCI_ISR_QUEUE } from './virtio-abi.ts';
import { VirtioFsDevice } from './virtio-fs.ts';

type Port = Record<string, (value: number) => number>;
const RAM_AT = 65536;
const RAM = 65536;
const MOVED = 0xc100;

/** What the bus uses of v86 0.5.462, done as v86 does it. */
function fakeV86() {
  const ports: Port[] = Array.from({ length: 65536 }, () => ({}));
  const wasm_memory = new WebAssembly.Memory({ initial: 3 });
  const line = { level: false, raises: 0 };
  const spaces: Int32Array[] = [];
  const devices: ({ pci_bars: readonly { size: number; entries?: Port[] }[] } | undefined)[] = new Array(256).fill(
    undefined,
  );
  const pci = {
    devices,
    register_device(device: { pci_id: number; pci_space: number[]; pci_bars: { size: number; entries?: Port[] }[] }) {
      const space = new Int32Array(64);
      space.set(new Int32Array(new Uint8Array(device.pci_space).buffer));
      spaces[device.pci_id] = space;
      devices[device.pci_id] = device;
      device.pci_bars.forEach((bar, i) => {
        const at = space[4 + i]! & ~1;
        bar.entries = ports.slice(at, at + bar.size);
      });
      return space;
    },
    raise_irq() {
      line.level = true;
      line.raises++;
    },
    lower_irq() {
      line.level = false;
    },
  };
  const set = (kind: string) => (port: number, _device: object, f8: never, f16: never, f32: never) =>
    Object.assign(ports[port]!, { [`${kind}8`]: f8, [`${kind}16`]: f16, [`${kind}32`]: f32 });
  const cpu = {
    io: { register_read: set('read'), register_write: set('write') },
    devices: { pci },
    wasm_memory,
    mem8: { byteOffset: RAM_AT },
    memory_size: [RAM],
    jit_dirty_cache: vi.fn(),
    reboot_internal: vi.fn(),
    set_state: vi.fn(),
  };
  /** As the BIOS moves a BAR. */
  const moveBar = (id: number, to: number) => {
    const from = spaces[id]![4]! & ~1;
    devices[id]!.pci_bars[0]!.entries!.forEach((entry, i) => {
      ports[from + i] = {};
      ports[to + i] = entry;
    });
    spaces[id]![4] = to | 1;
  };
  return { emulator: { v86: { cpu } } as unknown as V86, cpu, ports, line, spaces, moveBar };
}

const makeDevice = (handle: (exchange: Exchange) => void) =>
  new VirtioFsDevice({ tag: 'lab', handler: { handle, reset() {} } });

/** A driver over the ports, as far as one request needs it: rings at 0x1000, 0x2000, 0x3000. */
function probe({ ports, cpu }: ReturnType<typeof fakeV86>, base: number) {
  const out = (offset: number, width: number, value: number) => ports[base + offset]![`write${width}`]!(value);
  for (const status of [0, 1, 3]) out(20, 8, status);
  for (const [select, value] of [
    [0, 0],
    [1, 1],
  ] as const) {
    out(8, 32, select);
    out(12, 32, value);
  }
  out(20, 8, 11);
  out(22, 16, 1);
  out(24, 16, 8);
  out(32, 32, 0x1000);
  out(40, 32, 0x2000);
  out(48, 32, 0x3000);
  out(28, 16, 1);
  out(20, 8, 15);
  const view = () => new DataView(cpu.wasm_memory.buffer, RAM_AT);
  let index = 0;
  return {
    view,
    isr: () => ports[base + 0x40]!.read8!(0),
    send: () => {
      view().setUint32(0x1000, 0x4000, true);
      view().setUint32(0x1008, 16, true);
      view().setUint16(0x100c, 2, true);
      view().setUint16(0x2004 + 2 * (index % 8), 0, true);
      view().setUint16(0x2002, ++index, true);
      out(0xc2, 16, 1);
    },
  };
}

test('ports answer in every width where the BIOS has moved them, and nowhere else', () => {
  const fake = fakeV86();
  const { slot } = attachToV86(
    fake.emulator,
    makeDevice(() => {}),
  );
  fake.moveBar(slot << 3, MOVED);
  expect(fake.ports[MOVED + 18]!.read16!(0)).toBe(2);
  expect(fake.ports[MOVED + 18]!.read8!(0)).toBe(2);
  expect(fake.ports[MOVED + 0x80]!.read32!(0)).toBe(0x0062616c);
  expect(fake.ports[0xdd00]).toEqual({});
});

test('a request is answered inside the write to the port, and the interrupt goes up and down', () => {
  const fake = fakeV86();
  const { slot } = attachToV86(
    fake.emulator,
    makeDevice((exchange) => {
      exchange.writer.bytes(new Uint8Array(16).fill(7));
      exchange.complete(16);
    }),
  );
  fake.moveBar(slot << 3, MOVED);
  const guest = probe(fake, MOVED);
  guest.send();
  expect(guest.view().getUint16(0x3002, true)).toBe(1);
  expect(guest.view().getUint32(0x4000, true)).toBe(0x07070707);
  const status = () => new Uint8Array(fake.spaces[slot << 3]!.buffer)[PCI_STATUS]! & PCI_STATUS_INTERRUPT;
  expect([fake.line.level, status()]).toEqual([true, PCI_STATUS_INTERRUPT]);
  expect(guest.isr()).toBe(VIRTIO_PCI_ISR_QUEUE);
  expect([fake.line.level, status()]).toEqual([false, 0]);
  expect(fake.cpu.jit_dirty_cache.mock.calls).toContainEqual([0x4000, 0x4010]);
});

test('RAM that moved because WebAssembly memory grew is found again', () => {
  const fake = fakeV86();
  const held: Exchange[] = [];
  const { slot } = attachToV86(
    fake.emulator,
    makeDevice((exchange) => void held.push(exchange)),
  );
  fake.moveBar(slot << 3, MOVED);
  const guest = probe(fake, MOVED);
  guest.send();
  fake.cpu.wasm_memory.grow(1);
  held[0]!.writer.bytes(new Uint8Array(16).fill(9));
  held[0]!.complete(16);
  expect(guest.view().getUint32(0x4000, true)).toBe(0x09090909);
  expect(guest.view().getUint16(0x3002, true)).toBe(1);
});

test('an interrupt outlives that another device on the line lets go of its own', () => {
  const fake = fakeV86();
  attachToV86(
    fake.emulator,
    makeDevice((exchange) => exchange.complete(0)),
  );
  const { pci } = fake.cpu.devices;
  const other = pci as unknown as { raise_irq(id: number): void; lower_irq(id: number): void };
  const guest = probe(fake, 0xdd00);
  guest.send();
  other.raise_irq(0x30);
  other.lower_irq(0x30);
  expect(fake.line.level).toBe(true);
  guest.isr();
  expect(fake.line.level).toBe(false);
});

test('a reboot inside of v86 resets the device before the machine', () => {
  for (const name of ['reboot_internal', 'set_state'] as const) {
    const fake = fakeV86();
    const original = fake.cpu[name];
    const device = makeDevice(() => {});
    original.mockImplementation(() => expect(device.state().status).toBe(0));
    attachToV86(fake.emulator, device);
    probe(fake, 0xdd00);
    expect(device.state().status).toBe(15);
    fake.cpu[name]();
    expect(original).toHaveBeenCalledTimes(1);
  }
});

test('the device goes into a fresh machine after the first is gone', () => {
  const first = fakeV86();
  const second = fakeV86();
  const device = makeDevice((exchange) => exchange.complete(0));
  const attachment = attachToV86(first.emulator, device);
  first.moveBar(attachment.slot << 3, MOVED);
  attachment.detach();
  attachToV86(second.emulator, device);
  const guest = probe(second, 0xdd00);
  guest.send();
  expect(guest.view().getUint16(0x3002, true)).toBe(1);
  expect(second.line.level).toBe(true);
  expect(first.line.raises).toBe(0);
});

test('another version of v86 and a taken slot are named', () => {
  const fake = fakeV86();
  const device = makeDevice(() => {});
  const cpu: Partial<typeof fake.cpu> = { ...fake.cpu };
  delete cpu.jit_dirty_cache;
  expect(() => attachToV86({ v86: { cpu } } as unknown as V86, device)).toThrow('cpu.jit_dirty_cache');
  expect(() => attachToV86({} as V86, device)).toThrow('lacks cpu.io.register_read');
  attachToV86(fake.emulator, device);
  expect(() =>
    attachToV86(
      fake.emulator,
      makeDevice(() => {}),
    ),
  ).toThrow('slot 13');
});
