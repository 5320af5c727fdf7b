// WRITE: file content, copied once, from guest memory into the tree's chunks.
import { PosixError } from '../../../base/errno.ts';
import { formatFlags } from '../../../base/flags.ts';
import { ShortMessage } from '../../../base/iov.ts';
import { isAppendOnly } from '../../tree/protect.ts';
import { FUSE_OPCODE, FUSE_WRITE_FLAGS, fuse_write_in, fuse_write_out } from '../abi.ts';
import { O_ACCMODE, O_FLAGS, O_RDONLY } from '../linux.ts';
import { arg, bytes, op } from '../op.ts';
import { killPrivileges } from '../setid.ts';

const { FUSE_WRITE_CACHE, FUSE_WRITE_KILL_SUIDGID } = FUSE_WRITE_FLAGS;

export const write = op<number>({
  opcode: FUSE_OPCODE.FUSE_WRITE,
  name: 'WRITE',
  request: [arg(fuse_write_in), bytes('data')],
  reply: [arg(fuse_write_out)],
  handle(call) {
    const { fh, offset, size, write_flags, flags } = call.arg(fuse_write_in);
    const handle = call.handle(fh, false);
    const { inode } = handle;
    const delayed = (write_flags & FUSE_WRITE_CACHE) !== 0;
    // With FUSE_WRITE_CACHE the guest picked any open file of the inode, and the offset is where the page lies.
    if (!delayed && (handle.flags & O_ACCMODE) === O_RDONLY) throw new PosixError('EBADF', 'not open for writing');
    if (size > call.reader.remaining) throw new ShortMessage(size, call.reader.remaining);
    const asked = call.offset(offset);
    // An earlier part of one appending write(2) may still wait for its chunk, and the file not have grown by it yet.
    const at = !delayed && flags & O_FLAGS.O_APPEND ? Math.max(inode.size, asked) : asked;
    if (size === 0) return 0;
    // Of what is append only, a page of the cache that reaches over the end brings no more than what is behind it.
    const known = delayed && isAppendOnly(inode) ? Math.min(Math.max(inode.size - at, 0), size - 1) : 0;
    call.reader.skip(known);
    // A guest that writes back keeps the times of the change too, and sends them when it has sent the pages.
    const stamp = !(delayed && call.session.writeback);
    const written = call.tree.write(inode, at + known, size - known, call.reader, stamp);
    killPrivileges(call.session, inode, (write_flags & FUSE_WRITE_KILL_SUIDGID) !== 0);
    return written ? written.then(() => size) : size;
  },
  encode(call, size) {
    call.writer.struct(fuse_write_out, (out) => {
      out.size = size;
    });
  },
  asked(request) {
    const { fh, offset, size, write_flags } = request.struct(fuse_write_in);
    const how = write_flags === 0 ? '' : ` (${formatFlags(write_flags, FUSE_WRITE_FLAGS)})`;
    return `write ${size} B at ${offset} to fh ${fh}${how}`;
  },
  result: (reply) => `${reply.struct(fuse_write_out).size} B`,
});
