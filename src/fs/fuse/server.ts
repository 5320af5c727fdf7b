// One request in, exactly one reply (or none by declaration) out. Every path ends in Exchange.complete().
import { Errno, errnoName, PosixError } from '../../base/errno.ts';
import type { Exchange, RequestHandler } from '../../base/exchange.ts';
import { ShortMessage } from '../../base/iov.ts';
import { i32, struct, u16, u32, u64 } from '../../base/struct.ts';
import type { Inode } from '../tree/inode.ts';
import type { LockLimits } from '../tree/locks.ts';
import type { Tree } from '../tree/tree.ts';
import { FUSE_OPCODE, fuse_in_header, fuse_out_header } from './abi.ts';
import { Call } from './call.ts';
import { likeVirtiofsd } from './like-virtiofsd.ts';
import { makeNodes, type NodeidOptions } from './nodeid-table.ts';
import { fixedSize, type Op } from './op.ts';
import { OPS } from './ops/index.ts';
import type { Policy } from './policy.ts';
import { Session } from './session.ts';

const TWO_32 = 2 ** 32;

// The headers with `unique` by halves: all 64 bits of it come back, also where a double would round them.
const in_header = struct({
  len: u32,
  opcode: u32,
  unique_low: u32,
  unique_high: u32,
  nodeid: u64,
  uid: u32,
  gid: u32,
  pid: u32,
  total_extlen: u16,
  padding: u16,
});
const out_header = struct({ len: u32, error: i32, unique_low: u32, unique_high: u32 });

const IN_HEADER = fuse_in_header.size;
const OUT_HEADER = fuse_out_header.size;
/** Bytes of a reply that carries no error, by opcode: what the writable part must have room for before anything is done. */
const REPLY_SIZES = OPS.map((entry) => (entry ? OUT_HEADER + fixedSize(entry.reply) : OUT_HEADER));

/** What became of one request. The object is used again: who wants to keep something copies it. */
export interface Answered {
  opcode: number;
  /** The nearest double of the header's 64 bits. */
  unique: number;
  nodeid: number;
  uid: number;
  gid: number;
  pid: number;
  /** 0 or -errno; undefined where there is no reply. */
  error: number | undefined;
  /** Bytes of the request, and of the reply with its header. */
  insize: number;
  outsize: number;
  /** Look-ups granted, or taken away (negative). */
  nlookup: number;
  /** Where the request pointed, one character a byte; undefined where that has no name (any more). */
  path: string | undefined;
  /** What the guest did against the protocol. */
  violation: string | undefined;
  /** An error of ours: the guest got EIO. */
  bug: boolean;
  /** When, in the unit and from the origin of the server's `now`. */
  at: number;
}

export interface FuseObserver {
  /** Once a request, just before its exchange is completed. */
  answered(exchange: Exchange, answered: Readonly<Answered>): void;
}

export interface FuseServerOptions {
  tree: Tree;
  policy: Policy;
  observer?: FuseObserver;
  /** Milliseconds, for the observer. */
  now?: () => number;
  /** How many locks there may be, and how many requests that wait for one: each keeps a place in the ring. */
  lockLimits?: Partial<LockLimits>;
  /** How nodeids stand for inodes; default: stable ones, the inodes' numbers. */
  nodeids?: NodeidOptions;
}

export class FuseServer implements RequestHandler {
  readonly session: Session;
  /** Replies that came after the device was reset and were thrown away. */
  droppedReplies = 0;
  private readonly tree: Tree;
  private readonly observer: FuseObserver | undefined;
  private readonly now: () => number;
  private readonly pool: Call[] = [];
  private readonly ops: readonly (Op | undefined)[];
  private readonly record: Answered = {
    opcode: 0,
    unique: 0,
    nodeid: 0,
    uid: 0,
    gid: 0,
    pid: 0,
    error: undefined,
    insize: 0,
    outsize: 0,
    nlookup: 0,
    path: undefined,
    violation: undefined,
    bug: false,
    at: 0,
  };

  constructor(options: FuseServerOptions) {
    this.tree = options.tree;
    this.ops = options.policy.like === 'virtiofsd' ? likeVirtiofsd(OPS, options.policy) : OPS;
    const nodes = makeNodes(options.tree, options.nodeids);
    this.session = new Session(options.tree, options.policy, 0, options.lockLimits, nodes);
    this.observer = options.observer;
    this.now = options.now ?? (() => performance.now());
  }

  handle(exchange: Exchange): void {
    const call = this.pool.pop() ?? new Call(this.session);
    call.start(exchange);
    try {
      this.serve(call);
    } catch (error) {
      this.fail(call, error);
    }
  }

  /** The device was reset: as a DESTROY that nobody waits for. */
  reset(): void {
    this.session.end();
  }

