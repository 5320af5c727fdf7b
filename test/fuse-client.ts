// A small typed "kernel": sends FUSE requests as Linux builds them and keeps its side of the look-up counts.
import { type ErrnoName, errnoName, PosixError } from '../src/base/errno.ts';
import { bytesToString } from '../src/base/iov.ts';
import type { Struct } from '../src/base/struct.ts';
import * as abi from '../src/fs/fuse/abi.ts';
import {
  type Credentials,
  cstring,
  join,
  LINUX_FLAGS,
  LINUX_FLAGS2,
  message,
  OUT_HEADER,
  pack,
  type Transport,
  type Values,
} from './fuse-messages.ts';

export * from './fuse-messages.ts';

const { FUSE_OPCODE: OP } = abi;

export interface Entry {
  readonly nodeid: number;
  readonly generation: number;
  readonly entryValid: number;
  readonly attrValid: number;
  readonly attr: InstanceType<typeof abi.fuse_attr>;
}

/** A lock on the bytes `start` to `end`, on all where they are left out. */
export interface Lock {
  readonly owner: bigint;
  /** F_RDLCK 0, F_WRLCK 1, F_UNLCK 2. */
  readonly type: number;
  readonly start?: bigint;
  readonly end?: bigint;
  readonly pid?: number;
}

export interface ListedEntry {
  readonly name: string;
  readonly ino: number;
  readonly cookie: number;
  readonly type: number;
  /** READDIRPLUS only; 0 where the entry carries no look-up. */
  readonly nodeid: number;
}

const view = (bytes: Uint8Array, at = 0): DataView => new DataView(bytes.buffer, bytes.byteOffset + at);
const align8 = (length: number): number => (length + 7) & ~7;

export class FuseClient {
  private readonly transport: Transport;
  private unique = 2;
  who: Credentials = { uid: 0, gid: 0, pid: 1 };
  /** What requests that make an inode tell of the caller. */
  umask = 0;
  /** Extensions behind every request; a multiple of 8 bytes. */
  extensions: Uint8Array = new Uint8Array(0);
  /** The kernel's own counts: what the server has to hold. */
  readonly counts = new Map<number, number>();

  constructor(transport: Transport) {
    this.transport = transport;
  }

  // --- requests as such

  /** Sends a request and returns the reply's body. Throws PosixError for an errno, Error for a reply that Linux would misread. */
  async request(opcode: number, nodeid: number, body: Uint8Array, capacity: number): Promise<Uint8Array> {
    const unique = this.unique;
    this.unique += 2;
    const sent = message(opcode, nodeid, join(body, this.extensions), unique, this.who);
    new abi.fuse_in_header(view(sent)).total_extlen = this.extensions.length / 8;
    const { length, bytes } = await this.transport(sent, OUT_HEADER + capacity, 1);
    if (length < OUT_HEADER) throw new Error(`used length ${length}`);
    const header = new abi.fuse_out_header(view(bytes));
    if (header.len !== length) throw new Error(`len ${header.len}, used ${length}`);
    if (header.unique !== unique) throw new Error(`unique ${header.unique}, not ${unique}`);
    if (header.error > 0 || header.error < -511) throw new Error(`error ${header.error}`);
    if (header.error !== 0 && length !== OUT_HEADER) throw new Error('an error with a body');
    if (header.error !== 0) throw new PosixError(errnoName(-header.error) as ErrnoName);
    return bytes.subarray(OUT_HEADER);
  }

  /** Sends what is not answered. */
  async post(opcode: number, nodeid: number, body: Uint8Array, queue = 0): Promise<void> {
    const { length } = await this.transport(message(opcode, nodeid, body, this.unique, this.who), 0, queue);
    this.unique += 2;
    if (length !== 0) throw new Error(`used length ${length} without a writable part`);
  }

  private async fixed<F extends object>(
    type: Struct<F>,
    opcode: number,
    nodeid: number,
    ...body: Uint8Array[]
  ): Promise<F> {
    const reply = await this.request(opcode, nodeid, join(...body), type.size);
    if (reply.length !== type.size) throw new Error(`${reply.length} bytes where ${type.size} are fixed`);
    return new type(view(reply));
  }

  private count(nodeid: number): void {
    this.counts.set(nodeid, (this.counts.get(nodeid) ?? 0) + 1);
  }

  private async entry(opcode: number, nodeid: number, ...body: Uint8Array[]): Promise<Entry> {
    const out = await this.fixed(abi.fuse_entry_out, opcode, nodeid, ...body);
    return this.taken(out);
  }

