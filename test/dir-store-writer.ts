// A process to be killed: writes files into a tree in a folder, syncs after each and prints how many are safe.
import { readerOf } from '../src/base/iov.ts';
import { DirStore } from '../src/fs/store/dir-store.ts';
import { Tree } from '../src/fs/tree/tree.ts';

const tree = await Tree.open(new DirStore(process.argv[2] as string, { garbageLimit: 200_000 }), { commitInterval: 0 });
for (let i = 0; ; i++) {
  const name = `f${i}`;
  const inode = tree.mknod(tree.root, name, { mode: 0o644, uid: 0, gid: 0 });
  await tree.write(inode, 0, 20_000 + i, readerOf(new Uint8Array(20_000 + i).fill(i)));
  // Something void, so that the log is rewritten in between.
  if (i >= 20) tree.unlink(tree.root, `f${i - 20}`);
  await tree.sync();
  process.stdout.write(`${i}\n`);
}
