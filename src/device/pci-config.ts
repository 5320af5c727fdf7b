// The PCI configuration space of a virtio device: header, capability list, and the PCI_CFG window into the BAR.
import type { Region, Width } from './register-file.ts';
import {
  PCI_BASE_ADDRESS_0,
  PCI_BASE_ADDRESS_SPACE_IO,
  PCI_CACHE_LINE_SIZE,
  PCI_CAP_ID_VNDR,
  PCI_CAPABILITY_LIST,
  PCI_CLASS_DEVICE,
  PCI_COMMAND,
  PCI_COMMAND_INTX_DISABLE,
  PCI_COMMAND_WRITABLE,
  PCI_DEVICE_ID,
  PCI_INTERRUPT_LINE,
  PCI_INTERRUPT_PIN,
  PCI_LATENCY_TIMER,
  PCI_REVISION_ID,
  PCI_STATUS,
  PCI_STATUS_CAP_LIST,
  PCI_STATUS_INTERRUPT,
  PCI_STD_HEADER_SIZEOF,
  PCI_SUBSYSTEM_ID,
  PCI_SUBSYSTEM_VENDOR_ID,
  PCI_VENDOR_ID,
  PCI_VENDOR_ID_REDHAT_QUMRANET,
  VIRTIO_PCI_CAP_PCI_CFG,
  virtio_pci_cap,
  virtio_pci_cfg_cap,
  virtio_pci_notify_cap,
} from './virtio-abi.ts';

const SIZE = 256;
const INTERRUPT_PIN_A = 1;
/** What a driver sets to say which access it wants through PCI_CFG. */
const CFG_WRITABLE: ReadonlySet<string> = new Set(['bar', 'offset', 'length']);

/** A structure of the transport in the BAR. */
export interface Capability {
  /** VIRTIO_PCI_CAP_* */
  readonly type: number;
  readonly offset: number;
  readonly length: number;
  /** notify_off_multiplier, of the notification capability. */
  readonly multiplier?: number;
}

export interface PciConfigOptions {
  readonly deviceId: number;
  /** Base class and subclass. */
  readonly pciClass: number;
  /** Bytes of BAR 0, in I/O space; a power of two. */
  readonly barSize: number;
  readonly capabilities: readonly Capability[];
  /** BAR 0, for accesses through the PCI_CFG capability. */
  readonly bar: Region;
  /** The driver has masked or unmasked the interrupt. */
  interruptMaskChanged(): void;
}

export class PciConfig {
  private current: Uint8Array = new Uint8Array(SIZE);
  private view: DataView = new DataView(this.current.buffer);
  /** The contents at power-on. */
  private readonly initial: Uint8Array;
  private readonly options: PciConfigOptions;
  /** Bits that a driver can change, by byte. */
  private readonly writable = new Uint8Array(SIZE);
  /** Offset of the virtio_pci_cfg_cap. */
  private readonly cfgCap: number;

  constructor(options: PciConfigOptions) {
    this.options = options;
    const { view, writable } = this;
    view.setUint16(PCI_VENDOR_ID, PCI_VENDOR_ID_REDHAT_QUMRANET, true);
    view.setUint16(PCI_DEVICE_ID, options.deviceId, true);
    view.setUint16(PCI_STATUS, PCI_STATUS_CAP_LIST, true);
    // 1 says that the device is a modern one only (VirtIO 1.3 4.1.2.1).
    view.setUint8(PCI_REVISION_ID, 1);
    view.setUint16(PCI_CLASS_DEVICE, options.pciClass, true);
    view.setUint32(PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_SPACE_IO, true);
    view.setUint16(PCI_SUBSYSTEM_VENDOR_ID, PCI_VENDOR_ID_REDHAT_QUMRANET, true);
    view.setUint16(PCI_SUBSYSTEM_ID, options.deviceId, true);
    view.setUint8(PCI_CAPABILITY_LIST, PCI_STD_HEADER_SIZEOF);
    view.setUint8(PCI_INTERRUPT_PIN, INTERRUPT_PIN_A);
    writable[PCI_COMMAND] = PCI_COMMAND_WRITABLE & 0xff;
    writable[PCI_COMMAND + 1] = PCI_COMMAND_WRITABLE >> 8;
    writable[PCI_CACHE_LINE_SIZE] = 0xff;
    writable[PCI_LATENCY_TIMER] = 0xff;
    writable[PCI_INTERRUPT_LINE] = 0xff;
    // The address bits below the size read 0 whatever is written: so software finds the size.
    for (let i = 0; i < 4; i++) writable[PCI_BASE_ADDRESS_0 + i] = (-options.barSize >>> (8 * i)) & 0xff;
    this.cfgCap = this.putCapabilities(options.capabilities);
    this.initial = this.current.slice();
    for (const { name, offset, type } of virtio_pci_cap.fields) {
      if (!CFG_WRITABLE.has(name)) continue;
      writable.fill(0xff, this.cfgCap + offset, this.cfgCap + offset + type.size);
    }
  }

