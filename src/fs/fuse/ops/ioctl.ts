// IOCTL: the inode's flags (chattr, lsattr), in their old form and as struct fsxattr. Every other command is ENOTTY: not
// ENOSYS, which Linux would turn into ENOTTY for good (fs/fuse/ioctl.c).
import { PosixError } from '../../../base/errno.ts';
import { formatFlags } from '../../../base/flags.ts';
import { ShortMessage } from '../../../base/iov.ts';
import type { Inode } from '../../tree/inode.ts';
import { FS_APPEND_FL, FS_IMMUTABLE_FL } from '../../tree/protect.ts';
import { FUSE_IOCTL_FLAGS, FUSE_OPCODE, fuse_ioctl_in, fuse_ioctl_out } from '../abi.ts';
import type { Call } from '../call.ts';
import { FS_XFLAGS, fsxattr, INODE_FLAGS, IOCTL, inode_flags } from '../linux.ts';
import { arg, bytes, type Layout, op } from '../op.ts';

const COMMANDS = new Map<number, string>(
  Object.entries(IOCTL).map(([name, value]) => [value, name.replace('FS_IOC32', 'FS_IOC')]),
);
const COMMAND_AT = 12;

/** FUSE_IOCTL_COMPAT tells of a 32-bit caller on a 64-bit kernel: what these commands carry is the same for both. */
const { FUSE_IOCTL_COMPAT, FUSE_IOCTL_UNRESTRICTED, FUSE_IOCTL_32BIT, FUSE_IOCTL_DIR, FUSE_IOCTL_COMPAT_X32 } =
  FUSE_IOCTL_FLAGS;
/**
 * FUSE_IOCTL_UNRESTRICTED, which only CUSE sets, is served like the others as long as the sizes are given.
 * FUSE_IOCTL_RETRY is not among them: only a reply has it, and none of ours, because what a command carries is known.
 */
const REQUEST_FLAGS =
  FUSE_IOCTL_COMPAT | FUSE_IOCTL_UNRESTRICTED | FUSE_IOCTL_32BIT | FUSE_IOCTL_DIR | FUSE_IOCTL_COMPAT_X32;

const XFLAG_OF: readonly (readonly [flag: number, xflag: number])[] = [
  [INODE_FLAGS.FS_IMMUTABLE_FL, FS_XFLAGS.FS_XFLAG_IMMUTABLE],
  [INODE_FLAGS.FS_APPEND_FL, FS_XFLAGS.FS_XFLAG_APPEND],
  [INODE_FLAGS.FS_NODUMP_FL, FS_XFLAGS.FS_XFLAG_NODUMP],
  [INODE_FLAGS.FS_NOATIME_FL, FS_XFLAGS.FS_XFLAG_NOATIME],
];

function toXflags(flags: number): number {
  let xflags = 0;
  for (const [flag, xflag] of XFLAG_OF) if (flags & flag) xflags |= xflag;
  return xflags;
}

/** Throws EOPNOTSUPP for a flag that is not kept. */
function fromXflags(xflags: number): number {
  let flags = 0;
  let rest = xflags;
  for (const [flag, xflag] of XFLAG_OF) {
    if (rest & xflag) flags |= flag;
    rest &= ~xflag;
  }
  if (rest !== 0) throw new PosixError('EOPNOTSUPP', 'xflags');
  return flags;
}

/**
 * Sets the flags for the caller: its owner or uid 0; only uid 0 makes an inode immutable or append only, or takes that
 * back (fs/ioctl.c fileattr_set_prepare). Throws EPERM, EOPNOTSUPP.
 */
function setFlags(call: Call, inode: Inode, flags: number): void {
  const privileged = call.uid === 0;
  if (!privileged && call.uid !== inode.uid) throw new PosixError('EPERM', 'not the owner');
  if (!privileged && (flags ^ inode.flags) & (FS_IMMUTABLE_FL | FS_APPEND_FL)) throw new PosixError('EPERM');
  call.tree.setFlags(inode, flags);
}

function putResult(call: Call): void {
  call.writer.struct(fuse_ioctl_out, () => {});
}

/** Throws EINVAL where the caller's buffer has not one of the sizes that the command can have. */
function checkSize(size: number, ...sizes: number[]): void {
  if (!sizes.includes(size)) throw new PosixError('EINVAL', `${size} bytes of data`);
}

