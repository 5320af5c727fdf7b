// FORGET, BATCH_FORGET: the guest gives look-ups back. Never answered.
import { FUSE_OPCODE, FUSE_ROOT_ID, fuse_batch_forget_in, fuse_forget_in, fuse_forget_one } from '../abi.ts';
import type { Call } from '../call.ts';
import { arg, op } from '../op.ts';

function take(call: Call, nodeid: number, count: number): void {
  const { nodes } = call.session;
  const known = nodes.get(nodeid);
  call.inode ??= known?.inode;
  const taken = nodes.forget(nodeid, count);
  call.forgotten += taken;
  if (!known) call.violation = `forgets nodeid ${nodeid}, which is not known`;
  else if (taken < count) call.violation = `forgets nodeid ${nodeid} ${count} times, it was looked up ${taken} times`;
}

export const forget = op({
  opcode: FUSE_OPCODE.FUSE_FORGET,
  name: 'FORGET',
  request: [arg(fuse_forget_in)],
  reply: 'none',
  handle(call) {
    take(call, call.nodeid, call.arg(fuse_forget_in).nlookup);
  },
  asked(request) {
    const { nlookup } = request.struct(fuse_forget_in);
    return `give back ${nlookup} ${nlookup === 1 ? 'look-up' : 'look-ups'}`;
  },
});

export const batchForget = op({
  opcode: FUSE_OPCODE.FUSE_BATCH_FORGET,
  name: 'BATCH_FORGET',
  request: [arg(fuse_batch_forget_in), { kind: 'list', label: 'forget', type: fuse_forget_one }],
  reply: 'none',
  handle(call) {
    const { count } = call.arg(fuse_batch_forget_in);
    for (let i = 0; i < count; i++) {
      const one = call.arg(fuse_forget_one);
      take(call, one.nodeid, one.nlookup);
    }
  },
  asked(request) {
    const { count } = request.struct(fuse_batch_forget_in);
    const root = request.structs(fuse_forget_one).some((one) => one.nodeid === FUSE_ROOT_ID);
    return `give back look-ups of ${count} nodeids${root ? ', the root among them' : ''}`;
  },
});
