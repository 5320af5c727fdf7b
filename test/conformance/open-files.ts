// System calls on open files, over a FUSE client: what Linux checks itself (fs/open.c, fs/read_write.c), and the
// requests that it sends.
import { PosixError } from '../../src/base/errno.ts';
import { bytesToString, stringToBytes } from '../../src/base/iov.ts';
import * as abi from '../../src/fs/fuse/abi.ts';
import type { ListedEntry } from '../fuse-client.ts';
import { flagsOf } from './flags.ts';
import { EXEC, isDir, isFile, isLink, type Node, READ, S_IFMT, S_IFREG, type Walker, WRITE } from './walk.ts';

const MAX_IO = 128 * 1024;
/** Largest file of a 32-bit Linux, bytes (MAX_LFS_FILESIZE). */
const SIZE_MAX = 2 ** 44 - 1;
const O = Object.fromEntries(
  ['CREAT', 'EXCL', 'TRUNC', 'APPEND', 'NONBLOCK', 'DIRECTORY', 'NOFOLLOW', 'NOATIME', 'PATH', 'TMPFILE'].map(
    (name) => [name, flagsOf(`O_${name}`)],
  ),
) as Record<
  'CREAT' | 'EXCL' | 'TRUNC' | 'APPEND' | 'NONBLOCK' | 'DIRECTORY' | 'NOFOLLOW' | 'NOATIME' | 'PATH' | 'TMPFILE',
  number
>;
const ACCMODE = 3;
const S_IFIFO = 0o010000;
/** Type of the extension in which a group is told (include/uapi/linux/fuse.h). */
const FUSE_EXT_GROUPS = 32;

interface OpenFile {
  readonly nodeid: number;
  /** undefined: an O_PATH, or a file that is not the server's to open. */
  readonly fh: number | undefined;
  readonly directory: boolean;
  readonly flags: number;
  position: number;
}

export class OpenFiles {
  private readonly walker: Walker;
  private readonly files = new Map<string, OpenFile>();
  /** Whether the server applies the umask (FUSE_DONT_MASK), and is told of a group (FUSE_CREATE_SUPP_GROUP). */
  dontMask = false;
  suppGroups = false;
  /** nodeids of files without a name that may get one (I_LINKABLE). */
  readonly linkable = new Set<number>();

  constructor(walker: Walker) {
    this.walker = walker;
  }

  private get client() {
    return this.walker.client;
  }

  /** EBADF */
  get(fd: string): OpenFile {
    const file = this.files.get(fd);
    if (file === undefined) throw new PosixError('EBADF');
    return file;
  }

  private real(fd: string): OpenFile & { fh: number } {
    const file = this.get(fd);
    if (file.fh === undefined) throw new PosixError('EBADF');
    return file as OpenFile & { fh: number };
  }

  private readable(fd: string): OpenFile & { fh: number } {
    const file = this.real(fd);
    if ((file.flags & ACCMODE) === 1) throw new PosixError('EBADF');
    return file;
  }

  private writable(fd: string): OpenFile & { fh: number } {
    const file = this.real(fd);
    if ((file.flags & ACCMODE) === 0) throw new PosixError('EBADF');
    return file;
  }

  /** FUSE_WRITE_KILL_SUIDGID and its like are asked for where the caller has no CAP_FSETID. */
  get kill(): boolean {
    return !this.walker.capable;
  }

  // --- opening

  /** What the letter meant before is closed. */
  async open(fd: string, path: string, flags: number, mode: number): Promise<void> {
    if (this.files.has(fd)) await this.close(fd);
    this.files.set(fd, await this.opened(path, flags, mode));
  }

