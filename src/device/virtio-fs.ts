// The file system device (VirtIO 1.3 5.11): its tag, its queues, and each chain handed to a RequestHandler.
import type { RequestHandler } from '../base/exchange.ts';
import { stringToBytes } from '../base/iov.ts';
import type { Bus } from './bus.ts';
import { PCI_CLASS_STORAGE_OTHER, VIRTIO_FS_TAG_LENGTH, VIRTIO_ID_FS, virtio_fs_config } from './virtio-abi.ts';
import { type DeviceCounters, type DeviceObserver, type Features, VirtioDevice } from './virtio-device.ts';
import { MAX_QUEUES, VirtioPci } from './virtio-pci.ts';

/** Entries of a request queue where nothing else is said: room for 1 MiB in a request, and for its headers. */
export const QUEUE_SIZE = 1024;

/** What a queue of the device is for. */
export type QueueRole = 'hiprio' | 'request';

/**
 * The queues by index. Linux, and every published device, has the request queues right behind hiprio where
 * VIRTIO_FS_F_NOTIFICATION is not agreed; with it, index 1 would be the notification queue (VirtIO 1.3 5.11.2).
 * That feature is not offered. This is the only place that numbers queues.
 */
export function queueRoles(_agreed: Features, requestQueues: number): readonly QueueRole[] {
  return ['hiprio', ...Array.from({ length: requestQueues }, () => 'request' as const)];
}

export interface VirtioFsOptions {
  /** What the guest mounts: 1 to 36 bytes, one character a byte, without NUL and newline. */
  readonly tag: string;
  /** Linux uses as many as it has CPUs. Default 1, at most 31. */
  readonly requestQueues?: number;
  /** Entries of a request queue, a power of two. Linux sends at most this less 4 pages in a request: 1024 is room for 1 MiB. */
  readonly queueSize?: number;
  readonly hiprioSize?: number;
  readonly handler: RequestHandler;
  /** Milliseconds, for the observer. */
  readonly now?: () => number;
  readonly observer?: DeviceObserver | undefined;
}

/** A look at the device from outside. */
export interface DeviceState extends Readonly<DeviceCounters> {
  readonly tag: string;
  /** VIRTIO_CONFIG_S_* */
  readonly status: number;
  readonly features: Features;
  readonly queues: readonly {
    readonly role: QueueRole;
    readonly size: number;
    readonly enabled: boolean;
    readonly inFlight: number;
  }[];
}

export class VirtioFsDevice {
  readonly tag: string;
  readonly pci: VirtioPci;
  private readonly device: VirtioDevice;
  private readonly requestQueues: number;

  /** Throws RangeError for options that no device can have. */
  constructor(options: VirtioFsOptions) {
    const { tag, requestQueues = 1, queueSize = QUEUE_SIZE, hiprioSize = 128, handler } = options;
    if (tag.length < 1 || tag.length > VIRTIO_FS_TAG_LENGTH || /[\0\n]/.test(tag)) {
      throw new RangeError(`not a tag: ${JSON.stringify(tag)}`);
    }
    if (!Number.isInteger(requestQueues) || requestQueues < 1 || requestQueues >= MAX_QUEUES) {
      throw new RangeError(`${requestQueues} request queues`);
    }
    for (const size of [queueSize, hiprioSize]) {
      if (!(size > 0 && size <= 32768 && (size & (size - 1)) === 0)) throw new RangeError(`a queue of ${size}`);
    }
    this.tag = tag;
    this.requestQueues = requestQueues;
    const config = new Uint8Array(virtio_fs_config.size);
    config.set(stringToBytes(tag));
    new virtio_fs_config(new DataView(config.buffer)).num_request_queues = requestQueues;
    const kind = {
      id: VIRTIO_ID_FS,
      pciClass: PCI_CLASS_STORAGE_OTHER,
      features: 0n,
      config,
      queueSizes: (agreed: Features) =>
        queueRoles(agreed, requestQueues).map((role) => (role === 'hiprio' ? hiprioSize : queueSize)),
      handle: handler.handle.bind(handler),
      reset: handler.reset.bind(handler),
    };
    this.device = new VirtioDevice(kind, options.observer, options.now ?? (() => performance.now()));
    this.pci = new VirtioPci(this.device);
  }

  /** Plugs the device into a machine, out of the one that it was in. It starts anew. */
  attach(bus: Bus): void {
    this.detach();
    this.pci.config.powerOn();
    this.device.bus = bus;
  }

  /** Unplugs the device: a reset, after which nothing reaches the machine any more. */
  detach(): void {
    this.device.reset();
    this.device.bus = undefined;
  }

  /** As the driver's write of 0 to device_status. */
  reset(): void {
    this.device.reset();
  }

  state(): DeviceState {
    const { device } = this;
    const roles = queueRoles(device.agreed, this.requestQueues);
    return {
      ...device.counters,
      tag: this.tag,
      status: device.status,
      features: device.agreed,
      queues: device.queues.map((queue, index) => ({
        role: roles[index] as QueueRole,
        size: queue.size,
        enabled: queue.enabled,
        inFlight: queue.inFlight,
      })),
    };
  }
}
