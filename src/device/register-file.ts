// Registers by name over a range of addresses, reachable in any width: bytes of one, or several at once.

/** Access widths in bytes. */
export type Width = 1 | 2 | 4;

/** A range of addresses that answers accesses inside of it. Values are unsigned. */
export interface Region {
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
}

export interface Register {
  readonly name: string;
  readonly offset: number;
  readonly size: Width;
  read(): number;
  /** Absent: read-only. */
  write?(value: number): void;
}

const MASK = { 1: 0xff, 2: 0xffff, 4: 0xffffffff } as const;
const bytesOf = (value: number, from: number, count: number): number =>
  ((value >>> (8 * from)) & (count === 4 ? 0xffffffff : (1 << (8 * count)) - 1)) >>> 0;

/**
 * An access that is one register is passed to it. A narrower write changes its bytes of the register's value; a wider
 * access is one access to each register in it, in order of address. Where there is no register, 0 is read.
 */
export class RegisterFile implements Region {
  readonly registers: readonly Register[];
  private readonly byByte: (Register | undefined)[] = [];

  /** Throws Error where two registers overlap. */
  constructor(registers: readonly Register[]) {
    this.registers = registers;
    for (const register of registers) {
      for (let at = register.offset; at < register.offset + register.size; at++) {
        if (this.byByte[at] !== undefined) throw new Error(`two registers at ${at}`);
        this.byByte[at] = register;
      }
    }
  }

  read(offset: number, width: Width): number {
    const exact = this.byByte[offset];
    if (exact !== undefined && exact.offset === offset && exact.size === width) return exact.read() >>> 0;
    let value = 0;
    for (let at = offset; at < offset + width; ) {
      const register = this.byByte[at];
      if (register === undefined) {
        at++;
        continue;
      }
      const end = Math.min(register.offset + register.size, offset + width);
      value |= bytesOf(register.read(), at - register.offset, end - at) << (8 * (at - offset));
      at = end;
    }
    return value >>> 0;
  }

  write(offset: number, width: Width, value: number): void {
    const exact = this.byByte[offset];
    if (exact !== undefined && exact.offset === offset && exact.size === width) {
      exact.write?.((value & MASK[width]) >>> 0);
      return;
    }
    for (let at = offset; at < offset + width; ) {
      const register = this.byByte[at];
      if (register === undefined) {
        at++;
        continue;
      }
      const end = Math.min(register.offset + register.size, offset + width);
      const count = end - at;
      const part = bytesOf(value, at - offset, count);
      const shift = 8 * (at - register.offset);
      const whole = count === register.size;
      const others = whole ? 0 : register.read() & ~(bytesOf(0xffffffff, 0, count) << shift);
      register.write?.((others | (part << shift)) >>> 0);
      at = end;
    }
  }
}

/** Read-only bytes. */
export class ByteRegion implements Region {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  read(offset: number, width: Width): number {
    let value = 0;
    for (let i = 0; i < width; i++) value |= (this.bytes[offset + i] ?? 0) << (8 * i);
    return value >>> 0;
  }

  write(): void {}
}
