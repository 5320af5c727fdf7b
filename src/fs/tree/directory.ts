// The names in one directory: by name for look-ups, and in order of their cookies for listings.
import type { Inode } from './inode.ts';

/** Cookies 0 to 2 mean the start, "." and "..". */
export const FIRST_COOKIE = 3;
export const COOKIE_END = 2 ** 31;
const COMPACT_FROM = 32;

/** A name in a directory. `inode` changes when another file is renamed over it: the cookie belongs to the name. */
export class Dirent {
  readonly name: string;
  /** Where a listing goes on behind this entry. Grows with each new name of a directory and is never used again. */
  readonly cookie: number;
  /** The directory that it is in, undefined once it was removed. */
  parent: Inode | undefined;
  inode: Inode;

  constructor(parent: Inode, name: string, cookie: number, inode: Inode) {
    this.parent = parent;
    this.name = name;
    this.cookie = cookie;
    this.inode = inode;
  }
}

export class Directory {
  nextCookie = FIRST_COOKIE;
  private readonly names = new Map<string, Dirent>();
  /** By cookie. Removed entries stay, without a parent, until there are too many of them. */
  private order: Dirent[] = [];
  private removed = 0;

  get size(): number {
    return this.names.size;
  }

  get(name: string): Dirent | undefined {
    return this.names.get(name);
  }

  /** Adds an entry whose cookie is above all others. */
  add(dirent: Dirent): void {
    this.names.set(dirent.name, dirent);
    this.order.push(dirent);
  }

  remove(dirent: Dirent): void {
    this.names.delete(dirent.name);
    dirent.parent = undefined;
    this.removed++;
    if (this.removed >= COMPACT_FROM && this.removed * 2 > this.order.length) {
      this.order = this.order.filter((other) => other.parent !== undefined);
      this.removed = 0;
    }
  }

  /** After entries were added in any order, as a store delivers them. */
  sort(): void {
    const { order } = this;
    for (let i = 1; i < order.length; i++) {
      if ((order[i] as Dirent).cookie < (order[i - 1] as Dirent).cookie) {
        order.sort((a, b) => a.cookie - b.cookie);
        return;
      }
    }
  }

  /** The entries with cookies above the given one, in their order, as they are while one iterates. */
  *after(cookie: number): Generator<Dirent, void, undefined> {
    const { order } = this;
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((order[middle] as Dirent).cookie <= cookie) low = middle + 1;
      else high = middle;
    }
    for (; low < order.length; low++) {
      const dirent = order[low] as Dirent;
      if (dirent.parent !== undefined) yield dirent;
    }
  }
}
