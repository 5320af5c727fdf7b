// Writes a tree as a tar archive: the same tree always gives the same bytes, and the next ones are made when asked for.
import type { Dirent } from '../tree/directory.ts';
import type { Inode } from '../tree/inode.ts';
import type { Tree } from '../tree/tree.ts';
import { type Named, planEntry } from './archive-entry.ts';
import { BLOCK, roundUp } from './header.ts';
import { Pace } from './pace.ts';
import type { SparseMap } from './sparse-map.ts';

/** Bytes of a piece. */
const PIECE = 256 * 1024;
/** Two blocks of zeros. */
const END = 2 * BLOCK;

export interface ArchiveOptions {
  /** The directory that becomes the archive's ".", default the root. */
  from?: Inode;
  /** Ends it: the generator throws the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Told of each entry that begins, by its path in the archive, a string of bytes. */
  onEntry?: (path: string) => void;
}

/**
 * Everything that has a name, depth first: a directory before what is in it, and that in the order in which a listing
 * has it. So whoever makes them in this order has directories of the same order again.
 */
function* names(tree: Tree, from: Inode): Generator<Named, void, undefined> {
  const firsts = new Map<Inode, string>();
  yield { inode: from, path: './', first: undefined };
  const open: { path: string; entries: Iterator<Dirent> }[] = [];
  const enter = (dir: Inode, path: string): void => {
    open.push({ path, entries: tree.readdir(dir, 0)[Symbol.iterator]() });
  };
  enter(from, './');
  for (let top = open.at(-1); top; top = open.at(-1)) {
    const { value, done } = top.entries.next();
    if (done) {
      open.pop();
      continue;
    }
    const { inode, name } = value;
    if (inode.directory) {
      const path = `${top.path}${name}/`;
      yield { inode, path, first: undefined };
      enter(inode, path);
      continue;
    }
    const path = `${top.path}${name}`;
    yield { inode, path, first: firsts.get(inode) };
    if (inode.nlink > 1 && !firsts.has(inode)) firsts.set(inode, path);
  }
}

/** Bytes of the archive that archiveTree() gives. Rejects with the signal's reason. */
export async function archiveSize(tree: Tree, { from = tree.root, signal }: ArchiveOptions = {}): Promise<number> {
  const pace = new Pace(signal);
  let size = END;
  for (const named of names(tree, from)) {
    const pause = pace.step();
    if (pause) await pause;
    size += planEntry(named, tree.chunkSize).size;
  }
  return size;
}

/**
 * The archive in pieces, each of them the taker's own. INVARIANT: the tree stands still meanwhile. Throws PosixError EIO
 * where content cannot be read, and the signal's reason.
 */
export async function* archiveTree(
  tree: Tree,
  { from = tree.root, signal, onEntry = () => {} }: ArchiveOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const pace = new Pace(signal);
  const pieces = new Pieces();
  for (const named of names(tree, from)) {
    onEntry(named.path);
    const pause = pace.step();
    if (pause) await pause;
    const { headers, parts } = planEntry(named, tree.chunkSize);
    for (const header of headers) yield* pieces.put(header);
    if (parts) yield* content(tree, named.inode, parts, pieces, pace);
  }
  yield* pieces.put(new Uint8Array(END));
  yield* pieces.rest();
}

async function* content(
  tree: Tree,
  inode: Inode,
  parts: SparseMap,
  pieces: Pieces,
  pace: Pace,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  let stored = 0;
  for (let i = 0; i < parts.length; i += 2) {
    let at = parts[i] as number;
    const end = at + (parts[i + 1] as number);
    stored += end - at;
    while (at < end) {
      const pause = pace.step();
      if (pause) await pause;
      // No more than a piece can take: what is read is good only until the next await.
      const read = tree.read(inode, at, Math.min(end - at, pieces.room));
      const before = at;
      for (const bytes of read instanceof Promise ? await read : read) {
        at += bytes.length;
        pieces.fill(bytes);
      }
      if (at === before) throw new Error('the tree changed while it was archived');
      yield* pieces.full();
    }
  }
  yield* pieces.put(new Uint8Array(roundUp(stored) - stored));
}

/** Gathers bytes to pieces of one size. */
class Pieces {
  private piece = new Uint8Array(PIECE);
  private at = 0;

  /** Bytes that the piece can still take, never 0. */
  get room(): number {
    return PIECE - this.at;
  }

  /** Takes what there is room for. */
  fill(bytes: Uint8Array): void {
    this.piece.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** The piece, where it is full. */
  *full(): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
    if (this.at < PIECE) return;
    const { piece } = this;
    this.piece = new Uint8Array(PIECE);
    this.at = 0;
    yield piece;
  }

  *put(bytes: Uint8Array): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.room);
      this.fill(part);
      at += part.length;
      yield* this.full();
    }
  }

  /** What is left at the end. */
  *rest(): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
    if (this.at > 0) yield this.piece.slice(0, this.at);
  }
}
