// SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR: extended attributes, ACLs among them.
import { PosixError } from '../../../base/errno.ts';
import { formatFlags } from '../../../base/flags.ts';
import { stringToBytes } from '../../../base/iov.ts';
import { struct, u32 } from '../../../base/struct.ts';
import { ACL_ACCESS } from '../../tree/acl.ts';
import type { Inode } from '../../tree/inode.ts';
import { checkAclHolder, isAclName } from '../../tree/inode-acl.ts';
import { NAME_MAX, S_ISGID, XATTR_CREATE, XATTR_REPLACE, XATTR_SIZE_MAX } from '../../tree/mode.ts';
import { FUSE_OPCODE, FUSE_SETXATTR_FLAGS, fuse_getxattr_in, fuse_getxattr_out, fuse_setxattr_in } from '../abi.ts';
import type { Call } from '../call.ts';
import { SETXATTR_FLAGS } from '../linux.ts';
import { arg, bytes, type Layout, name, op, type Part } from '../op.ts';
import { quote } from '../text.ts';

const { FUSE_SETXATTR_ACL_KILL_SGID } = FUSE_SETXATTR_FLAGS;
/** What there was of fuse_setxattr_in before FUSE_SETXATTR_EXT. */
const compat = struct({ size: u32, flags: u32 });

/** What the guest's kernel passes on under a rule of its own (fs/xattr.c xattr_permission); others mean nothing here. */
const NAME_SPACES = ['user.', 'trusted.', 'security.'];
const TRUSTED = 'trusted.';

/** Throws EINVAL for no name, ERANGE above 255 bytes, EOPNOTSUPP for one of no known name space. */
function xattrName(call: Call): string {
  const text = call.reader.cstring();
  if (text.length === 0) throw new PosixError('EINVAL');
  if (text.length > NAME_MAX) throw new PosixError('ERANGE');
  if (isAclName(text)) return text;
  const space = NAME_SPACES.find((prefix) => text.startsWith(prefix));
  if (space === undefined) throw new PosixError('EOPNOTSUPP', 'name space');
  if (text.length === space.length) throw new PosixError('EINVAL', 'a name space alone');
  return text;
}

/** The bytes, or with a size of 0 how many there are. Throws ERANGE where they do not fit. */
function putSized(call: Call, size: number, value: Uint8Array): void {
  if (size === 0) {
    call.writer.struct(fuse_getxattr_out, (out) => {
      out.size = value.length;
    });
    return;
  }
  if (value.length > size) throw new PosixError('ERANGE');
  call.writer.bytes(value);
}

const sizeAsked = (args: Uint8Array): number =>
  args.length < 4 ? 0 : new DataView(args.buffer, args.byteOffset).getUint32(0, true);

/** The arguments of a SETXATTR without FUSE_SETXATTR_EXT. */
function old(call: Call): { size: number; flags: number; setxattr_flags: number } {
  const { size, flags } = call.arg(compat);
  return { size, flags, setxattr_flags: 0 };
}

/**
 * Who may change an ACL: its file's owner and root (fs/posix_acl.c vfs_set_acl); under QEMU's server, which does it as
 * root, everybody whom the guest let through. EPERM, EOPNOTSUPP for a symbolic link.
 */
function checkAclChange(call: Call, inode: Inode): void {
  checkAclHolder(inode);
  if (call.uid !== 0 && call.uid !== inode.uid && call.session.policy.like === undefined) {
    throw new PosixError('EPERM', 'not the owner');
  }
}

/** Which of the two forms a recorded SETXATTR has: in the right one name and value end where the message ends. */
function setxattrLayout(args: Uint8Array, length: number): Layout {
  const rest: Part[] = [name('name'), bytes('value')];
  const nul = args.indexOf(0, compat.size);
  const old = nul > compat.size && nul + 1 + sizeAsked(args) === length;
  return [arg(old ? compat : fuse_setxattr_in), ...rest];
}

export const setxattr = op({
  opcode: FUSE_OPCODE.FUSE_SETXATTR,
  name: 'SETXATTR',
  request: setxattrLayout,
  reply: [],
  adds: true,
  handle(call) {
    const { size, flags, setxattr_flags } = call.session.setxattrExt ? call.arg(fuse_setxattr_in) : old(call);
    const text = xattrName(call);
    if (size > XATTR_SIZE_MAX) throw new PosixError('E2BIG');
    if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) throw new PosixError('EINVAL', 'flags');
    const inode = call.self();
    if (isAclName(text)) checkAclChange(call, inode);
    call.tree.setxattr(inode, text, call.reader.bytes(size), flags);
    const kill = text === ACL_ACCESS && (setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID) !== 0;
    if (kill && inode.mode & S_ISGID) call.tree.setattr(inode, { mode: inode.mode & ~S_ISGID });
  },
  asked(request) {
    const flags = (request.structs(fuse_setxattr_in)[0] ?? request.struct(compat)).flags;
    const how = flags === 0 ? '' : ` (${formatFlags(flags, SETXATTR_FLAGS)})`;
    return `set ${quote(request.name())} to ${request.payload} B${how}`;
  },
});

export const getxattr = op({
  opcode: FUSE_OPCODE.FUSE_GETXATTR,
  name: 'GETXATTR',
  request: [arg(fuse_getxattr_in), name('name')],
  reply: (args) => (sizeAsked(args) === 0 ? [arg(fuse_getxattr_out)] : [bytes('value')]),
  handle(call) {
    const { size } = call.arg(fuse_getxattr_in);
    const text = xattrName(call);
    const inode = call.self();
    if (isAclName(text)) checkAclHolder(inode);
    putSized(call, size, call.tree.getxattr(inode, text));
  },
  asked(request) {
    const { size } = request.struct(fuse_getxattr_in);
    return size === 0 ? `size of ${quote(request.name())}` : `${quote(request.name())}, up to ${size} B`;
  },
  result: (reply) => `${reply.structs(fuse_getxattr_out)[0]?.size ?? reply.length} B`,
});

export const listxattr = op({
  opcode: FUSE_OPCODE.FUSE_LISTXATTR,
  name: 'LISTXATTR',
  request: [arg(fuse_getxattr_in)],
  reply: (args) => (sizeAsked(args) === 0 ? [arg(fuse_getxattr_out)] : [{ kind: 'names', label: 'name' }]),
  handle(call) {
    const { size } = call.arg(fuse_getxattr_in);
    const names = call.tree.listxattr(call.self());
    // Only root sees what is trusted, as with fs/xattr.c simple_xattr_list.
    const seen = call.uid === 0 ? names : names.filter((text) => !text.startsWith(TRUSTED));
    putSized(call, size, stringToBytes(seen.map((text) => `${text}\0`).join('')));
  },
  asked(request) {
    const { size } = request.struct(fuse_getxattr_in);
    return size === 0 ? 'size of the list of xattrs' : `xattrs, up to ${size} B of names`;
  },
  result(reply) {
    const size = reply.structs(fuse_getxattr_out)[0]?.size;
    return size === undefined ? reply.names().map(quote).join(' ') || 'none' : `${size} B`;
  },
});

export const removexattr = op({
  opcode: FUSE_OPCODE.FUSE_REMOVEXATTR,
  name: 'REMOVEXATTR',
  request: [name('name')],
  reply: [],
  handle(call) {
    const text = xattrName(call);
    const inode = call.self();
    if (isAclName(text)) checkAclChange(call, inode);
    call.tree.removexattr(inode, text);
  },
  asked: (request) => `remove ${quote(request.name())}`,
});
