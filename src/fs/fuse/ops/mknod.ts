// MKNOD: make a file, a device node, a fifo or a socket.
import { PosixError } from '../../../base/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../tree/mode.ts';
import { FUSE_OPCODE, fuse_entry_out, fuse_mknod_in } from '../abi.ts';
import { creation } from '../creation.ts';
import { arg, name, op } from '../op.ts';
import { entryText, modeText, quote } from '../text.ts';

export const mknod = op({
  opcode: FUSE_OPCODE.FUSE_MKNOD,
  name: 'MKNOD',
  request: [arg(fuse_mknod_in), name('name')],
  reply: [arg(fuse_entry_out)],
  adds: true,
  handle(call) {
    const { mode, rdev, umask } = call.arg(fuse_mknod_in);
    const type = mode & S_IFMT || S_IFREG;
    if (type === S_IFDIR) throw new PosixError('EPERM');
    if (type === S_IFLNK) throw new PosixError('EINVAL');
    const named = call.properName();
    const directory = call.self();
    const made = { ...creation(call, directory, type | (mode & 0o7777), umask), rdev };
    call.putEntry(call.tree.mknod(directory, named, made));
  },
  asked: (request) => `make ${modeText(request.struct(fuse_mknod_in).mode)} ${quote(request.name())}`,
  result: (reply) => entryText(reply.struct(fuse_entry_out)),
});
