// TMPFILE: make a file without a name and open it. It goes with its last hold, unless LINK gives it a name.
import { PosixError } from '../../../base/errno.ts';
import { S_IFMT, S_IFREG } from '../../tree/mode.ts';
import { FUSE_OPCODE, fuse_create_in, fuse_entry_out, fuse_open_out } from '../abi.ts';
import { creation } from '../creation.ts';
import { arg, name, op } from '../op.ts';
import { entryText, modeText, openFlags } from '../text.ts';
import { openedText, openFile } from './open.ts';

export const tmpfile = op({
  opcode: FUSE_OPCODE.FUSE_TMPFILE,
  name: 'TMPFILE',
  request: [arg(fuse_create_in), name('name')],
  reply: [arg(fuse_entry_out), arg(fuse_open_out)],
  adds: true,
  handle(call) {
    const { flags, mode, umask, open_flags } = call.arg(fuse_create_in);
    if ((mode & S_IFMT || S_IFREG) !== S_IFREG) throw new PosixError('EINVAL');
    // "/" (fs/namei.c vfs_tmpfile), which names nothing.
    call.reader.cstring();
    const directory = call.self();
    const inode = call.tree.tmpfile(directory, creation(call, directory, S_IFREG | (mode & 0o7777), umask));
    call.keep(inode);
    call.putEntry(inode);
    openFile(call, inode, flags, open_flags);
  },
  asked(request) {
    const { flags, mode } = request.struct(fuse_create_in);
    return `create ${modeText(mode)} without a name, open ${openFlags(flags)}`;
  },
  result: (reply) => `${entryText(reply.struct(fuse_entry_out))}, ${openedText(reply)}`,
});
