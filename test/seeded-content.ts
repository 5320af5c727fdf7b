// Content of files of any size that is known at each offset: nothing of it has to be kept to check it.

/** The 32 bits at a place, as MurmurHash3 mixes its number. */
function word(index: number, seed: number): number {
  let hash = Math.imul(index ^ seed, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Writes the content from `offset` on, a multiple of 4. */
export function fillContent(target: Uint32Array, offset: number, seed: number): void {
  const first = offset / 4;
  for (let i = 0; i < target.length; i++) target[i] = word(first + i, seed);
}

/** Where bytes from `offset` on are not what they should be; undefined where all are. */
export function firstDifference(found: Uint8Array, offset: number, seed: number): number | undefined {
  let index = -1;
  let bits = 0;
  for (let i = 0; i < found.length; i++) {
    const at = offset + i;
    const of = Math.floor(at / 4);
    if (of !== index) bits = word(of, seed);
    index = of;
    if (found[i] !== ((bits >>> (8 * (at & 3))) & 255)) return at;
  }
  return undefined;
}
