// Writing and checking a file that is larger than the cache, on a tree, wherever that is kept.
import { readerOf } from '../src/base/iov.ts';
import type { Inode } from '../src/fs/tree/inode.ts';
import type { Tree } from '../src/fs/tree/tree.ts';
import { fillContent, firstDifference } from './seeded-content.ts';

export interface LargeFile {
  name: string;
  /** Bytes. */
  size: number;
  seed: number;
}

/** Bytes of one write or read: what a guest asks at once is at most a mebibyte. */
const PIECE = 2 ** 20;
/** Bytes between two reports. */
const REPORT = 64 * 2 ** 20;

type Report = (done: number) => void | Promise<void>;

/** Writes the file from front to back and waits until it is stored for good. */
export async function writeLarge(tree: Tree, { name, size, seed }: LargeFile, report: Report): Promise<void> {
  const file = tree.mknod(tree.root, name, { mode: 0o644, uid: 0, gid: 0 });
  // One buffer for all: what grows is the tree's.
  const words = new Uint32Array(PIECE / 4);
  const bytes = new Uint8Array(words.buffer);
  for (let at = 0; at < size; at += PIECE) {
    const length = Math.min(PIECE, size - at);
    fillContent(words, at, seed);
    await tree.write(file, at, length, readerOf(bytes.subarray(0, length)));
    if ((at + length) % REPORT === 0) await report(at + length);
  }
  await tree.sync();
}

async function checkPiece(tree: Tree, file: Inode, seed: number, at: number, length: number): Promise<void> {
  let offset = at;
  // Pieces are valid until the next await: each is compared before.
  for (const piece of await tree.read(file, at, length)) {
    const wrong = firstDifference(piece, offset, seed);
    if (wrong !== undefined) throw new Error(`wrong at ${wrong}, read ${length} bytes at ${at}`);
    offset += piece.length;
  }
  if (offset !== at + length) throw new Error(`read ${offset - at} of ${length} bytes at ${at}`);
}

/** Reads at offsets and in sizes that the seed says, and compares. Throws where something is wrong. */
export async function checkRandom(
  tree: Tree,
  { name, size, seed }: LargeFile,
  reads: number,
  report: Report,
): Promise<void> {
  const file = tree.lookup(tree.root, name);
  if (file?.size !== size) throw new Error(`the file has ${file?.size} bytes`);
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let i = 1; i <= reads; i++) {
    const length = 1 + random(i % 8 === 0 ? PIECE : 16384);
    await checkPiece(tree, file, seed, random(size - length), length);
    if (i % 256 === 0) await report(i);
  }
  // Both ends, which no random offset may have met.
  await checkPiece(tree, file, seed, 0, 4096);
  await checkPiece(tree, file, seed, size - 4096, 4096);
}

/** Reads the first `length` bytes from front to back as a guest does, and compares. Throws where something is wrong. */
export async function checkSequential(
  tree: Tree,
  { name, seed }: LargeFile,
  length: number,
  report: Report,
): Promise<void> {
  const file = tree.lookup(tree.root, name);
  if (!file) throw new Error('the file is gone');
  const step = 128 * 1024;
  for (let at = 0; at < length; at += step) {
    await checkPiece(tree, file, seed, at, Math.min(step, length - at));
    if ((at + step) % REPORT === 0) await report(at + step);
  }
}
