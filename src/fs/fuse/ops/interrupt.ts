// INTERRUPT: whoever waits for a request was sent a signal. Only a wait for a lock is ended by it; never answered itself.
import { struct, u32 } from '../../../base/struct.ts';
import { FUSE_OPCODE, fuse_interrupt_in } from '../abi.ts';
import { arg, op } from '../op.ts';

/** fuse_interrupt_in with `unique` by halves: a double would round some. */
const interrupt_in = struct({ unique_low: u32, unique_high: u32 });

export const interrupt = op({
  opcode: FUSE_OPCODE.FUSE_INTERRUPT,
  name: 'INTERRUPT',
  unsent: 'the driver’s function for it is empty: a signal waits for the answer',
  request: [arg(fuse_interrupt_in)],
  reply: 'none',
  handle(call) {
    // Where nothing waits the request was answered meanwhile, or will be soon: nothing is wrong, and nothing to do.
    const { unique_low, unique_high } = call.arg(interrupt_in);
    call.session.interrupt(unique_low, unique_high);
  },
  asked: (request) => `interrupt request ${request.struct(fuse_interrupt_in).unique}`,
});
