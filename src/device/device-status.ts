// The device status register as a table of the steps that a driver may take (VirtIO 1.3 2.1, 3.1.1).
import {
  VIRTIO_CONFIG_S_ACKNOWLEDGE as ACKNOWLEDGE,
  VIRTIO_CONFIG_S_DRIVER as DRIVER,
  VIRTIO_CONFIG_S_DRIVER_OK as DRIVER_OK,
  VIRTIO_CONFIG_S_FAILED as FAILED,
  VIRTIO_CONFIG_S_FEATURES_OK as FEATURES_OK,
  VIRTIO_CONFIG_S_NEEDS_RESET as NEEDS_RESET,
} from './virtio-abi.ts';

const TRANSITIONS: readonly (readonly [from: number, to: number])[] = [
  [0, ACKNOWLEDGE],
  [0, ACKNOWLEDGE | DRIVER],
  [ACKNOWLEDGE, ACKNOWLEDGE | DRIVER],
  [ACKNOWLEDGE | DRIVER, ACKNOWLEDGE | DRIVER | FEATURES_OK],
  [ACKNOWLEDGE | DRIVER | FEATURES_OK, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK],
];

/**
 * What a write of `written` makes of the register, 0 (a reset) left to the caller. A step that no driver may take changes
 * nothing; NEEDS_RESET is the device's own and stays whatever is written; FAILED can be added at any time, and stays.
 */
export function nextStatus(status: number, written: number): number {
  const own = status & NEEDS_RESET;
  const failed = (status | written) & FAILED;
  const from = status & ~(NEEDS_RESET | FAILED);
  const to = written & ~(NEEDS_RESET | FAILED);
  const legal = TRANSITIONS.some((step) => step[0] === from && step[1] === to);
  return (legal ? to : from) | own | failed;
}
