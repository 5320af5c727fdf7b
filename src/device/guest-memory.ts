// Guest RAM as a part of a larger buffer that may move: the only place that makes views of it.
import type { Memory } from '../base/iov.ts';

/** Where an emulator keeps the guest's RAM. */
export interface RamSource {
  /** The buffer that RAM lies in now. When it moves, the old one is detached, as WebAssembly.Memory.grow() does. */
  buffer(): ArrayBuffer;
  /** Where address 0 lies in it. */
  offset(): number;
  /** Bytes of RAM; constant. */
  readonly size: number;
  /** Told before the device writes to [start, end). */
  written(start: number, end: number): void;
}

export class GuestMemory implements Memory {
  private readonly source: RamSource;
  private currentBytes: Uint8Array;
  private currentView: DataView;

  constructor(source: RamSource) {
    this.source = source;
    this.currentBytes = new Uint8Array(source.buffer(), source.offset(), source.size);
    this.currentView = new DataView(source.buffer(), source.offset(), source.size);
  }

  get bytes(): Uint8Array {
    // A view of a detached buffer has no length: cheaper to ask than which buffer is the current one.
    if (this.currentBytes.length === 0) this.renew();
    return this.currentBytes;
  }

  get view(): DataView {
    if (this.currentBytes.length === 0) this.renew();
    return this.currentView;
  }

  written(start: number, end: number): void {
    this.source.written(start, end);
  }

  private renew(): void {
    const { source } = this;
    this.currentBytes = new Uint8Array(source.buffer(), source.offset(), source.size);
    this.currentView = new DataView(source.buffer(), source.offset(), source.size);
  }
}

/** Whether [at, at + length) lies in RAM. Both may be any non-negative doubles: what a 64-bit address loses does not matter. */
export const inMemory = (memory: Memory, at: number, length: number): boolean => at + length <= memory.bytes.length;
