// The part of Linux's VFS that finds files and says who may do what (fs/namei.c), over a FUSE client. No caches: each
// step of a path is a LOOKUP.
import { PosixError } from '../../src/base/errno.ts';
import type { fuse_attr } from '../../src/fs/fuse/abi.ts';
import type { FuseClient } from '../fuse-client.ts';

const MAXSYMLINKS = 40;
const PATH_MAX = 4096;

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
const S_ISVTX = 0o1000;

export const READ = 4;
export const WRITE = 2;
export const EXEC = 1;

export type Attr = InstanceType<typeof fuse_attr>;

export interface Node {
  readonly nodeid: number;
  readonly attr: Attr;
}

/** Who calls. uid 0 has all capabilities. */
export interface Caller {
  uid: number;
  gid: number;
  groups: readonly number[];
}

/** Where a path ends: a name in a directory, and what has it, if anything has. */
export interface Place {
  readonly dir: Node;
  readonly name: string;
  /** There is a slash behind the name. */
  readonly slash: boolean;
  /** LAST_NORM, LAST_DOT, LAST_DOTDOT, LAST_ROOT of fs/namei.c. */
  readonly kind: 'name' | '.' | '..' | '/';
  readonly node: Node | undefined;
}

/** Whether a symbolic link at the end is followed: always, where a slash is behind it, or never. */
export type Follow = 'always' | 'slash' | 'never';

export const isDir = (node: Node): boolean => (node.attr.mode & S_IFMT) === S_IFDIR;
export const isFile = (node: Node): boolean => (node.attr.mode & S_IFMT) === S_IFREG;
export const isLink = (node: Node): boolean => (node.attr.mode & S_IFMT) === S_IFLNK;

export class Walker {
  readonly client: FuseClient;
  caller: Caller = { uid: 0, gid: 0, groups: [] };
  cwd = 1;
  /** Directories that were walked through, by nodeid, and the one that each was found in. */
  private readonly above = new Map<number, number>();

  constructor(client: FuseClient) {
    this.client = client;
  }

  async node(nodeid: number): Promise<Node> {
    return { nodeid, attr: await this.client.getattr(nodeid) };
  }

  // --- rights

  /** CAP_*: all that there are, or none. */
  get capable(): boolean {
    return this.caller.uid === 0;
  }

  inGroup(gid: number): boolean {
    return this.caller.gid === gid || this.caller.groups.includes(gid);
  }

  owns({ attr }: Node): boolean {
    return this.capable || attr.uid === this.caller.uid;
  }

  /** generic_permission(): EACCES. */
  permit(node: Node, wanted: number): void {
    const { mode, uid, gid } = node.attr;
    if (this.capable) {
      if (wanted & EXEC && !isDir(node) && (mode & 0o111) === 0) throw new PosixError('EACCES');
      return;
    }
    let bits = mode;
    if (uid === this.caller.uid) bits >>= 6;
    else if (this.inGroup(gid)) bits >>= 3;
    if (wanted & ~bits & 7) throw new PosixError('EACCES');
  }

  /** may_create(): EACCES. */
  mayCreate(dir: Node): void {
    this.permit(dir, WRITE | EXEC);
  }

  /** may_delete(): EACCES, EPERM for the sticky bit, ENOTDIR, EISDIR. */
  mayDelete(dir: Node, victim: Node, directory: boolean): void {
    this.permit(dir, WRITE | EXEC);
    if (dir.attr.mode & S_ISVTX && !this.owns(victim) && !this.owns(dir)) throw new PosixError('EPERM');
    if (directory && !isDir(victim)) throw new PosixError('ENOTDIR');
    if (!directory && isDir(victim)) throw new PosixError('EISDIR');
  }

  // --- paths

  /** A LOOKUP, undefined for nothing. */
  async lookup(dir: Node, name: string): Promise<Node | undefined> {
    const found = await this.client.lookupEntry(dir.nodeid, name).catch((error: unknown) => {
      if (error instanceof PosixError && error.errno === new PosixError('ENOENT').errno) return undefined;
      throw error;
    });
    if (found === undefined || found.nodeid === 0) return undefined;
    const node = { nodeid: found.nodeid, attr: found.attr };
    if (isDir(node)) this.above.set(node.nodeid, dir.nodeid);
    return node;
  }

  private parent(dir: Node): Promise<Node> {
    return this.node(this.above.get(dir.nodeid) ?? 1);
  }

  /** Where a path ends. ENOENT for an empty one, ENAMETOOLONG, ENOTDIR, EACCES, ELOOP. */
  async locate(path: string, follow: Follow, start = this.cwd, links = { count: 0 }): Promise<Place> {
    if (path === '') throw new PosixError('ENOENT');
    if (path.length >= PATH_MAX) throw new PosixError('ENAMETOOLONG');
    const slash = path.endsWith('/');
    const names = path.split('/').filter((name) => name !== '');
    let dir = await this.node(path.startsWith('/') ? 1 : start);
    const name = names.pop();
    if (name === undefined) return { dir, name: '', slash, kind: '/', node: dir };
    for (const step of names) {
      this.permit(dir, EXEC);
      const place = await this.last(dir, step, true, 'always', links);
      if (place.node === undefined) throw new PosixError('ENOENT');
      if (!isDir(place.node)) throw new PosixError('ENOTDIR');
      dir = place.node;
    }
    this.permit(dir, EXEC);
    return this.last(dir, name, slash, follow, links);
  }

  private async last(
    dir: Node,
    name: string,
    slash: boolean,
    follow: Follow,
    links: { count: number },
  ): Promise<Place> {
    if (name === '.') return { dir, name, slash, kind: '.', node: dir };
    if (name === '..') return { dir, name, slash, kind: '..', node: await this.parent(dir) };
    const node = await this.lookup(dir, name);
    const through = follow === 'always' || (follow === 'slash' && slash);
    if (node === undefined || !isLink(node) || !through) return { dir, name, slash, kind: 'name', node };
    if (links.count++ >= MAXSYMLINKS) throw new PosixError('ELOOP');
    const target = await this.client.readlink(node.nodeid);
    const place = await this.locate(target, 'always', dir.nodeid, links);
    return { ...place, slash: slash || place.slash };
  }

  /** Whether `dir` is `node` or somewhere below it. */
  inside(dir: Node, node: Node): boolean {
    for (let at = dir.nodeid; ; at = this.above.get(at) ?? 1) {
      if (at === node.nodeid) return true;
      if (at === 1) return false;
    }
  }

  /** What a path leads to. As locate(), and ENOENT, ENOTDIR. */
  async find(path: string, follow: Follow = 'always'): Promise<Node> {
    const { node, slash } = await this.locate(path, follow);
    if (node === undefined) throw new PosixError('ENOENT');
    if (slash && !isDir(node)) throw new PosixError('ENOTDIR');
    return node;
  }

  /** filename_create(): where something can be made. EEXIST, ENOENT for a slash behind what is no directory. */
  async vacant(path: string, directory: boolean): Promise<Place> {
    const place = await this.locate(path, 'never');
    if (place.kind !== 'name' || place.node !== undefined) throw new PosixError('EEXIST');
    if (place.slash && !directory) throw new PosixError('ENOENT');
    return place;
  }
}
