// RELEASE, RELEASEDIR: the last close of an open file or directory. FLUSH: each close of a descriptor. Locks end here.
import { FUSE_OPCODE, FUSE_RELEASE_FLAGS, fuse_flush_in, fuse_release_in } from '../abi.ts';
import { arg, op } from '../op.ts';

export const release = op({
  opcode: FUSE_OPCODE.FUSE_RELEASE,
  name: 'RELEASE',
  request: [arg(fuse_release_in)],
  reply: [],
  handle(call) {
    const args = call.arg(fuse_release_in);
    const handle = call.handle(args.fh, false);
    const { handles, locks } = call.session;
    if (args.release_flags & FUSE_RELEASE_FLAGS.FUSE_RELEASE_FLOCK_UNLOCK) {
      locks.release(handle.inode, 'flock', args.lock_owner);
    }
    // Linux tells nobody that a lock of F_OFD_SETLK ends with its open file (fs/locks.c locks_remove_file returns early
    // where the locks are not its own), nor others whose FLUSH was left out because write-back had failed.
    locks.closed(handle.inode, handle.fh);
    handles.release(handle);
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
    const args = call.arg(fuse_flush_in);
    const { inode } = call.handle(args.fh, false);
    // Every write has reached the tree when it was answered. What a process has locked by fcntl(2) goes with any of
    // its descriptors of the file.
    const { locks } = call.session;
    if (locks.count > 0) locks.release(inode, 'posix', args.lock_owner);
  },
  asked: (request) => `a descriptor of fh ${request.struct(fuse_flush_in).fh} closes`,
});
