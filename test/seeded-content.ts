// Content of files of any size that is known at each offset: nothing of it has to be kept to check it.

/** The 32 bits at a place, as MurmurHash3 mixes its number. */
function word(index: number, seed: number): number {
  let hash = Math.imul(index ^ seed, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** The `length` bytes from `offset` on, both multiples of 4. */
export function contentAt(offset: number, length: number, seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(length / 4);
  const first = offset / 4;
  for (let i = 0; i < words.length; i++) words[i] = word(first + i, seed);
  return new Uint8Array(words.buffer);
}

/** Where bytes from `offset` on are not what they should be; undefined where all are. The offset is a multiple of 4. */
export function firstDifference(found: Uint8Array, offset: number, seed: number): number | undefined {
  const expected = contentAt(offset, Math.ceil(found.length / 4) * 4, seed);
  for (let i = 0; i < found.length; i++) if (found[i] !== expected[i]) return offset + i;
  return undefined;
}
