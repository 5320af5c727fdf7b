// What a device needs of the machine that it is plugged into.
import type { Memory } from '../base/iov.ts';

/**
 * INVARIANT: the guest does not run while a call into the device is on the stack, and nobody else writes its memory then.
 */
export interface Bus {
  /** Guest RAM from address 0: offsets are guest physical addresses, `bytes.length` is the size of RAM. */
  readonly memory: Memory;
  /** Drives the level of the device's interrupt line. Called with true again where the line is high already. */
  setIrq(level: boolean): void;
}