  private async opened(path: string, flags: number, mode: number): Promise<OpenFile> {
    if ((flags & O.TMPFILE) === O.TMPFILE) return this.tmpfile(path, flags, mode);
    if (flags & O.CREAT && flags & O.DIRECTORY) throw new PosixError('EINVAL');
    const exclusive = (flags & O.CREAT) !== 0 && (flags & O.EXCL) !== 0;
    const stay = exclusive || (flags & O.NOFOLLOW) !== 0;
    const place = await this.walker.locate(path, stay ? (flags & O.CREAT ? 'never' : 'slash') : 'always');
    if (flags & O.CREAT && (place.slash || place.kind !== 'name')) throw new PosixError('EISDIR');
    if (place.node === undefined) {
      if (!(flags & O.CREAT)) throw new PosixError('ENOENT');
      return this.create(place.dir, place.name, flags, mode);
    }
    if (exclusive) throw new PosixError('EEXIST');
    const { node } = place;
    if (flags & O.CREAT && isDir(node)) throw new PosixError('EISDIR');
    if ((place.slash || flags & O.DIRECTORY) && !isDir(node)) throw new PosixError('ENOTDIR');
    return this.openNode(node, flags);
  }

  private async openNode(node: Node, flags: number): Promise<OpenFile> {
    const { nodeid } = node;
    if (flags & O.PATH) return { nodeid, fh: undefined, directory: isDir(node), flags, position: 0 };
    if (isLink(node)) throw new PosixError('ELOOP');
    const wanted = [READ, WRITE, READ | WRITE][flags & ACCMODE]! | (flags & O.TRUNC ? WRITE : 0);
    if (isDir(node) && wanted & WRITE) throw new PosixError('EISDIR');
    this.walker.permit(node, wanted);
    if (flags & O.NOATIME && !this.walker.owns(node)) throw new PosixError('EPERM');
    if (isDir(node)) {
      return { nodeid, fh: await this.client.opendir(nodeid), directory: true, flags, position: 0 };
    }
    if (!isFile(node)) return this.openSpecial(node, flags);
    const kill = flags & O.TRUNC && this.kill ? abi.FUSE_OPEN_FLAGS.FUSE_OPEN_KILL_SUIDGID : 0;
    const { fh } = await this.client.openOut(nodeid, flags & ~(O.CREAT | O.EXCL), kill);
    return { nodeid, fh, directory: false, flags, position: 0 };
  }

  /** A FIFO whose other end nobody has open; sockets and the devices of no driver cannot be opened. */
  private openSpecial({ nodeid, attr }: Node, flags: number): OpenFile {
    const readsFifo = (attr.mode & S_IFMT) === S_IFIFO && (flags & ACCMODE) !== 1;
    if (!readsFifo) throw new PosixError('ENXIO');
    return { nodeid, fh: undefined, directory: false, flags, position: 0 };
  }

  private async create(dir: Node, name: string, flags: number, mode: number): Promise<OpenFile> {
    this.walker.mayCreate(dir);
    const bits = this.newMode(dir, mode);
    const { nodeid, fh } = await this.making(dir, () => this.client.create(dir.nodeid, name, S_IFREG | bits, flags));
    return { nodeid, fh, directory: false, flags, position: 0 };
  }

  /** vfs_prepare_mode() */
  newMode(dir: Node, mode: number): number {
    const program = (mode & 0o2010) === 0o2010 && (dir.attr.mode & 0o2000) !== 0;
    const keeps = !program || this.walker.capable || this.walker.inGroup(dir.attr.gid);
    return this.masked(keeps ? mode & 0o7777 : mode & 0o5777);
  }

  masked(mode: number): number {
    return this.dontMask ? mode : mode & ~this.client.umask;
  }

  /** A request that makes an inode in `dir`, with the one group that Linux tells (get_create_supp_group()). */
  async making<T>({ attr }: Node, request: () => Promise<T>): Promise<T> {
    const { client, walker } = this;
    if (!this.suppGroups || attr.gid === walker.caller.gid || !walker.inGroup(attr.gid)) return request();
    const before = client.extensions;
    client.extensions = new Uint8Array(Uint32Array.of(16, FUSE_EXT_GROUPS, 1, attr.gid).buffer);
    try {
      return await request();
    } finally {
      client.extensions = before;
    }
  }

