// Copies a tree into a folder of the host, as far as the host lets.
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { resolve } from 'node:path';
import type { Left } from '../../fs/archive/import-archive.ts';
import { Pace } from '../../fs/archive/pace.ts';
import type { Dirent } from '../../fs/tree/directory.ts';
import type { Inode } from '../../fs/tree/inode.ts';
import { PERMISSIONS, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../fs/tree/mode.ts';
import type { Tree } from '../../fs/tree/tree.ts';

const PIECE = 1024 * 1024;
/** What the host says of one name; after anything else (no room, a broken disk) nothing more is tried. */
const OF_ONE_NAME = new Set(['ENAMETOOLONG', 'EINVAL', 'EILSEQ', 'EPERM', 'EOPNOTSUPP', 'EMLINK', 'EFBIG']);

/** A folder that cannot be written to. */
export class SaveError extends Error {
  override readonly name = 'SaveError';
}

/**
 * Whether there is a folder of this name already. Throws SaveError where a tree cannot be saved under it: something is
 * there that is no empty folder.
 */
export function checkSaveFolder(path: string): boolean {
  let names: string[];
  try {
    names = readdirSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    if (code !== 'ENOTDIR') throw new SaveError(message);
    throw new SaveError(`${path} is a file: an archive ends in .tar, .tar.gz or .tgz`);
  }
  if (names.length > 0) throw new SaveError(`${path} is not empty`);
  return true;
}

/**
 * Writes what is in the tree to a folder. A new one is there when it has all of it; one that is there is filled where
 * it is, as nothing can be put in place of what is mounted or stood in. Where this rejects nothing is left. Returns what could not be kept there: devices, FIFOs and sockets, xattrs and attributes, for which
 * Node has no call; owners, where the process may not give files away. Rejects with SaveError, errors of the host, or
 * the signal's reason.
 */
export async function saveFolder(
  tree: Tree,
  path: string,
  signal?: AbortSignal,
): Promise<{ left: Left[]; leftCount: number }> {
  const there = checkSaveFolder(path);
  // A name of its own: nothing else beside it is touched.
  const folder = there ? path : mkdtempSync(`${resolve(path)}.part-`);
  const saver = new Saver(tree, new Pace(signal));
  try {
    await saver.save(Buffer.from(folder));
    if (!there) renameSync(folder, path);
  } catch (error) {
    if (there) empty(folder);
    else rmSync(folder, { recursive: true });
    throw error;
  }
  return { left: saver.left, leftCount: saver.left.length };
}

/** Names are bytes. */
function empty(folder: string): void {
  for (const name of readdirSync(folder, { encoding: 'buffer' }))
    rmSync(Buffer.concat([Buffer.from(`${folder}/`), name]), { recursive: true });
}

interface OpenDirectory {
  inode: Inode;
  path: Buffer;
  shown: string;
  entries: Iterator<Dirent>;
}

class Saver {
  readonly left: Left[] = [];
  private readonly tree: Tree;
  private readonly pace: Pace;
  private readonly asRoot = process.getuid?.() === 0;
  private readonly saved = new Map<Inode, Buffer>();
  private ownersLeft = false;

  constructor(tree: Tree, pace: Pace) {
    this.tree = tree;
    this.pace = pace;
  }

  private leave(path: string, reason: string): void {
    this.left.push({ path, reason });
  }

  /**
   * Fills a folder. Directories get their own attributes at the very end, those inside first: what is put in them
   * changes their times, and without rights to them nothing could be taken back.
   */
  async save(path: Buffer): Promise<void> {
    const { tree } = this;
    const open: OpenDirectory[] = [];
    const whole: OpenDirectory[] = [];
    const enter = (inode: Inode, at: Buffer, shown: string): void => {
      open.push({ inode, path: at, shown, entries: tree.readdir(inode, 0)[Symbol.iterator]() });
    };
    enter(tree.root, path, '.');
    for (let dir = open.at(-1); dir; dir = open.at(-1)) {
      const pause = this.pace.step();
      if (pause) await pause;
      const { value, done } = dir.entries.next();
      if (done) {
        open.pop();
        whole.push(dir);
        continue;
      }
      const { name, inode } = value;
      const at = Buffer.concat([dir.path, Buffer.from(`/${name}`, 'latin1')]);
      const shown = `${dir.shown}/${name}`;
      try {
        if (inode.directory) {
          mkdirSync(at, { mode: 0o700 });
          enter(inode, at, shown);
        } else await this.file(inode, at, shown);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code === undefined || !OF_ONE_NAME.has(code)) throw error;
        this.leave(shown, message);
      }
    }
    for (const { inode, path: at, shown } of whole) this.attributes(inode, at, shown);
  }

  private async file(inode: Inode, at: Buffer, shown: string): Promise<void> {
    const first = this.saved.get(inode);
    const type = inode.mode & S_IFMT;
    if (first) linkSync(first, at);
    else if (type === S_IFLNK) symlinkSync(Buffer.from(inode.target, 'latin1'), at);
    else if (type === S_IFREG) await this.content(inode, at);
    else {
      this.leave(shown, 'devices, FIFOs and sockets are kept in an archive only');
      return;
    }
    if (first) return;
    if (inode.nlink > 1) this.saved.set(inode, at);
    this.attributes(inode, at, shown);
  }

  /** The bytes where the file has chunks; holes stay holes. */
  private async content(inode: Inode, at: Buffer): Promise<void> {
    const { tree } = this;
    const fd = openSync(at, 'wx', 0o600);
    try {
      const bounds = inode.runs?.flat() ?? [];
      for (let i = 0; i < bounds.length; i += 2) {
        const end = Math.min((bounds[i + 1] as number) * tree.chunkSize, inode.size);
        for (let offset = (bounds[i] as number) * tree.chunkSize; offset < end; ) {
          const pause = this.pace.step();
          if (pause) await pause;
          for (const bytes of await tree.read(inode, offset, Math.min(PIECE, end - offset))) {
            for (let done = 0; done < bytes.length; ) {
              done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
            }
            offset += bytes.length;
          }
        }
      }
      ftruncateSync(fd, inode.size);
    } finally {
      closeSync(fd);
    }
  }

  private attributes(inode: Inode, at: Buffer, shown: string): void {
    const { uid, gid, mode } = inode;
    if (this.asRoot) lchownSync(at, uid, gid);
    else if (!this.ownersLeft && (uid !== process.getuid?.() || gid !== process.getgid?.())) {
      this.ownersLeft = true;
      this.leave(shown, 'owners are kept only where root saves; so for all that follow');
    }
    const type = mode & S_IFMT;
    if (type !== S_IFLNK) chmodSync(at, mode & PERMISSIONS);
    if (inode.xattrs) this.leave(shown, `${inode.xattrs.size} xattrs are kept in an archive only`);
    if (inode.flags !== 0) this.leave(shown, 'attributes of inodes are kept in an archive only');
    if (type === S_IFDIR || type === S_IFREG || type === S_IFLNK) {
      lutimesSync(at, time(inode.atime, inode.atimensec), time(inode.mtime, inode.mtimensec));
    }
  }
}

/** A Date where it is before 1970: Node takes a negative number for now. */
const time = (s: number, ns: number): number | Date => (s < 0 ? new Date(s * 1000 + ns / 1e6) : s + ns / 1e9);
