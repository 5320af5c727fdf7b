// Files of the host put into the tree: streamed, each of them whole or not there.
import { Errno, PosixError } from '../base/errno.ts';
import { bytesToString, readerOf } from '../base/iov.ts';
import type { Inode } from '../fs/tree/inode.ts';
import type { Tree } from '../fs/tree/tree.ts';
import type { Taken, UploadEntry, UploadResult } from './messages.ts';
import { posixWords } from './posix-words.ts';
import type { TaskContext } from './tasks.ts';

/** Whose the files are that the page makes, and what may be done with them. */
export const HOST_OWNER = { uid: 0, gid: 0 };
export const FILE_MODE = 0o644;
export const FOLDER_MODE = 0o755;
/** So many paths of what was done, and of what was not, are told. */
const TOLD = 1000;

const encoder = new TextEncoder();

/** A name as the tree has it. */
export const nameBytes = (text: string): string => bytesToString(encoder.encode(text));

/** `name (2).ext`, or the first number that is free. */
function freeName(tree: Tree, dir: Inode, name: string): string {
  const dot = name.lastIndexOf('.');
  const stem = dot > 0 ? name.slice(0, dot) : name;
  const extension = dot > 0 ? name.slice(dot) : '';
  for (let number = 2; ; number++) {
    const free = `${stem} (${number})${extension}`;
    if (!tree.lookup(dir, free)) return free;
  }
}

/** Why one entry of an upload is not in the tree. */
class LeftOut extends Error {
  override readonly name = 'LeftOut';
}

/**
 * The names of an upload that something has which is no folder to be filled, as paths below the directory: the first
 * ones, and how many.
 */
export function findTaken(
  tree: Tree,
  into: Inode,
  paths: readonly { path: string[]; isFolder: boolean }[],
): { names: string[]; count: number } {
  const taken = new Set<string>();
  for (const { path, isFolder } of paths) {
    let dir = into;
    for (const [depth, part] of path.entries()) {
      const name = nameBytes(part);
      const there = name.length > 255 ? undefined : tree.lookup(dir, name);
      if (!there) break;
      if (there.directory && (isFolder || depth < path.length - 1)) {
        dir = there;
        continue;
      }
      taken.add(path.slice(0, depth + 1).join('/'));
      break;
    }
  }
  return { names: [...taken].slice(0, TOLD), count: taken.size };
}

export class Upload {
  private readonly tree: Tree;
  private readonly into: Inode;
  private readonly taken: Taken;
  private readonly context: TaskContext;
  private readonly total: number;
  private readonly result: UploadResult = {
    ...{ files: 0, bytes: 0, placed: [], left: [], leftCount: 0, stopped: undefined },
  };
  /** Directories of the upload by their paths; a reason for those that cannot be. */
  private readonly folders = new Map<string, Inode | LeftOut>();
  private done = 0;

  constructor(tree: Tree, into: Inode, entries: readonly UploadEntry[], taken: Taken, context: TaskContext) {
    this.tree = tree;
    this.into = into;
    this.taken = taken;
    this.context = context;
    this.total = entries.reduce((sum, { file }) => sum + (file?.size ?? 0), 0);
    this.folders.set('', into);
  }

  /** Puts one entry after the other. Rejects only where the lab has a mistake. */
  async run(entries: readonly UploadEntry[]): Promise<UploadResult> {
    const { tree, into, result, context } = this;
    tree.hold(into);
    try {
      for (const { path, file } of entries) {
        const shown = path.join('/');
        try {
          context.signal.throwIfAborted();
          if (file) await this.file(path, file, shown);
          else this.folder(path);
        } catch (error) {
          if (context.signal.aborted) {
            result.stopped = (context.signal.reason as Error).message;
            break;
          }
          const reason = error instanceof LeftOut ? error.message : posixWords(error);
          if (reason === undefined) throw error;
          this.leave(shown, reason);
          if (error instanceof PosixError && error.errno === Errno.ENOSPC) {
            result.stopped = 'No room is left.';
            break;
          }
        }
      }
      return result;
    } finally {
      tree.drop(into);
    }
  }

