// Plugs the device into v86 (0.5.462): PCI slot, ports, interrupt line, guest RAM. Alone in naming v86's internals here.
import type { V86 } from 'v86';
import type { Memory } from '../base/iov.ts';
import { GuestMemory } from './guest-memory.ts';
import type { Width } from './register-file.ts';
import { PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_SPACE_IO } from './virtio-abi.ts';
import type { VirtioFsDevice } from './virtio-fs.ts';

type ReadPort = () => number;
type WritePort = (value: number) => void;

interface V86Pci {
  register_device(device: {
    name: string;
    pci_id: number;
    pci_space: number[];
    pci_bars: readonly { readonly size: number }[];
  }): Int32Array;
  raise_irq(id: number): void;
  lower_irq(id: number): void;
  readonly devices: readonly unknown[];
}

interface V86Cpu {
  readonly io: {
    register_read(port: number, device: object, read8: ReadPort, read16: ReadPort, read32: ReadPort): void;
    register_write(port: number, device: object, write8: WritePort, write16: WritePort, write32: WritePort): void;
  };
  readonly devices: { readonly pci: V86Pci };
  readonly wasm_memory: { readonly buffer: ArrayBuffer };
  readonly mem8: { readonly byteOffset: number };
  readonly memory_size: ArrayLike<number>;
  jit_dirty_cache(start: number, end: number): void;
  reboot_internal(): void;
  set_state(state: unknown): void;
}

export interface V86Attachment {
  /** The slot's number on the PCI bus. */
  readonly slot: number;
  /** The guest's RAM, as the device sees it. */
  readonly memory: Memory;
  /** Resets the device and takes it out; the emulator is not to be run on. */
  detach(): void;
}

/** Where the BAR of the device in a slot lies until the BIOS moves it; v86 moves nothing below port 0x1000. */
const firstPort = (slot: number): number => 0xd000 + (slot << 8);
/**
 * Free in v86, and by SeaBIOS's routing on the line that the console, the busiest other device, is not on.
 * v86 has devices in slots 0, 1, 6, 7, 10, 11, 12, 18 and 30.
 */
const SLOT = 13;

/**
 * Plugs the device in, as at power-on. To be called from emulator-ready, before the first instruction. The same device
 * can be attached to a fresh emulator later. Throws Error where this is not the v86 that is known here, or the slot is
 * taken.
 */
export function attachToV86(emulator: V86, device: VirtioFsDevice, slot = SLOT): V86Attachment {
  const cpu = checkedCpu(emulator);
  const { pci } = cpu.devices;
  const id = slot << 3;
  if (pci.devices[id] !== undefined) throw new Error(`PCI slot ${slot} of v86 is taken`);
  shareLines(pci);
  const memory = new GuestMemory({
    buffer: () => cpu.wasm_memory.buffer,
    offset: () => cpu.mem8.byteOffset,
    size: cpu.memory_size[0] as number,
    written: (start, end) => cpu.jit_dirty_cache(start, end),
  });
  device.attach({ memory, setIrq: (level) => (level ? pci.raise_irq(id) : pci.lower_irq(id)) });
  registerPorts(cpu, device, firstPort(slot));
  const space = [...device.pci.configSpace];
  space[PCI_BASE_ADDRESS_0] = PCI_BASE_ADDRESS_SPACE_IO;
  space[PCI_BASE_ADDRESS_0 + 1] = firstPort(slot) >> 8;
  const live = pci.register_device({
    name: 'virtio-fs',
    pci_id: id,
    pci_space: space,
    pci_bars: device.pci.bars.map(({ size }) => ({ size })),
  });
  device.pci.config.adopt(new Uint8Array(live.buffer));
  resetWith(cpu, device);
  return { slot, memory, detach: () => device.detach() };
}

/** v86 moves port entries with the BAR and passes no address to a write, so each port knows its offset. */
function registerPorts(cpu: V86Cpu, device: VirtioFsDevice, first: number): void {
  const { pci } = device;
  const size = pci.bars[0]?.size ?? 0;
  for (let offset = 0; offset < size; offset++) {
    const read = (width: Width) => () => pci.read(0, offset, width);
    const write = (width: Width) => (value: number) => pci.write(0, offset, width, value >>> 0);
    cpu.io.register_read(first + offset, device, read(1), read(2), read(4));
    cpu.io.register_write(first + offset, device, write(1), write(2), write(4));
  }
}

/** A reboot in place, and a state put in place of the machine's, reset v86's own devices and know nothing of ours. */
function resetWith(cpu: V86Cpu, device: VirtioFsDevice): void {
  const { reboot_internal, set_state } = cpu;
  cpu.reboot_internal = () => {
    device.reset();
    reboot_internal.call(cpu);
  };
  cpu.set_state = (state) => {
    device.reset();
    set_state.call(cpu, state);
  };
}

const sharing = new WeakSet<V86Pci>();

/**
 * v86 lowers an interrupt line as soon as one of the devices on it lets go, whatever the others want: their interrupt
 * would be lost. So who still wants one raises it again.
 */
function shareLines(pci: V86Pci): void {
  if (sharing.has(pci)) return;
  sharing.add(pci);
  const { raise_irq, lower_irq } = pci;
  const wanting = new Set<number>();
  pci.raise_irq = (id) => {
    wanting.add(id);
    raise_irq.call(pci, id);
  };
  pci.lower_irq = (id) => {
    wanting.delete(id);
    lower_irq.call(pci, id);
    for (const other of wanting) raise_irq.call(pci, other);
  };
}

/** The emulator's CPU, after a look at all that is used of it. */
function checkedCpu(emulator: V86): V86Cpu {
  const cpu = (emulator as unknown as { v86?: { cpu?: Partial<V86Cpu> } }).v86?.cpu;
  const pci = cpu?.devices?.pci as Partial<V86Pci> | undefined;
  const wanted: readonly (readonly [string, boolean])[] = [
    ['io.register_read', typeof cpu?.io?.register_read === 'function'],
    ['io.register_write', typeof cpu?.io?.register_write === 'function'],
    ['devices.pci.register_device', typeof pci?.register_device === 'function'],
    ['devices.pci.raise_irq', typeof pci?.raise_irq === 'function'],
    ['devices.pci.lower_irq', typeof pci?.lower_irq === 'function'],
    ['devices.pci.devices', Array.isArray(pci?.devices)],
    ['wasm_memory.buffer', cpu?.wasm_memory?.buffer instanceof ArrayBuffer],
    ['mem8.byteOffset', typeof cpu?.mem8?.byteOffset === 'number'],
    ['memory_size', typeof cpu?.memory_size?.[0] === 'number' && cpu.memory_size[0] > 0],
    ['jit_dirty_cache', typeof cpu?.jit_dirty_cache === 'function'],
    ['reboot_internal', typeof cpu?.reboot_internal === 'function'],
    ['set_state', typeof cpu?.set_state === 'function'],
  ];
  const missing = wanted.filter(([, there]) => !there).map(([name]) => name);
  if (missing.length > 0) throw new Error(`this version of v86 lacks cpu.${missing.join(', cpu.')}`);
  return cpu as V86Cpu;
}
