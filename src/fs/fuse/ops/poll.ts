// POLL: what an open file is ready for. A regular file always is, so nobody is ever told later (FUSE_POLL_SCHEDULE_NOTIFY).
import { formatFlags } from '../../../base/flags.ts';
import { FUSE_OPCODE, fuse_poll_in, fuse_poll_out } from '../abi.ts';
import { POLL_EVENTS } from '../linux.ts';
import { arg, op } from '../op.ts';

const { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } = POLL_EVENTS;
/** include/linux/poll.h DEFAULT_POLLMASK. */
const READY = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

export const poll = op({
  opcode: FUSE_OPCODE.FUSE_POLL,
  name: 'POLL',
  request: [arg(fuse_poll_in)],
  reply: [arg(fuse_poll_out)],
  handle(call) {
    const { fh, events } = call.arg(fuse_poll_in);
    call.handle(fh, false);
    call.writer.struct(fuse_poll_out, (out) => {
      out.revents = events & READY;
    });
  },
  asked(request) {
    const { fh, events } = request.struct(fuse_poll_in);
    return `is fh ${fh} ready for ${formatFlags(events, POLL_EVENTS)}`;
  },
  result: (reply) => formatFlags(reply.struct(fuse_poll_out).revents, POLL_EVENTS),
});
