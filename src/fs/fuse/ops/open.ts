// OPEN, OPENDIR: a handle, which keeps the inode alive until RELEASE.
import { PosixError } from '../../../base/errno.ts';
import { formatFlags } from '../../../base/flags.ts';
import type { Inode } from '../../tree/inode.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../tree/mode.ts';
import { checkOpen } from '../../tree/protect.ts';
import { FOPEN, FUSE_OPCODE, FUSE_OPEN_FLAGS, fuse_open_in, fuse_open_out } from '../abi.ts';
import type { Call } from '../call.ts';
import { O_ACCMODE, O_FLAGS, O_RDONLY } from '../linux.ts';
import type { Message } from '../message.ts';
import { arg, op } from '../op.ts';
import { killPrivileges } from '../setid.ts';
import { openFlags } from '../text.ts';

/**
 * What every open of a file does, CREATE's too. Throws EISDIR, ELOOP for a link, ENXIO for what the guest opens itself,
 * EPERM where the inode's flags forbid it (the guest's kernel does not know them).
 * An O_TRUNC empties the file now: it stays empty whatever becomes of the reply.
 */
export function openFile(call: Call, inode: Inode, flags: number, openInFlags: number): void {
  const type = inode.mode & S_IFMT;
  if (type === S_IFDIR) throw new PosixError('EISDIR');
  if (type === S_IFLNK) throw new PosixError('ELOOP');
  if (type !== S_IFREG) throw new PosixError('ENXIO');
  const truncating = (flags & O_FLAGS.O_TRUNC) !== 0;
  checkOpen(inode, (flags & O_ACCMODE) !== O_RDONLY, (flags & O_FLAGS.O_APPEND) !== 0, truncating);
  if (truncating) {
    call.tree.setattr(inode, { size: 0 });
    killPrivileges(call.session, inode, (openInFlags & FUSE_OPEN_FLAGS.FUSE_OPEN_KILL_SUIDGID) !== 0);
  }
  call.putOpened(call.session.handles.make(inode, flags, false));
}

export const openedText = (reply: Message): string => {
  const { fh, open_flags } = reply.struct(fuse_open_out);
  return open_flags === 0 ? `fh ${fh}` : `fh ${fh} (${formatFlags(open_flags, FOPEN)})`;
};

export const open = op({
  opcode: FUSE_OPCODE.FUSE_OPEN,
  name: 'OPEN',
  request: [arg(fuse_open_in)],
  reply: [arg(fuse_open_out)],
  handle(call) {
    const { flags, open_flags } = call.arg(fuse_open_in);
    openFile(call, call.self(), flags, open_flags);
  },
  asked: (request) => `open ${openFlags(request.struct(fuse_open_in).flags)}`,
  result: openedText,
});

export const opendir = op({
  opcode: FUSE_OPCODE.FUSE_OPENDIR,
  name: 'OPENDIR',
  request: [arg(fuse_open_in)],
  reply: [arg(fuse_open_out)],
  handle(call) {
    const { flags } = call.arg(fuse_open_in);
    const inode = call.self();
    if ((inode.mode & S_IFMT) !== S_IFDIR) throw new PosixError('ENOTDIR');
    call.putOpened(call.session.handles.make(inode, flags, true));
  },
  asked: (request) => `open dir ${openFlags(request.struct(fuse_open_in).flags)}`,
  result: openedText,
});
