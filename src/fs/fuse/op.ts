// The shape of one opcode's entry. Server, log, filter and detail pane are all made from these and nothing else.
import type { ErrnoName } from '../../base/errno.ts';
import type { Struct } from '../../base/struct.ts';
import type { Call } from './call.ts';
import type { Message } from './message.ts';

/** One piece of a message, after the header, in the order of the wire. */
export type Part =
  | { readonly kind: 'struct'; readonly type: Struct<object> }
  /** A NUL-terminated string of bytes. */
  | { readonly kind: 'name'; readonly label: string }
  /** The bytes up to the end. */
  | { readonly kind: 'bytes'; readonly label: string }
  /** NUL-terminated strings up to the end. */
  | { readonly kind: 'names'; readonly label: string }
  /** Structs of one type up to the end. */
  | { readonly kind: 'list'; readonly label: string; readonly type: Struct<object> }
  /** fuse_dirent or fuse_direntplus with their names, each padded to 8 bytes, up to the end. */
  | { readonly kind: 'dirents'; readonly plus: boolean };

export type Layout = readonly Part[];

export const arg = (type: Struct<object>): Part => ({ kind: 'struct', type });
export const name = (label: string): Part => ({ kind: 'name', label });
export const bytes = (label: string): Part => ({ kind: 'bytes', label });

export interface Op<Out = unknown> {
  /** FUSE_* of the header. */
  readonly opcode: number;
  /** As the kernel spells it, without FUSE_. */
  readonly name: string;
  /** After fuse_in_header; a function where it depends on the (perhaps cut) arguments and how many bytes they were. */
  readonly request: Layout | ((args: Uint8Array, length: number) => Layout);
  /** After fuse_out_header of a reply without error; 'none': the request is never answered. */
  readonly reply: Layout | ((args: Uint8Array) => Layout) | 'none';
  /** Why a Linux 6.12 guest never sends it over virtio; absent where it does. */
  readonly unsent?: string;
  /** Served also where no session is open. */
  readonly anytime?: boolean;
  /** It adds a name or an xattr, and waits before it is begun while too many are unsaved. */
  readonly adds?: true;
  /** For an opcode that is refused: the errno and why it is that one. */
  readonly refused?: { readonly errno: ErrnoName; readonly why: string };
  /**
   * Does it. Reads its arguments and writes the body of a fixed reply through `call`; throws PosixError. Views of the
   * arguments are guest memory: they are read before anything is awaited. A promise is for bytes and commits only.
   */
  handle(call: Call): Out | Promise<Out>;
  /** Writes the reply from what `handle` gave, where it could not do so itself because it had to wait. */
  encode?(call: Call, out: Out): void;
  /** What was asked, in words. Message throws where the bytes are cut; then the name alone is shown. */
  asked?(request: Message): string;
  /** The result of a reply without error, in words. */
  result?(reply: Message, request: Message): string;
}

/** An entry of any result type, as the table holds it. */
export const op = <Out>(entry: Op<Out>): Op => entry as Op;

/** Bytes of the structs of a fixed layout: what a reply needs at least. */
export function fixedSize(layout: Op['reply']): number {
  if (!Array.isArray(layout)) return 0;
  return (layout as Layout).reduce((size, part) => size + (part.kind === 'struct' ? part.type.size : 0), 0);
}
