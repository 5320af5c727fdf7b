// The example tree: something to look at, and things to try that show in the request log.
import { readerOf } from '../base/iov.ts';
import type { Inode } from '../fs/tree/inode.ts';
import type { Tree } from '../fs/tree/tree.ts';

const README = `This tree is kept in your browser, and Linux has it mounted here by virtio-fs.
Every line below makes requests that you can watch beside the terminal.

  ls -l                                # READDIRPLUS: names and attributes at once
  cat README                           # LOOKUP, OPEN, READ, RELEASE
  sh bin/tour                          # a walk through the calls
  echo once more >> notes/today        # WRITE, behind the end
  mv notes/today notes/yesterday       # RENAME2: two names, one request
  ln notes/yesterday notes/diary       # LINK: one file, two names, count 2
  readlink links/soft; cat links/soft  # READLINK: a path that is text
  du -h sparse; ls -lh sparse          # a large file that takes hardly any room
  lab-files getxattr notes/ideas user.mood   # GETXATTR: what else a file has
  sync                                 # SYNCFS: on the disk when it returns

Reload the page: everything is still there. "Trees" has more: copies, an export as
tar, and this example again when you have made a mess of it.
`;

const TOUR = `#!/bin/sh
# Each step is a few requests. Click one in the log to see its bytes.
set -e
cd "$(dirname "$0")/.."
step() { printf '\\n\\033[1m%s\\033[0m\\n' "$*"; }

step 'Make a directory and a file in it'
mkdir -p tour && echo 'hello from the guest' > tour/hello

step 'Read it again: without an OPEN it would not know the size'
cat tour/hello

step 'A second name for it'
ln -f tour/hello tour/same && ls -li tour

step 'Punch the size up to a megabyte: no byte is written'
truncate -s 1M tour/hello && ls -ls tour/hello

step 'Take it all away'
rm -r tour && ls
`;

const IDEAS = `Turn the cache policy to "never" in the settings, and count the requests of ls again.
Open the page in a second tab: it can look, or take the tree over.
Kill the tab while it writes. What was synced is there.
`;

const TODAY = 'The guest booted, and found a file system in a browser.\n';
const SPARSE_SIZE = 64 * 2 ** 20;

interface Entry {
  mode: number;
  text?: string;
}

const OWNER = { uid: 0, gid: 0 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Fills a tree that is empty. Names, content and modes are always the same; times are those of now. */
export async function fillExample(tree: Tree): Promise<void> {
  const write = async (inode: Inode, offset: number, text: string): Promise<void> => {
    const content = bytes(text);
    await tree.write(inode, offset, content.length, readerOf(content));
  };
  const file = async (dir: Inode, name: string, { mode, text = '' }: Entry): Promise<Inode> => {
    const inode = tree.mknod(dir, name, { mode: 0o100000 | mode, ...OWNER });
    await write(inode, 0, text);
    return inode;
  };
  const folder = (name: string): Inode => tree.mkdir(tree.root, name, { mode: 0o755, ...OWNER });

  await file(tree.root, 'README', { mode: 0o644, text: README });
  await file(folder('bin'), 'tour', { mode: 0o755, text: TOUR });
  const notes = folder('notes');
  const ideas = await file(notes, 'ideas', { mode: 0o644, text: IDEAS });
  tree.setxattr(ideas, 'user.mood', bytes('curious'), 0);
  await file(notes, 'today', { mode: 0o644, text: TODAY });
  const links = folder('links');
  tree.link(ideas, links, 'hard');
  tree.symlink(links, 'soft', '../notes/ideas', OWNER);
  const sparse = await file(tree.root, 'sparse', {
    mode: 0o644,
    text: 'The beginning, and then nothing for a long while.\n',
  });
  const end = 'The end.\n';
  await write(sparse, SPARSE_SIZE - end.length, end);
}
