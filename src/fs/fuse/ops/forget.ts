// FORGET, BATCH_FORGET: the guest gives look-ups back. Never answered.
import { ShortMessage } from '../../../base/iov.ts';
import { FUSE_OPCODE, FUSE_ROOT_ID, fuse_batch_forget_in, fuse_forget_in, fuse_forget_one } from '../abi.ts';
import type { Call } from '../call.ts';
import { arg, op } from '../op.ts';

/** Wrong entries of one BATCH_FORGET that are told one by one. */
const TOLD = 3;

/** Takes look-ups away; returns what was wrong with it. */
function take(call: Call, nodeid: number, count: number): string | undefined {
  const { nodes } = call.session;
  const known = nodes.get(nodeid);
  call.inode ??= known?.inode;
  const taken = nodes.forget(nodeid, count);
  call.forgotten += taken;
  if (!known) return `forgets nodeid ${nodeid}, which is not known`;
  return taken < count ? `forgets nodeid ${nodeid} ${count} times, it was looked up ${taken} times` : undefined;
}

export const forget = op({
  opcode: FUSE_OPCODE.FUSE_FORGET,
  name: 'FORGET',
  request: [arg(fuse_forget_in)],
  reply: 'none',
  handle(call) {
    call.violation = take(call, call.nodeid, call.arg(fuse_forget_in).nlookup);
  },
  asked(request) {
    const { nlookup } = request.struct(fuse_forget_in);
    return `give back ${nlookup} ${nlookup === 1 ? 'look-up' : 'look-ups'}`;
  },
});

export const batchForget = op({
  opcode: FUSE_OPCODE.FUSE_BATCH_FORGET,
  name: 'BATCH_FORGET',
  unsent: 'the driver sends each FORGET by itself',
  request: [arg(fuse_batch_forget_in), { kind: 'list', label: 'forget', type: fuse_forget_one }],
  reply: 'none',
  handle(call) {
    const { count } = call.arg(fuse_batch_forget_in);
    const size = count * fuse_forget_one.size;
    // A list that is cut gives nothing back: where its end is missing, its beginning may be wrong too.
    if (size > call.reader.remaining) throw new ShortMessage(size, call.reader.remaining);
    const wrong: string[] = [];
    let untold = 0;
    for (let i = 0; i < count; i++) {
      const { nodeid, nlookup } = call.arg(fuse_forget_one);
      const what = take(call, nodeid, nlookup);
      if (what === undefined) continue;
      if (wrong.length < TOLD) wrong.push(what);
      else untold++;
    }
    if (untold > 0) wrong.push(`and ${untold} more`);
    if (wrong.length > 0) call.violation = wrong.join('; ');
  },
  asked(request) {
    const { count } = request.struct(fuse_batch_forget_in);
    const root = request.structs(fuse_forget_one).some((one) => one.nodeid === FUSE_ROOT_ID);
    return `give back look-ups of ${count} nodeids${root ? ', the root among them' : ''}`;
  },
});
