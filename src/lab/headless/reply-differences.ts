// Compares replies with recorded ones, field by field as the opcodes' entries lay them out. Some fields cannot be the
// same: times are passed over, and numbers that only stand for something are matched by where they first appear.
import { type Field, fields, replyFields } from '../describe.ts';

/** Times of an inode: whatever has one of these names, or lies in a struct that has. */
const TIME = /(^|\.)[abcm]time(nsec)?(\.|$)/;
/** How much room there is: the store's matter. */
const ROOM = /^fuse_statfs_out\.st\.(blocks|bfree|bavail)$/;
const FILE_HANDLE = /(^|\.)fh(_in|_out)?$/;
const GENERATION = /(^|\.)generation$/;
/** Where the error is in a reply. */
const ERROR_AT = 4;
const HEADER = 16;

interface Leaf {
  /** Names of the structs around it and its own, with dots between. */
  readonly path: string;
  readonly at: number;
  readonly length: number;
  readonly text: string;
}

/** The rows that have no rows within, with the names above them. */
function leaves(rows: readonly Field[]): Leaf[] {
  const found: Leaf[] = [];
  const above: string[] = [];
  rows.forEach((row, i) => {
    above.length = row.depth;
    above.push(row.name);
    if ((rows[i + 1]?.depth ?? 0) > row.depth) return;
    const text = row.note === undefined ? row.value : `${row.value} (${row.note})`;
    found.push({ path: above.join('.'), at: row.at, length: row.length, text });
  });
  return found;
}

/** Leaves by path; those of the same path by their place among them. */
function byPath(all: readonly Leaf[]): Map<string, Leaf> {
  const found = new Map<string, Leaf>();
  for (const leaf of all) {
    let { path } = leaf;
    for (let i = 1; found.has(path); i++) path = `${leaf.path}[${i}]`;
    found.set(path, leaf);
  }
  return found;
}

/** Numbers of one recording and those that stand in the replay for the same: one for each, both ways. */
class Pairs {
  private readonly there = new Map<bigint, bigint>();
  private readonly back = new Map<bigint, bigint>();

  /** Whether they stand for the same; from now on, where neither was seen before. Zero stands for nothing. */
  match(recorded: bigint, now: bigint): boolean {
    if (recorded === 0n || now === 0n) return recorded === now;
    if (!this.there.has(recorded) && !this.back.has(now)) {
      this.there.set(recorded, now);
      this.back.set(now, recorded);
    }
    return this.there.get(recorded) === now;
  }

  get(recorded: bigint): bigint | undefined {
    return this.there.get(recorded);
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const u64At = (bytes: Uint8Array, at: number): bigint => viewOf(bytes).getBigUint64(at, true);
const errorOf = (reply: Uint8Array): number => (reply.length < HEADER ? 0 : viewOf(reply).getInt32(ERROR_AT, true));
const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;

export class Replies {
  private readonly handles = new Pairs();
  private readonly generations = new Pairs();

  /**
   * A recorded request as this server has to be asked: with its own file handles. One that no reply gave becomes 0,
   * which no server of ours ever gives.
   */
  request(recorded: Uint8Array): Uint8Array {
    let own: Uint8Array | undefined;
    for (const { path, at, length } of leaves(fields(recorded))) {
      if (length !== 8 || !FILE_HANDLE.test(path)) continue;
      const handle = u64At(recorded, at);
      const here = this.handles.get(handle) ?? 0n;
      if (here === handle) continue;
      own ??= Uint8Array.from(recorded);
      viewOf(own).setBigUint64(at, here, true);
    }
    return own ?? recorded;
  }

  /** What differs between two replies to a request, a line each: field, recorded value, value now. */
  differences(asked: Uint8Array, recorded: Uint8Array, now: Uint8Array): string[] {
    if (recorded.length === 0 || now.length === 0) {
      if (recorded.length === now.length) return [];
      return [`recorded ${lengthText(recorded)}, now ${lengthText(now)}`];
    }
    const before = byPath(leaves(replyFields(asked, recorded)));
    const after = byPath(leaves(replyFields(asked, now)));
    if (errorOf(recorded) !== errorOf(now)) {
      const path = 'fuse_out_header.error';
      return [`${path}: recorded ${before.get(path)?.text}, now ${after.get(path)?.text}`];
    }
    const found: string[] = [];
    for (const [path, leaf] of before) {
      const other = after.get(path);
      if (other === undefined) found.push(`${path}: recorded ${leaf.text}, now nothing`);
      else if (!this.same(path, leaf, recorded, other, now)) {
        found.push(`${path}: ${this.words(path, leaf, recorded, other, now)}`);
      }
    }
    for (const [path, leaf] of after) {
      if (!before.has(path)) found.push(`${path}: recorded nothing, now ${leaf.text}`);
    }
    return found;
  }

  private same(path: string, leaf: Leaf, recorded: Uint8Array, other: Leaf, now: Uint8Array): boolean {
    if (leaf.length === other.length) {
      if (TIME.test(path) || ROOM.test(path)) return true;
      const pairs = this.pairsOf(path);
      if (pairs && leaf.length === 8) return pairs.match(u64At(recorded, leaf.at), u64At(now, other.at));
    }
    return Buffer.compare(bytesOf(leaf, recorded), bytesOf(other, now)) === 0;
  }

  private pairsOf(path: string): Pairs | undefined {
    if (FILE_HANDLE.test(path)) return this.handles;
    return GENERATION.test(path) ? this.generations : undefined;
  }

  private words(path: string, leaf: Leaf, recorded: Uint8Array, other: Leaf, now: Uint8Array): string {
    const one = bytesOf(leaf, recorded);
    const two = bytesOf(other, now);
    if (this.pairsOf(path)) {
      const here = leaf.length === 8 ? this.pairsOf(path)?.get(u64At(recorded, leaf.at)) : undefined;
      return `recorded ${leaf.text}${here === undefined ? '' : `, which is ${here} here`}, now ${other.text}`;
    }
    // A payload: the texts tell its length and how it begins.
    if (/^\d+ B/.test(leaf.text)) {
      const at = one.findIndex((byte, i) => byte !== two[i]);
      const place = at < 0 ? one.length : at;
      const byte = (bytes: Uint8Array): string =>
        place < bytes.length ? hexOf(bytes.subarray(place, place + 1)) : 'its end';
      const lengths = one.length === two.length ? `${one.length} B` : `${one.length} B, now ${two.length} B`;
      return `byte ${place}: recorded ${byte(one)}, now ${byte(two)} (${lengths})`;
    }
    if (leaf.text !== other.text) return `recorded ${leaf.text}, now ${other.text}`;
    // Values that a double does not tell apart.
    return `recorded ${hexOf(one)}, now ${hexOf(two)}`;
  }
}

const bytesOf = ({ at, length }: Leaf, message: Uint8Array): Uint8Array => message.subarray(at, at + length);
const lengthText = (reply: Uint8Array): string => (reply.length === 0 ? 'no reply' : `a reply of ${reply.length} B`);
