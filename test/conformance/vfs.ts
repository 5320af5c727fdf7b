// A small VFS over a FUSE client: answers the calls of a behaviour as Linux would that has mounted the server, and in
// the words of guest-images/tools/lab-calls.c. It knows what Linux checks before it asks a server, and no more.
import { errnoName, PosixError } from '../../src/base/errno.ts';
import { bytesToString, stringToBytes } from '../../src/base/iov.ts';
import { FATTR, FUSE_INIT_FLAGS, FUSE_INIT_FLAGS2 } from '../../src/fs/fuse/abi.ts';
import type { FuseClient } from '../fuse-client.ts';
import { decode, encode } from './bytes.ts';
import type { Step } from './calls.ts';
import { flagsOf, numberOf } from './flags.ts';
import { OpenFiles } from './open-files.ts';
import {
  type Attr,
  type Caller,
  isDir,
  isFile,
  isLink,
  type Node,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  Walker,
  WRITE,
} from './walk.ts';

const PATH_MAX = 4096;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
/** What may_mknod() lets through; 0 is a file. */
const NODE_TYPES = new Set([0, S_IFREG, S_IFCHR, S_IFBLK, 0o010000, 0o140000]);
const TYPES: Readonly<Record<number, string>> = { 1: 'p', 2: 'c', 4: 'd', 6: 'b', 8: '-', 10: 'l', 12: 's' };

type Call = (...args: string[]) => Promise<unknown>;

const timeText = (s: number, ns: number): string => `${s}.${String(ns).padStart(9, '0')}`;

function statText(attr: Attr): string {
  const { mode, nlink, uid, gid, rdev, size, blocks, ino } = attr;
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return [
    `mode=${mode.toString(8).padStart(6, '0')} nlink=${nlink} uid=${uid} gid=${gid} rdev=${major}:${minor}`,
    `size=${size} blocks=${blocks} ino=${ino} atime=${timeText(attr.atime, attr.atimensec)}`,
    `mtime=${timeText(attr.mtime, attr.mtimensec)} ctime=${timeText(attr.ctime, attr.ctimensec)}`,
  ].join(' ');
}

/** A wish of utimensat() as fuse_do_setattr() sends it. */
function timeWish(text: string, which: 'atime' | 'mtime'): Record<string, number> {
  if (text === 'omit') return { valid: 0 };
  const [set, now] =
    which === 'atime' ? [FATTR.FATTR_ATIME, FATTR.FATTR_ATIME_NOW] : [FATTR.FATTR_MTIME, FATTR.FATTR_MTIME_NOW];
  if (text === 'now') return { valid: set | now };
  const [s, ns] = text.split('.').map(Number) as [number, number];
  if (ns > 999_999_999) throw new PosixError('EINVAL');
  return { valid: set, [which]: s, [`${which}nsec`]: ns };
}

export class Vfs {
  private readonly client: FuseClient;
  private readonly walker: Walker;
  private readonly files: OpenFiles;
  /** Lets the tree's clock go on. */
  private readonly tick: () => void;

  constructor(client: FuseClient, tick: () => void) {
    this.client = client;
    this.tick = tick;
    this.walker = new Walker(client);
    this.files = new OpenFiles(this.walker);
  }

  /** INIT, with all that Linux offers. */
  async mount(): Promise<void> {
    const { flags, flags2 } = await this.client.init();
    this.files.dontMask = (flags & FUSE_INIT_FLAGS.FUSE_DONT_MASK) !== 0;
    this.files.suppGroups = (flags2 & FUSE_INIT_FLAGS2.FUSE_CREATE_SUPP_GROUP) !== 0;
  }

  /** Makes the calls of one behaviour in a new directory, and gives what each of them gave. */
  async behaviour(directory: string, steps: readonly Step[]): Promise<string[]> {
    this.become({ uid: 0, gid: 0, groups: [] });
    this.client.umask = 0;
    this.files.linkable.clear();
    this.walker.cwd = (await this.client.mkdir(1, directory, 0o755)).nodeid;
    const results: string[] = [];
    for (const step of steps) results.push(await this.answer(step));
    await this.files.closeAll();
    await this.client.forgetAll();
    return results;
  }

