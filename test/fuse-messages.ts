// Requests as bytes, and a way for them to a server without a device between.
import type { Exchange, Grants, RequestHandler } from '../src/base/exchange.ts';
import { ArrayMemory, IovReader, IovWriter, Spans, stringToBytes } from '../src/base/iov.ts';
import type { Struct } from '../src/base/struct.ts';
import * as abi from '../src/fs/fuse/abi.ts';

export const IN_HEADER = 40;
export const OUT_HEADER = 16;

/** Every flag that the virtio-fs driver of Linux 6.12 sends. */
export const LINUX_FLAGS = 0x7bfffffb;
export const LINUX_FLAGS2 = 0x1fd;

/** What a chain came back with: `length` of the used element, and the bytes of the writable part up to it. */
export interface Used {
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** Carries one request to a server and gives back what was used. `capacity`: bytes of the writable part. */
export type Transport = (request: Uint8Array, capacity: number, queue: number) => Used | Promise<Used>;

export interface LoopOptions {
  /** Lengths of the descriptors that a part of so many bytes is cut into; the rest is one. */
  cut?: (total: number) => number[];
  /** Whether a reply reaches the ring; if not, it is dropped as after a reset. */
  placed?: (request: Uint8Array) => boolean;
}

/** An exchange over memory of its own, as the device would hand it out. */
export class LoopExchange implements Exchange {
  readonly queue: number;
  readonly head = 0;
  readonly reader: IovReader;
  readonly writer: IovWriter;
  live = true;
  record = 0;
  /** How often complete() was called. */
  completions = 0;
  used: Used | undefined;
  private readonly memory: ArrayMemory;
  private readonly out: Spans;
  private readonly placed: boolean;
  private resolve: ((used: Used) => void) | undefined;

  constructor(request: Uint8Array, capacity: number, queue: number, cuts: number[][], placed: boolean) {
    this.queue = queue;
    this.placed = placed;
    this.memory = new ArrayMemory(new Uint8Array(request.length + capacity));
    this.memory.bytes.set(request);
    this.memory.bytes.fill(0xcc, request.length);
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

  wait(): Used | Promise<Used> {
    return (
      this.used ??
      new Promise((resolve) => {
        this.resolve = resolve;
      })
    );
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

/** Straight into a handler, without a device between. */
export function loop(handler: RequestHandler, options: LoopOptions = {}): Transport {
  return (request, capacity, queue) => {
    const cuts = options.cut ? [options.cut(request.length), options.cut(capacity)] : [];
    const exchange = new LoopExchange(request, capacity, queue, cuts, options.placed?.(request) ?? true);
    handler.handle(exchange);
    return exchange.wait();
  };
}

/** Fields of a struct. */
export type Values = Readonly<Record<string, number | bigint>>;

/** The bytes of a struct; fields that are not named are zero. */
export function pack(type: Struct<object>, values: Values = {}): Uint8Array {
  const bytes = new Uint8Array(type.size);
  Object.assign(new type(new DataView(bytes.buffer)), values);
  return bytes;
}

export const join = (...parts: Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

/** A name with its NUL. */
export const cstring = (text: string): Uint8Array => stringToBytes(`${text}\0`);

export interface Credentials {
  uid: number;
  gid: number;
  pid: number;
}

/** Header and body of a request. */
export function message(
  opcode: number,
  nodeid: number,
  body: Uint8Array,
  unique = 2,
  who: Credentials = { uid: 0, gid: 0, pid: 1 },
): Uint8Array {
  const len = IN_HEADER + body.length;
  return join(pack(abi.fuse_in_header as Struct<object>, { len, opcode, unique, nodeid, ...who }), body);
}
