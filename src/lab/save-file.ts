// A file's content on its way out: into a file that the person chose, one of the browser's own, or memory.

import { Errno, PosixError } from '../base/errno.ts';
import type { Inode } from '../fs/tree/inode.ts';
import { SEEK_DATA, SEEK_HOLE } from '../fs/tree/mode.ts';
import type { Tree } from '../fs/tree/tree.ts';
import type { TaskContext } from './tasks.ts';

/** Bytes that are on their way at once. */
const PIECE = 2 ** 20;
/** The folder in the browser's own file system, and how long its files are kept: the browser copies them meanwhile, ms. */
const FOLDER = 'downloads';
const KEPT = 10 * 60_000;

/** What takes bytes in ascending order; what is left out is zero. */
export interface Sink {
  /** The bytes may be changed when it has resolved. */
  write(position: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Ends it at a size. Resolves with the content where it is not in a file of the person's. */
  finish(size: number): Promise<Blob | undefined>;
  /** Takes back what was written. */
  abandon(): Promise<void>;
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

/** A file of the person's: it has the new content when it is whole, and not before. */
export async function chosenFile(handle: FileSystemFileHandle): Promise<Sink> {
  const stream = await handle.createWritable();
  return {
    write: (position, data) => stream.write({ type: 'write', position, data }),
    async finish(size) {
      await stream.truncate(size);
      await stream.close();
      return undefined;
    },
    async abandon() {
      await stream.abort();
      await removeEmpty(handle);
    },
  };
}

/** A file in the browser's own file system. It is deleted some minutes later, by whoever makes the next one. */
export async function ownFile(root: FileSystemDirectoryHandle, now: number, random: () => number): Promise<Sink> {
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  for await (const name of folder.keys()) {
    const age = now - Number(name.split('-')[0]);
    // Where it is in use, the next one deletes it.
    if (!(age < KEPT)) await folder.removeEntry(name).catch(() => {});
  }
  const name = `${now}-${Math.floor(random() * 2 ** 40)}`;
  const handle = await folder.getFileHandle(name, { create: true });
  const access = await handle.createSyncAccessHandle();
  return {
    async write(position, bytes) {
      for (let at = 0; at < bytes.length; ) {
        const count = access.write(bytes.subarray(at), { at: position + at });
        if (count === 0) throw new DOMException('The browser took no more bytes.', 'QuotaExceededError');
        at += count;
      }
    },
    async finish(size) {
      access.truncate(size);
      access.close();
      return handle.getFile();
    },
    async abandon() {
      access.close();
      await folder.removeEntry(name);
    },
  };
}

/** Where the browser has no file system of its own. Blobs are the browser's to put on disk. */
export function blobFile(): Sink {
  const parts: Blob[] = [];
  // One for all holes, which may be larger than memory.
  const hole = new Blob([new Uint8Array(PIECE)]);
  let end = 0;
  const zeros = (to: number): void => {
    while (end < to) {
      const length = Math.min(to - end, PIECE);
      parts.push(length === PIECE ? hole : hole.slice(0, length));
      end += length;
    }
  };
  return {
    async write(position, bytes) {
      zeros(position);
      parts.push(new Blob([bytes]));
      end = position + bytes.length;
    },
    async finish(size) {
      zeros(size);
      // It may have been made shorter while it was written.
      return new Blob(parts).slice(0, size);
    },
    async abandon() {
      parts.length = 0;
    },
  };
}

/** Where what is saved goes: to the file that was chosen, else to one of the browser's own, or to memory. */
export async function sinkFor(to: FileSystemFileHandle | undefined): Promise<Sink> {
  if (to) return chosenFile(to);
  // Browsers have it only over https and from localhost, and some not in private windows.
  const storage: StorageManager | undefined = navigator.storage;
  const root = await storage?.getDirectory?.().catch(() => undefined);
  return root ? ownFile(root, Date.now(), Math.random) : blobFile();
}

/** The next range with data at or behind a position; undefined: none up to the end. */
function nextData(tree: Tree, inode: Inode, at: number): { from: number; to: number } | undefined {
  try {
    const from = tree.seek(inode, at, SEEK_DATA);
    return { from, to: tree.seek(inode, from, SEEK_HOLE) };
  } catch (error) {
    if (error instanceof PosixError && error.errno === Errno.ENXIO) return undefined;
    throw error;
  }
}

/** Writes a file's content to a sink, without its holes, a piece at a time. Rejects as the sink, and with PosixError. */
export async function saveFile(
  tree: Tree,
  inode: Inode,
  sink: Sink,
  what: string,
  { signal, report }: TaskContext,
): Promise<Blob | undefined> {
  const piece = new Uint8Array(PIECE);
  tree.hold(inode);
  try {
    for (let at = 0; ; ) {
      const range = nextData(tree, inode, at);
      if (!range) break;
      for (at = range.from; at < range.to; ) {
        signal.throwIfAborted();
        report({ done: at, total: inode.size, what });
        const pieces = await tree.read(inode, at, Math.min(PIECE, range.to - at));
        let length = 0;
        for (const bytes of pieces) {
          piece.set(bytes, length);
          length += bytes.length;
        }
        // It was made shorter meanwhile.
        if (length === 0) break;
        await sink.write(at, piece.subarray(0, length));
        at += length;
      }
    }
    signal.throwIfAborted();
    return await sink.finish(inode.size);
  } catch (error) {
    await sink.abandon();
    throw error;
  } finally {
    tree.drop(inode);
  }
}