  private become(caller: Caller): void {
    this.walker.caller = caller;
    this.client.who = { uid: caller.uid, gid: caller.gid, pid: 1 };
  }

  private async answer(step: Step): Promise<string> {
    if (step.call !== 'repeat') return this.once(step.call, step.args);
    const [from, to, by, call, ...args] = step.args;
    const answers: string[] = [];
    for (let i = Number(from); i < Number(to); i += Number(by)) {
      answers.push(
        await this.once(
          call!,
          args.map((arg) => arg.replaceAll('@', String(i))),
        ),
      );
    }
    return answers.join(' ');
  }

  private async once(call: string, args: readonly string[]): Promise<string> {
    const made = this.calls[call];
    if (made === undefined) throw new Error(`no such call: ${call}`);
    try {
      const result = await made(...args.map(decode));
      if (result === undefined) return 'ok';
      return String(result);
    } catch (error) {
      if (error instanceof PosixError) return errnoName(error.errno);
      throw error;
    }
  }

  // --- names

  private async mknod(path: string, mode: number, rdev: number): Promise<void> {
    if ((mode & S_IFMT) === S_IFDIR) throw new PosixError('EPERM');
    if (!NODE_TYPES.has(mode & S_IFMT)) throw new PosixError('EINVAL');
    const { dir, name } = await this.walker.vacant(path, false);
    this.walker.mayCreate(dir);
    const type = mode & S_IFMT || S_IFREG;
    const device = type === S_IFCHR || type === S_IFBLK;
    if (device && (type === S_IFBLK || rdev !== 0) && !this.walker.capable) throw new PosixError('EPERM');
    const bits = type | this.files.newMode(dir, mode);
    await this.files.making(dir, () => this.client.mknod(dir.nodeid, name, bits, device ? rdev : 0));
  }

  private async mkdir(path: string, mode: number): Promise<void> {
    const { dir, name } = await this.walker.vacant(path, true);
    this.walker.mayCreate(dir);
    await this.files.making(dir, () => this.client.mkdir(dir.nodeid, name, this.files.masked(mode & 0o1777)));
  }

  private async symlink(target: string, path: string): Promise<void> {
    if (target === '') throw new PosixError('ENOENT');
    if (target.length >= PATH_MAX) throw new PosixError('ENAMETOOLONG');
    const { dir, name } = await this.walker.vacant(path, false);
    this.walker.mayCreate(dir);
    await this.files.making(dir, () => this.client.symlink(dir.nodeid, name, target));
  }

  private async link(node: Node, path: string): Promise<void> {
    const { dir, name } = await this.walker.vacant(path, false);
    this.walker.mayCreate(dir);
    if (isDir(node)) throw new PosixError('EPERM');
    if (node.attr.nlink === 0 && !this.files.linkable.has(node.nodeid)) throw new PosixError('ENOENT');
    await this.client.link(node.nodeid, dir.nodeid, name);
    this.files.linkable.delete(node.nodeid);
  }

  private async unlink(path: string): Promise<void> {
    const { dir, name, node, kind, slash } = await this.walker.locate(path, 'never');
    if (kind !== 'name') throw new PosixError('EISDIR');
    if (node === undefined) throw new PosixError('ENOENT');
    if (slash) throw new PosixError(isDir(node) ? 'EISDIR' : 'ENOTDIR');
    this.walker.mayDelete(dir, node, false);
    await this.client.unlink(dir.nodeid, name);
  }

  private async rmdir(path: string): Promise<void> {
    const { dir, name, node, kind } = await this.walker.locate(path, 'never');
    if (kind === '.') throw new PosixError('EINVAL');
    if (kind === '..') throw new PosixError('ENOTEMPTY');
    if (kind === '/') throw new PosixError('EBUSY');
    if (node === undefined) throw new PosixError('ENOENT');
    this.walker.mayDelete(dir, node, true);
    await this.client.rmdir(dir.nodeid, name);
  }