  private leave(path: string, reason: string): void {
    this.result.leftCount++;
    if (this.result.left.length < TOLD) this.result.left.push({ path, reason });
  }

  /** The directory of a path, made where there is none. Throws LeftOut, PosixError. */
  private folder(path: readonly string[]): Inode {
    const key = path.join('/');
    const known = this.folders.get(key);
    if (known instanceof LeftOut) throw known;
    if (known) return known;
    const above = this.folder(path.slice(0, -1));
    try {
      const made = this.makeFolder(above, nameBytes(path.at(-1) as string));
      this.folders.set(key, made);
      return made;
    } catch (error) {
      // Told once for each entry below, and not tried again.
      const reason = error instanceof LeftOut ? error.message : posixWords(error);
      if (reason !== undefined && !(error instanceof PosixError && error.errno === Errno.ENOSPC)) {
        this.folders.set(key, new LeftOut(`its folder was left out: ${reason}`));
      }
      throw error;
    }
  }

  private makeFolder(above: Inode, name: string): Inode {
    const { tree } = this;
    const there = tree.lookup(above, name);
    if (there?.directory) return there;
    const own = { mode: FOLDER_MODE, ...HOST_OWNER };
    if (!there) return tree.mkdir(above, name, own);
    if (this.taken === 'keep-both') return tree.mkdir(above, freeName(tree, above, name), own);
    throw new LeftOut('a file has the name of the folder');
  }

  private async file(path: readonly string[], file: File, shown: string): Promise<void> {
    const { tree, result } = this;
    const dir = this.folder(path.slice(0, -1));
    const name = nameBytes(path.at(-1) as string);
    const there = tree.lookup(dir, name);
    if (there && this.taken === 'skip') throw new LeftOut('the name is taken');
    if (there?.directory && this.taken === 'replace') throw new LeftOut('a folder has the name');
    // Without a name until it is whole.
    const inode = tree.tmpfile(dir, { mode: FILE_MODE, ...HOST_OWNER });
    tree.hold(inode);
    const before = this.done;
    try {
      await this.content(inode, file, shown);
      const ms = file.lastModified;
      const s = Math.floor(ms / 1000);
      tree.setattr(inode, { mtime: { s, ns: Math.round((ms - s * 1000) * 1e6) } });
      this.place(inode, dir, name);
      result.files++;
      result.bytes += inode.size;
      if (result.placed.length < TOLD) result.placed.push(shown);
    } finally {
      tree.drop(inode);
      this.done = before + file.size;
    }
  }

  private async content(inode: Inode, file: File, shown: string): Promise<void> {
    const { tree, context, total } = this;
    const reader = file.stream().getReader();
    let at = 0;
    try {
      for (;;) {
        context.report({ done: this.done, total, what: shown });
        const { value, done } = await reader.read().catch((error: Error) => {
          throw new LeftOut(`it could not be read: ${error.message}`);
        });
        context.signal.throwIfAborted();
        if (done) break;
        await tree.write(inode, at, value.length, readerOf(value));
        at += value.length;
        this.done += value.length;
      }
    } finally {
      // Nothing more is wanted of it, whether or not it was read to its end.
      await reader.cancel().catch(() => {});
    }
  }

  /** Gives the file its name: in one turn, so that there is never none. Looked up again: the guest went on meanwhile. */
  private place(inode: Inode, dir: Inode, name: string): void {
    const { tree } = this;
    const there = tree.lookup(dir, name);
    if (!there) {
      tree.link(inode, dir, name);
      return;
    }
    if (this.taken === 'skip') throw new LeftOut('the name is taken');
    const free = freeName(tree, dir, name);
    if (this.taken === 'replace' && there.directory) throw new LeftOut('a folder has the name');
    tree.link(inode, dir, free);
    if (this.taken !== 'replace') return;
    try {
      tree.rename(dir, free, dir, name, 0, HOST_OWNER);
    } catch (error) {
      tree.unlink(dir, free);
      throw error;
    }
  }
}
