// LOOKUP: find a name in a directory. Each reply with a nodeid adds one to its nlookup.
import { PosixError } from '../../../base/errno.ts';
import { FUSE_OPCODE, fuse_entry_out } from '../abi.ts';
import type { Call } from '../call.ts';
import { arg, name, op } from '../op.ts';
import { entryText, quote } from '../text.ts';

/**
 * What a guest calls an inode that it has by a file handle and knows no directory of: fs/dcache.c d_obtain_alias makes a
 * dentry of this name that is its own parent, and fs/fuse/dir.c fuse_dentry_revalidate asks for it, as overlayfs does for
 * what it decoded, again and again. It is still what it was; anything else would be ESTALE to whoever holds it.
 */
const NAMELESS = '/';

/** "." and ".." come when a file handle is opened of which the guest has forgotten the inode (fs/fuse/inode.c fuse_get_dentry). */
function revived(call: Call, named: string): void {
  const self = call.session.revive(call.nodeid);
  call.inode = self;
  if (named === '..' && !self.directory) throw new PosixError('ENOTDIR');
  const inode = named === '.' ? self : self.parent;
  if (!inode) throw new PosixError('ESTALE', 'the directory was removed');
  call.putEntry(inode);
}

export const lookup = op({
  opcode: FUSE_OPCODE.FUSE_LOOKUP,
  name: 'LOOKUP',
  request: [name('name')],
  reply: [arg(fuse_entry_out)],
  handle(call) {
    const named = call.name(NAMELESS);
    if (named === NAMELESS) {
      call.putEntry(call.self());
      return;
    }
    if (named === '.' || named === '..') {
      revived(call, named);
      return;
    }
    const inode = call.tree.lookup(call.self(), named);
    if (inode) {
      call.putEntry(inode);
      return;
    }
    if (call.session.policy.negativeValid === 0) throw new PosixError('ENOENT');
    call.putAbsence();
  },
  asked(request) {
    const named = request.name();
    if (named === NAMELESS) return 'ask whether the nodeid is still good';
    if (named === '.') return 'revive: find "." of a file handle';
    if (named === '..') return 'revive: find "..", the parent of a file handle';
    return `find ${quote(named)}`;
  },
  result: (reply) => entryText(reply.struct(fuse_entry_out)),
});