  private async tmpfile(path: string, flags: number, mode: number): Promise<OpenFile> {
    if ((flags & ACCMODE) === 0 || flags & O.CREAT) throw new PosixError('EINVAL');
    const dir = await this.walker.find(path);
    if (!isDir(dir)) throw new PosixError('ENOTDIR');
    this.walker.permit(dir, WRITE | EXEC);
    const bits = S_IFREG | this.newMode(dir, mode);
    const { nodeid, fh } = await this.making(dir, () => this.client.tmpfile(dir.nodeid, bits, flags));
    if (!(flags & O.EXCL)) this.linkable.add(nodeid);
    return { nodeid, fh, directory: false, flags, position: 0 };
  }

  async close(fd: string): Promise<void> {
    const { nodeid, fh, directory } = this.get(fd);
    this.files.delete(fd);
    if (fh === undefined) return;
    if (directory) return this.client.releasedir(nodeid, fh);
    await this.client.flush(nodeid, fh);
    await this.client.release(nodeid, fh);
  }

  async closeAll(): Promise<void> {
    for (const fd of [...this.files.keys()]) await this.close(fd);
  }

  // --- content

  async pread(fd: string, size: number, offset: number): Promise<string> {
    const { nodeid, fh, directory } = this.readable(fd);
    if (directory) throw new PosixError('EISDIR');
    if (offset < 0) throw new PosixError('EINVAL');
    let text = '';
    while (text.length < size) {
      const part = await this.client.read(nodeid, fh, offset + text.length, Math.min(size - text.length, MAX_IO));
      if (part.length === 0) break;
      text += bytesToString(part);
    }
    return text;
  }

  async read(fd: string, size: number): Promise<string> {
    const file = this.get(fd);
    const text = await this.pread(fd, size, file.position);
    file.position += text.length;
    return text;
  }

