// LOOKUP: find a name in a directory. Each reply with a nodeid adds one to its nlookup.
import { PosixError } from '../../../base/errno.ts';
import { FUSE_OPCODE, fuse_entry_out } from '../abi.ts';
import type { Call } from '../call.ts';
import { arg, name, op } from '../op.ts';
import { entryText, quote } from '../text.ts';

/** "." and ".." come when a file handle is opened of which the guest has forgotten the inode (fs/fuse/inode.c fuse_get_dentry). */
function revived(call: Call, named: string): void {
  const self = call.session.revive(call.nodeid);
  call.inode = self;
  const inode = named === '.' ? self : self.parent;
  if (!inode) throw new PosixError('ESTALE', 'no parent');
  call.putEntry(inode);
}

export const lookup = op({
  opcode: FUSE_OPCODE.FUSE_LOOKUP,
  name: 'LOOKUP',
  request: [name('name')],
  reply: [arg(fuse_entry_out)],
  handle(call) {
    const named = call.name();
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
  asked: (request) => `find ${quote(request.name())}`,
  result: (reply) => entryText(reply.struct(fuse_entry_out)),
});
