// READDIR, READDIRPLUS: the entries behind a cookie. READDIRPLUS looks each of them up; only what is packed counts.
import { FUSE_OPCODE, fuse_direntplus, fuse_read_in } from '../abi.ts';
import type { Call } from '../call.ts';
import { DirentPacker, DOT_COOKIE, DOTDOT_COOKIE } from '../dirents.ts';
import type { Message } from '../message.ts';
import { arg, op } from '../op.ts';

function list(call: Call, plus: boolean): void {
  const { fh, offset, size } = call.arg(fuse_read_in);
  const handle = call.handle(fh, true);
  const { inode } = handle;
  const after = call.offset(offset);
  // A listing ends at what was there when it began, else renames in a directory could keep it going for ever.
  if (after === 0) handle.lastCookie = call.tree.lastCookie(inode);
  if (inode.parent === undefined) return;
  const packer = new DirentPacker(call, size, plus);
  if (after < DOT_COOKIE && !packer.add('.', inode, DOT_COOKIE, false)) return;
  if (after < DOTDOT_COOKIE && !packer.add('..', inode.parent, DOTDOT_COOKIE, false)) return;
  for (const entry of call.tree.readdir(inode, Math.max(after, DOTDOT_COOKIE))) {
    if (entry.cookie > handle.lastCookie) return;
    if (!packer.add(entry.name, entry.inode, entry.cookie, plus)) return;
  }
}

const asked = (request: Message): string => {
  const { fh, offset, size } = request.struct(fuse_read_in);
  return `list fh ${fh} ${offset === 0 ? 'from the start' : `behind cookie ${offset}`}, up to ${size} B`;
};

const result = (reply: Message): string => {
  const count = reply.names().length;
  if (count === 0) return reply.length === 0 ? 'end of the directory' : `${reply.length} B`;
  const counted = reply.structs(fuse_direntplus).filter((entry) => entry.entry_out.nodeid !== 0).length;
  const looked = counted > 0 ? `, ${counted} looked up` : '';
  return `${count}${reply.pieces.every((piece) => piece.whole) ? '' : '+'} entries${looked}`;
};

export const readdir = op({
  opcode: FUSE_OPCODE.FUSE_READDIR,
  name: 'READDIR',
  request: [arg(fuse_read_in)],
  reply: [{ kind: 'dirents', plus: false }],
  handle: (call) => list(call, false),
  asked,
  result,
});

export const readdirplus = op({
  opcode: FUSE_OPCODE.FUSE_READDIRPLUS,
  name: 'READDIRPLUS',
  request: [arg(fuse_read_in)],
  reply: [{ kind: 'dirents', plus: true }],
  handle: (call) => list(call, true),
  asked,
  result,
});
