// SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR: extended attributes. ACLs are refused while nothing keeps their promise.
import { PosixError } from '../../../base/errno.ts';
import { formatFlags } from '../../../base/flags.ts';
import { stringToBytes } from '../../../base/iov.ts';
import { struct, u32 } from '../../../base/struct.ts';
import { NAME_MAX, XATTR_CREATE, XATTR_REPLACE, XATTR_SIZE_MAX } from '../../tree/mode.ts';
import { FUSE_OPCODE, fuse_getxattr_in, fuse_getxattr_out, fuse_setxattr_in } from '../abi.ts';
import type { Call } from '../call.ts';
import { SETXATTR_FLAGS } from '../linux.ts';
import { arg, bytes, type Layout, name, op, type Part } from '../op.ts';
import { quote } from '../text.ts';

const ACL = 'system.posix_acl_';
/** What there was of fuse_setxattr_in before FUSE_SETXATTR_EXT. */
const compat = struct({ size: u32, flags: u32 });

/** Throws EINVAL for no name, ERANGE above 255 bytes, EOPNOTSUPP for an ACL. */
function xattrName(call: Call): string {
  const text = call.reader.cstring();
  if (text.length === 0) throw new PosixError('EINVAL');
  if (text.length > NAME_MAX) throw new PosixError('ERANGE');
  if (text.startsWith(ACL)) throw new PosixError('EOPNOTSUPP', 'ACLs were not negotiated');
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
  handle(call) {
    const { size, flags } = call.session.setxattrExt ? call.arg(fuse_setxattr_in) : call.arg(compat);
    const text = xattrName(call);
    if (size > XATTR_SIZE_MAX) throw new PosixError('E2BIG');
    if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) throw new PosixError('EINVAL', 'flags');
    call.tree.setxattr(call.self(), text, call.reader.bytes(size), flags);
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
    putSized(call, size, call.tree.getxattr(call.self(), text));
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
    const list = call.tree.listxattr(call.self()).map((text) => `${text}\0`);
    putSized(call, size, stringToBytes(list.join('')));
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
    call.tree.removexattr(call.self(), text);
  },
  asked: (request) => `remove ${quote(request.name())}`,
});
