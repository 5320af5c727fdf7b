// Where a path of an archive leads in a tree: nowhere outside, and through nothing but directories.
import type { Inode } from '../tree/inode.ts';
import { NAME_MAX, PATH_MAX, S_IFLNK, S_IFMT } from '../tree/mode.ts';
import type { Tree } from '../tree/tree.ts';

/** What cannot be put where it says; the message is for people. */
export class LeftOut extends Error {
  override readonly name = 'LeftOut';
}

/** The names of a path, none for the root. Throws LeftOut. */
export function namesOf(path: string): string[] {
  if (path === '') throw new LeftOut('it has no name');
  if (path.includes('\0')) throw new LeftOut('there is a NUL in its name');
  if (path.startsWith('/')) throw new LeftOut('its path is absolute');
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw new LeftOut('its path leads out with ".."');
  const longest = names.find((name) => name.length > NAME_MAX);
  if (longest !== undefined) throw new LeftOut(`a name of ${longest.length} bytes is too long`);
  return names;
}

export interface Place {
  dir: Inode;
  name: string;
}

export class ArchivePaths {
  private readonly tree: Tree;
  /** The directory that was looked for last: entries of one directory come together. */
  private last: { path: string; dir: Inode };

  constructor(tree: Tree) {
    this.tree = tree;
    this.last = { path: '', dir: tree.root };
  }

  /** What has this path; undefined for nothing. Symbolic links are not followed. Throws LeftOut. */
  find(path: string): Inode | undefined {
    let at = this.tree.root;
    for (const name of namesOf(path)) {
      if (!at.directory) throw new LeftOut(through(at));
      const next = this.tree.lookup(at, name);
      if (!next) return undefined;
      at = next;
    }
    return at;
  }

  /**
   * Directory and name for a path, undefined for the root's. Directories that are not there are made, as tar does for
   * archives that name none. Throws LeftOut.
   */
  place(path: string): Place | undefined {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) return undefined;
    const above = names.join('/');
    if (above !== this.last.path) this.last = { path: above, dir: this.directory(names, path) };
    return { dir: this.last.dir, name };
  }

  private directory(names: string[], path: string): Inode {
    let at = this.tree.root;
    for (const name of names) {
      if (!at.directory) throw new LeftOut(through(at));
      let next = this.tree.lookup(at, name);
      if (!next) {
        // What a tar was made of had no longer paths, but for those whose directories it names.
        if (path.length >= PATH_MAX)
          throw new LeftOut(`its path of ${path.length} bytes is through unknown directories`);
        next = this.tree.mkdir(at, name, { mode: 0o755, uid: 0, gid: 0 });
      }
      at = next;
    }
    if (!at.directory) throw new LeftOut(through(at));
    return at;
  }
}

const through = (inode: Inode): string =>
  (inode.mode & S_IFMT) === S_IFLNK
    ? 'its path goes through a symbolic link'
    : 'its path goes through something that is no directory';
