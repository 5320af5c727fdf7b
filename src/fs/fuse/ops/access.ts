// ACCESS: may the caller read, write, execute. Linux never asks here (default_permissions): it decides by the attributes.
import { PosixError } from '../../../base/errno.ts';
import { formatFlags } from '../../../base/flags.ts';
import type { Inode } from '../../tree/inode.ts';
import { permits } from '../../tree/inode-acl.ts';
import { S_IFDIR, S_IFMT } from '../../tree/mode.ts';
import { isImmutable } from '../../tree/protect.ts';
import { FUSE_OPCODE, fuse_access_in } from '../abi.ts';
import { ACCESS_MASK } from '../linux.ts';
import { arg, op } from '../op.ts';

const { R_OK, W_OK, X_OK } = ACCESS_MASK;
const ALL = R_OK | W_OK | X_OK;
const ANY_EXECUTE = 0o111;

/** As fs/namei.c generic_permission; of the caller's groups the request tells one. */
function allowed(inode: Inode, uid: number, gid: number, mask: number): boolean {
  if (uid !== 0) return permits(inode, uid, [gid], mask);
  const executable = (inode.mode & S_IFMT) === S_IFDIR || (inode.mode & ANY_EXECUTE) !== 0;
  return executable || (mask & X_OK) === 0;
}

export const access = op({
  opcode: FUSE_OPCODE.FUSE_ACCESS,
  name: 'ACCESS',
  unsent: 'the driver sets default_permissions: the kernel decides by mode and ACL',
  request: [arg(fuse_access_in)],
  reply: [],
  handle(call) {
    const { mask } = call.arg(fuse_access_in);
    const inode = call.self();
    if (mask & ~ALL) throw new PosixError('EINVAL', 'mask');
    if (mask & W_OK && isImmutable(inode)) throw new PosixError('EPERM', 'immutable');
    if (!allowed(inode, call.uid, call.gid, mask)) throw new PosixError('EACCES');
  },
  asked(request) {
    const { mask } = request.struct(fuse_access_in);
    return mask === 0 ? 'is it there' : `may it be used for ${formatFlags(mask, ACCESS_MASK)}`;
  },
});
