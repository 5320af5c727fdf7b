// Puts what is in a tar archive into a tree. Archives come from anywhere: nothing that one says is taken on trust.
import { Errno, PosixError } from '../../base/errno.ts';
import { readerOf } from '../../base/iov.ts';
import type { Saved } from '../tree/attributes.ts';
import type { Inode } from '../tree/inode.ts';
import { deviceNumber, PATH_MAX, S_IFBLK, S_IFCHR, S_IFIFO, S_IFREG, S_IFSOCK } from '../tree/mode.ts';
import type { Tree } from '../tree/tree.ts';
import { ArchiveError } from './archive-error.ts';
import { ArchivePaths, LeftOut, type Place } from './archive-paths.ts';
import { ArchiveReader } from './archive-reader.ts';
import { openBytes } from './byte-source.ts';
import type { Entry, EntryType } from './entry.ts';
import { Pace } from './pace.ts';
import { cut, shown } from './shown.ts';

/** What was left out is told by name up to this many. */
const LEFT_MAX = 1000;

export interface Left {
  /** As the archive has it, a string of bytes, cut where it is too long for any path; empty for the whole archive. */
  path: string;
  /** For people. */
  reason: string;
}

export interface ImportReport {
  /** Entries that were put into the tree. */
  entries: number;
  /** Bytes of content that were written. */
  bytes: number;
  /** What was left out, all of an entry or something of it: the first ones. */
  left: Left[];
  /** How many there are. */
  leftCount: number;
}

export interface ImportOptions {
  signal?: AbortSignal | undefined;
  /** Told of the bytes of the stream that were taken so far, and of the path that it is at (a string of bytes). */
  onProgress?: (done: number, path: string) => void;
}

/**
 * Reads a tar archive, gzipped or not, into the tree's root. Directories that are there are filled, other things of the
 * same name replaced, as tar does. What cannot be kept, or would lead out of the tree, is left out and told. Rejects
 * with ArchiveError where the archive makes no sense or the tree has no room, PosixError EIO, the signal's reason, and
 * as the stream does: what was put there until then is there. Also where no more is read, the stream is cancelled.
 */
