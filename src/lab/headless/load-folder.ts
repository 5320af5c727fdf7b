// Copies a folder of the host into a tree: names as bytes, modes, owners, times, links, devices.
import { type BigIntStats, closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { PosixError } from '../../base/errno.ts';
import { readerOf } from '../../base/iov.ts';
import type { Inode } from '../../fs/tree/inode.ts';
import type { Tree } from '../../fs/tree/tree.ts';

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const NS = 1_000_000_000n;
const PIECE = 1024 * 1024;

const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const join = (folder: Buffer, name: Uint8Array): Buffer => Buffer.concat([folder, Buffer.from('/'), name]);

interface Time {
  s: number;
  ns: number;
}

/** Floored, so that times before 1970 have nanoseconds from 0 as Linux has them. */
function time(ns: bigint): Time {
  const rest = ((ns % NS) + NS) % NS;
  return { s: Number((ns - rest) / NS), ns: Number(rest) };
}

/** What could not be read: a file without permission, one that went away. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}

/**
 * Copies what is in `folder` into the tree's root, whose own mode, owner and times follow the folder's. Names that are
 * there already are an error, but for directories, which are filled. Rejects with LoadError, or the signal's reason.
 */
export async function loadFolder(tree: Tree, folder: string, signal?: AbortSignal): Promise<void> {
  const path = Buffer.from(folder);
  const stat = statOf(path);
  if ((Number(stat.mode) & S_IFMT) !== S_IFDIR) throw new LoadError(`${folder} is not a folder`);
  await new Loader(tree, signal).fill(tree.root, path, stat);
}

function statOf(path: Buffer): BigIntStats {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    throw new LoadError((error as Error).message);
  }
}

class Loader {
  private readonly tree: Tree;
  /** Files of more than one name, by device and inode of the host. */
  private readonly linked = new Map<string, Inode>();
  private readonly piece = new Uint8Array(PIECE);

  private readonly signal: AbortSignal | undefined;
  private steps = 0;

  constructor(tree: Tree, signal: AbortSignal | undefined) {
    this.tree = tree;
    this.signal = signal;
  }

  /** Lets timers and signals in now and then: a tree in memory never waits for anything. */
  private async step(): Promise<void> {
    if (++this.steps % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    this.signal?.throwIfAborted();
  }

  /** Fills a directory; its own attributes last, because what is made in it changes its times. */
  async fill(dir: Inode, path: Buffer, stat: BigIntStats): Promise<void> {
    let names: Buffer[];
    try {
      names = readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare);
    } catch (error) {
      throw new LoadError((error as Error).message);
    }
    for (const name of names) {
      const from = join(path, name);
      await this.step();
      try {
        await this.copy(dir, nameOf(name), from, statOf(from));
      } catch (error) {
        if (error instanceof PosixError) throw new LoadError(`${from}: ${error}`);
        throw error;
      }
    }
    this.attributes(dir, stat);
  }

  private async copy(dir: Inode, name: string, from: Buffer, stat: BigIntStats): Promise<void> {
    const { tree } = this;
    const mode = Number(stat.mode);
    const owner = { uid: Number(stat.uid), gid: Number(stat.gid) };
    const type = mode & S_IFMT;
    if (type === S_IFDIR) {
      const there = tree.lookup(dir, name);
      const inside =
        there !== undefined && (there.mode & S_IFMT) === S_IFDIR ? there : tree.mkdir(dir, name, { mode, ...owner });
      await this.fill(inside, from, stat);
      return;
    }
    const key = stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : undefined;
    const same = key === undefined ? undefined : this.linked.get(key);
    if (same !== undefined) {
      tree.link(same, dir, name);
      this.attributes(same, stat);
      return;
    }
    const inode =
      type === S_IFLNK
        ? tree.symlink(dir, name, nameOf(readlinkSync(from, { encoding: 'buffer' })), owner)
        : tree.mknod(dir, name, { mode, ...owner, rdev: Number(stat.rdev & 0xffff_ffffn) });
    if (key !== undefined) this.linked.set(key, inode);
    if (type === S_IFREG) await this.content(inode, from, stat);
    this.attributes(inode, stat);
  }

  /** Copies the bytes. Of a file with holes, pieces of nothing but zeros are left out. */
  private async content(inode: Inode, from: Buffer, stat: BigIntStats): Promise<void> {
    const { tree, piece } = this;
    const sparse = stat.blocks * 512n < stat.size;
    const step = sparse ? tree.chunkSize : PIECE;
    let fd: number;
    try {
      fd = openSync(from, 'r');
    } catch (error) {
      throw new LoadError((error as Error).message);
    }
    try {
      let at = 0;
      for (;;) {
        await this.step();
        const count = readSync(fd, piece, 0, step, at);
        if (count === 0) break;
        const bytes = piece.subarray(0, count);
        if (!sparse || bytes.some((byte) => byte !== 0)) {
          await tree.write(inode, at, count, readerOf(bytes));
        }
        at += count;
      }
      if (at > inode.size) tree.setattr(inode, { size: at });
    } finally {
      closeSync(fd);
    }
  }

  private attributes(inode: Inode, stat: BigIntStats): void {
    this.tree.setattr(inode, {
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      atime: time(stat.atimeNs),
      mtime: time(stat.mtimeNs),
      ctime: time(stat.ctimeNs),
    });
  }
}