  get bytes(): Uint8Array {
    return this.current;
  }

  /**
   * Uses `bytes` as the configuration space from now on, for an emulator that keeps a copy of its own and handles accesses
   * itself. It has to have the contents of this one.
   */
  adopt(bytes: Uint8Array): void {
    this.current = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Back to the contents at power-on, in bytes of its own. */
  powerOn(): void {
    this.adopt(this.initial.slice());
  }

  /** The Interrupt bit of the status register. */
  set interruptPending(pending: boolean) {
    const at = PCI_STATUS;
    const status = this.view.getUint16(at, true);
    this.view.setUint16(at, pending ? status | PCI_STATUS_INTERRUPT : status & ~PCI_STATUS_INTERRUPT, true);
  }

  /** Whether the driver has turned the interrupt pin off. */
  get interruptMasked(): boolean {
    return (this.view.getUint16(PCI_COMMAND, true) & PCI_COMMAND_INTX_DISABLE) !== 0;
  }

  /** The guest reads. A read of pci_cfg_data reads the BAR (VirtIO 1.3 4.1.4.9). */
  read(offset: number, width: Width): number {
    if (this.isCfgData(offset)) this.transfer((at, length) => this.putCfgData(this.options.bar.read(at, length)));
    let value = 0;
    for (let i = 0; i < width; i++) value |= (this.current[offset + i] ?? 0) << (8 * i);
    return value >>> 0;
  }

  /** The guest writes. A write to pci_cfg_data writes to the BAR. */
  write(offset: number, width: Width, value: number): void {
    if (this.isCfgData(offset)) {
      this.putCfgData(value);
      this.transfer((at, length) => this.options.bar.write(at, length, value));
      return;
    }
    const masked = this.interruptMasked;
    for (let i = 0; i < width && offset + i < SIZE; i++) {
      const mask = this.writable[offset + i] as number;
      const byte = (value >>> (8 * i)) & 0xff;
      this.current[offset + i] = ((this.current[offset + i] as number) & ~mask) | (byte & mask);
    }
    if (this.interruptMasked !== masked) this.options.interruptMaskChanged();
  }

  private isCfgData(offset: number): boolean {
    const at = offset - (this.cfgCap + virtio_pci_cap.size);
    return at >= 0 && at < 4;
  }

  private putCfgData(value: number): void {
    this.view.setUint32(this.cfgCap + virtio_pci_cap.size, value, true);
  }

  /** Does what the PCI_CFG capability asks for, where it asks for an access that there is. */
  private transfer(access: (offset: number, length: Width) => void): void {
    const { bar, offset, length } = new virtio_pci_cap(this.view, this.cfgCap);
    if (bar !== 0 || (length !== 1 && length !== 2 && length !== 4)) return;
    if (offset % length !== 0 || offset + length > this.options.barSize) return;
    access(offset, length);
  }

  /** Writes the list, PCI_CFG at its end. Returns where that one is. */
  private putCapabilities(capabilities: readonly Capability[]): number {
    let at = PCI_STD_HEADER_SIZEOF;
    for (const { type, offset, length, multiplier } of capabilities) {
      const size = multiplier === undefined ? virtio_pci_cap.size : virtio_pci_notify_cap.size;
      this.putCapability(at, size, type, at + size);
      const cap = new virtio_pci_notify_cap(this.view, at);
      cap.offset = offset;
      cap.length = length;
      if (multiplier !== undefined) cap.notify_off_multiplier = multiplier;
      at += size;
    }
    this.putCapability(at, virtio_pci_cfg_cap.size, VIRTIO_PCI_CAP_PCI_CFG, 0);
    return at;
  }

  private putCapability(at: number, size: number, type: number, next: number): void {
    const cap = new virtio_pci_cap(this.view, at);
    cap.cap_vndr = PCI_CAP_ID_VNDR;
    cap.cap_next = next;
    cap.cap_len = size;
    cap.cfg_type = type;
  }
}