export async function importArchive(
  tree: Tree,
  stream: ReadableStream<Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportReport> {
  return new Importer(tree, options).run(stream);
}

/** Reads an archive to its end and puts nothing anywhere. Rejects with ArchiveError, and as importArchive. */
export async function verifyArchive(stream: ReadableStream<Uint8Array>, signal?: AbortSignal): Promise<void> {
  const source = await openBytes(stream, new Pace(signal));
  try {
    const reader = new ArchiveReader(source);
    while (await reader.next());
  } finally {
    await source.close();
  }
}

/** After these nothing more can be put into the tree. */
const ENDS: ReadonlySet<number> = new Set([Errno.EIO, Errno.EROFS]);

const FORMATS: Readonly<Partial<Record<EntryType, number>>> = {
  file: S_IFREG,
  character: S_IFCHR,
  block: S_IFBLK,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
};

class Importer {
  private readonly tree: Tree;
  private readonly signal: AbortSignal | undefined;
  private readonly onProgress: (done: number, path: string) => void;
  private readonly paths: ArchivePaths;
  private readonly report: ImportReport = { entries: 0, bytes: 0, left: [], leftCount: 0 };
  /** What is set at the end, because what comes later changes it, or is forbidden by it. */
  private readonly last = new Map<Inode, Saved>();
  private readonly chunk: Uint8Array;
  private taken = 0;
  /** The path that it is at. */
  private path = '';

  constructor(tree: Tree, { signal, onProgress = () => {} }: ImportOptions) {
    this.tree = tree;
    this.signal = signal;
    this.onProgress = onProgress;
    this.paths = new ArchivePaths(tree);
    this.chunk = new Uint8Array(tree.chunkSize);
  }

  async run(stream: ReadableStream<Uint8Array>): Promise<ImportReport> {
    const source = await openBytes(stream, new Pace(this.signal), (count) => {
      this.taken += count;
      this.onProgress(this.taken, this.path);
    });
    try {
      const reader = new ArchiveReader(source);
      for (let entry = await reader.next(); entry; entry = await reader.next()) {
        this.path = cut(entry.path, PATH_MAX);
        await this.entry(entry, reader);
      }
      if (!reader.ended) this.leave('', 'the archive has no mark of its end: something may be missing');
    } finally {
      await source.close();
    }
    for (const [inode, saved] of this.last) this.tree.restore(inode, saved);
    return this.report;
  }

  private leave(path: string, reason: string): void {
    this.report.leftCount++;
    if (this.report.left.length < LEFT_MAX) this.report.left.push({ path: cut(path, PATH_MAX), reason });
  }

  private async entry(entry: Entry, reader: ArchiveReader): Promise<void> {
    try {
      if (entry.refused !== undefined) throw new LeftOut(entry.refused);
      await this.place(entry, reader);
      this.report.entries++;
      for (const lack of entry.lacks) this.leave(entry.path, lack);
    } catch (error) {
      if (error instanceof LeftOut) this.leave(entry.path, error.message);
      else if (!(error instanceof PosixError) || ENDS.has(error.errno)) throw error;
      else if (error.errno === Errno.ENOSPC)
        throw new ArchiveError('full', `There is no room for ${shown(entry.path)}.`);
      else this.leave(entry.path, String(error));
    }
  }

  private async place(entry: Entry, reader: ArchiveReader): Promise<void> {
    const place = this.paths.place(entry.path);
    if (entry.type === 'directory') {
      this.directory(entry, place);
      return;
    }
    if (!place) throw new LeftOut('it has the name of the root, and is no directory');
    const { dir, name } = place;
    const there = this.tree.lookup(dir, name);
    if (there?.directory) throw new LeftOut('a directory has its name');
    const target = entry.type === 'link' ? this.linked(entry) : undefined;
    if (target && there === target) return;
    if (entry.type === 'symlink' && entry.target.includes('\0')) throw new LeftOut('there is a NUL in its target');
    if (entry.type === 'file') this.checkRoom(entry);
    if (there) this.remove(dir, name, there);
    if (target) this.link(target, dir, name);
    else await this.make(entry, dir, name, reader);
  }

  private remove(dir: Inode, name: string, there: Inode): void {
    this.tree.unlink(dir, name);
    if (there.nlink === 0) this.last.delete(there);
  }

  private directory(entry: Entry, place: Place | undefined): void {
    const { tree } = this;
    const { mode, uid, gid } = entry;
    const there = place ? tree.lookup(place.dir, place.name) : tree.root;
    if (there && !there.directory) throw new LeftOut('something that is no directory has its name');
    this.attributes(there ?? tree.mkdir((place as Place).dir, (place as Place).name, { mode, uid, gid }), entry);
  }

  /** What a hard link is another name of. Throws LeftOut. */
  private linked(entry: Entry): Inode {
    let target: Inode | undefined;
    try {
      target = this.paths.find(entry.target);
    } catch (error) {
      if (!(error instanceof LeftOut)) throw error;
      throw new LeftOut(`it is a link to ${shown(entry.target)}: ${error.message}`);
    }
    if (!target) throw new LeftOut(`it is a link to ${shown(entry.target)}, which is not there`);
    if (target.directory) throw new LeftOut(`it is a link to ${shown(entry.target)}, a directory`);
    return target;
  }

  /** The change time of a file is what the file's own entry says, not that of the link. */
  private link(target: Inode, dir: Inode, name: string): void {
    const ctime = { s: target.ctime, ns: target.ctimensec };
    this.tree.link(target, dir, name);
    this.tree.restore(target, { ctime });
  }

  private checkRoom({ parts, path }: Entry): void {
    const needed = parts.reduce((sum, length, i) => (i % 2 === 0 ? sum : sum + length), 0);
    const { bavail, bsize } = this.tree.statfs();
    if (needed > bavail * bsize) {
      throw new ArchiveError('full', `${shown(path)} has ${needed} bytes, and there is room for ${bavail * bsize}.`);
    }
  }

  private async make(entry: Entry, dir: Inode, name: string, reader: ArchiveReader): Promise<void> {
    const { tree } = this;
    const { type, mode, uid, gid, major, minor } = entry;
    const format = FORMATS[type];
    const rdev = type === 'character' || type === 'block' ? deviceNumber(major, minor) : 0;
    const inode =
      format === undefined
        ? tree.symlink(dir, name, entry.target, { uid, gid })
        : tree.mknod(dir, name, { mode: format | mode, uid, gid, rdev });
    try {
      if (entry.type === 'file') await this.content(entry, inode, reader);
    } catch (error) {
      // Nothing half of a file that was left out.
      if (inode.nlink > 0) tree.unlink(dir, name);
      throw error;
    }
    this.attributes(inode, entry);
  }

  /** Writes chunk by chunk: what is whole is stored once. Rejects with ArchiveError, PosixError. */
  private async content(entry: Entry, inode: Inode, reader: ArchiveReader): Promise<void> {
    const { tree, chunk } = this;
    const { parts } = entry;
    for (let i = 0; i < parts.length; i += 2) {
      let at = parts[i] as number;
      const end = at + (parts[i + 1] as number);
      while (at < end) {
        const bytes = chunk.subarray(0, Math.min(end - at, tree.chunkSize - (at % tree.chunkSize)));
        await reader.read(bytes);
        await tree.write(inode, at, bytes.length, readerOf(bytes), false);
        at += bytes.length;
        this.report.bytes += bytes.length;
      }
    }
    if (entry.size > inode.size) tree.setattr(inode, { size: entry.size });
  }

  private attributes(inode: Inode, entry: Entry): void {
    const { tree } = this;
    const { mode, uid, gid, atime, mtime, ctime, btime, flags } = entry;
    tree.restore(inode, { mode, uid, gid, flags: 0 });
    for (const [name, value] of entry.xattrs) {
      try {
        if (name.includes('\0')) throw new PosixError('EINVAL', 'a NUL in its name');
        tree.setxattr(inode, name, value, 0);
      } catch (error) {
        if (!(error instanceof PosixError)) throw error;
        entry.lacks.push(`xattr ${shown(name)}: ${error}`);
        // As would all that follow, and there may be millions.
        if (error.errno === Errno.ENOSPC) break;
      }
    }
    const saved: Saved = { atime, mtime, ctime, btime, flags };
    if (inode.directory || flags !== 0) this.last.set(inode, saved);
    tree.restore(inode, { ...saved, flags: 0 });
  }
}
