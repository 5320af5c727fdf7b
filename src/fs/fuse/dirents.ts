// A part of a listing, packed into the space that the guest gave: fuse_dirent or fuse_direntplus, each padded to 8 bytes.
import { PosixError } from '../../base/errno.ts';
import type { Inode } from '../tree/inode.ts';
import { S_IFMT } from '../tree/mode.ts';
import { fuse_dirent, fuse_direntplus } from './abi.ts';
import type { Call } from './call.ts';

/** Cookies of the two entries that the tree does not list. Its own begin behind them. */
export const DOT_COOKIE = 1;
export const DOTDOT_COOKIE = 2;

const align8 = (length: number): number => (length + 7) & ~7;

export class DirentPacker {
  private readonly call: Call;
  private readonly plus: boolean;
  private left: number;
  private packed = 0;

  /** `size`: the most bytes that the guest takes. */
  constructor(call: Call, size: number, plus: boolean) {
    this.call = call;
    this.plus = plus;
    this.left = Math.min(size, call.writer.remaining);
  }

  get empty(): boolean {
    return this.packed === 0;
  }

  /** Whether there is room for an entry of this name. */
  fits(name: string): boolean {
    return this.sizeOf(name) <= this.left;
  }

  private sizeOf(name: string): number {
    return align8((this.plus ? fuse_direntplus.size : fuse_dirent.size) + name.length);
  }

  /**
   * Appends one entry and says whether it fitted. With `count` a fuse_direntplus carries a look-up of the inode, else
   * nodeid 0: "." and ".." are never counted (fs/fuse/readdir.c fuse_direntplus_link). Throws EINVAL where not even
   * the first fits.
   */
  add(name: string, inode: Inode, cookie: number, count: boolean): boolean {
    const fixed = this.plus ? fuse_direntplus.size : fuse_dirent.size;
    const size = this.sizeOf(name);
    if (size > this.left) {
      if (this.packed === 0) throw new PosixError('EINVAL', 'no room for one entry');
      return false;
    }
    const { writer } = this.call;
    if (this.plus) {
      if (!count || !this.call.tryEntry(inode)) this.call.putUncounted(inode);
    }
    writer.struct(fuse_dirent, (out) => {
      out.ino = inode.ino;
      out.off = cookie;
      out.namelen = name.length;
      out.type = (inode.mode & S_IFMT) >>> 12;
    });
    writer.text(name);
    writer.zero(size - fixed - name.length);
    this.left -= size;
    this.packed++;
    return true;
  }
}