  private taken(out: InstanceType<typeof abi.fuse_entry_out>): Entry {
    const { nodeid, generation, entry_valid, attr_valid, attr } = out;
    if (nodeid !== 0) this.count(nodeid);
    return { nodeid, generation, entryValid: entry_valid, attrValid: attr_valid, attr };
  }

  private async none(opcode: number, nodeid: number, ...body: Uint8Array[]): Promise<void> {
    const reply = await this.request(opcode, nodeid, join(...body), 0);
    if (reply.length !== 0) throw new Error(`${reply.length} bytes of body`);
  }

  // --- session

  async init(values: Values = {}): Promise<InstanceType<typeof abi.fuse_init_out>> {
    const body = pack(abi.fuse_init_in as Struct<object>, {
      major: 7,
      minor: 41,
      max_readahead: 131072,
      flags: LINUX_FLAGS,
      flags2: LINUX_FLAGS2,
      ...values,
    });
    const out = await this.fixed(abi.fuse_init_out, OP.FUSE_INIT, 0, body);
    this.counts.clear();
    return out;
  }

  async destroy(): Promise<void> {
    await this.none(OP.FUSE_DESTROY, 0);
    this.counts.clear();
  }

  statfs(): Promise<InstanceType<typeof abi.fuse_statfs_out>> {
    return this.fixed(abi.fuse_statfs_out, OP.FUSE_STATFS, 1);
  }

  syncfs(): Promise<void> {
    return this.none(OP.FUSE_SYNCFS, 1, pack(abi.fuse_syncfs_in as Struct<object>));
  }

  // --- names

  /** Throws ENOENT also for an absence that may be cached. */
  async lookup(dir: number, name: string): Promise<Entry> {
    const entry = await this.entry(OP.FUSE_LOOKUP, dir, cstring(name));
    if (entry.nodeid === 0) throw new PosixError('ENOENT');
    return entry;
  }

  /** The entry as it came, nodeid 0 for an absence that may be cached. */
  lookupEntry(dir: number, name: string): Promise<Entry> {
    return this.entry(OP.FUSE_LOOKUP, dir, cstring(name));
  }

  /** Gives back all look-ups of a nodeid, as Linux does when it drops an inode. */
  async forget(nodeid: number): Promise<void> {
    const nlookup = this.counts.get(nodeid) ?? 0;
    this.counts.delete(nodeid);
    if (nlookup > 0) await this.forgetExactly(nodeid, nlookup);
  }

  forgetExactly(nodeid: number, nlookup: number, queue = 0): Promise<void> {
    return this.post(OP.FUSE_FORGET, nodeid, pack(abi.fuse_forget_in as Struct<object>, { nlookup }), queue);
  }

  async forgetAll(): Promise<void> {
    for (const nodeid of [...this.counts.keys()]) await this.forget(nodeid);
  }

  async batchForget(list: readonly (readonly [nodeid: number, nlookup: number])[]): Promise<void> {
    const ones = list.map(([nodeid, nlookup]) => pack(abi.fuse_forget_one as Struct<object>, { nodeid, nlookup }));
    const head = pack(abi.fuse_batch_forget_in as Struct<object>, { count: list.length });
    await this.post(OP.FUSE_BATCH_FORGET, 0, join(head, ...ones));
  }

  mknod(dir: number, name: string, mode: number, rdev = 0): Promise<Entry> {
    const body = pack(abi.fuse_mknod_in as Struct<object>, { mode, rdev, umask: this.umask });
    return this.entry(OP.FUSE_MKNOD, dir, body, cstring(name));
  }

  mkdir(dir: number, name: string, mode = 0o755): Promise<Entry> {
    const body = pack(abi.fuse_mkdir_in as Struct<object>, { mode, umask: this.umask });
    return this.entry(OP.FUSE_MKDIR, dir, body, cstring(name));
  }

  symlink(dir: number, name: string, target: string): Promise<Entry> {
    return this.entry(OP.FUSE_SYMLINK, dir, cstring(name), cstring(target));
  }

  link(nodeid: number, dir: number, name: string): Promise<Entry> {
    const body = pack(abi.fuse_link_in as Struct<object>, { oldnodeid: nodeid });
    return this.entry(OP.FUSE_LINK, dir, body, cstring(name));
  }

  unlink(dir: number, name: string): Promise<void> {
    return this.none(OP.FUSE_UNLINK, dir, cstring(name));
  }

