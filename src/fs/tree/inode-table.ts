// All inodes by number: which numbers are free, what generation the next one gets, who is dead.
import { PosixError } from '../../base/errno.ts';
import { Inode } from './inode.ts';
import { PAGE_SIZE } from './records.ts';

export const ROOT_INO = 1;
const INO_END = 2 ** 31;
export const GENERATION_END = 2 ** 31;
/**
 * How far the generation jumps when a tree is opened: more than the inodes that a crash can have lost after their
 * numbers were told to a guest.
 */
const GENERATION_JUMP = 65_536;

export class InodeTable {
  /** The last generation given out. Grows with every inode, so that a number never comes back with an old one. */
  generation: number;
  private readonly inodes: Map<number, Inode>;
  private readonly free: number[] = [];
  private nextIno = ROOT_INO + 1;

  /** A table of the inodes that a store delivered, or of none. */
  constructor(inodes: Map<number, Inode>, generation: number) {
    this.inodes = inodes;
    this.generation = generation;
    for (const ino of inodes.keys()) if (ino >= this.nextIno) this.nextIno = ino + 1;
    for (let ino = this.nextIno - 1; ino > ROOT_INO; ino--) if (!inodes.has(ino)) this.free.push(ino);
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

  jump(): void {
    this.generation = ((this.generation - 1 + GENERATION_JUMP) % (GENERATION_END - 1)) + 1;
  }

  /** A new inode under a free number. ENOSPC where there is none. */
  make(mode: number): Inode {
    const ino = this.free.pop() ?? this.nextIno;
    if (ino >= INO_END) throw new PosixError('ENOSPC', 'no inode number is free');
    if (ino === this.nextIno) this.nextIno++;
    this.generation = this.generation + 1 < GENERATION_END ? this.generation + 1 : 1;
    const inode = new Inode(ino, this.generation, mode);
    this.inodes.set(ino, inode);
    return inode;
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
    this.free.push(inode.ino);
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
