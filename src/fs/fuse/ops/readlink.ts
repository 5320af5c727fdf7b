// READLINK: the target of a symbolic link, without a NUL.
import { PosixError } from '../../../base/errno.ts';
import { bytesToString } from '../../../base/iov.ts';
import { S_IFLNK, S_IFMT } from '../../tree/mode.ts';
import { FUSE_OPCODE } from '../abi.ts';
import { bytes, op } from '../op.ts';
import { quote } from '../text.ts';

export const readlink = op({
  opcode: FUSE_OPCODE.FUSE_READLINK,
  name: 'READLINK',
  request: [],
  reply: [bytes('target')],
  handle(call) {
    const inode = call.self();
    if ((inode.mode & S_IFMT) !== S_IFLNK) throw new PosixError('EINVAL');
    call.writer.text(inode.target);
  },
  asked: () => 'target of the link',
  result: (reply) => reply.pieces.map((piece) => quote(bytesToString(reply.at(piece)))).join(''),
});
