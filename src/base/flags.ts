// Bits by name.
export type FlagTable = Readonly<Record<string, number>>;

/** `A|B|0x40`: the known bits in numeric order, what is unknown in hex at the end, `0` for none. Bits are u32. */
export function formatFlags(value: number, table: FlagTable): string {
  let rest = value >>> 0;
  const names: string[] = [];
  for (const [name, bit] of Object.entries(table).sort((a, b) => (a[1] >>> 0) - (b[1] >>> 0))) {
    if (bit !== 0 && (rest & bit) >>> 0 === bit >>> 0) {
      names.push(name);
      rest = (rest & ~bit) >>> 0;
    }
  }
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names.join('|') || '0';
}
