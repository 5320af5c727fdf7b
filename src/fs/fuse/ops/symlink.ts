// SYMLINK: make a symbolic link.
import { PosixError } from '../../../base/errno.ts';
import { PATH_MAX, S_IFLNK } from '../../tree/mode.ts';
import { FUSE_OPCODE, fuse_entry_out } from '../abi.ts';
import { creation } from '../creation.ts';
import { arg, name, op } from '../op.ts';
import { entryText, quote } from '../text.ts';

export const symlink = op({
  opcode: FUSE_OPCODE.FUSE_SYMLINK,
  name: 'SYMLINK',
  request: [name('name'), name('target')],
  reply: [arg(fuse_entry_out)],
  adds: true,
  handle(call) {
    const named = call.properName();
    const target = call.reader.cstring();
    if (target.length === 0) throw new PosixError('ENOENT');
    if (target.length >= PATH_MAX) throw new PosixError('ENAMETOOLONG');
    const directory = call.self();
    call.putEntry(call.tree.symlink(directory, named, target, creation(call, directory, S_IFLNK | 0o777, 0)));
  },
  asked: (request) => `link ${quote(request.name(0))} to ${quote(request.name(1))}`,
  result: (reply) => entryText(reply.struct(fuse_entry_out)),
});
