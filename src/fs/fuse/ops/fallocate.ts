// FALLOCATE: let a file be so long, or a range of it be zero. Nothing is reserved: room is taken by the bytes that come.
import { formatFlags } from '../../../base/flags.ts';
import { FUSE_OPCODE, fuse_fallocate_in } from '../abi.ts';
import { FALLOCATE_FLAGS } from '../linux.ts';
import { arg, op } from '../op.ts';
import { killPrivileges } from '../setid.ts';

export const fallocate = op<void>({
  opcode: FUSE_OPCODE.FUSE_FALLOCATE,
  name: 'FALLOCATE',
  request: [arg(fuse_fallocate_in)],
  reply: [],
  handle(call) {
    const { fh, offset, length, mode } = call.arg(fuse_fallocate_in);
    const { inode } = call.writable(fh);
    const later = call.tree.fallocate(inode, mode, call.offset(offset), call.offset(length));
    // No flag of the request says so: fs/fuse/file.c fuse_file_fallocate runs file_modified() before it.
    killPrivileges(call.session, inode, call.uid !== 0);
    return later;
  },
  asked(request) {
    const { fh, offset, length, mode } = request.struct(fuse_fallocate_in);
    const how = mode === 0 ? '' : ` (${formatFlags(mode, FALLOCATE_FLAGS)})`;
    return `allocate ${length} B at ${offset} of fh ${fh}${how}`;
  },
});
