// The check of content: that the chunks that are stored are those that the files have.
import { allocatedBytes } from './file-data.ts';
import type { Inode } from './inode.ts';
import { INO_END } from './inode-table.ts';
import type { Mending } from './mending.ts';
import { S_IFMT, S_IFREG } from './mode.ts';
import { Runs } from './runs.ts';
import type { ChunkRange, StoredChunkKey } from './store.ts';

const SECTOR = 512;
/** Ranges that are told one by one. */
const RANGES_TOLD = 6;

/** Which chunks of one inode are stored. */
export interface StoredRuns {
  runs: Runs;
  /** The last one, and how many bytes it has. */
  last: number;
  lastLength: number;
  /** Those that are no bytes. */
  senseless: number[];
  /** Those that have more bytes than a chunk can have. */
  long: number[];
}

/** All of them, and how many bytes the longest has. */
export interface StoredContent {
  files: Map<number, StoredRuns>;
  longest: number;
}

/** What a repair does to chunks. */
export interface ChunkRepair {
  drops: ChunkRange[];
  /** Chunks that are written again with as many bytes as a chunk can have. */
  cuts: { ino: number; index: number }[];
}

/** Reads which chunks there are. `chunkSize`: undefined where it is not known. */
export async function readContent(
  keys: AsyncIterable<StoredChunkKey> | Iterable<StoredChunkKey>,
  chunkSize: number | undefined,
  seen: (chunks: number) => void,
): Promise<StoredContent> {
  const files = new Map<number, StoredRuns>();
  let longest = 0;
  let count = 0;
  for await (const { ino, index, length } of keys) {
    seen(++count);
    let stored = files.get(ino);
    if (!stored) {
      stored = { runs: new Runs(), last: -1, lastLength: 0, senseless: [], long: [] };
      files.set(ino, stored);
    }
    if (length === undefined) {
      stored.senseless.push(index);
      continue;
    }
    stored.runs.add(index);
    longest = Math.max(longest, length);
    if (chunkSize !== undefined && length > chunkSize) stored.long.push(index);
    if (index < stored.last) continue;
    stored.last = index;
    stored.lastLength = length;
  }
  return { files, longest };
}

/** `content`: undefined where it is not known which chunks there are. */
export function mendContent(mending: Mending, content: StoredContent | undefined): ChunkRepair {
  const repair: ChunkRepair = { drops: [], cuts: [] };
  for (const inode of mending.inodes.values()) {
    const stored = content && (content.files.get(inode.ino) ?? { ...NOTHING, runs: new Runs() });
    if ((inode.mode & S_IFMT) === S_IFREG) new FileMending(mending, repair, inode, stored).mend();
    else if (stored && stored.last >= 0) {
      mending.say('chunk-leaked', inode.ino, `it is no regular file, and has ${chunks(stored.runs)}`, 'they go');
      dropAll(repair, inode.ino, stored);
    }
  }
  for (const [ino, stored] of content?.files ?? [])
    if (!mending.inodes.has(ino)) salvageContent(mending, repair, ino, stored);
  return repair;
}

const NOTHING: Omit<StoredRuns, 'runs'> = { last: -1, lastLength: 0, senseless: [], long: [] };

function dropAll(repair: ChunkRepair, ino: number, { runs, senseless }: StoredRuns): void {
  drop(repair, ino, runs);
  for (const index of senseless) repair.drops.push({ ino, from: index, to: index + 1 });
}

function drop(repair: ChunkRepair, ino: number, runs: Runs): void {
  for (const [from, to] of ranges(runs)) repair.drops.push({ ino, from, to });
}

function cut(repair: ChunkRepair, ino: number, long: readonly number[], kept: Runs | undefined): void {
  for (const index of long) if (kept?.has(index)) repair.cuts.push({ ino, index });
}

/** Content without a file becomes one. */
function salvageContent(mending: Mending, repair: ChunkRepair, ino: number, stored: StoredRuns): void {
  const { chunkSize } = mending.superblock;
  const isFile = Number.isInteger(ino) && ino > 0 && ino < INO_END && stored.runs.count > 0;
  const text = `there is content of it, ${chunks(stored.runs)}, and no file`;
  mending.say('chunk-leaked', ino, text, isFile ? `it is kept as /lost+found/#${ino}` : 'it goes');
  if (!isFile) {
    dropAll(repair, ino, stored);
    return;
  }
  const inode = mending.make(ino, S_IFREG | 0o600);
  inode.runs = stored.runs;
  inode.size = Math.max(stored.last * chunkSize + stored.lastLength, stored.last * chunkSize + 1);
  inode.blocks = allocatedBytes(inode, chunkSize) / SECTOR;
  cut(repair, ino, stored.long, stored.runs);
  for (const index of stored.senseless) repair.drops.push({ ino, from: index, to: index + 1 });
  mending.keep(ino);
}

/** What one regular file says of its content, against what is stored of it. */
class FileMending {
  private readonly mending: Mending;
  private readonly repair: ChunkRepair;
  private readonly inode: Inode;
  private readonly stored: StoredRuns | undefined;
  private readonly chunkSize: number;
  private found: boolean;

  constructor(mending: Mending, repair: ChunkRepair, inode: Inode, stored: StoredRuns | undefined) {
    this.mending = mending;
    this.repair = repair;
    this.inode = inode;
    this.stored = stored;
    this.chunkSize = mending.superblock.chunkSize;
    this.found = mending.incomplete.has(inode.ino) || mending.refilled.has(inode.ino);
  }

