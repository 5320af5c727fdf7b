// Tar archives of the host's disk: into a tree, and of one.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { ArchiveError } from '../../fs/archive/archive-error.ts';
import { archiveTree } from '../../fs/archive/archive-writer.ts';
import { importArchive, type Left, verifyArchive } from '../../fs/archive/import-archive.ts';
import type { Tree } from '../../fs/tree/tree.ts';
import { LoadError } from './load-folder.ts';

/** Bytes read at a time. */
const PIECE = 256 * 1024;

/** Whether a name says that it is, or is to be, an archive. */
export const isArchiveName = (path: string): boolean => /\.(tar|tar\.gz|tgz)$/i.test(path);

/** A file as a stream that is read only as it is asked for. */
function streamOf(file: FileHandle): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(PIECE), 0, PIECE);
        if (bytesRead === 0) controller.close();
        else controller.enqueue(buffer.subarray(0, bytesRead));
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * Puts what is in an archive into the tree; what is there already by the same name is replaced, but for directories.
 * Read to its end once before, so that a broken one changes nothing. Returns what was left out, and how much there is
 * of it. Rejects with LoadError, or the signal's reason.
 */
export async function loadArchive(
  tree: Tree,
  path: string,
  signal?: AbortSignal,
): Promise<{ left: Left[]; leftCount: number }> {
  const passes = [
    (stream: ReadableStream<Uint8Array>) => verifyArchive(stream, signal),
    (stream: ReadableStream<Uint8Array>) => importArchive(tree, stream, { signal }),
  ] as const;
  try {
    await withFile(path, passes[0]);
    return await withFile(path, passes[1]);
  } catch (error) {
    if (error instanceof ArchiveError) throw new LoadError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function withFile<T>(path: string, body: (stream: ReadableStream<Uint8Array>) => Promise<T>): Promise<T> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw new LoadError((error as Error).message);
  }
  try {
    return await body(streamOf(file));
  } finally {
    await file.close();
  }
}

/**
 * Writes the tree as an archive, gzipped where its name says so. It is there when it is whole: until then, and for good
 * where this rejects, a file of that name is what it was. Rejects with errors of the host, or the signal's reason.
 */
export async function saveArchive(tree: Tree, path: string, signal?: AbortSignal): Promise<void> {
  const part = `${path}.part-${process.pid}`;
  const pieces = archiveTree(tree, { signal });
  // Nothing that is there by that name is written over.
  const file = createWriteStream(part, { flush: true, flags: 'wx' });
  await once(file, 'open');
  try {
    if (path.toLowerCase().endsWith('z')) await pipeline(pieces, createGzip(), file);
    else await pipeline(pieces, file);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
