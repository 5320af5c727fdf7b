// A whole virtio device (VirtIO 1.3 5.4), the one to copy: it fills what it is given with bytes from `fill`.
import type { Exchange } from '../src/base/exchange.ts';
import { VIRTIO_ID_RNG } from '../src/device/virtio-abi.ts';
import type { DeviceKind } from '../src/device/virtio-device.ts';

const PCI_CLASS_OTHERS = 0xff00;
const QUEUE_SIZE = 64;

export const entropyDevice = (fill: (bytes: Uint8Array) => void): DeviceKind => ({
  id: VIRTIO_ID_RNG,
  pciClass: PCI_CLASS_OTHERS,
  features: 0n,
  config: new Uint8Array(0),
  queueSizes: () => [QUEUE_SIZE],
  handle(exchange: Exchange) {
    const bytes = new Uint8Array(exchange.writer.remaining);
    fill(bytes);
    exchange.writer.bytes(bytes);
    exchange.complete(bytes.length);
  },
  reset() {},
});