  /** do_renameat2() and vfs_rename() */
  private async rename(from: string, to: string, flags: number): Promise<void> {
    const [noreplace, exchange] = [(flags & 1) !== 0, (flags & 2) !== 0];
    if (flags & ~7 || (exchange && flags & 5)) throw new PosixError('EINVAL');
    const old = await this.walker.locate(from, 'never');
    const target = await this.walker.locate(to, 'never');
    if (old.kind !== 'name') throw new PosixError('EBUSY');
    if (target.kind !== 'name') throw new PosixError(noreplace ? 'EEXIST' : 'EBUSY');
    const { node } = old;
    const there = target.node;
    if (node === undefined) throw new PosixError('ENOENT');
    if (noreplace && there !== undefined) throw new PosixError('EEXIST');
    if (exchange && there === undefined) throw new PosixError('ENOENT');
    if (exchange && there !== undefined && !isDir(there) && target.slash) throw new PosixError('ENOTDIR');
    if (!isDir(node) && (old.slash || (!exchange && target.slash))) throw new PosixError('ENOTDIR');
    if (this.walker.inside(target.dir, node)) throw new PosixError('EINVAL');
    if (there && this.walker.inside(old.dir, there)) throw new PosixError(exchange ? 'EINVAL' : 'ENOTEMPTY');
    if (there?.nodeid === node.nodeid) return;
    this.walker.mayDelete(old.dir, node, isDir(node));
    if (there === undefined) this.walker.mayCreate(target.dir);
    else this.walker.mayDelete(target.dir, there, exchange ? isDir(there) : isDir(node));
    if (old.dir.nodeid !== target.dir.nodeid) {
      if (isDir(node)) this.walker.permit(node, WRITE);
      if (exchange && there !== undefined && isDir(there)) this.walker.permit(there, WRITE);
    }
    const { client } = this;
    await client.rename(old.dir.nodeid, old.name, target.dir.nodeid, target.name, flags === 0 ? undefined : flags);
  }

  // --- attributes

  private async chmod(node: Node, mode: number): Promise<void> {
    if (!this.walker.owns(node)) throw new PosixError('EPERM');
    const keeps = this.walker.capable || this.walker.inGroup(node.attr.gid);
    await this.client.setattr(node.nodeid, { valid: FATTR.FATTR_MODE, mode: mode & (keeps ? 0o7777 : 0o5777) });
  }

  /** -1 leaves an owner as it is; the server takes set-id bits away. */
  private async chown(node: Node, uid: number, gid: number): Promise<void> {
    const { capable, caller } = this.walker;
    const { attr } = node;
    const mayUid = uid === -1 || capable || (attr.uid === caller.uid && uid === attr.uid);
    const mayGid = gid === -1 || capable || (attr.uid === caller.uid && (this.walker.inGroup(gid) || gid === attr.gid));
    if (!mayUid || !mayGid) throw new PosixError('EPERM');
    const valid = (uid === -1 ? 0 : FATTR.FATTR_UID) | (gid === -1 ? 0 : FATTR.FATTR_GID);
    await this.client.setattr(node.nodeid, { valid, uid: Math.max(uid, 0), gid: Math.max(gid, 0) });
  }

  private async truncate(path: string, size: number): Promise<void> {
    if (size < 0) throw new PosixError('EINVAL');
    const node = await this.walker.find(path);
    if (isDir(node)) throw new PosixError('EISDIR');
    if (!isFile(node)) throw new PosixError('EINVAL');
    this.walker.permit(node, WRITE);
    await this.files.setSize(node.nodeid, size);
  }

  private async utimens(find: () => Promise<Node>, atime: string, mtime: string): Promise<void> {
    const wishes = [timeWish(atime, 'atime'), timeWish(mtime, 'mtime')];
    if (atime === 'omit' && mtime === 'omit') return;
    const node = await find();
    const both = atime === 'now' && mtime === 'now';
    if (!this.walker.owns(node)) {
      if (!both) throw new PosixError('EPERM');
      this.walker.permit(node, WRITE);
    }
    const valid = wishes.reduce((all, wish) => all | (wish.valid ?? 0), 0);
    await this.client.setattr(node.nodeid, { ...wishes[0], ...wishes[1], valid });
  }

  // --- extended attributes

