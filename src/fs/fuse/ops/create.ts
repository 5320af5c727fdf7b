// CREATE: make a file and open it, or open the one that is there. Look-up and handle begin when the reply is placed.
import { PosixError } from '../../../base/errno.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../tree/mode.ts';
import { FUSE_OPCODE, fuse_create_in, fuse_entry_out, fuse_open_out } from '../abi.ts';
import { creation } from '../creation.ts';
import { O_FLAGS } from '../linux.ts';
import { arg, name, op } from '../op.ts';
import { entryText, modeText, openFlags, quote } from '../text.ts';
import { openedText, openFile } from './open.ts';

export const create = op({
  opcode: FUSE_OPCODE.FUSE_CREATE,
  name: 'CREATE',
  request: [arg(fuse_create_in), name('name')],
  reply: [arg(fuse_entry_out), arg(fuse_open_out)],
  adds: true,
  handle(call) {
    const { flags, mode, umask, open_flags } = call.arg(fuse_create_in);
    const type = mode & S_IFMT || S_IFREG;
    if (type !== S_IFREG) throw new PosixError('EINVAL');
    const named = call.properName();
    const directory = call.self();
    let inode = call.tree.lookup(directory, named);
    let truncate = flags;
    if (!inode) {
      const made = creation(call, directory, S_IFREG | (mode & 0o7777), umask);
      inode = call.tree.mknod(directory, named, made);
      truncate &= ~O_FLAGS.O_TRUNC;
    } else if (flags & O_FLAGS.O_EXCL) throw new PosixError('EEXIST');
    else if ((inode.mode & S_IFMT) === S_IFDIR) throw new PosixError('EISDIR');
    const start = call.writer.offset;
    // First, because the look-up may be refused: a file that was not opened was not emptied.
    call.putEntry(inode);
    openFile(call, inode, truncate, open_flags);
    if ((truncate & O_FLAGS.O_TRUNC) === 0) return;
    const end = call.writer.offset;
    call.writer.seek(start);
    call.putEntryAgain();
    call.writer.seek(end);
  },
  asked(request) {
    const { flags, mode } = request.struct(fuse_create_in);
    return `create ${modeText(mode)} ${quote(request.name())}, open ${openFlags(flags)}`;
  },
  result: (reply) => `${entryText(reply.struct(fuse_entry_out))}, ${openedText(reply)}`,
});
