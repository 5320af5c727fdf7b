// LINK: one more name for a file. The header's nodeid is the directory; the reply counts one more look-up of the file.
import { FUSE_OPCODE, fuse_entry_out, fuse_link_in } from '../abi.ts';
import { arg, name, op } from '../op.ts';
import { entryText, quote } from '../text.ts';

export const link = op({
  opcode: FUSE_OPCODE.FUSE_LINK,
  name: 'LINK',
  request: [arg(fuse_link_in), name('newname')],
  reply: [arg(fuse_entry_out)],
  adds: true,
  handle(call) {
    const { oldnodeid } = call.arg(fuse_link_in);
    const named = call.properName();
    const directory = call.self();
    const inode = call.session.inode(oldnodeid);
    call.tree.link(inode, directory, named);
    call.putEntry(inode);
  },
  asked: (request) => `link ${quote(request.name())} to nodeid ${request.struct(fuse_link_in).oldnodeid}`,
  result: (reply) => entryText(reply.struct(fuse_entry_out)),
});
