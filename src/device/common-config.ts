// The registers of virtio_pci_common_cfg (VirtIO 1.3 4.1.4.3).
import type { Register } from './register-file.ts';
import { VIRTIO_MSI_NO_VECTOR, virtio_pci_common_cfg } from './virtio-abi.ts';
import type { Features, VirtioDevice } from './virtio-device.ts';
import type { Virtqueue } from './virtqueue.ts';

type Behaviour = Pick<Register, 'read' | 'write'>;

const WORD = 0xffffffffn;
/** Word `select` of a feature set; the set ends after two. */
const wordOf = (features: Features, select: number): number =>
  select > 1 ? 0 : Number((features >> BigInt(32 * select)) & WORD);
const withWord = (features: Features, select: number, value: number): Features => {
  const shift = BigInt(32 * select);
  return (features & ~(WORD << shift)) | (BigInt(value) << shift);
};

/** What the windowed registers show. */
export interface Selection {
  deviceFeature: number;
  driverFeature: number;
  queue: number;
}

/** One register for each field of the structure, at its place. A queue_select without a queue reads 0 everywhere. */
export function commonRegisters(
  device: VirtioDevice,
  selection: Selection,
  generation: () => number,
): readonly Register[] {
  const constant = (value: number): Behaviour => ({ read: () => value });
  const ofQueue = (
    read: (queue: Virtqueue) => number,
    write?: (queue: Virtqueue, value: number) => void,
  ): Behaviour => {
    const selected = () => device.queues[selection.queue];
    return {
      read: () => {
        const queue = selected();
        return queue === undefined ? 0 : read(queue);
      },
      ...(write && {
        write: (value: number) => {
          const queue = selected();
          if (queue !== undefined) write(queue, value);
        },
      }),
    };
  };
  /** Set-up of a queue, fixed once it is enabled. */
  const setting = (read: (queue: Virtqueue) => number, write: (queue: Virtqueue, value: number) => void): Behaviour =>
    ofQueue(read, (queue, value) => {
      if (!queue.enabled) write(queue, value);
    });
  const behaviour: Record<string, Behaviour> = {
    device_feature_select: {
      read: () => selection.deviceFeature,
      write: (value) => {
        selection.deviceFeature = value;
      },
    },
    device_feature: { read: () => wordOf(device.offered, selection.deviceFeature) },
    guest_feature_select: {
      read: () => selection.driverFeature,
      write: (value) => {
        selection.driverFeature = value;
      },
    },
    guest_feature: {
      read: () => wordOf(device.accepted, selection.driverFeature),
      write: (value) => {
        // Beyond the set there is nothing to accept: a bit there must fail FEATURES_OK, so it is kept as one not offered.
        if (selection.driverFeature <= 1 || value !== 0)
          device.accept(withWord(device.accepted, Math.min(selection.driverFeature, 2), value));
      },
    },
    msix_config: { read: () => VIRTIO_MSI_NO_VECTOR, write: () => {} },
    num_queues: { read: () => device.queues.length },
    device_status: { read: () => device.status, write: (value) => device.writeStatus(value) },
    config_generation: { read: generation },
    queue_select: {
      read: () => selection.queue,
      write: (value) => {
        selection.queue = value;
      },
    },
    queue_size: setting(
      (queue) => queue.size,
      (queue, value) => queue.setSize(value),
    ),
    queue_msix_vector: { read: () => VIRTIO_MSI_NO_VECTOR, write: () => {} },
    queue_enable: ofQueue(
      (queue) => (queue.enabled ? 1 : 0),
      (queue, value) => {
        if (value === 1) device.enableQueue(queue);
      },
    ),
    queue_notify_off: ofQueue((queue) => queue.index),
    queue_desc_lo: setting(
      (queue) => queue.descLo,
      (queue, value) => {
        queue.descLo = value;
      },
    ),
    queue_desc_hi: setting(
      (queue) => queue.descHi,
      (queue, value) => {
        queue.descHi = value;
      },
    ),
    queue_avail_lo: setting(
      (queue) => queue.availLo,
      (queue, value) => {
        queue.availLo = value;
      },
    ),
    queue_avail_hi: setting(
      (queue) => queue.availHi,
      (queue, value) => {
        queue.availHi = value;
      },
    ),
    queue_used_lo: setting(
      (queue) => queue.usedLo,
      (queue, value) => {
        queue.usedLo = value;
      },
    ),
    queue_used_hi: setting(
      (queue) => queue.usedHi,
      (queue, value) => {
        queue.usedHi = value;
      },
    ),
    // Only with VIRTIO_F_NOTIFICATION_DATA another value than the index would be wanted.
    queue_notify_data: ofQueue((queue) => queue.index),
    queue_reset: ofQueue(
      () => 0,
      (queue, value) => {
        if (value === 1) device.resetQueue(queue);
      },
    ),
    admin_queue_index: constant(0),
    admin_queue_num: constant(0),
  };
  return virtio_pci_common_cfg.fields.map(({ name, offset, type }) => {
    const found = behaviour[name];
    if (found === undefined) throw new Error(`no register for ${name}`);
    return { name, offset, size: type.size as Register['size'], ...found };
  });
}
