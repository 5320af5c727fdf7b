// Names: what is made, linked, renamed and removed in directories. All of it synchronous, so each change is one moment.
import { PosixError } from '../../base/errno.ts';
import type { Clock } from './clock.ts';
import { COOKIE_END, Directory, Dirent } from './directory.ts';
import { CHUNK_END, type FileData } from './file-data.ts';
import type { Inode } from './inode.ts';
import type { InodeTable } from './inode-table.ts';
import {
  hasType,
  LINK_MAX,
  NAME_MAX,
  PATH_MAX,
  PERMISSIONS,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_ISGID,
} from './mode.ts';
import type { Paths } from './paths.ts';
import { checkAdd, checkPinned, checkRemove } from './protect.ts';
import type { Room } from './room.ts';
import type { WriteBehind } from './write-behind.ts';

export interface Owner {
  uid: number;
  gid: number;
}

export interface Made extends Owner {
  mode: number;
  rdev?: number;
  /** Extended attributes that it has from the beginning; the map belongs to the tree then. */
  xattrs?: Map<string, Uint8Array> | undefined;
}

const RENAME_KNOWN = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;

/** Stamps what a change of content or names stamps. */
function stamp(inode: Inode, now: { s: number; ns: number }, modified: boolean): void {
  inode.ctime = now.s;
  inode.ctimensec = now.ns;
  if (!modified) return;
  inode.mtime = now.s;
  inode.mtimensec = now.ns;
}

export class Namespace {
  private readonly table: InodeTable;
  private readonly behind: WriteBehind;
  private readonly data: FileData;
  private readonly room: Room;
  private readonly paths: Paths;
  private readonly clock: Clock;

  constructor(table: InodeTable, behind: WriteBehind, data: FileData, room: Room, paths: Paths, clock: Clock) {
    this.table = table;
    this.behind = behind;
    this.data = data;
    this.room = room;
    this.paths = paths;
    this.clock = clock;
  }

  /** The directory's names. ENOTDIR. */
  names(dir: Inode): Directory {
    if (!dir.directory) throw new PosixError('ENOTDIR');
    return dir.directory;
  }

  /** What has this name, undefined for nothing. ENOTDIR, ENAMETOOLONG, ENOENT in a removed directory. */
  lookup(dir: Inode, name: string): Inode | undefined {
    const found = this.names(dir).get(name);
    if (found) return found.inode;
    if (name.length > NAME_MAX) throw new PosixError('ENAMETOOLONG');
    if (!dir.parent) throw new PosixError('ENOENT', 'the directory was removed');
    if (name === '.') return dir;
    if (name === '..') return dir.parent;
    return undefined;
  }

  /** The entry of this name. As lookup, and ENOENT where there is none. */
  private entry(dir: Inode, name: string): Dirent {
    const found = this.names(dir).get(name);
    if (found) return found;
    if (name.length > NAME_MAX) throw new PosixError('ENAMETOOLONG');
    if (name === '.' || name === '..') throw new PosixError('EINVAL', 'a name of its own is needed');
    throw new PosixError('ENOENT');
  }

