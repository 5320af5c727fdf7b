// STATFS: how much room there is.
import { FUSE_OPCODE, fuse_statfs_out } from '../abi.ts';
import { arg, op } from '../op.ts';

export const statfs = op({
  opcode: FUSE_OPCODE.FUSE_STATFS,
  name: 'STATFS',
  request: [],
  reply: [arg(fuse_statfs_out)],
  handle(call) {
    call.self();
    const { bsize, blocks, bfree, bavail, files, ffree, namelen } = call.tree.statfs();
    call.writer.struct(fuse_statfs_out, ({ st }) => {
      st.bsize = bsize;
      st.frsize = bsize;
      st.blocks = blocks;
      st.bfree = bfree;
      st.bavail = bavail;
      st.files = files;
      st.ffree = ffree;
      st.namelen = namelen;
    });
  },
  asked: () => 'how much room there is',
  result(reply) {
    const { blocks, bavail, bsize } = reply.struct(fuse_statfs_out).st;
    const mib = (count: number): number => Math.round((count * bsize) / 2 ** 20);
    return `${mib(bavail)} of ${mib(blocks)} MiB free`;
  },
});
