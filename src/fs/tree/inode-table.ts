// All inodes by number: which number and which generation the next one gets, who is dead.
import { PosixError } from '../../base/errno.ts';
import { FreeNumbers } from './free-numbers.ts';
import { Inode } from './inode.ts';
import { PAGE_SIZE } from './records.ts';

export const ROOT_INO = 1;
export const INO_END = 2 ** 31;
export const GENERATION_END = 2 ** 31;
/** How far the generation leaps at least: more than the inodes that a crash can have lost after a guest was told of them. */
const GENERATION_LEAP = 65_536;

export interface InodeTableOptions {
  /** The last generation that was given out. */
  generation: number;
  /** The lowest number that was never given out, as far as a store knows. */
  nextIno?: number | undefined;
  /**
   * Whether the lowest free number is given out first, as disk file systems do. Otherwise a number comes back only when
   * none above it has never been used.
   */
  reuse?: boolean;
}

export class InodeTable {
  /** The last generation given out. Grows with every inode, so that a number never comes back with an old one. */
  generation: number;
  /** The lowest number that was never given out. */
  nextIno: number;
  private readonly inodes: Map<number, Inode>;
  /** Free numbers below `nextIno`; where numbers are not used again, there from when they have to be. */
  private free: FreeNumbers | undefined;

  /** A table of the inodes that a store delivered, or of none. */
  constructor(inodes: Map<number, Inode>, { generation, nextIno = 0, reuse = false }: InodeTableOptions) {
    this.inodes = inodes;
    this.generation = generation;
    this.nextIno = Math.max(ROOT_INO + 1, nextIno);
    for (const ino of inodes.keys()) if (ino >= this.nextIno) this.nextIno = ino + 1;
    if (reuse) this.free = this.findFree();
  }

  private findFree(): FreeNumbers {
    return new FreeNumbers(this.inodes.keys(), ROOT_INO + 1, this.nextIno);
  }

  get size(): number {
    return this.inodes.size;
  }

  get(ino: number): Inode | undefined {
    return this.inodes.get(ino);
  }

  values(): IterableIterator<Inode> {
    return this.inodes.values();
  }

  /**
   * Goes on with generations that were not given out before, as far as one can: those that a crash has lost are not
   * known, and neither is how many crashes there were since the last commit. So it is a random leap, up to half of all
   * generations forwards, because only what lies behind is known to be used.
   */
  leap(random: () => number): void {
    this.advance(GENERATION_LEAP + Math.floor((random() * GENERATION_END) / 2));
  }

  private advance(by: number): void {
    this.generation = ((this.generation - 1 + by) % (GENERATION_END - 1)) + 1;
  }

  private nextGeneration(): number {
    this.advance(1);
    return this.generation;
  }

  /** A new inode under a free number. ENOSPC where there is none. */
  make(mode: number): Inode {
    const inode = new Inode(this.number(), this.nextGeneration(), mode);
    this.inodes.set(inode.ino, inode);
    return inode;
  }

  private number(): number {
    const freed = this.free?.take();
    if (freed !== undefined) return freed;
    if (this.nextIno < INO_END) return this.nextIno++;
    this.free ??= this.findFree();
    const last = this.free.take();
    if (last === undefined) throw new PosixError('ENOSPC', 'no inode number is free');
    return last;
  }

  /** The root of a new tree. */
  makeRoot(mode: number): Inode {
    const root = new Inode(ROOT_INO, 0, mode);
    this.inodes.set(ROOT_INO, root);
    return root;
  }

  /** Frees the number. */
  remove(inode: Inode): void {
    this.inodes.delete(inode.ino);
    this.free?.add(inode.ino);
  }

  /** Gives every inode but the root a new generation, from a leap on. */
  renew(random: () => number): void {
    this.leap(random);
    for (const inode of this.inodes.values()) if (inode.ino !== ROOT_INO) inode.generation = this.nextGeneration();
  }

  /** The living inodes of a metadata page. */
  page(page: number): Inode[] {
    const found: Inode[] = [];
    for (let ino = page * PAGE_SIZE; ino < (page + 1) * PAGE_SIZE; ino++) {
      const inode = this.inodes.get(ino);
      if (inode) found.push(inode);
    }
    return found;
  }
}
