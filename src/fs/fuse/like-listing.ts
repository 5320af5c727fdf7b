// READDIR and READDIRPLUS as QEMU's virtiofsd answers them (passthrough_ll.c lo_do_readdir) with a directory of ext4 below:
// what the C library read ahead is listed as it was then, and looked up as it is now.
import { PosixError } from '../../base/errno.ts';
import type { Inode } from '../tree/inode.ts';
import { fuse_read_in } from './abi.ts';
import { DirentPacker } from './dirents.ts';
import type { Handle } from './handle-table.ts';
import { inExt4Order, type Listed } from './like-ext4.ts';
import type { Op } from './op.ts';

/** Bytes that readdir(3) asks the kernel for, and those of an entry there beside its name (struct linux_dirent64). */
const READ_AHEAD = 32_768;
const HOST_DIRENT = 20;
const align8 = (length: number): number => (length + 7) & ~7;

/** A directory stream of the host (DIR *). */
class Stream {
  private readonly dir: Inode;
  /** Behind which cookie the guest is. */
  private position = 0;
  /** What was read ahead and not listed yet. */
  private ahead: Listed[] = [];
  private sorted: Listed[] = [];
  private version = '';

  constructor(dir: Inode) {
    this.dir = dir;
  }

  seek(position: number): void {
    if (position === this.position) return;
    this.position = position;
    this.ahead = [];
  }

  /** The entry at the position; undefined at the end, which a removed directory has at once. */
  peek(): Listed | undefined {
    if (this.ahead.length === 0) this.read();
    return this.ahead[0];
  }

  next(): void {
    this.position = (this.ahead.shift() as Listed).cookie;
  }

  private read(): void {
    const { dir, position } = this;
    const { directory, parent } = dir;
    if (!directory || !parent) return;
    const version = `${directory.size} ${directory.nextCookie}`;
    if (version !== this.version) {
      this.version = version;
      this.sorted = inExt4Order(dir, directory, parent);
    }
    let room = READ_AHEAD;
    for (const entry of this.sorted) {
      if (entry.cookie <= position) continue;
      room -= align8(HOST_DIRENT + entry.name.length);
      if (room < 0) return;
      this.ahead.push(entry);
    }
  }
}

const streams = new WeakMap<Handle, Stream>();

export const lists =
  (plus: boolean): Op['handle'] =>
  (call) => {
    const { fh, offset, size } = call.arg(fuse_read_in);
    const handle = call.handle(fh, true);
    let stream = streams.get(handle);
    if (!stream) {
      stream = new Stream(handle.inode);
      streams.set(handle, stream);
    }
    stream.seek(call.offset(offset));
    const packer = new DirentPacker(call, size, plus);
    for (let entry = stream.peek(); entry; entry = stream.peek()) {
      const { name, inode, cookie } = entry;
      const counted = plus && name !== '.' && name !== '..';
      const found = counted ? call.tree.lookup(handle.inode, name) : inode;
      if (!found) {
        // What was read ahead has gone meanwhile: an error where nothing else is to be told.
        if (packer.empty) throw new PosixError('ENOENT');
        return;
      }
      // A first entry that does not fit looks like the end of the directory.
      if (!packer.fits(name) || !packer.add(name, found, cookie, counted)) return;
      stream.next();
    }
  };
