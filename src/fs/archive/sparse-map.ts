// Which parts of a sparse file are in an archive, in each of the ways that GNU tar has written it.
import type { ByteSource } from './byte-source.ts';
import { BLOCK, numberOf, roundUp } from './header.ts';
import { decodeCount, type PaxRecord } from './pax.ts';

/** offset, length, offset, length … of what is stored, ascending; a length of 0 says where a file ends in a hole. */
export type SparseMap = readonly number[];

export interface Sparse {
  map: SparseMap;
  /** Size of the file with its holes, bytes. */
  size: number;
}

/** Parts of one file above which a map is not read. */
export const PARTS_MAX = 2 ** 20;
const DIGITS_MAX = 20;

/** Why a map cannot be meant, or undefined. `stored`: bytes of content that are in the archive. */
export function whyNotSparse({ map, size }: Sparse, stored: number): string | undefined {
  let end = 0;
  let sum = 0;
  for (let i = 0; i + 1 < map.length; i += 2) {
    const offset = map[i] as number;
    const length = map[i + 1] as number;
    if (offset < end) return 'its parts overlap or are out of order';
    end = offset + length;
    sum += length;
  }
  if (map.length % 2 !== 0) return 'its map of parts is incomplete';
  if (end > size) return `it has parts up to ${end}, behind its end at ${size}`;
  if (sum !== stored) return `its parts have ${sum} bytes, and ${stored} are there`;
  return undefined;
}

/** The map of GNU.sparse 1.0: lines of numbers before the content, filled up to whole blocks. */
export function encodeMap(map: SparseMap): string {
  const text = `${map.length / 2}\n${map.map((number) => `${number}\n`).join('')}`;
  return text.padEnd(roundUp(text.length), '\0');
}

/** Bytes that encodeMap gives. */
export function mapSize(map: SparseMap): number {
  let size = String(map.length / 2).length + 1;
  for (const number of map) size += String(number).length + 1;
  return roundUp(size);
}

/**
 * Reads the map of GNU.sparse 1.0 from where the content begins; `stored` bytes are there. A string says why it is none:
 * what was read then is `taken`.
 */
export async function readMap(
  source: ByteSource,
  stored: number,
): Promise<{ map: SparseMap; taken: number } | { why: string; taken: number }> {
  let taken = 0;
  let at = BLOCK;
  let block = new Uint8Array(0);
  const wrong = 'its map of parts makes no sense';
  const next = async (): Promise<number | undefined> => {
    let value = 0;
    for (let digits = 0; digits < DIGITS_MAX; digits++) {
      if (at === BLOCK) {
        if (taken + BLOCK > stored) return undefined;
        block = await source.take(BLOCK);
        taken += BLOCK;
        at = 0;
      }
      const byte = block[at++] as number;
      if (byte === 0x0a) return digits > 0 && Number.isSafeInteger(value) ? value : undefined;
      if (byte < 0x30 || byte > 0x39) return undefined;
      value = value * 10 + (byte - 0x30);
    }
    return undefined;
  };
  const parts = await next();
  if (parts === undefined) return { why: wrong, taken };
  if (parts > PARTS_MAX) return { why: `it has ${parts} parts`, taken };
  const map: number[] = [];
  while (map.length < parts * 2) {
    const number = await next();
    if (number === undefined) return { why: wrong, taken };
    map.push(number);
  }
  return { map, taken };
}

/** The map of GNU.sparse 0.1 or 0.0 from the records of an extended header; undefined where there is none, or no sense in it. */
export function mapOfRecords(records: readonly PaxRecord[]): SparseMap | undefined {
  const list = records.find(([key]) => key === 'GNU.sparse.map')?.[1].split(',');
  const numbers =
    list ??
    records.filter(([key]) => key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes').map(([, value]) => value);
  const map: number[] = [];
  for (const text of numbers) {
    const number = decodeCount(text);
    if (number === undefined) return undefined;
    map.push(number);
  }
  return map;
}

/** Of the header of GNU tar's own format (tar.h struct oldgnu_header, struct sparse_header). */
const OLD = { parts: 386, count: 4, extended: 482, realsize: 483 } as const;
const OLD_MORE = { count: 21, extended: 504 } as const;
const OLD_NUMBER = 12;

function oldParts(block: Uint8Array, from: number, count: number, map: (number | undefined)[]): void {
  for (let i = 0; i < count; i++) {
    const at = from + i * OLD_NUMBER * 2;
    const number = (offset: number): number | undefined => numberOf(block.subarray(offset, offset + OLD_NUMBER));
    // Not used: no digits at all.
    if (block[at] === 0 && block[at + OLD_NUMBER] === 0) return;
    map.push(number(at), number(at + OLD_NUMBER));
  }
}

/** The map of type S, some of it in blocks behind the header. Undefined where it makes no sense; those are taken then too. */
export async function readOldMap(source: ByteSource, header: Uint8Array): Promise<Sparse | undefined> {
  const map: (number | undefined)[] = [];
  oldParts(header, OLD.parts, OLD.count, map);
  let more = header[OLD.extended] !== 0;
  let tooMany = false;
  while (more) {
    const block = await source.take(BLOCK);
    more = block[OLD_MORE.extended] !== 0;
    tooMany ||= map.length > PARTS_MAX * 2;
    if (!tooMany) oldParts(block, 0, OLD_MORE.count, map);
  }
  const size = numberOf(header.subarray(OLD.realsize, OLD.realsize + OLD_NUMBER));
  if (tooMany || size === undefined || size < 0 || map.some((number) => number === undefined || number < 0))
    return undefined;
  return { map: map as number[], size };
}