  rmdir(dir: number, name: string): Promise<void> {
    return this.none(OP.FUSE_RMDIR, dir, cstring(name));
  }

  rename(dir: number, name: string, newdir: number, newname: string, flags?: number): Promise<void> {
    const names = [cstring(name), cstring(newname)];
    if (flags === undefined) {
      return this.none(OP.FUSE_RENAME, dir, pack(abi.fuse_rename_in as Struct<object>, { newdir }), ...names);
    }
    return this.none(OP.FUSE_RENAME2, dir, pack(abi.fuse_rename2_in as Struct<object>, { newdir, flags }), ...names);
  }

  async readlink(nodeid: number): Promise<string> {
    return bytesToString(await this.request(OP.FUSE_READLINK, nodeid, new Uint8Array(0), 4096));
  }

  // --- attributes

  async getattr(nodeid: number): Promise<InstanceType<typeof abi.fuse_attr>> {
    const body = pack(abi.fuse_getattr_in as Struct<object>);
    return (await this.fixed(abi.fuse_attr_out, OP.FUSE_GETATTR, nodeid, body)).attr;
  }

  statx(nodeid: number, values: Values = {}): Promise<InstanceType<typeof abi.fuse_statx_out>> {
    return this.fixed(abi.fuse_statx_out, OP.FUSE_STATX, nodeid, pack(abi.fuse_statx_in, values));
  }

  async setattr(nodeid: number, values: Values): Promise<InstanceType<typeof abi.fuse_attr>> {
    const body = pack(abi.fuse_setattr_in as Struct<object>, values);
    return (await this.fixed(abi.fuse_attr_out, OP.FUSE_SETATTR, nodeid, body)).attr;
  }

  setxattr(nodeid: number, name: string, value: Uint8Array, flags = 0): Promise<void> {
    const body = pack(abi.fuse_setxattr_in as Struct<object>, { size: value.length, flags });
    return this.none(OP.FUSE_SETXATTR, nodeid, body, cstring(name), value);
  }

  /** The value, or its size where `size` is 0. */
  getxattr(nodeid: number, name: string, size: number): Promise<Uint8Array> {
    const body = join(pack(abi.fuse_getxattr_in as Struct<object>, { size }), cstring(name));
    return this.request(OP.FUSE_GETXATTR, nodeid, body, Math.max(size, 8));
  }

  listxattr(nodeid: number, size: number): Promise<Uint8Array> {
    const body = pack(abi.fuse_getxattr_in as Struct<object>, { size });
    return this.request(OP.FUSE_LISTXATTR, nodeid, body, Math.max(size, 8));
  }

  removexattr(nodeid: number, name: string): Promise<void> {
    return this.none(OP.FUSE_REMOVEXATTR, nodeid, cstring(name));
  }

  // --- files

  async create(
    dir: number,
    name: string,
    mode = 0o100644,
    flags = 0o2,
  ): Promise<Entry & { fh: number; openFlags: number }> {
    const body = pack(abi.fuse_create_in as Struct<object>, { flags, mode, umask: this.umask });
    return this.made(OP.FUSE_CREATE, dir, body, name);
  }

  private async made(
    opcode: number,
    dir: number,
    args: Uint8Array,
    name: string,
  ): Promise<Entry & { fh: number; openFlags: number }> {
    const body = join(args, cstring(name));
    const { size } = abi.fuse_entry_out;
    const reply = await this.request(opcode, dir, body, size + abi.fuse_open_out.size);
    const { fh, open_flags } = new abi.fuse_open_out(view(reply, size));
    return { ...this.taken(new abi.fuse_entry_out(view(reply))), fh, openFlags: open_flags };
  }

  async open(nodeid: number, flags = 0o2): Promise<number> {
    return (await this.openOut(nodeid, flags)).fh;
  }

  openOut(nodeid: number, flags = 0o2, openFlags = 0): Promise<InstanceType<typeof abi.fuse_open_out>> {
    const body = pack(abi.fuse_open_in as Struct<object>, { flags, open_flags: openFlags });
    return this.fixed(abi.fuse_open_out, OP.FUSE_OPEN, nodeid, body);
  }

  read(nodeid: number, fh: number, offset: number, size: number): Promise<Uint8Array> {
    const body = pack(abi.fuse_read_in as Struct<object>, { fh, offset, size });
    return this.request(OP.FUSE_READ, nodeid, body, size);
  }

