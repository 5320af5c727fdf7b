// The tasks that take trees out of the browser as tar archives, and in again.
import { Errno, PosixError } from '../base/errno.ts';
import { ArchiveError } from '../fs/archive/archive-error.ts';
import { type ArchiveOptions, archiveSize, archiveTree } from '../fs/archive/archive-writer.ts';
import { type ImportReport, importArchive } from '../fs/archive/import-archive.ts';
import type { Inode } from '../fs/tree/inode.ts';
import type { Tree } from '../fs/tree/tree.ts';
import { LabFailure } from './failures.ts';
import { posixWords } from './posix-words.ts';
import { type Sink, sinkFor } from './save-file.ts';
import { pathText, TaskRefused, type TaskTable } from './tasks.ts';
import type { TreeHost } from './tree-host.ts';

type TransferTask = 'export-tree' | 'import-tree';

/** Errors of the tree, of the archive and of the browser's files in words for people. */
function inWords(error: unknown, signal: AbortSignal): unknown {
  if (error === signal.reason) return error;
  const { name, message } = error instanceof Error ? error : { name: '', message: '' };
  const isFull =
    name === 'QuotaExceededError' ||
    (error instanceof ArchiveError && error.code === 'full') ||
    (error instanceof PosixError && error.errno === Errno.ENOSPC);
  if (isFull) return new LabFailure('quota', message || 'No room is left.', { cause: error });
  if (error instanceof ArchiveError) return new TaskRefused(message);
  if (error instanceof PosixError) return new LabFailure('store-failing', posixWords(error) ?? String(error));
  return error instanceof DOMException ? new TaskRefused(message) : error;
}

/** The directory of the tree that is asked for. Throws TaskRefused. */
function folder(tree: Tree, ino: number | undefined): Inode {
  const inode = ino === undefined ? tree.root : tree.inode(ino);
  if (!inode?.directory || !inode.parent) throw new TaskRefused('The folder is not there any more.');
  return inode;
}

/** `sink`: where an archive goes. */
export function transferTasks(
  host: Pick<TreeHost, 'still' | 'build'>,
  sink: (to: FileSystemFileHandle | undefined) => Promise<Sink> = sinkFor,
): TaskTable<TransferTask> {
  return {
    async 'export-tree'({ name, ino, to }, { signal, report }) {
      try {
        return await host.still(name, async (tree) => {
          const options: ArchiveOptions = { from: folder(tree, ino), signal };
          report({ done: 0, total: undefined, what: '' });
          const total = await archiveSize(tree, options);
          let done = 0;
          let at = '';
          options.onEntry = (path) => {
            at = path;
          };
          const content = await send(await sink(to), async (file) => {
            for await (const piece of archiveTree(tree, options)) {
              await file.write(done, piece);
              done += piece.length;
              report({ done, total, what: pathText(at) });
            }
            signal.throwIfAborted();
            return file.finish(done);
          });
          return { bytes: done, content };
        });
      } catch (error) {
        throw inWords(error, signal);
      }
    },

    async 'import-tree'({ name, from, replace }, { signal, report }) {
      let imported: ImportReport | undefined;
      const fill = async (tree: Tree): Promise<void> => {
        const onProgress = (done: number, path: string): void =>
          report({ done, total: from.size, what: pathText(path) });
        imported = await importArchive(tree, from.stream(), { signal, onProgress });
      };
      try {
        await host.build(name, fill, { replace });
      } catch (error) {
        throw inWords(error, signal);
      }
      return imported as ImportReport;
    },
  };
}

/** Has a file written; where that fails, nothing of it is left. */
async function send<T>(file: Sink, body: (file: Sink) => Promise<T>): Promise<T> {
  try {
    return await body(file);
  } catch (error) {
    await file.abandon();
    throw error;
  }
}
