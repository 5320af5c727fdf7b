// An exchange over memory of its own: a request as the device would hand it out, without a device.
import type { Exchange, Grants } from './exchange.ts';
import { ArrayMemory, IovReader, IovWriter, Spans } from './iov.ts';

/** What a chain came back with: `length` of the used element, and the bytes of the writable part up to it. */
export interface Used {
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** What the writable part holds before anything is written. */
const UNWRITTEN = 0xcc;

export class ArrayExchange implements Exchange {
  readonly queue: number;
  readonly head = 0;
  readonly reader: IovReader;
  readonly writer: IovWriter;
  live = true;
  record = 0;
  /** How often complete() was called. */
  completions = 0;
  used: Used | undefined;
  readonly memory: ArrayMemory;
  private readonly out: Spans;
  private readonly placed: boolean;
  private waiting: Promise<Used> | undefined;
  private resolve: ((used: Used) => void) | undefined;

  /**
   * `capacity`: bytes of the writable part. `cuts`: lengths of the descriptors of both parts, the rest is one. Where not
   * `placed`, the reply reaches no ring and grants nothing.
   */
  constructor(request: Uint8Array, capacity: number, queue: number, cuts: number[][], placed: boolean) {
    this.queue = queue;
    this.placed = placed;
    this.memory = new ArrayMemory(new Uint8Array(request.length + capacity));
    this.memory.bytes.set(request);
    this.memory.bytes.fill(UNWRITTEN, request.length);
    this.reader = new IovReader(this.memory, spansOf(0, request.length, cuts[0] ?? []));
    this.out = spansOf(request.length, capacity, cuts[1] ?? []);
    this.writer = new IovWriter(this.memory, this.out);
  }

  complete(length: number, grants?: Grants): void {
    this.completions++;
    if (this.completions > 1) return;
    if (this.placed && this.live) grants?.take();
    const start = this.memory.bytes.length - this.out.total;
    this.used = { length, bytes: this.memory.bytes.slice(start, start + length) };
    this.resolve?.(this.used);
  }

  /** The writable bytes behind what was used. */
  get untouched(): Uint8Array {
    return this.memory.bytes.subarray(this.memory.bytes.length - this.out.total + (this.used?.length ?? 0));
  }

  /** What it came back with; a promise of it where it has not yet. */
  wait(): Used | Promise<Used> {
    if (this.used) return this.used;
    this.waiting ??= new Promise((resolve) => {
      this.resolve = resolve;
    });
    return this.waiting;
  }
}

function spansOf(start: number, total: number, cuts: number[]): Spans {
  const spans = new Spans();
  let at = start;
  let left = total;
  for (const cut of [...cuts, total]) {
    const length = Math.min(cut, left);
    spans.push(at, length);
    at += length;
    left -= length;
  }
  return spans;
}
