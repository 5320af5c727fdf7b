// Modern virtio over PCI (VirtIO 1.3 4.1): capabilities, registers, ISR, notifications. Knows no emulator.
import { commonRegisters, type Selection } from './common-config.ts';
import { PciConfig } from './pci-config.ts';
import { ByteRegion, type Region, RegisterFile, type Width } from './register-file.ts';
import {
  VIRTIO_PCI_CAP_COMMON_CFG,
  VIRTIO_PCI_CAP_DEVICE_CFG,
  VIRTIO_PCI_CAP_ISR_CFG,
  VIRTIO_PCI_CAP_NOTIFY_CFG,
  VIRTIO_PCI_ISR_CONFIG,
  VIRTIO_PCI_MODERN_DEVICE,
  virtio_pci_common_cfg,
} from './virtio-abi.ts';
import type { Transport, VirtioDevice } from './virtio-device.ts';

/** One I/O BAR holds everything: PCI allows it 256 bytes. */
export const BAR_SIZE = 256;
const ISR_AT = 0x40;
const DEVICE_AT = 0x80;
const NOTIFY_AT = 0xc0;
const NOTIFY_MULTIPLIER = 2;
/** So many queues have an address to notify each. */
export const MAX_QUEUES = (BAR_SIZE - NOTIFY_AT) / NOTIFY_MULTIPLIER;

interface Window {
  readonly at: number;
  readonly length: number;
  readonly region: Region;
}

export class VirtioPci implements Transport {
  readonly config: PciConfig;
  /** Sizes of the BARs, all of them in I/O space. */
  readonly bars: readonly { readonly size: number }[] = [{ size: BAR_SIZE }];
  private readonly device: VirtioDevice;
  private readonly windows: readonly Window[];
  private readonly selection: Selection = { deviceFeature: 0, driverFeature: 0, queue: 0 };
  private isr = 0;
  private generation = 0;
  private configChanged = false;

  /** Throws RangeError for a device whose queues or configuration do not fit into the BAR. */
  constructor(device: VirtioDevice) {
    this.device = device;
    const { kind } = device;
    if (kind.config.length > NOTIFY_AT - DEVICE_AT)
      throw new RangeError(`${kind.config.length} bytes of configuration`);
    if (device.queues.length > MAX_QUEUES)
      throw new RangeError(`${device.queues.length} queues, at most ${MAX_QUEUES}`);
    device.transport = this;
    const isr = { name: 'isr_status', offset: 0, size: 1 as const, read: () => this.readIsr() };
    this.windows = [
      {
        at: NOTIFY_AT,
        length: BAR_SIZE - NOTIFY_AT,
        // Whatever the width and the address, the value is the queue's index (VirtIO 1.3 4.1.5.2).
        region: { read: () => 0, write: (_offset, _width, value) => device.notify(value & 0xffff) },
      },
      { at: ISR_AT, length: 1, region: new RegisterFile([isr]) },
      {
        at: 0,
        length: virtio_pci_common_cfg.size,
        region: new RegisterFile(commonRegisters(device, this.selection, () => this.readGeneration())),
      },
      { at: DEVICE_AT, length: kind.config.length, region: new ByteRegion(kind.config) },
    ];
    this.config = new PciConfig({
      deviceId: VIRTIO_PCI_MODERN_DEVICE + kind.id,
      pciClass: kind.pciClass,
      barSize: BAR_SIZE,
      capabilities: [
        { type: VIRTIO_PCI_CAP_COMMON_CFG, offset: 0, length: virtio_pci_common_cfg.size },
        {
          type: VIRTIO_PCI_CAP_NOTIFY_CFG,
          offset: NOTIFY_AT,
          length: BAR_SIZE - NOTIFY_AT,
          multiplier: NOTIFY_MULTIPLIER,
        },
        { type: VIRTIO_PCI_CAP_ISR_CFG, offset: ISR_AT, length: 1 },
        ...(kind.config.length === 0
          ? []
          : [{ type: VIRTIO_PCI_CAP_DEVICE_CFG, offset: DEVICE_AT, length: kind.config.length }]),
      ],
      bar: {
        read: (at, width) => this.read(0, at, width),
        write: (at, width, value) => this.write(0, at, width, value),
      },
      interruptMaskChanged: () => this.drive(),
    });
  }

  /** The PCI configuration space; an emulator that keeps its own copy calls config.adopt() with that. */
  get configSpace(): Uint8Array {
    return this.config.bytes;
  }

  /** The guest reads from a BAR. `offset` in bytes; gives an unsigned value. Outside of all structures 0 is read. */
  read(bar: number, offset: number, width: Width): number {
    if (bar !== 0) return 0;
    for (const { at, length, region } of this.windows) {
      if (offset >= at && offset < at + length) return region.read(offset - at, width);
    }
    return 0;
  }

  /** The guest writes to a BAR. */
  write(bar: number, offset: number, width: Width, value: number): void {
    if (bar !== 0) return;
    for (const { at, length, region } of this.windows) {
      if (offset >= at && offset < at + length) {
        region.write(offset - at, width, value);
        return;
      }
    }
  }

  /** To be called after the device configuration was changed: a new generation (VirtIO 1.3 4.1.4.3.1) and an interrupt. */
  changed(): void {
    this.configChanged = true;
    this.interrupt(VIRTIO_PCI_ISR_CONFIG);
  }

  interrupt(isr: number): void {
    this.isr |= isr;
    this.drive();
  }

  reset(): void {
    this.selection.deviceFeature = 0;
    this.selection.driverFeature = 0;
    this.selection.queue = 0;
    this.isr = 0;
    this.drive();
  }

  /** A change counts with the first look after it: a driver that never looks cannot make eight bits wrap. */
  private readGeneration(): number {
    if (this.configChanged) {
      this.configChanged = false;
      this.generation = (this.generation + 1) & 0xff;
    }
    return this.generation;
  }

  private readIsr(): number {
    const { isr } = this;
    this.isr = 0;
    this.drive();
    return isr;
  }

  private drive(): void {
    this.config.interruptPending = this.isr !== 0;
    this.device.bus?.setIrq(this.isr !== 0 && !this.config.interruptMasked);
  }
}
