// MKDIR: make a directory.
import { S_IFDIR } from '../../tree/mode.ts';
import { FUSE_OPCODE, fuse_entry_out, fuse_mkdir_in } from '../abi.ts';
import { creation } from '../creation.ts';
import { arg, name, op } from '../op.ts';
import { entryText, octal, quote } from '../text.ts';

export const mkdir = op({
  opcode: FUSE_OPCODE.FUSE_MKDIR,
  name: 'MKDIR',
  request: [arg(fuse_mkdir_in), name('name')],
  reply: [arg(fuse_entry_out)],
  adds: true,
  handle(call) {
    const { mode, umask } = call.arg(fuse_mkdir_in);
    const named = call.properName();
    const directory = call.self();
    const made = creation(call, directory, S_IFDIR | (mode & 0o7777), umask);
    call.putEntry(call.tree.mkdir(directory, named, made));
  },
  asked: (request) => `make dir ${quote(request.name())} ${octal(request.struct(fuse_mkdir_in).mode)}`,
  result: (reply) => entryText(reply.struct(fuse_entry_out)),
});
