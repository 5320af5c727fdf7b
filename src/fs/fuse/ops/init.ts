// INIT, DESTROY: a session begins and ends.
import { PosixError } from '../../../base/errno.ts';
import { formatFlags } from '../../../base/flags.ts';
import {
  FUSE_INIT_FLAGS,
  FUSE_INIT_FLAGS2,
  FUSE_KERNEL_VERSION,
  FUSE_OPCODE,
  fuse_init_in,
  fuse_init_out,
} from '../abi.ts';
import type { Call } from '../call.ts';
import { limitsOf, negotiate } from '../negotiate.ts';
import { arg, op } from '../op.ts';

/** fuse_init_in up to `flags`, which is all of it before protocol 7.36. */
const SHORT_INIT_IN = 16;

function initIn(call: Call): InstanceType<typeof fuse_init_in> {
  const { reader } = call;
  if (reader.remaining >= fuse_init_in.size) return call.arg(fuse_init_in);
  const whole = new Uint8Array(fuse_init_in.size);
  whole.set(reader.bytes(Math.max(SHORT_INIT_IN, reader.remaining)));
  return new fuse_init_in(new DataView(whole.buffer));
}

function answer(call: Call): void {
  const { negotiated, policy } = call.session;
  const limits = limitsOf(policy);
  call.writer.struct(fuse_init_out, (out) => {
    out.major = FUSE_KERNEL_VERSION;
    out.minor = negotiated.minor;
    out.max_readahead = negotiated.maxReadahead;
    out.flags = negotiated.flags;
    out.flags2 = negotiated.flags2;
    out.max_background = limits.maxBackground;
    out.congestion_threshold = limits.congestionThreshold;
    out.max_write = limits.maxWrite;
    out.max_pages = limits.maxPages;
    out.time_gran = 1;
  });
}

export const init = op({
  opcode: FUSE_OPCODE.FUSE_INIT,
  name: 'INIT',
  request: [arg(fuse_init_in)],
  reply: [arg(fuse_init_out)],
  anytime: true,
  handle(call) {
    const { major, minor, max_readahead, flags, flags2 } = initIn(call);
    // Whatever comes of it, the old session is over (VirtIO 1.3 5.11.6.1).
    call.session.end();
    if (major < FUSE_KERNEL_VERSION) throw new PosixError('EPROTO', `major ${major}`);
    if (major > FUSE_KERNEL_VERSION) {
      // The guest shall ask again with the major that is told here.
      call.writer.struct(fuse_init_out, (out) => {
        out.major = FUSE_KERNEL_VERSION;
        out.minor = limitsOf(call.session.policy).minor;
      });
      return;
    }
    call.session.begin(negotiate(minor, max_readahead, flags, flags2, call.session.policy));
    answer(call);
  },
  asked(request) {
    const { major, minor, max_readahead } = request.struct(fuse_init_in);
    return `protocol ${major}.${minor}, read-ahead ${max_readahead} B`;
  },
  result(reply) {
    const { major, minor, flags, flags2 } = reply.struct(fuse_init_out);
    const names = [formatFlags(flags, FUSE_INIT_FLAGS), formatFlags(flags2, FUSE_INIT_FLAGS2)];
    return `protocol ${major}.${minor}, ${names.filter((text) => text !== '0').join('|')}`;
  },
});

export const destroy = op<void>({
  opcode: FUSE_OPCODE.FUSE_DESTROY,
  name: 'DESTROY',
  request: [],
  reply: [],
  anytime: true,
  handle(call) {
    // Ended first, so that the commit also holds the end of files without a name.
    call.session.end();
    return call.tree.sync();
  },
  asked: () => 'end of the session',
});