  async write(nodeid: number, fh: number, offset: number, data: Uint8Array, values: Values = {}): Promise<number> {
    const body = pack(abi.fuse_write_in as Struct<object>, { fh, offset, size: data.length, ...values });
    return (await this.fixed(abi.fuse_write_out, OP.FUSE_WRITE, nodeid, body, data)).size;
  }

  flush(nodeid: number, fh: number, lock_owner = 0n): Promise<void> {
    return this.none(OP.FUSE_FLUSH, nodeid, pack(abi.fuse_flush_in as Struct<object>, { fh, lock_owner }));
  }

  fsync(nodeid: number, fh: number): Promise<void> {
    return this.none(OP.FUSE_FSYNC, nodeid, pack(abi.fuse_fsync_in as Struct<object>, { fh }));
  }

  release(nodeid: number, fh: number, values: Values = {}): Promise<void> {
    return this.none(OP.FUSE_RELEASE, nodeid, pack(abi.fuse_release_in as Struct<object>, { fh, ...values }));
  }

  // --- locks

  private lkIn(fh: number, { owner, start = 0n, end = 2n ** 63n - 1n, type, pid = 0 }: Lock, flags = 0): Uint8Array {
    const body = pack(abi.fuse_lk_in as Struct<object>, { fh, owner, lk_flags: flags });
    Object.assign(new abi.fuse_lk_in(view(body)).lk, { start, end, type, pid });
    return body;
  }

  setlk(nodeid: number, fh: number, lock: Lock, options: { wait?: boolean; flock?: boolean } = {}): Promise<void> {
    const body = this.lkIn(fh, lock, options.flock ? abi.FUSE_LK_FLAGS.FUSE_LK_FLOCK : 0);
    return this.none(options.wait ? OP.FUSE_SETLKW : OP.FUSE_SETLK, nodeid, body);
  }

  /** What stands against the lock; type F_UNLCK (2) where nothing does. */
  async getlk(nodeid: number, fh: number, lock: Lock): Promise<Required<Omit<Lock, 'owner'>>> {
    const { lk } = await this.fixed(abi.fuse_lk_out, OP.FUSE_GETLK, nodeid, this.lkIn(fh, lock));
    const { start, end, type, pid } = lk;
    return { start, end, type, pid };
  }

  fallocate(nodeid: number, fh: number, mode: number, offset: number, length: number): Promise<void> {
    return this.none(OP.FUSE_FALLOCATE, nodeid, pack(abi.fuse_fallocate_in, { fh, mode, offset, length }));
  }

  async lseek(nodeid: number, fh: number, offset: number, whence: number): Promise<number> {
    const body = pack(abi.fuse_lseek_in, { fh, offset, whence });
    return (await this.fixed(abi.fuse_lseek_out, OP.FUSE_LSEEK, nodeid, body)).offset;
  }

  /** Bytes copied, from one open file at an offset to another. */
  async copyFileRange(
    [nodeid, fh_in, off_in]: readonly [nodeid: number, fh: number, offset: number],
    [nodeid_out, fh_out, off_out]: readonly [nodeid: number, fh: number, offset: number],
    len: number,
    flags = 0,
  ): Promise<number> {
    const body = pack(abi.fuse_copy_file_range_in, { fh_in, off_in, nodeid_out, fh_out, off_out, len, flags });
    return (await this.fixed(abi.fuse_write_out, OP.FUSE_COPY_FILE_RANGE, nodeid, body)).size;
  }

  async poll(nodeid: number, fh: number, events: number, values: Values = {}): Promise<number> {
    const body = pack(abi.fuse_poll_in, { fh, events, ...values });
    return (await this.fixed(abi.fuse_poll_out, OP.FUSE_POLL, nodeid, body)).revents;
  }

  /** FS_IOC_* and others: the data of the reply. `out_size` is how much of it the caller takes. */
  async ioctl(nodeid: number, fh: number, cmd: number, values: Values = {}, data: Uint8Array = new Uint8Array(0)) {
    const { out_size = 0 } = values;
    const body = pack(abi.fuse_ioctl_in, { fh, cmd, in_size: data.length, ...values });
    const { size } = abi.fuse_ioctl_out;
    const reply = await this.request(OP.FUSE_IOCTL, nodeid, join(body, data), size + Number(out_size));
    const { result, flags } = new abi.fuse_ioctl_out(view(reply));
    return { result, flags, data: reply.slice(size) };
  }

  /** TMPFILE as Linux sends it, with the name "/". */
  tmpfile(dir: number, mode = 0o100600, flags = 0o20200002): Promise<Entry & { fh: number; openFlags: number }> {
    return this.made(OP.FUSE_TMPFILE, dir, pack(abi.fuse_create_in, { flags, mode, umask: this.umask }), '/');
  }

