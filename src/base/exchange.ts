// The seam between a device and a protocol server: one request taken from a queue, to be answered exactly once.
import type { IovReader, IovWriter } from './iov.ts';

/** What a reply gives to the guest (a lookup, a handle): taken where the reply is placed on the ring, and nowhere else. */
export interface Grants {
  take(): void;
}

/** One descriptor chain as the device took it. The object is valid until it is completed; the device may use it again then. */
export interface Exchange {
  /** Index of the virtqueue it came from. */
  readonly queue: number;
  /** Head of its descriptor chain. */
  readonly head: number;
  /** The device-readable bytes. */
  readonly reader: IovReader;
  /** The device-writable bytes. */
  readonly writer: IovWriter;
  /** False once the device was reset: nothing may be written any more, complete() drops the answer. */
  readonly live: boolean;
  /** Slot for whoever records requests: its own number for this one. */
  record: number;
  /**
   * Returns the chain to the guest with `length` bytes written from the start of the writable part.
   * `grants.take()` is called if, and only if, the element was placed on the used ring.
   */
  complete(length: number, grants?: Grants): void;
}

/** Serves what a device takes. */
export interface RequestHandler {
  /** Must call exchange.complete() once: before it returns where it can, else later. Never throws. */
  handle(exchange: Exchange): void;
  /** The driver reset the device: what was taken before is dead, and the session is over. */
  reset(): void;
}
