// LSEEK: where data or a hole begins. Other kinds of seeking the guest does itself.
import { PosixError } from '../../../base/errno.ts';
import type { Inode } from '../../tree/inode.ts';
import { FUSE_OPCODE, fuse_lseek_in, fuse_lseek_out } from '../abi.ts';
import type { Call } from '../call.ts';
import { O_ACCMODE, O_RDONLY, SEEK } from '../linux.ts';
import { arg, op } from '../op.ts';

const kind = (whence: number): string =>
  whence === SEEK.SEEK_DATA ? 'data' : whence === SEEK.SEEK_HOLE ? 'a hole' : `whence ${whence}`;

/**
 * Whether the guest may have written what it has not sent: fs/fuse/file.c fuse_lseek() asks without sending it first, so
 * that a copy of a file that was just written would be all holes. Once no program can write to it any more, it is here.
 */
function mayBeBehind({ session }: Call, inode: Inode): boolean {
  if (!session.writeback || session.policy.like === 'virtiofsd') return false;
  for (const handle of session.handles.entries()) {
    if (handle.inode === inode && (handle.flags & O_ACCMODE) !== O_RDONLY) return true;
  }
  return false;
}

export const lseek = op({
  opcode: FUSE_OPCODE.FUSE_LSEEK,
  name: 'LSEEK',
  request: [arg(fuse_lseek_in)],
  reply: [arg(fuse_lseek_out)],
  handle(call) {
    const { fh, offset, whence } = call.arg(fuse_lseek_in);
    const { inode } = call.handle(fh, false);
    if (whence !== SEEK.SEEK_DATA && whence !== SEEK.SEEK_HOLE) throw new PosixError('EINVAL', `whence ${whence}`);
    // What programs take for "reads will tell": as of a file system without holes.
    if (mayBeBehind(call, inode)) throw new PosixError('EINVAL', 'the guest may have unwritten data');
    // Negative ones too: to the kernel's own generic_file_llseek_size they are as far out.
    if (!Number.isSafeInteger(offset)) throw new PosixError('ENXIO');
    const found = call.tree.seek(inode, offset, whence);
    call.writer.struct(fuse_lseek_out, (out) => {
      out.offset = found;
    });
  },
  asked(request) {
    const { fh, offset, whence } = request.struct(fuse_lseek_in);
    return `find ${kind(whence)} from ${offset} on in fh ${fh}`;
  },
  result: (reply) => `at ${reply.struct(fuse_lseek_out).offset}`,
});
