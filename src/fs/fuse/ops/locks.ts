// GETLK, SETLK, SETLKW: locks of fcntl(2) and flock(2), where the session keeps them here in place of the guest's kernel.
import { PosixError } from '../../../base/errno.ts';
import { F_RDLCK, F_UNLCK, F_WRLCK, OFFSET_MAX } from '../../tree/lock-ranges.ts';
import type { LockRequest } from '../../tree/locks.ts';
import { FUSE_LK_FLAGS, FUSE_OPCODE, type fuse_file_lock, fuse_lk_in, fuse_lk_out } from '../abi.ts';
import type { Call } from '../call.ts';
import { O_ACCMODE, O_FLAGS, O_RDONLY } from '../linux.ts';
import type { Message } from '../message.ts';
import { arg, op } from '../op.ts';
import { joined } from '../session.ts';

/**
 * The lock of a request. Its numbers are taken as 64 bits. ENOSYS where the session leaves such locks to the guest, which
 * then never asks; EBADF; EINVAL for a type or a range that is none.
 */
function lockOf(call: Call): LockRequest {
  const { fh, owner, lk, lk_flags } = call.arg(fuse_lk_in);
  const { start, end, type, pid } = lk;
  const flock = (lk_flags & FUSE_LK_FLAGS.FUSE_LK_FLOCK) !== 0;
  const { inode } = call.handle(fh, false);
  if (!(flock ? call.session.flockLocks : call.session.posixLocks)) {
    throw new PosixError('ENOSYS', 'locks were not negotiated: the guest keeps them itself and never asks');
  }
  if (type !== F_RDLCK && type !== F_WRLCK && type !== F_UNLCK) throw new PosixError('EINVAL', `lock type ${type}`);
  if (flock) return { inode, kind: 'flock', owner, type, start: 0n, end: OFFSET_MAX, pid, file: fh };
  if (start > OFFSET_MAX || end < start) throw new PosixError('EINVAL', `bytes ${start} to ${end}`);
  const unlimited = end > OFFSET_MAX;
  return { inode, kind: 'posix', owner, type, start, end: unlimited ? OFFSET_MAX : end, pid, file: fh };
}

/** As fs/locks.c check_fmode_for_setlk: a read lock wants a file that is open for reading, a write lock one for writing. */
function checkMode(call: Call, { kind, type, file }: LockRequest): void {
  if (kind === 'flock' || type === F_UNLCK) return;
  const access = (call.session.handles.get(file)?.flags ?? O_ACCMODE) & O_ACCMODE;
  const only = type === F_RDLCK ? O_RDONLY : O_FLAGS.O_WRONLY;
  if (access !== only && access !== O_FLAGS.O_RDWR) throw new PosixError('EBADF', 'not open for that');
}

const TYPES = ['read lock', 'write lock', 'unlock'];

function rangeText({ start, end }: InstanceType<typeof fuse_file_lock>): string {
  if (end >= OFFSET_MAX) return start === 0n ? 'whole file' : `from byte ${start} on`;
  return start === end ? `byte ${start}` : `bytes ${start} to ${end}`;
}

const lockText = (lk: InstanceType<typeof fuse_file_lock>): string =>
  `${TYPES[lk.type] ?? `type ${lk.type}`}, ${rangeText(lk)}`;

function asked(request: Message): string {
  const { fh, owner, lk, lk_flags } = request.struct(fuse_lk_in);
  const kind = lk_flags & FUSE_LK_FLAGS.FUSE_LK_FLOCK ? 'flock' : 'fcntl';
  return `${kind} ${lockText(lk)}, fh ${fh}, owner ${owner.toString(16)}`;
}

export const getlk = op<void>({
  opcode: FUSE_OPCODE.FUSE_GETLK,
  name: 'GETLK',
  request: [arg(fuse_lk_in)],
  reply: [arg(fuse_lk_out)],
  handle(call) {
    const request = lockOf(call);
    const found = call.session.locks.test(request);
    // Without a conflict all but the type comes back as it was asked (fs/locks.c posix_test_lock).
    const { type, start, end, pid } = found ?? { ...request, type: F_UNLCK };
    call.writer.struct(fuse_lk_out, (out) => {
      out.lk.start = start;
      out.lk.end = end;
      out.lk.type = type;
      out.lk.pid = pid;
    });
  },
  asked: (request) => `who is against ${asked(request)}`,
  result(reply) {
    const { lk } = reply.struct(fuse_lk_out);
    if (lk.type === F_UNLCK) return 'nobody';
    return `${lockText(lk)}, ${lk.pid === 0 ? 'another guest' : `pid ${lk.pid}`}`;
  },
});

export const setlk = op<void>({
  opcode: FUSE_OPCODE.FUSE_SETLK,
  name: 'SETLK',
  request: [arg(fuse_lk_in)],
  reply: [],
  handle(call) {
    const request = lockOf(call);
    checkMode(call, request);
    call.grantLock(call.session.locks.set(request));
  },
  asked,
});

export const setlkw = op<void>({
  opcode: FUSE_OPCODE.FUSE_SETLKW,
  name: 'SETLKW',
  request: [arg(fuse_lk_in)],
  reply: [],
  handle(call) {
    const request = lockOf(call);
    checkMode(call, request);
    // A waiting request keeps its place in the ring, and its process cannot be killed (fs/fuse/dev.c
    // request_wait_answer; virtio_fs_send_interrupt sends nothing): hence the limit of how many may wait.
    const grant = call.session.locks.wait(request, joined(call.uniqueLow, call.uniqueHigh));
    if (grant instanceof Promise) return grant.then((later) => call.grantLock(later));
    call.grantLock(grant);
  },
  asked: (request) => `wait for ${asked(request)}`,
});
