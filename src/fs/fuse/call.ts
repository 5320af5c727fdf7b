// One request on its way: header, cursors over its bytes, what its reply will grant. Pooled by the server.
import { PosixError } from '../../base/errno.ts';
import type { Exchange, Grants } from '../../base/exchange.ts';
import type { IovReader, IovWriter } from '../../base/iov.ts';
import type { Struct } from '../../base/struct.ts';
import type { Inode } from '../tree/inode.ts';
import type { LockGrant } from '../tree/locks.ts';
import { NAME_MAX } from '../tree/mode.ts';
import type { Tree } from '../tree/tree.ts';
import { fuse_attr_out, fuse_entry_out, fuse_open_out } from './abi.ts';
import { fillAttr } from './attr.ts';
import { type Extensions, NO_EXTENSIONS, parseExtensions } from './extensions.ts';
import type { Handle } from './handle-table.ts';
import { asOnExt4 } from './like-ext4.ts';
import { O_ACCMODE, O_RDONLY } from './linux.ts';
import type { Session } from './session.ts';

export class Call implements Grants {
  readonly session: Session;
  readonly tree: Tree;
  exchange!: Exchange;
  reader!: IovReader;
  writer!: IovWriter;

  // fuse_in_header; `unique` by halves because the reply must carry all of its bits.
  opcode = 0;
  uniqueLow = 0;
  uniqueHigh = 0;
  nodeid = 0;
  uid = 0;
  gid = 0;
  pid = 0;
  insize = 0;
  /** Bytes of extensions at the end of the request. */
  extlen = 0;

  /** For the log: the inode that the request is about, and the name in it where there is one. */
  inode: Inode | undefined;
  entryName: string | undefined;
  /** Look-ups that the request took away. */
  forgotten = 0;
  /** What the guest did against the protocol. */
  violation: string | undefined;

  private epoch = 0;
  /** Inodes whose look-up the reply grants, and the nodeids that it names them by. */
  private readonly granted: Inode[] = [];
  private readonly offered: number[] = [];
  private opened: Handle | undefined;
  private lock: LockGrant | undefined;
  private kept: Inode | undefined;
  private subject!: Inode;

  constructor(session: Session) {
    this.session = session;
    this.tree = session.tree;
  }

  /** Makes the object ready for a request. The header's fields are set by the server. */
  start(exchange: Exchange): void {
    this.exchange = exchange;
    this.reader = exchange.reader;
    this.writer = exchange.writer;
    this.opcode = 0;
    this.uniqueLow = 0;
    this.uniqueHigh = 0;
    this.nodeid = 0;
    this.uid = 0;
    this.gid = 0;
    this.pid = 0;
    this.insize = exchange.reader.spans.total;
    this.extlen = 0;
    this.inode = undefined;
    this.entryName = undefined;
    this.forgotten = 0;
    this.violation = undefined;
    this.epoch = this.session.epoch;
    this.revoke();
  }

  // --- arguments

  /** The next struct of the arguments, in place: guest memory, to be read before anything is awaited or written. */
  arg<F extends object>(type: Struct<F>): F {
    return this.reader.struct(type);
  }

  /** A name to look for. Throws EINVAL for an empty one or one with a slash but `allowed`, ENAMETOOLONG above 255 bytes. */
  name(allowed?: string): string {
    const name = this.reader.cstring();
    this.entryName ??= name;
    if (name.length > NAME_MAX) throw new PosixError('ENAMETOOLONG');
    if (name === allowed) return name;
    if (name.length === 0 || name.includes('/')) throw new PosixError('EINVAL', 'not a name');
    return name;
  }

  /** A name to make, move or remove: also not "." or "..". */
  properName(): string {
    const name = this.name();
    if (name === '.' || name === '..') throw new PosixError('EINVAL', 'not a name of its own');
    return name;
  }

  /** The extensions of a request that makes an inode; the arguments are behind the reader then. EINVAL, E2BIG. */
  extensions(): Extensions {
    const { reader, session, insize, extlen } = this;
    if (extlen === 0 && !session.labels) return NO_EXTENSIONS;
    reader.limit(insize);
    reader.seek(insize - extlen);
    return parseExtensions(reader.bytes(extlen), { labels: session.labels, groups: session.suppGroups });
  }

  /** The inode of the header's nodeid. Throws ESTALE. */
  self(): Inode {
    this.inode = this.session.inode(this.nodeid);
    return this.inode;
  }

  /** The open file or directory of a fh. Throws EBADF where it is not open, or open on another inode than the header's. */
  handle(fh: number, directory: boolean): Handle {
    const handle = this.session.handles.get(fh);
    if (!handle || handle.nodeid !== this.nodeid || handle.directory !== directory) {
      this.self();
      throw new PosixError('EBADF', `fh ${fh}`);
    }
    this.inode = handle.inode;
    return handle;
  }

  /** As `handle`, of a file that is open for writing. EBADF. */
  writable(fh: number): Handle {
    const handle = this.handle(fh, false);
    if ((handle.flags & O_ACCMODE) === O_RDONLY) throw new PosixError('EBADF', 'not open for writing');
    return handle;
  }