  /** xattr_permission() and the checks of fs/xattr.c */
  private async xattrNode(path: string, name: string, write: boolean): Promise<Node> {
    if (name.length === 0 || name.length > 255) throw new PosixError('ERANGE');
    const node = await this.walker.find(path, 'slash');
    const refused = write ? 'EPERM' : 'ENODATA';
    if (name.startsWith('security.') || name.startsWith('system.')) return node;
    if (name.startsWith('trusted.')) {
      if (!this.walker.capable) throw new PosixError(refused);
      return node;
    }
    if (name.startsWith('user.')) {
      if (!isFile(node) && !isDir(node)) throw new PosixError(refused);
      const sticky = isDir(node) && (node.attr.mode & 0o1000) !== 0;
      if (sticky && write && !this.walker.owns(node)) throw new PosixError('EPERM');
    }
    this.walker.permit(node, write ? WRITE : 4);
    return node;
  }

  private async setxattr(path: string, name: string, value: string, flags: number): Promise<void> {
    if (flags & ~3) throw new PosixError('EINVAL');
    if (name.length === 0 || name.length > 255) throw new PosixError('ERANGE');
    if (value.length > 65_536) throw new PosixError('E2BIG');
    const node = await this.xattrNode(path, name, true);
    await this.client.setxattr(node.nodeid, name, stringToBytes(value), flags);
  }

  private async listxattr(path: string, room: number): Promise<string> {
    const { nodeid } = await this.walker.find(path, 'slash');
    const list = bytesToString(await this.client.listxattr(nodeid, room || 65_536)).split('\0');
    return list.slice(0, -1).sort().map(encode).join(' ') || "''";
  }

  // --- all of them

