// A tree of many inodes, as a source tree has them: directories of fifty, files of one chunk, some symbolic links.
import { readerOf } from '../../src/base/iov.ts';
import { MemoryStore } from '../../src/fs/store/memory-store.ts';
import type { Batch, Store } from '../../src/fs/tree/store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';

const OWNER = { uid: 1000, gid: 1000 };
const IN_DIRECTORY = 50;

/** Metadata says nothing of what is in a chunk: none is kept. */
class Metadata extends MemoryStore {
  override commit(batch: Batch): Promise<void> {
    return super.commit({ ...batch, chunks: [] });
  }
}

/** Puts so many inodes into an empty store, the root among them; without the content of the files. */
export async function fill(target: Store, inodes: number): Promise<void> {
  const metadata = new Metadata();
  const tree = await Tree.open(metadata, { commitInterval: 1e9 });
  const one = new Uint8Array([1]);
  let dir = tree.root;
  for (let i = 0; i < inodes - 1; i++) {
    const within = i % IN_DIRECTORY;
    const number = String(i).padStart(6, '0');
    if (within === 0) dir = tree.mkdir(tree.root, `directory-${number}`, { mode: 0o755, ...OWNER });
    else if (within === 1) tree.symlink(dir, `link-${number}`, `../directory-000000/file-${number}.txt`, OWNER);
    else {
      const file = tree.mknod(dir, `file-${number}.txt`, { mode: 0o644, ...OWNER });
      await tree.write(file, 0, 1, readerOf(one));
    }
  }
  await tree.close();
  const { superblock } = await metadata.open();
  const { records } = await metadata.inspect();
  if (!superblock) throw new Error('nothing was stored');
  const puts = records.map(([key, record]): [string, Uint8Array<ArrayBuffer>] => [key, record.slice()]);
  await target.open();
  await target.commit({ superblock, puts, removals: [], drops: [], chunks: [] }, 'strict');
  await target.close();
}

export interface CommitTimes {
  /** One new file, strict, ms: the median of several. */
  one: number;
  /** Every inode, strict, ms. */
  all: number;
}

const COMMITS = 9;

/** What commits cost in an open tree. */
export async function commitTimes(tree: Tree): Promise<CommitTimes> {
  const times: number[] = [];
  for (let i = 0; i < COMMITS; i++) {
    const start = performance.now();
    tree.mknod(tree.root, `new-${i}`, { mode: 0o644, ...OWNER });
    await tree.sync();
    times.push(performance.now() - start);
  }
  const start = performance.now();
  await tree.renewGenerations();
  const all = performance.now() - start;
  return { one: times.sort((a, b) => a - b)[COMMITS >> 1] as number, all };
}
