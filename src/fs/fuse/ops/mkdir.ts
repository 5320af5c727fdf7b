// MKDIR: make a directory. The guest has applied the umask.

import { S_IFDIR } from '../../tree/mode.ts';
import { FUSE_OPCODE, fuse_entry_out, fuse_mkdir_in } from '../abi.ts';
import { arg, name, op } from '../op.ts';
import { entryText, octal, quote } from '../text.ts';

export const mkdir = op({
  opcode: FUSE_OPCODE.FUSE_MKDIR,
  name: 'MKDIR',
  request: [arg(fuse_mkdir_in), name('name')],
  reply: [arg(fuse_entry_out)],
  handle(call) {
    const mode = S_IFDIR | (call.arg(fuse_mkdir_in).mode & 0o7777);
    const named = call.properName();
    call.putEntry(call.tree.mkdir(call.self(), named, { mode, uid: call.uid, gid: call.gid }));
  },
  asked: (request) => `make dir ${quote(request.name())} ${octal(request.struct(fuse_mkdir_in).mode)}`,
  result: (reply) => entryText(reply.struct(fuse_entry_out)),
});
