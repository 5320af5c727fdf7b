// BMAP: which block of the device holds a block of a file. Refused: there is no device with blocks under the tree.
import { PosixError } from '../../../base/errno.ts';
import { FUSE_OPCODE, fuse_bmap_in, fuse_bmap_out } from '../abi.ts';
import { arg, op } from '../op.ts';

const why = 'no block device lies under the tree; Linux asks only where one does (fuseblk)';

export const bmap = op<void>({
  opcode: FUSE_OPCODE.FUSE_BMAP,
  name: 'BMAP',
  unsent: 'asked only for a mount of a block device',
  request: [arg(fuse_bmap_in)],
  reply: [arg(fuse_bmap_out)],
  refused: { errno: 'ENOSYS', why },
  handle(call) {
    call.arg(fuse_bmap_in);
    call.self();
    throw new PosixError('ENOSYS', why);
  },
  asked(request) {
    const { block, blocksize } = request.struct(fuse_bmap_in);
    return `where is block ${block} of ${blocksize} B`;
  },
});
