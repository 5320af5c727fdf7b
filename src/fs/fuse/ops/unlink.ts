// UNLINK: take a name of a file away. The file lives on while it has other names, look-ups or handles.
import { FUSE_OPCODE } from '../abi.ts';
import { name, op } from '../op.ts';
import { quote } from '../text.ts';

export const unlink = op({
  opcode: FUSE_OPCODE.FUSE_UNLINK,
  name: 'UNLINK',
  request: [name('name')],
  reply: [],
  handle(call) {
    const named = call.properName();
    call.tree.unlink(call.self(), named);
  },
  asked: (request) => `remove ${quote(request.name())}`,
});
