// STATX: what GETATTR tells, with the time of birth and the inode's flags. A guest asks when somebody wants the birth.
import type { Inode } from '../../tree/inode.ts';
import { FS_APPEND_FL, FS_IMMUTABLE_FL, FS_NODUMP_FL } from '../../tree/protect.ts';
import { FUSE_GETATTR_FLAGS, FUSE_OPCODE, type fuse_statx, fuse_statx_in, fuse_statx_out } from '../abi.ts';
import { BLOCK_SIZE } from '../attr.ts';
import { deviceMajor, deviceMinor, STATX_ALL, STATX_ATTRIBUTES } from '../linux.ts';
import { arg, op } from '../op.ts';
import { attrText, timeText } from '../text.ts';

const { STATX_ATTR_IMMUTABLE, STATX_ATTR_APPEND, STATX_ATTR_NODUMP } = STATX_ATTRIBUTES;

/** stx_attributes of FS_*_FL. */
const attributesOf = (flags: number): number =>
  (flags & FS_IMMUTABLE_FL ? STATX_ATTR_IMMUTABLE : 0) |
  (flags & FS_APPEND_FL ? STATX_ATTR_APPEND : 0) |
  (flags & FS_NODUMP_FL ? STATX_ATTR_NODUMP : 0);

function time(out: { tv_sec: number; tv_nsec: number }, s: number, ns: number): void {
  out.tv_sec = s;
  out.tv_nsec = ns;
}

function fill(out: InstanceType<typeof fuse_statx>, inode: Inode): void {
  out.mask = STATX_ALL;
  out.blksize = BLOCK_SIZE;
  out.attributes = attributesOf(inode.flags);
  out.attributes_mask = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
  out.nlink = inode.nlink;
  out.uid = inode.uid;
  out.gid = inode.gid;
  out.mode = inode.mode;
  out.ino = inode.ino;
  out.size = inode.size;
  out.blocks = inode.blocks;
  time(out.atime, inode.atime, inode.atimensec);
  time(out.btime, inode.btime, inode.btimensec);
  time(out.ctime, inode.ctime, inode.ctimensec);
  time(out.mtime, inode.mtime, inode.mtimensec);
  out.rdev_major = deviceMajor(inode.rdev);
  out.rdev_minor = deviceMinor(inode.rdev);
}

export const statx = op({
  opcode: FUSE_OPCODE.FUSE_STATX,
  name: 'STATX',
  request: [arg(fuse_statx_in)],
  reply: [arg(fuse_statx_out)],
  handle(call) {
    // The mask says what is wanted, and more may be told; sync hints mean nothing where all metadata is in memory.
    call.arg(fuse_statx_in);
    const inode = call.self();
    call.writer.struct(fuse_statx_out, (out) => {
      out.attr_valid = call.session.policy.attrValid;
      fill(out.stat, inode);
    });
  },
  asked(request) {
    const { getattr_flags, fh } = request.struct(fuse_statx_in);
    const through = getattr_flags & FUSE_GETATTR_FLAGS.FUSE_GETATTR_FH ? ` through fh ${fh}` : '';
    return `attributes with the time of birth${through}`;
  },
  result(reply) {
    const { stat } = reply.struct(fuse_statx_out);
    return `${attrText(stat)}, born ${timeText(stat.btime.tv_sec, stat.btime.tv_nsec)}`;
  },
});
