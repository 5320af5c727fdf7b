// What the tree knows of one file, whatever its type. Plain fields: the request path reads them directly.
import type { Chunk } from './chunk.ts';
import type { Directory, Dirent } from './directory.ts';
import type { Runs } from './runs.ts';

/** The size of a file up to which its content is stored, while it has more. */
export class Lag {
  /** Bytes; not more than the file has. */
  stored: number;
  /** What `stored` is when the commit that is under way has ended well. */
  flown: number;

  constructor(size: number) {
    this.stored = this.flown = size;
  }

  /** The size was set. A larger one is stored as far as the old one was. */
  resize(before: number, size: number): void {
    if (size < this.stored || this.stored === before) this.stored = size;
    if (size < this.flown || this.flown === before) this.flown = size;
  }
}

const UNNAMED = 1;
const CHUNKS_STORED = 2;
const EXTRA_STORED = 4;

/** What few inodes have. All metadata is in memory, so that a field less in each inode counts. */
class Rare {
  rdev = 0;
  flags = 0;
  target = '';
  xattrs: Map<string, Uint8Array> | undefined;
  moreLinks: Set<Dirent> | undefined;
}

export class Inode {
  /** Below 2^31, the root's is 1. */
  readonly ino: number;
  /** Tells objects apart that had the same number one after the other. The root's is 0, others' 1 to 2^31 - 1. */
  generation: number;
  /** Type and permissions (S_IFMT | 07777). */
  mode: number;
  uid = 0;
  gid = 0;
  nlink = 0;
  size = 0;
  /** What is allocated, in units of 512 bytes. */
  blocks = 0;
  atime = 0;
  atimensec = 0;
  mtime = 0;
  mtimensec = 0;
  ctime = 0;
  ctimensec = 0;
  btime = 0;
  btimensec = 0;
  /** Of a directory: the one that it is in; the root's is itself; undefined once it was removed. */
  parent: Inode | undefined;
  /** Reasons outside the tree that keep it: look-ups, handles, requests under way. */
  holds = 0;

  /** Of a directory: its names. */
  directory: Directory | undefined;
  /** The first of its names; undefined for the root and for what was unlinked. */
  link: Dirent | undefined;
  /** Of a regular file: which chunks are allocated; undefined for none. */
  runs: Runs | undefined;
  /** Of a regular file: chunks that are in memory, by index. */
  chunks: Map<number, Chunk> | undefined;
  /** Where its end is not stored yet: how far it is. */
  lag: Lag | undefined;
  /** One of its paths, right while `cachedPathEpoch` is the tree's. */
  cachedPath: string | undefined;
  cachedPathEpoch = -1;

  private rare: Rare | undefined;
  private bits = 0;

  constructor(ino: number, generation: number, mode: number) {
    this.ino = ino;
    this.generation = generation;
    this.mode = mode;
  }

  get rdev(): number {
    return this.rare?.rdev ?? 0;
  }
  set rdev(rdev: number) {
    if (rdev !== this.rdev) this.makeRare().rdev = rdev;
  }

  /** Attributes as FS_IOC_GETFLAGS has them. */
  get flags(): number {
    return this.rare?.flags ?? 0;
  }
  set flags(flags: number) {
    if (flags !== this.flags) this.makeRare().flags = flags;
  }

  /** Of a symbolic link: where it points, one character a byte. */
  get target(): string {
    return this.rare?.target ?? '';
  }
  set target(target: string) {
    if (target !== this.target) this.makeRare().target = target;
  }

  get xattrs(): Map<string, Uint8Array> | undefined {
    return this.rare?.xattrs;
  }
  set xattrs(xattrs: Map<string, Uint8Array> | undefined) {
    if (xattrs !== this.xattrs) this.makeRare().xattrs = xattrs;
  }

  /** Its names but for the first. */
  get moreLinks(): Set<Dirent> | undefined {
    return this.rare?.moreLinks;
  }
  set moreLinks(links: Set<Dirent> | undefined) {
    if (links !== this.moreLinks) this.makeRare().moreLinks = links;
  }

  private makeRare(): Rare {
    this.rare ??= new Rare();
    return this.rare;
  }

  /** Made without a name, and never given one: it may still be. */
  get unnamed(): boolean {
    return (this.bits & UNNAMED) !== 0;
  }
  set unnamed(value: boolean) {
    this.bits = value ? this.bits | UNNAMED : this.bits & ~UNNAMED;
  }

  /** Whether the store may hold chunks of this inode. */
  get chunksStored(): boolean {
    return (this.bits & CHUNKS_STORED) !== 0;
  }
  set chunksStored(value: boolean) {
    this.bits = value ? this.bits | CHUNKS_STORED : this.bits & ~CHUNKS_STORED;
  }

  /** Whether the store holds a second record of this inode (xattrs, further names, many runs). */
  get extraStored(): boolean {
    return (this.bits & EXTRA_STORED) !== 0;
  }
  set extraStored(value: boolean) {
    this.bits = value ? this.bits | EXTRA_STORED : this.bits & ~EXTRA_STORED;
  }
}
