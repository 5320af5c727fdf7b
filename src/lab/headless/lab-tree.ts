// The tree of a headless lab: how it is opened, and what is put into it before a guest comes.
import { stat } from 'node:fs/promises';
import type { Left } from '../../fs/archive/import-archive.ts';
import type { Tree, TreeOptions } from '../../fs/tree/tree.ts';
import type { Like } from '../messages.ts';
import { loadArchive } from './archive-files.ts';
import { loadFolder } from './load-folder.ts';

/** What of a guest's options is about its tree. */
export interface TreeChoice {
  /** File content that is kept in memory, MiB; undefined: as the tree has it. */
  chunkCache?: number | undefined;
  /** What all files together may take, MiB; undefined: what the store has room for. */
  limit?: number | undefined;
  like?: Like | undefined;
  /** Whether inode numbers are given out again, the lowest free one first. */
  reuseInodes?: boolean;
}

/** Bytes of a block of ext4. */
const HOST_BLOCK = 4096;

export function treeOptionsOf({ chunkCache, limit, like, reuseInodes }: TreeChoice): TreeOptions {
  return {
    reuseInodeNumbers: reuseInodes ?? false,
    ...(chunkCache === undefined ? {} : { cacheLimit: chunkCache * 2 ** 20 }),
    limit: limit === undefined ? undefined : limit * 2 ** 20,
    // What the reference's host allocates in, so that holes and blocks are the same.
    ...(like === undefined ? {} : { chunkSize: HOST_BLOCK }),
  };
}

/**
 * Puts a folder of the host, or what is in an archive, into the tree. Returns what was left out of an archive. Rejects
 * with LoadError, or the signal's reason.
 */
export async function loadPath(
  tree: Tree,
  path: string,
  signal?: AbortSignal,
): Promise<{ left: Left[]; leftCount: number }> {
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    // Whoever reads it says why it cannot.
    () => false,
  );
  if (isFile) return loadArchive(tree, path, signal);
  await loadFolder(tree, path, signal);
  return { left: [], leftCount: 0 };
}