/** Throws ShortMessage where the reply has no room for the data. */
function checkRoom(call: Call, size: number): void {
  const wanted = fuse_ioctl_out.size + size;
  if (wanted > call.writer.remaining) throw new ShortMessage(wanted, call.writer.remaining);
}

const dataLayout = (command: number): Layout => {
  const name = COMMANDS.get(command);
  if (name === 'FS_IOC_GETFLAGS' || name === 'FS_IOC_SETFLAGS') return [arg(inode_flags)];
  return name === undefined ? [bytes('data')] : [arg(fsxattr)];
};
const commandOf = (args: Uint8Array): number =>
  args.length < COMMAND_AT + 4 ? 0 : new DataView(args.buffer, args.byteOffset).getUint32(COMMAND_AT, true);

export const ioctl = op({
  opcode: FUSE_OPCODE.FUSE_IOCTL,
  name: 'IOCTL',
  request: (args) => [arg(fuse_ioctl_in), ...dataLayout(commandOf(args))],
  reply: (args) => [arg(fuse_ioctl_out), ...dataLayout(commandOf(args))],
  handle(call) {
    const { fh, flags, cmd, in_size, out_size } = call.arg(fuse_ioctl_in);
    const { inode } = call.handle(fh, (flags & FUSE_IOCTL_DIR) !== 0);
    if (flags & ~REQUEST_FLAGS) throw new PosixError('EINVAL', 'flags');
    if (in_size > call.reader.remaining) throw new ShortMessage(in_size, call.reader.remaining);
    switch (cmd) {
      case IOCTL.FS_IOC_GETFLAGS:
      case IOCTL.FS_IOC32_GETFLAGS:
        checkSize(out_size, 4, 8);
        checkRoom(call, inode_flags.size);
        putResult(call);
        call.writer.struct(inode_flags, (out) => {
          out.flags = inode.flags;
        });
        return;
      case IOCTL.FS_IOC_SETFLAGS:
      case IOCTL.FS_IOC32_SETFLAGS:
        checkSize(in_size, 4, 8);
        checkRoom(call, 0);
        setFlags(call, inode, call.arg(inode_flags).flags);
        putResult(call);
        return;
      case IOCTL.FS_IOC_FSGETXATTR:
        checkSize(out_size, fsxattr.size);
        checkRoom(call, fsxattr.size);
        putResult(call);
        call.writer.struct(fsxattr, (out) => {
          out.fsx_xflags = toXflags(inode.flags);
          out.fsx_nextents = inode.runs?.length ?? 0;
        });
        return;
      case IOCTL.FS_IOC_FSSETXATTR: {
        checkSize(in_size, fsxattr.size);
        checkRoom(call, 0);
        const { fsx_xflags, fsx_extsize, fsx_projid, fsx_cowextsize } = call.arg(fsxattr);
        if (fsx_extsize !== 0 || fsx_projid !== 0 || fsx_cowextsize !== 0) throw new PosixError('EOPNOTSUPP');
        setFlags(call, inode, fromXflags(fsx_xflags));
        putResult(call);
        return;
      }
      default:
        throw new PosixError('ENOTTY', `command 0x${cmd.toString(16)}`);
    }
  },
  asked(request) {
    const { fh, cmd, in_size, out_size } = request.struct(fuse_ioctl_in);
    const name = COMMANDS.get(cmd) ?? `command 0x${cmd.toString(16)}, ${in_size} B in, up to ${out_size} B out,`;
    const flags = request.structs(inode_flags)[0]?.flags;
    const xflags = request.structs(fsxattr)[0]?.fsx_xflags;
    const what =
      flags !== undefined
        ? ` ${formatFlags(flags, INODE_FLAGS)}`
        : xflags !== undefined
          ? ` ${formatFlags(xflags, FS_XFLAGS)}`
          : '';
    return `${name}${what} on fh ${fh}`;
  },
  result(reply) {
    const flags = reply.structs(inode_flags)[0];
    if (flags) return formatFlags(flags.flags, INODE_FLAGS);
    const xflags = reply.structs(fsxattr)[0];
    return xflags ? formatFlags(xflags.fsx_xflags, FS_XFLAGS) : 'ok';
  },
});
