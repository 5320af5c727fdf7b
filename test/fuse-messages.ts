// Requests as bytes, and a way for them to a server without a device between.
import { ArrayExchange, type Used } from '../src/base/array-exchange.ts';
import type { RequestHandler } from '../src/base/exchange.ts';
import { stringToBytes } from '../src/base/iov.ts';
import type { Struct } from '../src/base/struct.ts';
import * as abi from '../src/fs/fuse/abi.ts';

export { ArrayExchange as LoopExchange, type Used };

export const IN_HEADER = 40;
export const OUT_HEADER = 16;

/** Every flag that the virtio-fs driver of Linux 6.12 sends. */
export const LINUX_FLAGS = 0x7bfffffb;
export const LINUX_FLAGS2 = 0x1fd;

/** Carries one request to a server and gives back what was used. `capacity`: bytes of the writable part. */
export type Transport = (request: Uint8Array, capacity: number, queue: number) => Used | Promise<Used>;

export interface LoopOptions {
  /** Lengths of the descriptors that a part of so many bytes is cut into; the rest is one. */
  cut?: (total: number) => number[];
  /** Whether a reply reaches the ring; if not, it is dropped as after a reset. */
  placed?: (request: Uint8Array) => boolean;
}

/** Straight into a handler, without a device between. */
export function loop(handler: RequestHandler, options: LoopOptions = {}): Transport {
  return (request, capacity, queue) => {
    const cuts = options.cut ? [options.cut(request.length), options.cut(capacity)] : [];
    const exchange = new ArrayExchange(request, capacity, queue, cuts, options.placed?.(request) ?? true);
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
