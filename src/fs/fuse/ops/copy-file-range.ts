// COPY_FILE_RANGE: bytes go from one file to another, or to another place, without passing through the guest.
import { PosixError } from '../../../base/errno.ts';
import { FUSE_OPCODE, fuse_copy_file_range_in, fuse_write_out } from '../abi.ts';
import { O_ACCMODE, O_FLAGS, O_RDONLY } from '../linux.ts';
import { arg, op } from '../op.ts';
import { killPrivileges } from '../setid.ts';

/** The most that Linux asks for at once, and that the reply can tell (fs/fuse/file.c __fuse_copy_file_range). */
const LEN_MAX = 0xffff_f000;

export const copyFileRange = op<number>({
  opcode: FUSE_OPCODE.FUSE_COPY_FILE_RANGE,
  name: 'COPY_FILE_RANGE',
  request: [arg(fuse_copy_file_range_in)],
  reply: [arg(fuse_write_out)],
  handle(call) {
    const { fh_in, off_in, nodeid_out, fh_out, off_out, len, flags } = call.arg(fuse_copy_file_range_in);
    const source = call.handle(fh_in, false);
    const target = call.session.handles.get(fh_out);
    if (!target || target.nodeid !== nodeid_out || target.directory) {
      call.session.inode(nodeid_out);
      throw new PosixError('EBADF', `fh ${fh_out}`);
    }
    if ((source.flags & O_ACCMODE) === O_FLAGS.O_WRONLY) throw new PosixError('EBADF', 'not open for reading');
    if ((target.flags & O_ACCMODE) === O_RDONLY) throw new PosixError('EBADF', 'not open for writing');
    if (flags !== 0) throw new PosixError('EINVAL', 'flags');
    const from = call.offset(off_in);
    const to = call.offset(off_out);
    const copied = call.tree.copyRange(source.inode, from, target.inode, to, Math.min(len, LEN_MAX));
    // No flag of the request says so: fs/fuse/file.c __fuse_copy_file_range runs file_modified() before it.
    if (copied !== 0) killPrivileges(call.session, target.inode, call.uid !== 0);
    return copied;
  },
  encode(call, size) {
    call.writer.struct(fuse_write_out, (out) => {
      out.size = size;
    });
  },
  asked(request) {
    const { fh_in, off_in, nodeid_out, fh_out, off_out, len } = request.struct(fuse_copy_file_range_in);
    return `copy ${len} B at ${off_in} of fh ${fh_in} to ${off_out} of fh ${fh_out}, nodeid ${nodeid_out}`;
  },
  result: (reply) => `${reply.struct(fuse_write_out).size} B`,
});
