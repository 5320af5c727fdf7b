// RMDIR: take an empty directory away.
import { FUSE_OPCODE } from '../abi.ts';
import { name, op } from '../op.ts';
import { quote } from '../text.ts';

export const rmdir = op({
  opcode: FUSE_OPCODE.FUSE_RMDIR,
  name: 'RMDIR',
  request: [name('name')],
  reply: [],
  handle(call) {
    const named = call.properName();
    call.tree.rmdir(call.self(), named);
  },
  asked: (request) => `remove dir ${quote(request.name())}`,
});