  private say(code: 'runs' | 'blocks' | 'chunk-missing' | 'chunk-leaked' | 'chunk-long', text: string, repair: string) {
    this.found = true;
    this.mending.say(code, this.inode.ino, text, repair);
  }

  mend(): void {
    const { inode, stored, mending } = this;
    const vague = mending.incomplete.has(inode.ino) || mending.refilled.has(inode.ino);
    const senseless = this.mendOrder() || (!vague && this.isWitnessed());
    if (stored) this.compare(stored, senseless || vague, senseless);
    this.mendEnd();
    if (inode.runs?.count === 0) inode.runs = undefined;
    const blocks = allocatedBytes(inode, this.chunkSize) / SECTOR;
    if (inode.blocks === blocks) return;
    if (!this.found)
      this.say('blocks', `its count of blocks is ${inode.blocks}, and should be ${blocks}`, 'it is set right');
    inode.blocks = blocks;
  }

  /** Whether the inode's places of content make no sense. */
  private mendOrder(): boolean {
    const { inode } = this;
    const bounds = inode.runs?.flat() ?? [];
    const ordered = bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] as number));
    if (ordered) return false;
    this.say('runs', 'the places of its content overlap, or are out of order', 'they are what is stored');
    inode.runs = merged(bounds);
    return true;
  }

  /** Whether the count of blocks speaks for what is stored, and against what the inode says. */
  private isWitnessed(): boolean {
    const { inode, stored, chunkSize } = this;
    if (!stored || inode.blocks * SECTOR === allocatedBytes(inode, chunkSize)) return false;
    const { runs, size } = inode;
    inode.runs = stored.runs.count > 0 ? stored.runs : undefined;
    const agrees = inode.blocks * SECTOR === allocatedBytes(inode, chunkSize) && stored.last * chunkSize < size;
    inode.runs = runs;
    if (agrees) this.say('runs', 'the places of its content are not those of its blocks', 'they are what is stored');
    return agrees;
  }

  /** `adopt`: what is stored belongs to the file whether it tells so or not. `senseless`: it tells nothing worth telling. */
  private compare(stored: StoredRuns, adopt: boolean, senseless: boolean): void {
    const { inode, repair } = this;
    const { ino } = inode;
    const told = inode.runs ?? new Runs();
    const missing = without(told, stored.runs);
    const more = without(stored.runs, told);
    if (missing.count > 0 && !senseless) {
      this.say('chunk-missing', `content is lost: ${bytes(missing, this.chunkSize, inode.size)}`, 'it reads as zeros');
    }
    const kept = adopt ? stored.runs : without(told, missing);
    if (more.count > 0 && !adopt) {
      this.say('chunk-leaked', `there is content in a hole, or behind its end: ${chunks(more)}`, 'that goes');
      drop(repair, ino, more);
    }
    for (const index of stored.senseless) {
      if (!told.has(index)) this.say('chunk-leaked', `chunk ${index} is no content`, 'it goes');
      repair.drops.push({ ino, from: index, to: index + 1 });
    }
    for (const index of stored.long) {
      if (kept.has(index)) this.say('chunk-long', `chunk ${index} has more bytes than a chunk`, 'it is cut');
    }
    cut(repair, ino, stored.long, kept);
    inode.runs = kept.count > 0 ? kept : undefined;
  }

  /** Content behind the end: the file is as long as what is stored of it. */
  private mendEnd(): void {
    const { inode, stored, chunkSize } = this;
    const end = inode.runs?.flat().at(-1) ?? 0;
    if (end === 0) return;
    const start = (end - 1) * chunkSize;
    const length = stored?.last === end - 1 ? Math.min(stored.lastLength, chunkSize) : 0;
    const least = start + Math.max(length, 1);
    if (inode.size >= least) return;
    const text = `it ends at ${inode.size}, and has content behind that`;
    if (!this.mending.refilled.has(inode.ino)) this.say('chunk-long', text, `it ends at ${least}`);
    inode.size = least;
  }
}

const ranges = (runs: Runs): [from: number, to: number][] => {
  const flat = runs.flat();
  return Array.from({ length: runs.length }, (_, i) => [flat[2 * i] as number, flat[2 * i + 1] as number]);
};

/** What is in the one set and not in the other. */
function without(runs: Runs, others: Runs): Runs {
  const rest = new Runs([...runs.flat()]);
  for (const [from, to] of ranges(others)) rest.remove(from, to);
  return rest;
}

/** A set of what bounds in any order may mean. */
function merged(bounds: readonly number[]): Runs {
  const pairs: [number, number][] = [];
  for (let i = 0; i < bounds.length; i += 2) {
    const [from, to] = [bounds[i] as number, bounds[i + 1] as number];
    if (from < to) pairs.push([from, to]);
  }
  const flat: number[] = [];
  for (const [from, to] of pairs.sort(([a], [b]) => a - b)) {
    const last = flat.at(-1);
    if (last !== undefined && from <= last) flat[flat.length - 1] = Math.max(last, to);
    else flat.push(from, to);
  }
  return new Runs(flat);
}

const chunks = ({ count }: Runs): string => (count === 1 ? '1 chunk' : `${count} chunks`);

/** Ranges of chunks, as bytes of a file. */
function bytes(runs: Runs, chunkSize: number, size: number): string {
  const all = ranges(runs);
  const told = all
    .slice(0, RANGES_TOLD)
    .map(([from, to]) => `${from * chunkSize} to ${Math.min(to * chunkSize, size)}`);
  const more = all.length - told.length;
  return `bytes ${told.join(', ')}${more > 0 ? ` and ${more} more ranges` : ''}`;
}
