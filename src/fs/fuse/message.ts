// The body of a recorded message, found piece by piece from its layout. Pure, and at ease with bytes that were cut.
import { bytesToString } from '../../base/iov.ts';
import type { Struct } from '../../base/struct.ts';
import { fuse_dirent, fuse_direntplus } from './abi.ts';
import type { Layout, Part } from './op.ts';

/** Where one piece lies: offset and length in the body. `whole` is false where the bytes end within it. */
export interface Piece {
  readonly kind: 'struct' | 'name' | 'bytes' | 'padding';
  readonly label: string;
  readonly type?: Struct<object>;
  readonly at: number;
  readonly length: number;
  readonly whole: boolean;
}

const align8 = (length: number): number => (length + 7) & ~7;

/** What Message throws where the wanted piece is not there. */
export class Cut {}

export class Message {
  readonly pieces: readonly Piece[];
  /** Bytes of the body as it was on the wire. */
  readonly length: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  /** `bytes`: the body behind the header, perhaps cut; `length`: what it was before. */
  constructor(layout: Layout, bytes: Uint8Array, length: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.length = length;
    const pieces: Piece[] = [];
    let at = 0;
    for (const part of layout) at = this.walk(part, at, pieces);
    if (at < length) pieces.push(this.piece('bytes', 'more', at, length - at));
    this.pieces = pieces;
  }

  /** The first struct of this type. Throws Cut. */
  struct<F extends object>(type: Struct<F>): F {
    const piece = this.pieces.find((p) => p.type === (type as unknown));
    if (!piece?.whole) throw new Cut();
    return new type(this.view, piece.at);
  }

  /** All structs of this type that are there whole. */
  structs<F extends object>(type: Struct<F>): F[] {
    return this.pieces.filter((p) => p.type === (type as unknown) && p.whole).map((p) => new type(this.view, p.at));
  }

  /** The name with this place among the names. Throws Cut. */
  name(index = 0): string {
    const piece = this.pieces.filter((p) => p.kind === 'name')[index];
    if (!piece?.whole) throw new Cut();
    return this.text(piece);
  }

  names(): string[] {
    return this.pieces.filter((p) => p.kind === 'name' && p.whole).map((p) => this.text(p));
  }

  /** Bytes of the payload as it was on the wire. */
  get payload(): number {
    return this.pieces.find((p) => p.kind === 'bytes')?.length ?? 0;
  }

  /** What is there of a piece. */
  at(piece: Piece): Uint8Array {
    return this.bytes.subarray(piece.at, piece.at + piece.length);
  }

  /** The characters of a name, one a byte, without its NUL. */
  text(piece: Piece): string {
    const bytes = this.at(piece);
    const nul = bytes.indexOf(0);
    return bytesToString(nul < 0 ? bytes : bytes.subarray(0, nul));
  }

  private piece(kind: Piece['kind'], label: string, at: number, length: number, type?: Struct<object>): Piece {
    const whole = at + length <= this.bytes.length && at + length <= this.length;
    return { kind, label, at, length, whole, ...(type ? { type } : {}) };
  }

  private walk(part: Part, at: number, pieces: Piece[]): number {
    const left = this.length - at;
    if (left <= 0) return at;
    switch (part.kind) {
      case 'struct': {
        const piece = this.piece('struct', '', at, Math.min(part.type.size, left), part.type);
        pieces.push(left < part.type.size ? { ...piece, whole: false } : piece);
        return at + part.type.size;
      }
      case 'name':
        return this.walkName(part.label, at, pieces);
      case 'bytes':
        pieces.push(this.piece('bytes', part.label, at, left));
        return this.length;
      case 'names': {
        let next = at;
        while (next < Math.min(this.length, this.bytes.length)) next = this.walkName(part.label, next, pieces);
        return next;
      }
      case 'list': {
        let next = at;
        for (let i = 0; next + part.type.size <= Math.min(this.length, this.bytes.length); i++) {
          pieces.push(this.piece('struct', `${part.label}[${i}]`, next, part.type.size, part.type));
          next += part.type.size;
        }
        return next;
      }
      case 'dirents':
        return this.walkDirents(part.plus, at, pieces);
    }
  }

  private walkName(label: string, at: number, pieces: Piece[]): number {
    const nul = this.bytes.subarray(0, this.length).indexOf(0, at);
    const end = nul < 0 ? this.length : nul + 1;
    const piece = this.piece('name', label, at, end - at);
    pieces.push(nul < 0 ? { ...piece, whole: false } : piece);
    return end;
  }

  private walkDirents(plus: boolean, start: number, pieces: Piece[]): number {
    const type = plus ? fuse_direntplus : fuse_dirent;
    const namelenAt = type.size - fuse_dirent.size + 16;
    const end = Math.min(this.length, this.bytes.length);
    let at = start;
    for (let i = 0; at + type.size <= end; i++) {
      const namelen = this.view.getUint32(at + namelenAt, true);
      const size = align8(type.size + namelen);
      pieces.push(this.piece('struct', `[${i}]`, at, type.size, type as Struct<object>));
      pieces.push(this.piece('name', `[${i}] name`, at + type.size, namelen));
      if (size > type.size + namelen) {
        pieces.push(this.piece('padding', `[${i}] padding`, at + type.size + namelen, size - type.size - namelen));
      }
      at += size;
    }
    return at;
  }
}
