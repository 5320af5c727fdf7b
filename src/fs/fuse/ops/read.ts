// READ: file content, copied once, from the tree's chunks into guest memory.
import { ShortMessage } from '../../../base/iov.ts';
import { FUSE_OPCODE, fuse_read_in } from '../abi.ts';
import { arg, bytes, op } from '../op.ts';

export const read = op<Uint8Array[]>({
  opcode: FUSE_OPCODE.FUSE_READ,
  name: 'READ',
  request: [arg(fuse_read_in)],
  reply: [bytes('data')],
  handle(call) {
    const { fh, offset, size } = call.arg(fuse_read_in);
    const { inode } = call.handle(fh, false);
    if (size > call.writer.remaining) throw new ShortMessage(size, call.writer.remaining);
    return call.tree.read(inode, call.offset(offset), size);
  },
  encode(call, pieces) {
    for (let i = 0; i < pieces.length; i++) call.writer.bytes(pieces[i] as Uint8Array);
  },
  asked(request) {
    const { fh, offset, size } = request.struct(fuse_read_in);
    return `read ${size} B at ${offset} from fh ${fh}`;
  },
  result: (reply) => (reply.length === 0 ? 'end of file' : `${reply.length} B`),
});
