// The tasks on files of the tree that is open: what the page's view of it shows and does.
import type { Dirent } from '../fs/tree/directory.ts';
import type { Inode } from '../fs/tree/inode.ts';
import { S_IFMT, S_IFREG } from '../fs/tree/mode.ts';
import type { Tree } from '../fs/tree/tree.ts';
import { direntOf, FileRows } from './file-rows.ts';
import type { FileTasks, Task, TaskResult } from './messages.ts';
import { posixWords } from './posix-words.ts';
import { saveFile, sinkFor } from './save-file.ts';
import { pathText, type TaskContext, TaskRefused, type TaskTable } from './tasks.ts';
import { FOLDER_MODE, findTaken, HOST_OWNER, nameBytes, Upload } from './upload.ts';

/** Rows of one answer at most. */
const ROWS_MAX = 1000;
/** Names that are removed before others get their turn. */
const STEP = 256;

/** The tree that is open, if one is. */
export interface OpenTree {
  readonly current: { readonly tree: Tree; readonly readOnly: boolean } | undefined;
}

type FileTask = keyof FileTasks;

/** Errors of the tree and of the browser's files, which are nobody's mistake, as refusals in words. */
function inWords<Name extends FileTask>(perform: TaskTable<Name>[Name]): TaskTable<Name>[Name] {
  return async (task: Task<Name>, context: TaskContext): Promise<TaskResult<Name>> => {
    try {
      return await perform(task, context);
    } catch (error) {
      const words = posixWords(error) ?? (error instanceof DOMException ? error.message : undefined);
      if (words === undefined || error === context.signal.reason) throw error;
      throw new TaskRefused(`${words.charAt(0).toUpperCase()}${words.slice(1)}${words.endsWith('.') ? '' : '.'}`);
    }
  };
}

/** `nodeids`: what the guest calls inodes, as of now; undefined where there is no guest. */
export function fileTasks(
  host: OpenTree,
  nodeids: () => ((inode: Inode) => number | undefined) | undefined,
): TaskTable<FileTask> {
  const rows = new FileRows();

  const open = (): { tree: Tree; readOnly: boolean } => {
    if (host.current === undefined) throw new TaskRefused('No tree is open.');
    return host.current;
  };
  const toChange = (): Tree => {
    const { tree, readOnly } = open();
    if (readOnly) throw new TaskRefused('The tree is read-only here.');
    return tree;
  };
  const folder = (tree: Tree, ino: number): Inode => {
    const inode = tree.inode(ino);
    if (!inode?.directory || !inode.parent) throw new TaskRefused('The folder is not there any more.');
    return inode;
  };
  const entry = (dir: Inode, cookie: number): Dirent => {
    const dirent = direntOf(dir, cookie);
    if (!dirent) throw new TaskRefused('It is not there any more.');
    return dirent;
  };

  return {
    'list-files': inWords<'list-files'>(async ({ expanded, from, count, find }) => {
      const { tree, readOnly } = open();
      let orphans = 0;
      for (const inode of tree.inodes()) if (inode.nlink === 0) orphans++;
      const asked = { expanded, from: Math.max(0, from), count: Math.min(count, ROWS_MAX), find };
      const listed = rows.list(tree, asked, nodeids() ?? (({ ino }) => ino));
      return { ...listed, from: asked.from, inodes: tree.counters.inodes, orphans, readOnly };
    }),

    'find-taken': inWords<'find-taken'>(async ({ into, paths }) => {
      const { tree } = open();
      return findTaken(tree, folder(tree, into), paths);
    }),

    upload: inWords<'upload'>(async ({ into, entries, taken }, context) => {
      const tree = toChange();
      const result = await new Upload(tree, folder(tree, into), entries, taken, context).run(entries);
      try {
        await tree.sync();
      } catch (error) {
        result.stopped ??= `It is in the tree and not stored yet: ${posixWords(error) ?? String(error)}.`;
      }
      return result;
    }),

    download: inWords<'download'>(async ({ ino, to }, context) => {
      const { tree } = open();
      const inode = tree.inode(ino);
      if (!inode || (inode.mode & S_IFMT) !== S_IFREG) throw new TaskRefused('The file is not there any more.');
      const sink = await sinkFor(to);
      return { content: await saveFile(tree, inode, sink, pathText(tree.path(inode) ?? ''), context) };
    }),

    'make-folder': inWords<'make-folder'>(async ({ parent, name }) => {
      const tree = toChange();
      const dir = folder(tree, parent);
      const bytes = nameBytes(name);
      tree.mkdir(dir, bytes, { mode: FOLDER_MODE, ...HOST_OWNER });
      return { cookie: tree.lastCookie(dir) };
    }),

    'rename-file': inWords<'rename-file'>(async ({ parent, cookie, name }) => {
      const tree = toChange();
      const dir = folder(tree, parent);
      const dirent = entry(dir, cookie);
      const bytes = nameBytes(name);
      if (bytes === dirent.name) return { cookie };
      if (tree.lookup(dir, bytes)) throw new TaskRefused('The name is taken.');
      tree.rename(dir, dirent.name, dir, bytes, 0, HOST_OWNER);
      return { cookie: tree.lastCookie(dir) };
    }),

    'remove-file': inWords<'remove-file'>(async ({ parent, cookie }, context) => {
      const tree = toChange();
      const dir = folder(tree, parent);
      return { removed: await remove(tree, dir, entry(dir, cookie), context) };
    }),
  };
}

/** Removes a name and all below it, what is inside first. Rejects with PosixError, or the signal's reason. */
async function remove(tree: Tree, dir: Inode, dirent: Dirent, context: TaskContext): Promise<number> {
  let removed = 0;
  // Not by recursion: directories can be in each other deeper than calls.
  const enter = (above: Inode, { name, inode }: Dirent) => ({ above, name, inode, inner: inode.directory?.after(0) });
  const way = [enter(dir, dirent)];
  for (let last = way.at(-1); last; last = way.at(-1)) {
    const { above, name, inode, inner } = last;
    const next = inner?.next();
    if (next && !next.done) {
      way.push(enter(inode, next.value));
      continue;
    }
    way.pop();
    if (inner) tree.rmdir(above, name);
    else tree.unlink(above, name);
    removed++;
    if (removed % STEP !== 0) continue;
    context.report({ done: removed, total: undefined, what: '' });
    await new Promise((resolve) => setTimeout(resolve, 0));
    context.signal.throwIfAborted();
  }
  return removed;
}
