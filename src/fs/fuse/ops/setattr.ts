// SETATTR: chmod, chown, truncate, utimes in one. `valid` = 0 is legal and changes nothing but set-id bits.
import { PosixError } from '../../../base/errno.ts';
import { formatFlags } from '../../../base/flags.ts';
import type { Inode } from '../../tree/inode.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../tree/mode.ts';
import type { SetAttr } from '../../tree/tree.ts';
import { FATTR, FUSE_OPCODE, fuse_attr_out, fuse_setattr_in } from '../abi.ts';
import type { Call } from '../call.ts';
import { arg, op } from '../op.ts';
import { killPrivileges } from '../setid.ts';
import { attrText, octal, timeText } from '../text.ts';

type SetattrIn = InstanceType<typeof fuse_setattr_in>;

function time(s: number, ns: number): { s: number; ns: number } {
  if (!Number.isSafeInteger(s) || ns > 999_999_999) throw new PosixError('EINVAL', 'time');
  return { s, ns };
}

function changes(call: Call, set: SetattrIn, inode: Inode): SetAttr {
  const { valid } = set;
  const change: SetAttr = {};
  if (valid & FATTR.FATTR_MODE) change.mode = set.mode & 0o7777;
  if (valid & FATTR.FATTR_UID) change.uid = set.uid;
  if (valid & FATTR.FATTR_GID) change.gid = set.gid;
  if (valid & FATTR.FATTR_SIZE) change.size = call.offset(set.size);
  if (valid & FATTR.FATTR_ATIME_NOW) change.atime = call.tree.now();
  else if (valid & FATTR.FATTR_ATIME) change.atime = time(set.atime, set.atimensec);
  if (valid & FATTR.FATTR_MTIME_NOW) change.mtime = call.tree.now();
  else if (valid & FATTR.FATTR_MTIME) change.mtime = time(set.mtime, set.mtimensec);
  if (valid & FATTR.FATTR_CTIME) change.ctime = time(set.ctime, set.ctimensec);
  if (valid & (FATTR.FATTR_ATIME | FATTR.FATTR_MTIME | FATTR.FATTR_CTIME)) {
    const source = timesOf(set, inode);
    if (source) change.times = source;
  }
  return change;
}

/**
 * Where the times of a SETATTR are from, undefined where somebody chose them. A guest with a write-back cache keeps the
 * times of modification and change itself: it flushes those two alone (fs/fuse/dir.c fuse_flush_times), and sends them
 * as they are where they are the present. Chosen ones never come through an open file (fs/utimes.c vfs_utimes), flushed
 * ones do as long as it may have been written.
 */
function timesOf({ valid, mtime, mtimensec }: SetattrIn, inode: Inode): SetAttr['times'] {
  const { FATTR_ATIME, FATTR_ATIME_NOW, FATTR_MTIME, FATTR_MTIME_NOW, FATTR_CTIME, FATTR_FH } = FATTR;
  if (valid & FATTR_CTIME && (valid & ~(FATTR_MTIME | FATTR_CTIME | FATTR_FH)) === 0) {
    const same = (valid & FATTR_MTIME) === 0 || (mtime === inode.mtime && mtimensec === inode.mtimensec);
    if (valid & FATTR_FH || same) return 'written';
  }
  const atimeChosen = (valid & FATTR_ATIME) !== 0 && (valid & FATTR_ATIME_NOW) === 0;
  const mtimeChosen = (valid & FATTR_MTIME) !== 0 && (valid & (FATTR_MTIME_NOW | FATTR_CTIME)) === 0;
  // The present for one of the two alone is a choice as well (fs/utimes.c vfs_utimes: ATTR_TIMES_SET).
  const one = (valid & FATTR_ATIME) === 0 || (valid & FATTR_MTIME) === 0;
  return atimeChosen || mtimeChosen || one ? undefined : 'now';
}

export const setattr = op({
  opcode: FUSE_OPCODE.FUSE_SETATTR,
  name: 'SETATTR',
  request: [arg(fuse_setattr_in)],
  reply: [arg(fuse_attr_out)],
  handle(call) {
    const set = call.arg(fuse_setattr_in);
    const { valid } = set;
    const inode = valid & FATTR.FATTR_FH ? call.handle(set.fh, false).inode : call.self();
    const change = changes(call, set, inode);
    if (change.mode !== undefined) change.mode |= inode.mode & S_IFMT;
    if (change.size !== undefined && (inode.mode & S_IFMT) !== S_IFREG) {
      throw new PosixError((inode.mode & S_IFMT) === S_IFDIR ? 'EISDIR' : 'EINVAL');
    }
    const owner = (valid & (FATTR.FATTR_UID | FATTR.FATTR_GID)) !== 0;
    const kill = (valid & FATTR.FATTR_KILL_SUIDGID) !== 0;
    for (const _ in change) {
      call.tree.setattr(inode, change);
      break;
    }
    if (owner || change.size !== undefined || kill) killPrivileges(call.session, inode, kill || owner);
    call.putAttr(inode);
  },
  asked(request) {
    const set = request.struct(fuse_setattr_in);
    const words: string[] = [];
    const has = (flag: number): boolean => (set.valid & flag) !== 0;
    if (has(FATTR.FATTR_MODE)) words.push(`mode ${octal(set.mode)}`);
    if (has(FATTR.FATTR_UID)) words.push(`uid ${set.uid}`);
    if (has(FATTR.FATTR_GID)) words.push(`gid ${set.gid}`);
    if (has(FATTR.FATTR_SIZE)) words.push(`size ${set.size}`);
    if (has(FATTR.FATTR_ATIME)) {
      words.push(`atime ${has(FATTR.FATTR_ATIME_NOW) ? 'now' : timeText(set.atime, set.atimensec)}`);
    }
    if (has(FATTR.FATTR_MTIME)) {
      words.push(`mtime ${has(FATTR.FATTR_MTIME_NOW) ? 'now' : timeText(set.mtime, set.mtimensec)}`);
    }
    if (has(FATTR.FATTR_CTIME)) words.push(`ctime ${timeText(set.ctime, set.ctimensec)}`);
    if (has(FATTR.FATTR_KILL_SUIDGID)) words.push('clear set-id bits');
    const through = has(FATTR.FATTR_FH) ? ` through fh ${set.fh}` : '';
    return (words.length > 0 ? `set ${words.join(', ')}` : `set nothing (${formatFlags(set.valid, FATTR)})`) + through;
  },
  result: (reply) => attrText(reply.struct(fuse_attr_out).attr),
});
