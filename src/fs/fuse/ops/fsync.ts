// FSYNC, FSYNCDIR, SYNCFS: answered when everything up to here is in the store for good (a strict commit).
import { FUSE_FSYNC_FLAGS, FUSE_OPCODE, fuse_fsync_in, fuse_syncfs_in } from '../abi.ts';
import type { Message } from '../message.ts';
import { arg, op } from '../op.ts';

const asked = (request: Message): string => {
  const { fh, fsync_flags } = request.struct(fuse_fsync_in);
  return `make fh ${fh} durable${fsync_flags & FUSE_FSYNC_FLAGS.FUSE_FSYNC_FDATASYNC ? ', data only' : ''}`;
};

export const fsync = op<void>({
  opcode: FUSE_OPCODE.FUSE_FSYNC,
  name: 'FSYNC',
  request: [arg(fuse_fsync_in)],
  reply: [],
  handle: (call) => call.tree.sync(call.handle(call.arg(fuse_fsync_in).fh, false).inode),
  asked,
});

export const fsyncdir = op<void>({
  opcode: FUSE_OPCODE.FUSE_FSYNCDIR,
  name: 'FSYNCDIR',
  request: [arg(fuse_fsync_in)],
  reply: [],
  handle: (call) => call.tree.sync(call.handle(call.arg(fuse_fsync_in).fh, true).inode),
  asked,
});

export const syncfs = op<void>({
  opcode: FUSE_OPCODE.FUSE_SYNCFS,
  name: 'SYNCFS',
  request: [arg(fuse_syncfs_in)],
  reply: [],
  handle(call) {
    call.arg(fuse_syncfs_in);
    call.self();
    return call.tree.sync();
  },
  asked: () => 'make everything durable',
});