  /** Throws where no such name can be added: ENOTDIR, ENOENT, ENAMETOOLONG, EINVAL, EPERM, ENOSPC. */
  private checkNew(dir: Inode, name: string): void {
    const names = this.names(dir);
    if (name.length > NAME_MAX) throw new PosixError('ENAMETOOLONG');
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) throw new PosixError('EINVAL', 'no name');
    if (!dir.parent) throw new PosixError('ENOENT', 'the directory was removed');
    checkAdd(dir);
    if (names.nextCookie >= COOKIE_END) throw new PosixError('ENOSPC', 'the directory has no cookies left');
  }

  private checkFree(dir: Inode, name: string): void {
    if (this.names(dir).get(name)) throw new PosixError('EEXIST');
    this.checkNew(dir, name);
    this.room.claimName();
  }

  private newInode(dir: Inode, mode: number, made: Owner & Pick<Made, 'xattrs'>): Inode {
    const inode = this.table.make(mode);
    const now = this.clock();
    inode.uid = made.uid;
    inode.gid = dir.mode & S_ISGID ? dir.gid : made.gid;
    inode.atime = inode.mtime = inode.ctime = inode.btime = now.s;
    inode.atimensec = inode.mtimensec = inode.ctimensec = inode.btimensec = now.ns;
    inode.nlink = 1;
    if (made.xattrs) {
      inode.xattrs = made.xattrs;
      this.behind.extra(inode.ino);
    }
    return inode;
  }

  /** Puts the inode under a new name and stamps the directory with the inode's change time. */
  private add(dir: Inode, name: string, inode: Inode): void {
    const names = this.names(dir);
    const dirent = new Dirent(dir, name, names.nextCookie++, inode);
    names.add(dirent);
    this.attach(inode, dirent);
  }

  private attach(inode: Inode, dirent: Dirent): void {
    if (!inode.link) inode.link = dirent;
    else {
      inode.moreLinks ??= new Set();
      inode.moreLinks.add(dirent);
      this.behind.extra(inode.ino);
    }
    this.behind.inode(inode);
  }

  private detach(inode: Inode, dirent: Dirent): void {
    const more = inode.moreLinks;
    if (inode.link === dirent) {
      inode.link = undefined;
      for (const other of more ?? []) {
        inode.link = other;
        more?.delete(other);
        break;
      }
    } else more?.delete(dirent);
    if (more) this.behind.extra(inode.ino);
    if (more?.size === 0) inode.moreLinks = undefined;
    this.paths.removed(inode);
    this.behind.inode(inode);
  }

  private touched(dir: Inode, now: { s: number; ns: number }): void {
    stamp(dir, now, true);
    this.behind.inode(dir);
  }

  /** A file of any type but a directory or a symbolic link; type 0 means regular. EINVAL, EEXIST and as for names. */
  mknod(dir: Inode, name: string, made: Made): Inode {
    const mode = (made.mode & S_IFMT || S_IFREG) | (made.mode & PERMISSIONS);
    if (!hasType(mode) || (mode & S_IFMT) === S_IFDIR || (mode & S_IFMT) === S_IFLNK) throw new PosixError('EINVAL');
    this.checkFree(dir, name);
    const inode = this.newInode(dir, mode, made);
    inode.rdev = made.rdev ?? 0;
    this.publish(dir, name, inode);
    return inode;
  }

  private publish(dir: Inode, name: string, inode: Inode): void {
    this.behind.operation++;
    this.add(dir, name, inode);
    this.touched(dir, { s: inode.ctime, ns: inode.ctimensec });
  }

  mkdir(dir: Inode, name: string, made: Made): Inode {
    this.checkFree(dir, name);
    const inode = this.newInode(dir, S_IFDIR | (made.mode & PERMISSIONS) | (dir.mode & S_ISGID), made);
    inode.directory = new Directory();
    inode.parent = dir;
    inode.nlink = 2;
    dir.nlink++;
    this.publish(dir, name, inode);
    return inode;
  }

  /** ENAMETOOLONG for a target of PATH_MAX bytes or more, ENOENT for none. */
  symlink(dir: Inode, name: string, target: string, owner: Owner & Pick<Made, 'xattrs'>): Inode {
    this.checkFree(dir, name);
    if (target === '') throw new PosixError('ENOENT', 'no target');
    if (target.length >= PATH_MAX) throw new PosixError('ENAMETOOLONG');
    const inode = this.newInode(dir, S_IFLNK | 0o777, owner);
    inode.target = target;
    inode.size = target.length;
    this.publish(dir, name, inode);
    return inode;
  }

  /** A regular file without a name, which goes when nobody holds it any more unless it is linked. As for names. */
  tmpfile(dir: Inode, made: Made): Inode {
    this.names(dir);
    if (!dir.parent) throw new PosixError('ENOENT', 'the directory was removed');
    checkAdd(dir);
    this.room.claimName();
    const inode = this.newInode(dir, S_IFREG | (made.mode & PERMISSIONS), made);
    inode.nlink = 0;
    inode.unnamed = true;
    this.behind.operation++;
    this.behind.inode(inode);
    return inode;
  }

  /**
   * One more name. EPERM for a directory and what is immutable or append only, ENOENT for what was unlinked, EMLINK, and
   * as for names.
   */
  link(inode: Inode, dir: Inode, name: string): void {
    this.checkFree(dir, name);
    if (inode.directory) throw new PosixError('EPERM', 'a directory has one name');
    checkPinned(inode);
    if (inode.nlink === 0 && !inode.unnamed) throw new PosixError('ENOENT', 'it was unlinked');
    if (inode.nlink >= LINK_MAX) throw new PosixError('EMLINK');
    const now = this.clock();
    inode.unnamed = false;
    inode.nlink++;
    stamp(inode, now, false);
    this.behind.operation++;
    this.add(dir, name, inode);
    this.touched(dir, now);
  }

  /** EISDIR for a directory, ENOENT, EPERM. */
  unlink(dir: Inode, name: string): void {
    const dirent = this.entry(dir, name);
    checkRemove(dir, dirent.inode);
    if (dirent.inode.directory) throw new PosixError('EISDIR');
    this.removeEntry(dir, dirent);
  }

  /** ENOTDIR, ENOTEMPTY, ENOENT, EPERM. */
  rmdir(dir: Inode, name: string): void {
    const dirent = this.entry(dir, name);
    checkRemove(dir, dirent.inode);
    const { directory } = dirent.inode;
    if (!directory) throw new PosixError('ENOTDIR');
    if (directory.size > 0) throw new PosixError('ENOTEMPTY');
    this.removeEntry(dir, dirent);
  }

  private removeEntry(dir: Inode, dirent: Dirent): void {
    const { inode } = dirent;
    const now = this.clock();
    this.behind.operation++;
    this.names(dir).remove(dirent);
    this.detach(inode, dirent);
    this.touched(dir, now);
    this.unlinked(inode, dir, now);
  }

  /** The inode has lost a name in `dir`. */
  private unlinked(inode: Inode, dir: Inode, now: { s: number; ns: number }): void {
    stamp(inode, now, false);
    if (inode.directory) {
      inode.nlink = 0;
      inode.parent = undefined;
      dir.nlink--;
    } else inode.nlink--;
    if (inode.nlink === 0 && inode.holds === 0) this.reap(inode);
  }

  /** Takes a dead inode out of tree and store: no name, nobody who holds it. */
  reap(inode: Inode): void {
    this.data.dropChunks(inode, 0, CHUNK_END);
    this.table.remove(inode);
    this.behind.inode(inode);
    this.behind.removed(inode);
    if (inode.extraStored) this.behind.extra(inode.ino);
  }

  /**
   * Moves a name. ENOENT, EEXIST (RENAME_NOREPLACE), EINVAL (unknown flags, into itself), EISDIR, ENOTDIR, ENOTEMPTY,
   * EPERM and as for names. Two names of one file: nothing happens. `owner` is whose whiteout it is.
   */
  rename(dir: Inode, name: string, newdir: Inode, newname: string, flags: number, owner: Owner): void {
    if (flags & ~RENAME_KNOWN || (flags & RENAME_EXCHANGE && flags !== RENAME_EXCHANGE)) throw new PosixError('EINVAL');
    const source = this.entry(dir, name);
    const target = this.names(newdir).get(newname);
    if (target && flags & RENAME_NOREPLACE) throw new PosixError('EEXIST');
    if (target?.inode !== source.inode) checkRemove(dir, source.inode);
    if (!target) this.checkNew(newdir, newname);
    else if (target.inode !== source.inode) checkRemove(newdir, target.inode);
    if (this.isInside(newdir, source.inode)) throw new PosixError('EINVAL', 'into itself');
    if (flags & RENAME_EXCHANGE) {
      if (!target) throw new PosixError('ENOENT');
      if (this.isInside(dir, target.inode)) throw new PosixError('EINVAL', 'into itself');
      if (target.inode !== source.inode) this.exchange(dir, source, newdir, target);
      return;
    }
    if (target?.inode === source.inode) return;
    if (target) checkReplace(source.inode, target.inode);
    this.move(dir, source, newdir, newname, target, flags & RENAME_WHITEOUT ? owner : undefined);
  }

  /** Whether `dir` is `above` or somewhere below it. */
  private isInside(dir: Inode, above: Inode): boolean {
    if (!above.directory) return false;
    for (let at: Inode | undefined = dir; at; at = at.parent) {
      if (at === above) return true;
      if (at.parent === at) return false;
    }
    return false;
  }

  private move(dir: Inode, source: Dirent, newdir: Inode, name: string, target?: Dirent, whiteout?: Owner): void {
    const { inode } = source;
    const hidden = whiteout && this.newInode(dir, S_IFCHR, whiteout);
    const now = this.clock();
    this.behind.operation++;
    this.detach(inode, source);
    this.paths.moved(inode);
    if (target) {
      const victim = target.inode;
      this.detach(victim, target);
      this.unlinked(victim, newdir, now);
      target.inode = inode;
      this.attach(inode, target);
    } else this.add(newdir, name, inode);
    if (hidden) {
      source.inode = hidden;
      this.attach(hidden, source);
    } else this.names(dir).remove(source);
    this.reparent(inode, dir, newdir);
    stamp(inode, now, false);
    this.touched(dir, now);
    this.touched(newdir, now);
  }

  private exchange(dir: Inode, one: Dirent, newdir: Inode, other: Dirent): void {
    const first = one.inode;
    const second = other.inode;
    const now = this.clock();
    this.behind.operation++;
    this.detach(first, one);
    this.detach(second, other);
    this.paths.moved(first);
    this.paths.moved(second);
    one.inode = second;
    other.inode = first;
    this.attach(first, other);
    this.attach(second, one);
    this.reparent(first, dir, newdir);
    this.reparent(second, newdir, dir);
    stamp(first, now, false);
    stamp(second, now, false);
    this.touched(dir, now);
    this.touched(newdir, now);
  }

  private reparent(inode: Inode, from: Inode, to: Inode): void {
    if (!inode.directory || from === to) return;
    inode.parent = to;
    from.nlink--;
    to.nlink++;
  }
}

/** What rename(2) says of replacing one by the other. */
function checkReplace(source: Inode, target: Inode): void {
  if (source.directory) {
    if (!target.directory) throw new PosixError('ENOTDIR');
    if (target.directory.size > 0) throw new PosixError('ENOTEMPTY');
  } else if (target.directory) throw new PosixError('EISDIR');
}