  // --- what Linux never sends over virtio

  access(nodeid: number, mask: number): Promise<void> {
    return this.none(OP.FUSE_ACCESS, nodeid, pack(abi.fuse_access_in, { mask }));
  }

  bmap(nodeid: number, block: number, blocksize: number): Promise<InstanceType<typeof abi.fuse_bmap_out>> {
    return this.fixed(abi.fuse_bmap_out, OP.FUSE_BMAP, nodeid, pack(abi.fuse_bmap_in, { block, blocksize }));
  }

  interrupt(unique: number): Promise<void> {
    return this.post(OP.FUSE_INTERRUPT, 0, pack(abi.fuse_interrupt_in, { unique }));
  }

  notifyReply(nodeid: number, offset: number, data: Uint8Array): Promise<void> {
    const head = pack(abi.fuse_notify_retrieve_in, { offset, size: data.length });
    return this.post(OP.FUSE_NOTIFY_REPLY, nodeid, join(head, data), 1);
  }

  setupmapping(nodeid: number, values: Values): Promise<void> {
    return this.none(OP.FUSE_SETUPMAPPING, nodeid, pack(abi.fuse_setupmapping_in, values));
  }

  removemapping(nodeid: number, list: readonly (readonly [moffset: number, len: number])[]): Promise<void> {
    const ones = list.map(([moffset, len]) => pack(abi.fuse_removemapping_one, { moffset, len }));
    return this.none(OP.FUSE_REMOVEMAPPING, nodeid, pack(abi.fuse_removemapping_in, { count: list.length }), ...ones);
  }

  // --- directories

  async opendir(nodeid: number): Promise<number> {
    const body = pack(abi.fuse_open_in as Struct<object>);
    return (await this.fixed(abi.fuse_open_out, OP.FUSE_OPENDIR, nodeid, body)).fh;
  }

  /** One READDIR, or READDIRPLUS, of `size` bytes. */
  async readdir(nodeid: number, fh: number, cookie: number, size = 4096, plus = false): Promise<ListedEntry[]> {
    const body = pack(abi.fuse_read_in as Struct<object>, { fh, offset: cookie, size });
    const reply = await this.request(plus ? OP.FUSE_READDIRPLUS : OP.FUSE_READDIR, nodeid, body, size);
    const entries: ListedEntry[] = [];
    const fixed = plus ? abi.fuse_direntplus.size : abi.fuse_dirent.size;
    for (let at = 0; at < reply.length; ) {
      const { ino, off, namelen, type } = new abi.fuse_dirent(view(reply, at + fixed - abi.fuse_dirent.size));
      const name = bytesToString(reply.subarray(at + fixed, at + fixed + namelen));
      const nodeid = plus ? new abi.fuse_entry_out(view(reply, at)).nodeid : 0;
      // Linux links neither of the two (fs/fuse/readdir.c fuse_direntplus_link), whatever they carry.
      if (nodeid !== 0 && name !== '.' && name !== '..') this.count(nodeid);
      entries.push({ name, ino, cookie: off, type, nodeid });
      at += align8(fixed + namelen);
      if (at > reply.length) throw new Error('an entry is cut');
    }
    return entries;
  }

  /** The whole listing, "." and ".." included. */
  async list(nodeid: number, size = 4096, plus = false): Promise<ListedEntry[]> {
    const fh = await this.opendir(nodeid);
    const all: ListedEntry[] = [];
    for (let cookie = 0; ; ) {
      const part = await this.readdir(nodeid, fh, cookie, size, plus);
      if (part.length === 0) break;
      all.push(...part);
      cookie = (part.at(-1) as ListedEntry).cookie;
    }
    await this.releasedir(nodeid, fh);
    return all;
  }

  fsyncdir(nodeid: number, fh: number): Promise<void> {
    return this.none(OP.FUSE_FSYNCDIR, nodeid, pack(abi.fuse_fsync_in as Struct<object>, { fh }));
  }

  releasedir(nodeid: number, fh: number): Promise<void> {
    return this.none(OP.FUSE_RELEASEDIR, nodeid, pack(abi.fuse_release_in as Struct<object>, { fh }));
  }
}

/** The errno that a promise is rejected with, or 'ok'. Any other failure is thrown on. */
export async function errnoOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    if (error instanceof PosixError) return errnoName(error.errno);
    throw error;
  }
}
