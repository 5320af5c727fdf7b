// GETATTR: the attributes of an inode, also of one without a name that is still open.
import { FUSE_GETATTR_FLAGS, FUSE_OPCODE, fuse_attr_out, fuse_getattr_in } from '../abi.ts';
import { arg, op } from '../op.ts';
import { attrText } from '../text.ts';

const { FUSE_GETATTR_FH } = FUSE_GETATTR_FLAGS;

export const getattr = op({
  opcode: FUSE_OPCODE.FUSE_GETATTR,
  name: 'GETATTR',
  request: [arg(fuse_getattr_in)],
  reply: [arg(fuse_attr_out)],
  handle(call) {
    // The fh says which open file asks; the attributes are the inode's.
    call.arg(fuse_getattr_in);
    call.putAttr(call.self());
  },
  asked(request) {
    const { getattr_flags, fh } = request.struct(fuse_getattr_in);
    return getattr_flags & FUSE_GETATTR_FH ? `attributes through fh ${fh}` : 'attributes';
  },
  result: (reply) => attrText(reply.struct(fuse_attr_out).attr),
});