  async pwrite(fd: string, data: string, offset: number): Promise<number> {
    const { nodeid, fh, flags } = this.writable(fd);
    if (offset < 0) throw new PosixError('EINVAL');
    const bytes = stringToBytes(data);
    const write_flags = this.kill ? abi.FUSE_WRITE_FLAGS.FUSE_WRITE_KILL_SUIDGID : 0;
    let at = flags & O.APPEND ? (await this.client.getattr(nodeid)).size : offset;
    if (bytes.length > 0 && at >= SIZE_MAX) throw new PosixError('EFBIG');
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + MAX_IO);
      const written = await this.client.write(nodeid, fh, at, part, { write_flags, flags });
      done += written;
      at += written;
    }
    return bytes.length;
  }

  async write(fd: string, data: string): Promise<number> {
    const file = this.writable(fd);
    const written = await this.pwrite(fd, data, file.position);
    const append = (file.flags & O.APPEND) !== 0;
    const position = append ? (await this.client.getattr(file.nodeid)).size : file.position + written;
    // The caller's object, and not the narrowed one.
    this.get(fd).position = position;
    return written;
  }

  async lseek(fd: string, offset: number, whence: number): Promise<number> {
    const file = this.real(fd);
    let at: number;
    if (whence <= 2) {
      const from = [0, file.position, whence === 2 ? (await this.client.getattr(file.nodeid)).size : 0][whence]!;
      at = from + offset;
      if (at < 0 || at > SIZE_MAX) throw new PosixError('EINVAL');
    } else {
      if (offset < 0) throw new PosixError('ENXIO');
      at = await this.client.lseek(file.nodeid, file.fh, offset, whence);
    }
    this.get(fd).position = at;
    return at;
  }

  async ftruncate(fd: string, size: number): Promise<void> {
    if (size < 0) throw new PosixError('EINVAL');
    const { nodeid, fh, flags, directory } = this.real(fd);
    if (directory || (flags & ACCMODE) === 0) throw new PosixError('EINVAL');
    await this.setSize(nodeid, size, fh);
  }

  /** SETATTR as fuse_do_setattr() sends it for a size. */
  async setSize(nodeid: number, size: number, fh?: number): Promise<void> {
    const { FATTR } = abi;
    if (size > SIZE_MAX) throw new PosixError('EFBIG');
    const valid =
      FATTR.FATTR_SIZE | (fh === undefined ? 0 : FATTR.FATTR_FH) | (this.kill ? FATTR.FATTR_KILL_SUIDGID : 0);
    await this.client.setattr(nodeid, { valid, size, fh: fh ?? 0 });
  }

  async fallocate(fd: string, mode: number, offset: number, length: number): Promise<void> {
    if (offset < 0 || length <= 0) throw new PosixError('EINVAL');
    const keep = (mode & 1) !== 0;
    const known = [0, 2, 16].includes(mode & ~1) && (mode & 2 ? keep : true);
    if (!known) throw new PosixError('EOPNOTSUPP');
    const { nodeid, fh } = this.writable(fd);
    if (offset + length > SIZE_MAX) throw new PosixError('EFBIG');
    await this.client.fallocate(nodeid, fh, mode, offset, length);
  }

  /** generic_copy_file_checks(), then COPY_FILE_RANGE. */
  async copy(from: string, at: number, to: string, toAt: number, length: number, flags: number): Promise<number> {
    if (flags !== 0) throw new PosixError('EINVAL');
    const source = this.real(from);
    const target = this.real(to);
    if (source.directory || target.directory) throw new PosixError('EISDIR');
    this.readable(from);
    this.writable(to);
    if (target.flags & O.APPEND) throw new PosixError('EBADF');
    const { size } = await this.client.getattr(source.nodeid);
    const len = Math.max(0, Math.min(length, size - at));
    const overlap = source.nodeid === target.nodeid && toAt + len > at && toAt < at + len;
    if (overlap) throw new PosixError('EINVAL');
    if (len === 0) return 0;
    return this.client.copyFileRange([source.nodeid, source.fh, at], [target.nodeid, target.fh, toAt], len);
  }

  async fsync(fd: string): Promise<void> {
    const { nodeid, fh, directory } = this.real(fd);
    await (directory ? this.client.fsyncdir(nodeid, fh) : this.client.fsync(nodeid, fh));
  }

  // --- directories

  private async rest(dir: Node, fh: number, cookie: number, size = 4096): Promise<ListedEntry[]> {
    const all: ListedEntry[] = [];
    for (let at = cookie; ; at = all.at(-1)!.cookie) {
      const part = await this.client.readdir(dir.nodeid, fh, at, size);
      if (part.length === 0) return all;
      all.push(...part);
    }
  }

  async list(dir: Node): Promise<ListedEntry[]> {
    return this.client.list(dir.nodeid);
  }

  /** How many entries there are, or behind which of them others follow than did before. */
  async dirseek(dir: Node, thin: boolean): Promise<string> {
    const handles = [await this.client.opendir(dir.nodeid), await this.client.opendir(dir.nodeid)];
    const all = await this.rest(dir, handles[0]!, 0);
    const gone = new Set<ListedEntry>();
    for (let i = 0; thin && i < all.length; i += 2) {
      const { name } = all[i]!;
      if (name === '.' || name === '..') continue;
      await this.client.unlink(dir.nodeid, name);
      gone.add(all[i]!);
    }
    let wrong = -1;
    for (let i = 0; i < all.length && wrong < 0; i++) {
      const rest = await this.rest(dir, handles[i % 2]!, all[i]!.cookie);
      const names = (entries: ListedEntry[]): string => entries.map(({ name }) => name).join('/');
      if (names(rest) !== names(all.slice(i + 1).filter((entry) => !gone.has(entry)))) wrong = i;
    }
    for (const fh of handles) await this.client.releasedir(dir.nodeid, fh);
    return wrong < 0 ? String(all.length) : `other entries behind entry ${wrong + 1} of ${all.length}`;
  }

  async dirdrain(dir: Node, size: number): Promise<number> {
    const fh = await this.client.opendir(dir.nodeid);
    let seen = 0;
    for (let cookie = 0; ; ) {
      const part = await this.client.readdir(dir.nodeid, fh, cookie, size);
      if (part.length === 0) break;
      cookie = part.at(-1)!.cookie;
      for (const { name } of part) {
        if (name === '.' || name === '..') continue;
        await this.client.unlink(dir.nodeid, name);
        seen++;
      }
    }
    await this.client.releasedir(dir.nodeid, fh);
    return seen;
  }
}
