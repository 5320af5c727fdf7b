// What a server on ext4 passes on of it: the order in which a directory is listed, by a hash of the name (fs/ext4/hash.c,
// half MD4 with the seed that stands for none), and the sizes of directories and links.
import { stringToBytes } from '../../base/iov.ts';
import type { Directory } from '../tree/directory.ts';
import type { Inode } from '../tree/inode.ts';
import type { fuse_attr } from './abi.ts';

// The state that MD4 begins with (RFC 1320 3.3), and the additive constants of its second and third round.
const START: readonly number[] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
const ROUND_2 = 0x5a827999;
const ROUND_3 = 0x6ed9eba1;
/** Bytes of a name that one pass takes. */
const BLOCK = 32;

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

const choose = (x: number, y: number, z: number): number => z ^ (x & (y ^ z));
const majority = (x: number, y: number, z: number): number => (x & y) + ((x ^ y) & z);
const parity = (x: number, y: number, z: number): number => x ^ y ^ z;

interface Round {
  readonly mix: (x: number, y: number, z: number) => number;
  readonly constant: number;
  /** Which words of the block, in the order of the steps. */
  readonly words: readonly number[];
  readonly rotations: readonly number[];
}
/** Three rounds of eight steps where MD4 has sixteen. */
const ROUNDS: readonly Round[] = [
  { mix: choose, constant: 0, words: [0, 1, 2, 3, 4, 5, 6, 7], rotations: [3, 7, 11, 19] },
  { mix: majority, constant: ROUND_2, words: [1, 3, 5, 7, 0, 2, 4, 6], rotations: [3, 5, 9, 13] },
  { mix: parity, constant: ROUND_3, words: [3, 7, 2, 6, 1, 5, 0, 4], rotations: [3, 9, 11, 15] },
];

function transform(state: readonly number[], block: readonly number[]): number[] {
  let [a, b, c, d] = state as [number, number, number, number];
  for (const { mix, constant, words, rotations } of ROUNDS) {
    for (let step = 0; step < words.length; step++) {
      const word = block[words[step] as number] as number;
      const next = rotate((a + mix(b, c, d) + word + constant) | 0, rotations[step % 4] as number);
      [a, b, c, d] = [d, next, b, c];
    }
  }
  return [a, b, c, d].map((word, i) => (word + (state[i] as number)) | 0);
}

/** Eight words of the name from `at` on, filled up with its length; bytes above 127 count as negative ones. */
function blockOf(name: Uint8Array, at: number): number[] {
  const length = name.length - at;
  const pad = Math.imul(length, 0x0101_0101);
  const block = Array.from({ length: BLOCK / 4 }, () => pad);
  for (let i = 0; i < Math.min(length, BLOCK); i++) {
    const word = i >> 2;
    block[word] = (((name[at + i] as number) << 24) >> 24) + ((block[word] as number) << 8);
  }
  return block.map((word) => word | 0);
}

/** The place of a name in a listing: two unsigned words, the first of them without its lowest bit. */
export function ext4Hash(name: string): [major: number, minor: number] {
  const bytes = stringToBytes(name);
  let state: readonly number[] = START;
  for (let at = 0; at < bytes.length; at += BLOCK) state = transform(state, blockOf(bytes, at));
  return [((state[1] as number) & ~1) >>> 0, (state[2] as number) >>> 0];
}

/** Bytes of a block that entries of a directory may fill: the rest is its checksum. */
const DIRECTORY_BLOCK = 4096 - 12;
/** Bytes of an entry beside its name (struct ext4_dir_entry_2), which is padded to a multiple of 4. */
const DIRENT = 8;

/** Cookies 0 to 2 are the start, "." and ".." where they come first. */
const FIRST = 3;
const MINOR_BITS = 21;

/** Where a listing goes on behind the name: what a double holds of ext4's 63 bits, and the order of names. */
export function ext4Cookie(name: string): number {
  const [major, minor] = ext4Hash(name);
  return FIRST + (major / 2) * 2 ** MINOR_BITS + (minor >>> (32 - MINOR_BITS));
}

/** The names of a directory with its own two, as entries on the disk. */
const entryBytes = (names: Iterable<{ readonly name: string }>): number => {
  let bytes = 2 * (DIRENT + 4);
  for (const { name } of names) bytes += (DIRENT + name.length + 3) & ~3;
  return bytes;
};

/** Most names of one block: none takes less than 12 bytes. */
const BLOCK_NAMES = Math.floor(DIRECTORY_BLOCK / (DIRENT + 4)) - 2;
/** Leaves of an index are split when they are full, so they are three quarters full in the middle. */
const LEAF_BYTES = DIRECTORY_BLOCK * 0.75;
/** A target up to here lies in the inode. */
const FAST_SYMLINK = 59;

/** Blocks that a directory had when it was last looked at: it never gives one back. */
const highest = new WeakMap<Inode, number>();

/** How many blocks a directory has; an estimate where there are several: the index and its leaves. */
function blocksOf(dir: Inode, directory: Directory): number {
  const bytes = directory.size > BLOCK_NAMES ? directory.size * 16 : entryBytes(directory.after(0));
  const needed = bytes <= DIRECTORY_BLOCK ? 1 : 1 + Math.ceil(bytes / LEAF_BYTES);
  const blocks = Math.max(needed, highest.get(dir) ?? 1);
  if (blocks > 1) highest.set(dir, blocks);
  return blocks;
}

/**
 * Attributes as ext4 tells them: a directory has the size of its blocks, a link takes a block where its target does not
 * fit into the inode.
 */
export function asOnExt4(out: InstanceType<typeof fuse_attr>, inode: Inode): void {
  const { directory } = inode;
  if (directory) {
    const blocks = blocksOf(inode, directory);
    out.size = blocks * 4096;
    out.blocks = blocks * 8;
  } else if (inode.target.length > FAST_SYMLINK) out.blocks = 8;
}

export interface Listed {
  readonly name: string;
  readonly inode: Inode;
  readonly cookie: number;
}

/**
 * All entries of a directory in ext4's order. A directory that never had more than one block has no index: there "."
 * and ".." are placed by their hashes as other names are, else they come first (fs/ext4/namei.c ext4_htree_fill_tree).
 * Names whose cookies would be the same get following ones, so that a listing can go on behind each.
 */
export function inExt4Order(dir: Inode, directory: Directory, parent: Inode): Listed[] {
  const names: { name: string; inode: Inode }[] = [
    { name: '.', inode: dir },
    { name: '..', inode: parent },
  ];
  for (const { name, inode } of directory.after(0)) names.push({ name, inode });
  const indexed = blocksOf(dir, directory) > 1;
  const listed: Listed[] = names.map(({ name, inode }, i) => {
    return { name, inode, cookie: indexed && i < 2 ? i + 1 : ext4Cookie(name) };
  });
  listed.sort((a, b) => a.cookie - b.cookie || (a.name < b.name ? -1 : 1));
  let last = 0;
  return listed.map((entry) => {
    last = Math.max(entry.cookie, last + 1);
    return { ...entry, cookie: last };
  });
}
