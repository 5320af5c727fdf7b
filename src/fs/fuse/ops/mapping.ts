// SETUPMAPPING, REMOVEMAPPING: pages of a file in the device's DAX window. Refused: the device has none.
import { PosixError } from '../../../base/errno.ts';
import { formatFlags } from '../../../base/flags.ts';
import { ShortMessage } from '../../../base/iov.ts';
import {
  FUSE_OPCODE,
  FUSE_SETUPMAPPING_FLAGS,
  fuse_removemapping_in,
  fuse_removemapping_one,
  fuse_setupmapping_in,
} from '../abi.ts';
import { arg, op } from '../op.ts';

const why = 'no DAX window: the page cache of a 32-bit x86 kernel cannot use one';

export const setupmapping = op<void>({
  opcode: FUSE_OPCODE.FUSE_SETUPMAPPING,
  name: 'SETUPMAPPING',
  unsent: 'DAX needs ZONE_DEVICE, which 32-bit x86 has not',
  request: [arg(fuse_setupmapping_in)],
  reply: [],
  refused: { errno: 'ENOSYS', why },
  handle(call) {
    call.arg(fuse_setupmapping_in);
    call.self();
    throw new PosixError('ENOSYS', why);
  },
  asked(request) {
    const { fh, foffset, len, moffset, flags } = request.struct(fuse_setupmapping_in);
    return `map ${len} B at ${foffset} of fh ${fh} at ${moffset} (${formatFlags(flags, FUSE_SETUPMAPPING_FLAGS)})`;
  },
});

export const removemapping = op<void>({
  opcode: FUSE_OPCODE.FUSE_REMOVEMAPPING,
  name: 'REMOVEMAPPING',
  unsent: 'DAX needs ZONE_DEVICE, which 32-bit x86 has not',
  request: [arg(fuse_removemapping_in), { kind: 'list', label: 'mapping', type: fuse_removemapping_one }],
  reply: [],
  refused: { errno: 'ENOSYS', why },
  handle(call) {
    const { count } = call.arg(fuse_removemapping_in);
    const size = count * fuse_removemapping_one.size;
    if (size > call.reader.remaining) throw new ShortMessage(size, call.reader.remaining);
    call.self();
    throw new PosixError('ENOSYS', why);
  },
  asked(request) {
    const { count } = request.struct(fuse_removemapping_in);
    return `unmap ${count} ${count === 1 ? 'range' : 'ranges'}`;
  },
});
