// RENAME, RENAME2: move a name; RENAME2 can also refuse to replace, swap two names, or leave a whiteout.
import { PosixError } from '../../../base/errno.ts';
import { formatFlags } from '../../../base/flags.ts';
import { FUSE_OPCODE, fuse_rename_in, fuse_rename2_in } from '../abi.ts';
import type { Call } from '../call.ts';
import { RENAME_FLAGS } from '../linux.ts';
import type { Message } from '../message.ts';
import { arg, name, op } from '../op.ts';
import { quote } from '../text.ts';

const { RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT } = RENAME_FLAGS;
const KNOWN = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;

function move(call: Call, newdir: number, flags: number): void {
  const from = call.properName();
  const to = call.properName();
  const directory = call.self();
  const target = newdir === call.nodeid ? directory : call.session.inode(newdir);
  if ((flags & ~KNOWN) !== 0 || (flags & RENAME_EXCHANGE && flags & ~RENAME_EXCHANGE)) throw new PosixError('EINVAL');
  call.tree.rename(directory, from, target, to, flags, { uid: call.uid, gid: call.gid });
}

const words = (request: Message, newdir: number): string =>
  `${quote(request.name(0))} to ${quote(request.name(1))} in nodeid ${newdir}`;

export const rename = op({
  opcode: FUSE_OPCODE.FUSE_RENAME,
  name: 'RENAME',
  request: [arg(fuse_rename_in), name('name'), name('newname')],
  reply: [],
  handle(call) {
    move(call, call.arg(fuse_rename_in).newdir, 0);
  },
  asked: (request) => `rename ${words(request, request.struct(fuse_rename_in).newdir)}`,
});

export const rename2 = op({
  opcode: FUSE_OPCODE.FUSE_RENAME2,
  name: 'RENAME2',
  request: [arg(fuse_rename2_in), name('name'), name('newname')],
  reply: [],
  handle(call) {
    const { newdir, flags } = call.arg(fuse_rename2_in);
    move(call, newdir, flags);
  },
  asked(request) {
    const { newdir, flags } = request.struct(fuse_rename2_in);
    return `rename ${words(request, newdir)} (${formatFlags(flags, RENAME_FLAGS)})`;
  },
});
