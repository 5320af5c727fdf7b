// Opcodes that are refused by decision: named and decoded for the log, answered with one errno each.
// ENOSYS is a promise: Linux never asks again until the next mount and does without (fs/fuse: no_lseek, no_fallocate, ...).
import { type ErrnoName, PosixError } from '../../../base/errno.ts';
import {
  FUSE_OPCODE,
  fuse_access_in,
  fuse_bmap_in,
  fuse_bmap_out,
  fuse_copy_file_range_in,
  fuse_create_in,
  fuse_entry_out,
  fuse_fallocate_in,
  fuse_interrupt_in,
  fuse_ioctl_in,
  fuse_ioctl_out,
  fuse_lk_in,
  fuse_lk_out,
  fuse_lseek_in,
  fuse_lseek_out,
  fuse_notify_retrieve_in,
  fuse_open_out,
  fuse_poll_in,
  fuse_poll_out,
  fuse_removemapping_in,
  fuse_removemapping_one,
  fuse_setupmapping_in,
  fuse_statx_in,
  fuse_statx_out,
  fuse_write_out,
} from '../abi.ts';
import { arg, bytes, type Layout, name, type Op, op } from '../op.ts';

interface Refusal {
  opcode: keyof typeof FUSE_OPCODE;
  request: Layout;
  reply: Layout;
  errno: ErrnoName;
  why: string;
}

const refuse = ({ opcode, request, reply, errno, why }: Refusal): Op =>
  op<void>({
    opcode: FUSE_OPCODE[opcode],
    name: opcode.slice('FUSE_'.length),
    request,
    reply,
    refused: { errno, why },
    handle() {
      throw new PosixError(errno, why);
    },
  });

/** Read and left without an answer, as the protocol wants it. */
const ignore = (opcode: keyof typeof FUSE_OPCODE, request: Layout, why: string): Op =>
  op<void>({
    opcode: FUSE_OPCODE[opcode],
    name: opcode.slice('FUSE_'.length),
    request,
    reply: 'none',
    handle(call) {
      call.violation = why;
    },
  });

const localLocks = 'locks were not negotiated: the guest keeps them itself and never asks';
const noDax = 'no DAX window';

export const unsupported: readonly Op[] = [
  refuse({
    opcode: 'FUSE_GETLK',
    request: [arg(fuse_lk_in)],
    reply: [arg(fuse_lk_out)],
    errno: 'ENOSYS',
    why: localLocks,
  }),
  refuse({ opcode: 'FUSE_SETLK', request: [arg(fuse_lk_in)], reply: [], errno: 'ENOSYS', why: localLocks }),
  refuse({ opcode: 'FUSE_SETLKW', request: [arg(fuse_lk_in)], reply: [], errno: 'ENOSYS', why: localLocks }),
  refuse({
    opcode: 'FUSE_ACCESS',
    request: [arg(fuse_access_in)],
    reply: [],
    errno: 'ENOSYS',
    why: 'the guest checks permissions itself (default_permissions)',
  }),
  refuse({
    opcode: 'FUSE_BMAP',
    request: [arg(fuse_bmap_in)],
    reply: [arg(fuse_bmap_out)],
    errno: 'ENOSYS',
    why: 'no block device',
  }),
  refuse({
    opcode: 'FUSE_IOCTL',
    request: [arg(fuse_ioctl_in), bytes('data')],
    reply: [arg(fuse_ioctl_out), bytes('data')],
    errno: 'ENOTTY',
    why: 'no ioctl is known here; ENOSYS would become ENOTTY too, but for every later one unasked',
  }),
  refuse({
    opcode: 'FUSE_POLL',
    request: [arg(fuse_poll_in)],
    reply: [arg(fuse_poll_out)],
    errno: 'ENOSYS',
    why: 'files are always ready: the guest answers so itself after ENOSYS',
  }),
  refuse({
    opcode: 'FUSE_FALLOCATE',
    request: [arg(fuse_fallocate_in)],
    reply: [],
    errno: 'ENOSYS',
    why: 'the guest reports EOPNOTSUPP and programs write zeroes instead',
  }),
  refuse({
    opcode: 'FUSE_LSEEK',
    request: [arg(fuse_lseek_in)],
    reply: [arg(fuse_lseek_out)],
    errno: 'ENOSYS',
    why: 'the guest then takes a file for one piece of data',
  }),
  refuse({
    opcode: 'FUSE_COPY_FILE_RANGE',
    request: [arg(fuse_copy_file_range_in)],
    reply: [arg(fuse_write_out)],
    errno: 'ENOSYS',
    why: 'the guest then reads and writes',
  }),
  refuse({
    opcode: 'FUSE_SETUPMAPPING',
    request: [arg(fuse_setupmapping_in)],
    reply: [],
    errno: 'ENOSYS',
    why: noDax,
  }),
  refuse({
    opcode: 'FUSE_REMOVEMAPPING',
    request: [arg(fuse_removemapping_in), { kind: 'list', label: 'mapping', type: fuse_removemapping_one }],
    reply: [],
    errno: 'ENOSYS',
    why: noDax,
  }),
  refuse({
    opcode: 'FUSE_TMPFILE',
    request: [arg(fuse_create_in), name('name')],
    reply: [arg(fuse_entry_out), arg(fuse_open_out)],
    errno: 'ENOSYS',
    why: 'the guest reports EOPNOTSUPP and programs make a file with a name',
  }),
  refuse({
    opcode: 'FUSE_STATX',
    request: [arg(fuse_statx_in)],
    reply: [arg(fuse_statx_out)],
    errno: 'ENOSYS',
    why: 'the guest then asks with GETATTR and has no birth time',
  }),
  ignore('FUSE_INTERRUPT', [arg(fuse_interrupt_in)], 'interrupts a request; a Linux guest does not over virtio'),
  ignore(
    'FUSE_NOTIFY_REPLY',
    [arg(fuse_notify_retrieve_in), bytes('data')],
    'answers a notification that was never sent',
  ),
];