  private readonly calls: Readonly<Record<string, Call>> = {
    as: async (uid, gid, ...groups) => this.become({ uid: Number(uid), gid: Number(gid), groups: groups.map(Number) }),
    umask: async (mask) => {
      this.client.umask = numberOf(mask!);
    },
    tick: async () => this.tick(),
    chdir: async (path) => {
      const node = await this.walker.find(path!);
      if (!isDir(node)) throw new PosixError('ENOTDIR');
      this.walker.permit(node, 1);
      this.walker.cwd = node.nodeid;
    },
    access: async (path, mode) => this.walker.permit(await this.walker.find(path!), flagsOf(mode!)),

    open: (fd, path, flags, mode) => this.files.open(fd!, path!, flagsOf(flags!), numberOf(mode!)),
    close: (fd) => this.files.close(fd!),
    read: async (fd, size) => encode(await this.files.read(fd!, numberOf(size!))),
    pread: async (fd, size, at) => encode(await this.files.pread(fd!, numberOf(size!), numberOf(at!))),
    write: (fd, data) => this.files.write(fd!, data!),
    pwrite: (fd, data, at) => this.files.pwrite(fd!, data!, numberOf(at!)),
    lseek: (fd, at, whence) => this.files.lseek(fd!, numberOf(at!), flagsOf(whence!)),
    ftruncate: (fd, size) => this.files.ftruncate(fd!, numberOf(size!)),
    fallocate: (fd, mode, at, length) => this.files.fallocate(fd!, flagsOf(mode!), numberOf(at!), numberOf(length!)),
    copy: (from, at, to, toAt, length, flags) =>
      this.files.copy(from!, numberOf(at!), to!, numberOf(toAt!), numberOf(length!), numberOf(flags!)),
    fsync: (fd) => this.files.fsync(fd!),
    fdatasync: (fd) => this.files.fsync(fd!),
    fstat: async (fd) => statText(await this.client.getattr(this.files.get(fd!).nodeid)),
    fchmod: async (fd, mode) => this.chmod(await this.ofFile(fd!), numberOf(mode!)),
    fchown: async (fd, uid, gid) => this.chown(await this.ofFile(fd!), numberOf(uid!), numberOf(gid!)),
    futimens: (fd, atime, mtime) => this.utimens(() => this.ofFile(fd!), atime!, mtime!),
    flink: async (fd, path) => this.link(await this.walker.node(this.files.get(fd!).nodeid), path!),

    file: async (path, mode, content) => {
      await this.files.open('file', path!, flagsOf('O_WRONLY|O_CREAT|O_EXCL'), numberOf(mode!));
      await this.files.write('file', content!);
      await this.files.close('file');
    },
    cat: async (path) => {
      await this.files.open('cat', path!, 0, 0);
      const content = await this.files.read('cat', 1 << 20);
      await this.files.close('cat');
      return encode(content);
    },

    mkdir: (path, mode) => this.mkdir(path!, numberOf(mode!)),
    rmdir: (path) => this.rmdir(path!),
    unlink: (path) => this.unlink(path!),
    link: async (from, to) => this.link(await this.walker.find(from!, 'never'), to!),
    linkat: async (from, to, flags) => {
      if (flagsOf(flags!) & ~0x1400) throw new PosixError('EINVAL');
      await this.link(await this.walker.find(from!, flagsOf(flags!) & 0x400 ? 'always' : 'never'), to!);
    },
    symlink: (target, path) => this.symlink(target!, path!),
    readlink: async (path) => {
      const node = await this.walker.find(path!, 'slash');
      if (!isLink(node)) throw new PosixError('EINVAL');
      return encode(await this.client.readlink(node.nodeid));
    },
    rename: (from, to) => this.rename(from!, to!, 0),
    renameat2: (from, to, flags) => this.rename(from!, to!, flagsOf(flags!)),
    mknod: (path, type, mode, major, minor) => {
      const [high, low] = [numberOf(major!), numberOf(minor!)];
      const rdev = (low & 0xff) | (high << 8) | ((low & ~0xff) << 12);
      return this.mknod(path!, flagsOf(type!) | numberOf(mode!), rdev >>> 0);
    },
    list: async (path) => {
      const names = (await this.files.list(await this.readableDir(path!))).map(
        ({ name, type }) => `${name}:${TYPES[type] ?? '?'}`,
      );
      return names.sort().map(encode).join(' ');
    },
    dirseek: async (path) => this.files.dirseek(await this.readableDir(path!), false),
    dirthin: async (path) => this.files.dirseek(await this.readableDir(path!), true),
    dirdrain: async (path, size) => this.files.dirdrain(await this.readableDir(path!), numberOf(size!)),

    stat: async (path) => statText((await this.walker.find(path!)).attr),
    lstat: async (path) => statText((await this.walker.find(path!, 'slash')).attr),
    statfs: async (path) => {
      await this.walker.find(path!);
      return `namelen=${(await this.client.statfs()).st.namelen}`;
    },
    chmod: async (path, mode) => this.chmod(await this.walker.find(path!), numberOf(mode!)),
    chown: async (path, uid, gid) => this.chown(await this.walker.find(path!), numberOf(uid!), numberOf(gid!)),
    lchown: async (path, uid, gid) =>
      this.chown(await this.walker.find(path!, 'slash'), numberOf(uid!), numberOf(gid!)),
    truncate: (path, size) => this.truncate(path!, numberOf(size!)),
    utimensat: (path, atime, mtime, flags) =>
      this.utimens(() => this.walker.find(path!, flagsOf(flags!) & 0x100 ? 'slash' : 'always'), atime!, mtime!),
    touch: (path) => this.utimens(() => this.walker.find(path!), 'now', 'now'),

    setxattr: (path, name, value, flags) => this.setxattr(path!, name!, value!, flagsOf(flags!)),
    getxattr: async (path, name, room) => {
      const { nodeid } = await this.xattrNode(path!, name!, false);
      return encode(bytesToString(await this.client.getxattr(nodeid, name!, numberOf(room!))));
    },
    xattrsize: async (path, name) => {
      const { nodeid } = await this.xattrNode(path!, name!, false);
      const reply = await this.client.getxattr(nodeid, name!, 0);
      return new DataView(reply.buffer, reply.byteOffset).getUint32(0, true);
    },
    removexattr: async (path, name) => {
      const { nodeid } = await this.xattrNode(path!, name!, true);
      await this.client.removexattr(nodeid, name!);
    },
    listxattr: (path, room) => this.listxattr(path!, numberOf(room!)),
  };

  private ofFile(fd: string): Promise<Node> {
    return this.walker.node(this.files.get(fd).nodeid);
  }

  private async readableDir(path: string): Promise<Node> {
    const node = await this.walker.find(path);
    if (!isDir(node)) throw new PosixError('ENOTDIR');
    this.walker.permit(node, 4);
    return node;
  }
}
