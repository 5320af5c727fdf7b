// RELEASE, RELEASEDIR: the last close of an open file or directory. FLUSH: each close of a descriptor, nothing to do.
import { FUSE_OPCODE, fuse_flush_in, fuse_release_in } from '../abi.ts';
import { arg, op } from '../op.ts';

export const release = op({
  opcode: FUSE_OPCODE.FUSE_RELEASE,
  name: 'RELEASE',
  request: [arg(fuse_release_in)],
  reply: [],
  handle(call) {
    call.session.handles.release(call.handle(call.arg(fuse_release_in).fh, false));
  },
  asked: (request) => `close fh ${request.struct(fuse_release_in).fh}`,
});

export const releasedir = op({
  opcode: FUSE_OPCODE.FUSE_RELEASEDIR,
  name: 'RELEASEDIR',
  request: [arg(fuse_release_in)],
  reply: [],
  handle(call) {
    call.session.handles.release(call.handle(call.arg(fuse_release_in).fh, true));
  },
  asked: (request) => `close dir fh ${request.struct(fuse_release_in).fh}`,
});

export const flush = op({
  opcode: FUSE_OPCODE.FUSE_FLUSH,
  name: 'FLUSH',
  request: [arg(fuse_flush_in)],
  reply: [],
  handle(call) {
    // Every write has reached the tree when it was answered, and locks are the guest's.
    call.handle(call.arg(fuse_flush_in).fh, false);
  },
  asked: (request) => `a descriptor of fh ${request.struct(fuse_flush_in).fh} closes`,
});