  private serve(call: Call): void {
    const { reader, writer } = call;
    const { total } = reader.spans;
    if (total < IN_HEADER) throw new ShortMessage(IN_HEADER, total);
    const header = reader.struct(in_header);
    const { len } = header;
    const extensions = header.total_extlen * 8;
    call.opcode = header.opcode;
    call.uniqueLow = header.unique_low;
    call.uniqueHigh = header.unique_high;
    call.nodeid = header.nodeid;
    call.uid = header.uid;
    call.gid = header.gid;
    call.pid = header.pid;
    const entry = this.ops[call.opcode];
    if (call.opcode === FUSE_OPCODE.FUSE_INIT_BSWAP_RESERVED) throw new PosixError('EPROTO', 'a big-endian guest');
    if (len > total || len - extensions < IN_HEADER) throw new ShortMessage(len, total);
    call.insize = len;
    call.extlen = extensions;
    reader.limit(len - extensions);
    if (!entry) throw new PosixError('ENOSYS', `opcode ${call.opcode}`);
    if (entry.reply === 'none') {
      if (this.session.open) entry.handle(call);
      else call.violation = 'no session';
      this.finish(call, 0, undefined, false);
      return;
    }
    if (writer.spans.total < (REPLY_SIZES[call.opcode] as number)) {
      throw new ShortMessage(REPLY_SIZES[call.opcode] as number, writer.spans.total);
    }
    this.perform(call, entry);
  }

  private perform(call: Call, entry: Op): void {
    const pressure = entry.adds ? this.tree.pressure() : undefined;
    if (pressure) {
      this.postpone(call, entry, pressure);
      return;
    }
    if (!this.session.open && !entry.anytime) throw new PosixError('EIO', 'no session');
    call.writer.skip(OUT_HEADER);
    const out = entry.handle(call);
    if (out instanceof Promise) this.wait(call, entry, out);
    else this.settle(call, entry, out);
  }

  /** Begins with it when there is less that is unsaved: nothing of the request was read but its header. */
  private postpone(call: Call, entry: Op, pressure: Promise<void>): void {
    pressure.then(
      () => this.resume(call, () => this.perform(call, entry)),
      (error: unknown) => this.resume(call, () => this.fail(call, error)),
    );
  }

  private wait(call: Call, entry: Op, promise: Promise<unknown>): void {
    // What the operation works on stays, whatever is unlinked, closed or forgotten meanwhile.
    const pinned = call.inode;
    if (pinned) this.tree.hold(pinned);
    const unpin = (): void => {
      if (pinned) this.tree.drop(pinned);
    };
    promise.then(
      (out) => {
        unpin();
        this.resume(call, () => this.settle(call, entry, out));
      },
      (error: unknown) => {
        unpin();
        this.resume(call, () => this.fail(call, error));
      },
    );
  }

  private resume(call: Call, then: () => void): void {
    if (!call.exchange.live) {
      this.droppedReplies++;
      call.revoke();
      call.exchange.complete(0);
      this.pool.push(call);
      return;
    }
    try {
      then();
    } catch (error) {
      this.fail(call, error);
    }
  }

  private settle(call: Call, entry: Op, out: unknown): void {
    entry.encode?.(call, out);
    const length = call.writer.offset;
    this.putHeader(call, length, 0);
    this.finish(call, length, 0, false);
  }

  private putHeader(call: Call, length: number, error: number): void {
    const { writer } = call;
    writer.rewind();
    writer.struct(out_header, (out) => {
      out.len = length;
      out.error = error;
      out.unique_low = call.uniqueLow;
      out.unique_high = call.uniqueHigh;
    });
  }

  /** Answers with an errno: no body, no grants. What is no expected failure is EIO, never ENOSYS, which Linux keeps. */
  private fail(call: Call, error: unknown): void {
    call.revoke();
    let errno: number = Errno.EIO;
    let bug = false;
    if (error instanceof PosixError) {
      errno = error.errno;
      if (errno === Errno.EPROTO) call.violation = error.toString();
    } else if (error instanceof ShortMessage) {
      call.violation = `too short: ${error.wanted} bytes wanted, ${error.left} there`;
    } else {
      bug = true;
      console.error(`FUSE opcode ${call.opcode}, nodeid ${call.nodeid}:`, error);
    }
    const silent = OPS[call.opcode]?.reply === 'none';
    if (silent || call.writer.spans.total < OUT_HEADER) {
      call.violation ??= `no room for ${errnoName(errno)}`;
      this.finish(call, 0, undefined, bug);
      return;
    }
    this.putHeader(call, OUT_HEADER, -errno);
    this.finish(call, OUT_HEADER, -errno, bug);
  }

  private finish(call: Call, length: number, error: number | undefined, bug: boolean): void {
    if (this.observer) {
      try {
        this.tell(this.observer, call, length, error, bug);
      } catch (failure) {
        console.error('FUSE observer:', failure);
      }
    }
    call.exchange.complete(length, call.grantsAnything ? call : undefined);
    // What was not taken, because the reply found no ring, is given back.
    call.revoke();
    this.pool.push(call);
  }

  private tell(observer: FuseObserver, call: Call, length: number, error: number | undefined, bug: boolean): void {
    const { record } = this;
    record.opcode = call.opcode;
    record.unique = call.uniqueHigh * TWO_32 + call.uniqueLow;
    record.nodeid = call.nodeid;
    record.uid = call.uid;
    record.gid = call.gid;
    record.pid = call.pid;
    record.error = error;
    record.insize = call.insize;
    record.outsize = length;
    record.nlookup = call.forgotten > 0 ? -call.forgotten : call.grants;
    record.path = this.pathOf(call.inode, call.entryName);
    record.violation = call.violation;
    record.bug = bug;
    record.at = this.now();
    observer.answered(call.exchange, record);
  }

  private pathOf(inode: Inode | undefined, name: string | undefined): string | undefined {
    const path = inode && this.tree.path(inode);
    if (path === undefined || name === undefined) return path;
    return path === '/' ? `/${name}` : `${path}/${name}`;
  }
}