  /** A 64-bit file offset or size. Throws EINVAL for what is negative in the kernel, EFBIG for what no file can have. */
  offset(value: number): number {
    if (value >= 2 ** 63) throw new PosixError('EINVAL', 'negative offset');
    if (!Number.isSafeInteger(value)) throw new PosixError('EFBIG');
    return value;
  }

  // --- reply, and what it grants: nothing before take()

  /**
   * Appends fuse_entry_out and grants one look-up of the inode. Throws, before anything is written, the errno with which
   * a nodeid table refuses it.
   */
  putEntry(inode: Inode): void {
    this.offered.push(this.session.nodes.offer(inode));
    this.granted.push(inode);
    this.subject = inode;
    this.writer.struct(fuse_entry_out, this.fillEntry);
  }

  /** Writes the entry that was put last once more, where the writer stands: the inode has changed since. */
  putEntryAgain(): void {
    this.writer.struct(fuse_entry_out, this.fillEntry);
  }

  /** As putEntry, in a listing: false, and nothing appended, where the look-up is refused. */
  tryEntry(inode: Inode): boolean {
    try {
      this.putEntry(inode);
      return true;
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      return false;
    }
  }

  /** Appends a fuse_entry_out that says there is nothing of that name, for as long as the policy lets it be believed. */
  putAbsence(): void {
    this.writer.struct(fuse_entry_out, this.fillAbsence);
  }

  /** Appends a fuse_entry_out that names no node: what it is, without a look-up. */
  putUncounted(inode: Inode): void {
    this.subject = inode;
    this.writer.struct(fuse_entry_out, this.fillUncounted);
  }

  putAttr(inode: Inode): void {
    this.subject = inode;
    this.writer.struct(fuse_attr_out, this.fillAttrOut);
  }

  /** Appends fuse_open_out and grants the handle. */
  putOpened(handle: Handle): void {
    this.opened = handle;
    this.writer.struct(fuse_open_out, this.fillOpen);
  }

  /** Keeps an inode without a name until the reply is placed, which grants what keeps it then, or dropped. */
  keep(inode: Inode): void {
    this.tree.hold(inode);
    this.kept = inode;
  }

  /** The reply grants a lock that was decided. */
  grantLock(lock: LockGrant | undefined): void {
    this.lock = lock;
  }

  private readonly fillEntry = (out: InstanceType<typeof fuse_entry_out>): void => {
    const { subject } = this;
    const { policy, nodes } = this.session;
    const nodeid = this.offered.at(-1) as number;
    out.nodeid = nodeid;
    out.generation = nodes.generation(nodeid, subject);
    out.entry_valid = policy.entryValid;
    out.attr_valid = policy.attrValid;
    fillAttr(out.attr, subject);
    if (policy.like === 'virtiofsd') asOnExt4(out.attr, subject);
  };

  private readonly fillAbsence = (out: InstanceType<typeof fuse_entry_out>): void => {
    out.entry_valid = this.session.policy.negativeValid;
  };

  private readonly fillUncounted = (out: InstanceType<typeof fuse_entry_out>): void => {
    out.attr.ino = this.subject.ino;
    out.attr.mode = this.subject.mode;
  };

  private readonly fillAttrOut = (out: InstanceType<typeof fuse_attr_out>): void => {
    out.attr_valid = this.session.policy.attrValid;
    fillAttr(out.attr, this.subject);
    if (this.session.policy.like === 'virtiofsd') asOnExt4(out.attr, this.subject);
  };

  private readonly fillOpen = (out: InstanceType<typeof fuse_open_out>): void => {
    const handle = this.opened as Handle;
    const { policy } = this.session;
    out.fh = handle.fh;
    out.open_flags = handle.directory ? policy.dirFlags : policy.fileFlags;
  };

  /** Look-ups that the reply grants, if it is placed. */
  get grants(): number {
    return this.granted.length;
  }

  get grantsAnything(): boolean {
    return this.granted.length > 0 || this.opened !== undefined || this.lock !== undefined;
  }

  /** The reply was placed on the ring: the guest has now what it says. Here and nowhere else counts, handles and locks begin. */
  take(): void {
    const { session } = this;
    if (this.epoch !== session.epoch) return;
    const { granted, offered } = this;
    // A reply that looks up and opens (CREATE, TMPFILE) opens what it has looked up.
    if (this.opened) session.handles.grant(this.opened, offered.at(-1) ?? this.nodeid);
    for (let i = 0; i < granted.length; i++) session.nodes.grant(offered[i] as number, granted[i] as Inode);
    granted.length = 0;
    offered.length = 0;
    this.lock?.commit();
    this.revoke();
  }

  /** The reply will not be placed as it was: it grants nothing. */
  revoke(): void {
    if (this.granted.length > 0) {
      for (const nodeid of this.offered) this.session.nodes.withdraw(nodeid);
      this.granted.length = 0;
      this.offered.length = 0;
    }
    this.opened = undefined;
    this.lock?.cancel();
    this.lock = undefined;
    const { kept } = this;
    this.kept = undefined;
    if (kept) this.tree.drop(kept);
  }
}
