// NOTIFY_REPLY: what a FUSE_NOTIFY_RETRIEVE asked for. None is ever sent, so each of these is against the protocol.
import { ShortMessage } from '../../../base/iov.ts';
import { FUSE_OPCODE, fuse_notify_retrieve_in } from '../abi.ts';
import { arg, bytes, op } from '../op.ts';

export const notifyReply = op({
  opcode: FUSE_OPCODE.FUSE_NOTIFY_REPLY,
  name: 'NOTIFY_REPLY',
  unsent: 'answers notifications, which need a queue that the driver has not',
  request: [arg(fuse_notify_retrieve_in), bytes('data')],
  reply: 'none',
  handle(call) {
    const { size } = call.arg(fuse_notify_retrieve_in);
    if (size > call.reader.remaining) throw new ShortMessage(size, call.reader.remaining);
    call.violation = 'answers a notification that was never sent';
  },
  asked(request) {
    const { offset, size } = request.struct(fuse_notify_retrieve_in);
    return `${size} B at ${offset} from the guest's page cache`;
  },
});
