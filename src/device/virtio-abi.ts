// Numbers and structures of virtio and PCI, spelled as in include/uapi/linux/virtio_*.h, linux/virtio_ring.h and pci_regs.h.
import { array, struct, u8, u16, u32, u64 } from '../base/struct.ts';

/** linux/virtio_ids.h */
export const VIRTIO_ID_FS = 26;
export const VIRTIO_ID_RNG = 4;

/** device_status (VirtIO 1.3 2.1). */
export const VIRTIO_CONFIG_S_ACKNOWLEDGE = 1;
export const VIRTIO_CONFIG_S_DRIVER = 2;
export const VIRTIO_CONFIG_S_DRIVER_OK = 4;
export const VIRTIO_CONFIG_S_FEATURES_OK = 8;
export const VIRTIO_CONFIG_S_NEEDS_RESET = 0x40;
export const VIRTIO_CONFIG_S_FAILED = 0x80;

/** Feature bits by their number. */
export const VIRTIO_FS_F_NOTIFICATION = 0;
export const VIRTIO_RING_F_INDIRECT_DESC = 28;
export const VIRTIO_RING_F_EVENT_IDX = 29;
export const VIRTIO_F_VERSION_1 = 32;
export const VIRTIO_F_ACCESS_PLATFORM = 33;
export const VIRTIO_F_RING_PACKED = 34;
export const VIRTIO_F_IN_ORDER = 35;
export const VIRTIO_F_SR_IOV = 37;
export const VIRTIO_F_NOTIFICATION_DATA = 38;
export const VIRTIO_F_RING_RESET = 40;
export const VIRTIO_F_ADMIN_VQ = 41;

/** Split ring (VirtIO 1.3 2.7). */
export const VRING_DESC_F_NEXT = 1;
export const VRING_DESC_F_WRITE = 2;
export const VRING_DESC_F_INDIRECT = 4;
export const VRING_AVAIL_F_NO_INTERRUPT = 1;
export const VRING_USED_F_NO_NOTIFY = 1;
export const VRING_DESC_ALIGN_SIZE = 16;
export const VRING_AVAIL_ALIGN_SIZE = 2;
export const VRING_USED_ALIGN_SIZE = 4;

export const vring_desc = struct({ addr: u64, len: u32, flags: u16, next: u16 });
export const vring_used_elem = struct({ id: u32, len: u32 });

/** Offsets in the available ring: flags, idx, ring[size], used_event. And in the used ring: flags, idx, ring[size], avail_event. */
export const VRING_FLAGS = 0;
export const VRING_IDX = 2;
export const VRING_RING = 4;

/** PCI transport (VirtIO 1.3 4.1). */
export const VIRTIO_PCI_CAP_COMMON_CFG = 1;
export const VIRTIO_PCI_CAP_NOTIFY_CFG = 2;
export const VIRTIO_PCI_CAP_ISR_CFG = 3;
export const VIRTIO_PCI_CAP_DEVICE_CFG = 4;
export const VIRTIO_PCI_CAP_PCI_CFG = 5;
export const VIRTIO_PCI_CAP_SHARED_MEMORY_CFG = 8;
export const VIRTIO_PCI_ISR_QUEUE = 1;
export const VIRTIO_PCI_ISR_CONFIG = 2;
export const VIRTIO_MSI_NO_VECTOR = 0xffff;
export const PCI_VENDOR_ID_REDHAT_QUMRANET = 0x1af4;
/** A modern device's PCI id is this plus its virtio id. */
export const VIRTIO_PCI_MODERN_DEVICE = 0x1040;

const cap = {
  cap_vndr: u8,
  cap_next: u8,
  cap_len: u8,
  cfg_type: u8,
  bar: u8,
  id: u8,
  padding: array(u8, 2),
  offset: u32,
  length: u32,
};
export const virtio_pci_cap = struct(cap);
export const virtio_pci_notify_cap = struct({ ...cap, notify_off_multiplier: u32 });
export const virtio_pci_cfg_cap = struct({ ...cap, pci_cfg_data: array(u8, 4) });

/** virtio_pci_modern_common_cfg: the 56 bytes of 1.0 and what came after. */
export const virtio_pci_common_cfg = struct({
  device_feature_select: u32,
  device_feature: u32,
  guest_feature_select: u32,
  guest_feature: u32,
  msix_config: u16,
  num_queues: u16,
  device_status: u8,
  config_generation: u8,
  queue_select: u16,
  queue_size: u16,
  queue_msix_vector: u16,
  queue_enable: u16,
  queue_notify_off: u16,
  queue_desc_lo: u32,
  queue_desc_hi: u32,
  queue_avail_lo: u32,
  queue_avail_hi: u32,
  queue_used_lo: u32,
  queue_used_hi: u32,
  queue_notify_data: u16,
  queue_reset: u16,
  admin_queue_index: u16,
  admin_queue_num: u16,
});

/** linux/virtio_fs.h; notify_buf_size follows only where VIRTIO_FS_F_NOTIFICATION is offered. */
export const VIRTIO_FS_TAG_LENGTH = 36;
export const virtio_fs_config = struct({ tag: array(u8, VIRTIO_FS_TAG_LENGTH), num_request_queues: u32 });

/** Head of the PCI configuration space (linux/pci_regs.h). */
export const PCI_VENDOR_ID = 0x00;
export const PCI_DEVICE_ID = 0x02;
export const PCI_COMMAND = 0x04;
export const PCI_COMMAND_INTX_DISABLE = 0x400;
/** I/O, memory, bus master, parity, SERR, INTx disable: what a driver may set. */
export const PCI_COMMAND_WRITABLE = 0x0547;
export const PCI_STATUS = 0x06;
export const PCI_STATUS_INTERRUPT = 0x08;
export const PCI_STATUS_CAP_LIST = 0x10;
export const PCI_REVISION_ID = 0x08;
export const PCI_CLASS_PROG = 0x09;
export const PCI_CLASS_DEVICE = 0x0a;
export const PCI_CACHE_LINE_SIZE = 0x0c;
export const PCI_LATENCY_TIMER = 0x0d;
export const PCI_BASE_ADDRESS_0 = 0x10;
export const PCI_BASE_ADDRESS_SPACE_IO = 1;
export const PCI_SUBSYSTEM_VENDOR_ID = 0x2c;
export const PCI_SUBSYSTEM_ID = 0x2e;
export const PCI_CAPABILITY_LIST = 0x34;
export const PCI_INTERRUPT_LINE = 0x3c;
export const PCI_INTERRUPT_PIN = 0x3d;
export const PCI_STD_HEADER_SIZEOF = 0x40;
export const PCI_CAP_ID_VNDR = 0x09;
export const PCI_CLASS_STORAGE_OTHER = 0x0180;
