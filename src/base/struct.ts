// Wire structs: declare the layout once, get typed accessors over a DataView. Little-endian, natural alignment.

/** How one field is stored: `size` and `align` in bytes, `get` and `set` at a byte offset of a DataView. */
export interface Type<T> {
  readonly size: number;
  readonly align: number;
  get(view: DataView, at: number): T;
  set(view: DataView, at: number, value: T): void;
}

type Layout = Record<string, Type<unknown>>;
type Fields<L extends Layout> = { [K in keyof L]: L[K] extends Type<infer T> ? T : never };

/** A struct as the C headers declare it. `new S(view, at)` reads and writes in place and copies nothing. */
export interface Struct<F extends object> extends Type<F> {
  new (view: DataView, at?: number): F;
  /** The fields in order of declaration, for tools that show bytes by name. */
  readonly fields: readonly FieldLayout[];
}

/** Where a field lies: `offset` in bytes from the start of its struct. */
export interface FieldLayout {
  readonly name: string;
  readonly offset: number;
  readonly type: Type<unknown>;
}

export type StructOf<S> = S extends Struct<infer F> ? F : never;

const numeric = (
  size: number,
  get: (view: DataView, at: number) => number,
  set: (view: DataView, at: number, value: number) => void,
): Type<number> => ({ size, align: size, get, set });

export const u8 = numeric(
  1,
  (v, at) => v.getUint8(at),
  (v, at, x) => v.setUint8(at, x),
);
export const u16 = numeric(
  2,
  (v, at) => v.getUint16(at, true),
  (v, at, x) => v.setUint16(at, x, true),
);
export const u32 = numeric(
  4,
  (v, at) => v.getUint32(at, true),
  (v, at, x) => v.setUint32(at, x, true),
);
export const i32 = numeric(
  4,
  (v, at) => v.getInt32(at, true),
  (v, at, x) => v.setInt32(at, x, true),
);

const TWO_32 = 4294967296;

/**
 * 64 bits as a JS number. Reading gives the nearest double, so what the guest sends above 2^53 is inexact and
 * fails `Number.isSafeInteger`; writing such a value is a mistake of ours and throws RangeError.
 */
export const u64 = numeric(
  8,
  (v, at) => v.getUint32(at + 4, true) * TWO_32 + v.getUint32(at, true),
  (v, at, x) => {
    if (!Number.isSafeInteger(x) || x < 0) throw new RangeError(`not a u64: ${x}`);
    v.setUint32(at, x >>> 0, true);
    v.setUint32(at + 4, (x - (x >>> 0)) / TWO_32, true);
  },
);

export const i64 = numeric(
  8,
  (v, at) => v.getInt32(at + 4, true) * TWO_32 + v.getUint32(at, true),
  (v, at, x) => {
    if (!Number.isSafeInteger(x)) throw new RangeError(`not an i64: ${x}`);
    v.setUint32(at, x >>> 0, true);
    v.setInt32(at + 4, Math.floor(x / TWO_32), true);
  },
);

/** 64 opaque bits (a lock owner, OFFSET_MAX) that a double cannot hold. */
export const bits64: Type<bigint> = {
  size: 8,
  align: 8,
  get: (v, at) => v.getBigUint64(at, true),
  set: (v, at, x) => v.setBigUint64(at, x, true),
};

/** `length` values of one type behind each other. */
export function array<T>(type: Type<T>, length: number): Type<readonly T[]> {
  return {
    size: type.size * length,
    align: type.align,
    get: (view, at) => Array.from({ length }, (_, i) => type.get(view, at + i * type.size)),
    set: (view, at, values) => {
      for (let i = 0; i < length; i++) type.set(view, at + i * type.size, values[i] as T);
    },
  };
}

/** Declares a struct. Throws Error at declaration where C would insert padding that is not declared. */
export function struct<L extends Layout>(layout: L): Struct<Fields<L>> {
  let size = 0;
  let align = 1;
  const fields: FieldLayout[] = [];
  class View {
    readonly dv: DataView;
    readonly base: number;
    constructor(view: DataView, at = 0) {
      this.dv = view;
      this.base = at;
    }
  }
  for (const [name, type] of Object.entries(layout)) {
    if (size % type.align !== 0) throw new Error(`${name} at ${size}: declare the padding before it`);
    const offset = size;
    Object.defineProperty(View.prototype, name, {
      enumerable: true,
      get(this: View) {
        return type.get(this.dv, this.base + offset);
      },
      set(this: View, value: unknown) {
        type.set(this.dv, this.base + offset, value);
      },
    });
    fields.push({ name, offset, type });
    size += type.size;
    align = Math.max(align, type.align);
  }
  if (size % align !== 0) throw new Error(`size ${size}, alignment ${align}: declare the tail padding`);
  return Object.assign(View, {
    size,
    align,
    fields,
    get: (view: DataView, at: number) => new View(view, at),
    set: (view: DataView, at: number, value: object) => {
      const values = value as Record<string, unknown>;
      for (const field of fields) field.type.set(view, at + field.offset, values[field.name]);
    },
  }) as unknown as Struct<Fields<L>>;
}

/** Whether a type is a struct and so has fields of its own. */
export const isStruct = (type: Type<unknown>): type is Struct<object> => 'fields' in type;
