// The tasks that take trees out of the browser as tar archives, and in again.
import { Errno, PosixError } from '../base/errno.ts';
import { stringToBytes } from '../base/iov.ts';
import { ArchiveError } from '../fs/archive/archive-error.ts';
import { type ArchiveOptions, archiveSize, archiveTree } from '../fs/archive/archive-writer.ts';
import { type ImportReport, importArchive } from '../fs/archive/import-archive.ts';
import type { Inode } from '../fs/tree/inode.ts';
import type { Tree } from '../fs/tree/tree.ts';
import { LabFailure } from './failures.ts';
import { posixWords } from './posix-words.ts';
import { type Sink, sinkFor } from './save-file.ts';
import { TaskRefused, type TaskTable } from './tasks.ts';
import type { TreeHost } from './tree-host.ts';

type TransferTask = 'export-tree' | 'import-tree';

const utf8 = new TextDecoder();
/** For the progress only: what is no text looks like it. */
const textOf = (path: string): string => utf8.decode(stringToBytes(path));

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
          const content = await send(to, sink, async (file) => {
            for await (const piece of archiveTree(tree, options)) {
              await file.write(done, piece);
              done += piece.length;
              report({ done, total, what: textOf(at) });
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
        const onProgress = (done: number, path: string): void => report({ done, total: from.size, what: textOf(path) });
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
async function send<T>(
  to: FileSystemFileHandle | undefined,
  sink: (to: FileSystemFileHandle | undefined) => Promise<Sink>,
  body: (file: Sink) => Promise<T>,
): Promise<T> {
  const file = await sink(to);
  try {
    return await body(file);
  } catch (error) {
    await file.abandon();
    if (to) await removeEmpty(to);
    throw error;
  }
}

/** The chooser makes the file, empty; not every browser can take it back. */
async function removeEmpty(file: FileSystemFileHandle & { remove?: () => Promise<void> }): Promise<void> {
  try {
    if ((await file.getFile()).size === 0) await file.remove?.();
  } catch (error) {
    // The person took the right to it back, or removed it.
    if (!(error instanceof DOMException)) throw error;
  }
}
