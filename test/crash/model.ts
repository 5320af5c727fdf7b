// What a tree must be after a workload: a plain model that shares no code with the tree. Each operation is one change.
import { createHash } from 'node:crypto';

/** An operation in words, as it is recorded: a verb and its arguments. No path has a space; '.' is the root. */
export type Words = readonly string[];

/** When something was stamped: by the change of this number, or at a time that somebody chose. */
export type Stamp = { change: number } | { s: number; ns: number };

export const STAMPS = ['atime', 'mtime', 'ctime', 'btime'] as const;

export interface Node {
  /** Type and permissions. */
  mode: number;
  uid: number;
  gid: number;
  rdev: number;
  nlink: number;
  content: Uint8Array;
  target: string;
  xattrs: Map<string, Uint8Array>;
  /** In the order in which they are listed. */
  names: Map<string, Node>;
  atime: Stamp;
  mtime: Stamp;
  ctime: Stamp;
  btime: Stamp;
}

/** One name as the outside sees it. */
export interface Entry<Time> {
  path: string;
  mode: number;
  uid: number;
  gid: number;
  rdev: number;
  nlink: number;
  /** Of a file or a symbolic link, else 0. */
  size: number;
  target: string;
  /** By name, values in hex. */
  xattrs: [name: string, value: string][];
  /** SHA-256 of a file's content, in hex. */
  content: string;
  /** The first path of the same inode. */
  same: string;
  atime: Time;
  mtime: Time;
  ctime: Time;
  btime: Time;
}

export interface Outcome {
  /** 0 where it succeeded. */
  errno: number;
  changes: 0 | 1;
}

const TYPE = 0o170000;
const DIR = 0o040000;
const FILE = 0o100000;
const LINK = 0o120000;

/** Numbers as i386 has them. */
const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOTEMPTY: 39,
  ENODATA: 61,
} as const;

class Failed extends Error {
  readonly errno: number;
  constructor(name: keyof typeof ERRNO) {
    super(name);
    this.errno = ERRNO[name];
  }
}

/** The bytes that a seed stands for: the high bytes of a linear congruential generator. Also in lab-crash.c. */
export function bytesOf(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export const isDir = (node: Node): boolean => (node.mode & TYPE) === DIR;
export const isFile = (node: Node): boolean => (node.mode & TYPE) === FILE;
export const isLink = (node: Node): boolean => (node.mode & TYPE) === LINK;

const parentOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.');
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export class Model {
  readonly root: Node;
  /** Changes so far: the number of the last one. */
  changes: number;

  constructor(root?: Node, changes = 0) {
    this.changes = changes;
    this.root = root ?? this.make(DIR | 0o755);
    if (!root) this.root.nlink = 2;
  }

  clone(): Model {
    return new Model(structuredClone(this.root), this.changes);
  }

  private make(mode: number): Node {
    const stamp: Stamp = { change: this.changes };
    return {
      mode,
      uid: 0,
      gid: 0,
      rdev: 0,
      nlink: 1,
      content: new Uint8Array(0),
      target: '',
      xattrs: new Map(),
      names: new Map(),
      atime: stamp,
      mtime: stamp,
      ctime: stamp,
      btime: stamp,
    };
  }

  find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    if (path === '.') return node;
    for (const name of path.split('/')) {
      if (!node || !isDir(node)) return undefined;
      node = node.names.get(name);
    }
    return node;
  }

  private need(path: string): Node {
    const node = this.find(path);
    if (!node) throw new Failed('ENOENT');
    return node;
  }

  /** Does an operation. Throws for one that is none: workloads have no others. */
  apply(words: Words): Outcome {
    const before = this.changes;
    // What it stamps bears the number that it has if it succeeds.
    this.changes++;
    try {
      const changed = this.perform(words);
      if (!changed) this.changes = before;
      return { errno: 0, changes: changed ? 1 : 0 };
    } catch (error) {
      this.changes = before;
      if (!(error instanceof Failed)) throw error;
      return { errno: error.errno, changes: 0 };
    }
  }

  /** Whether it changed anything. */
  private perform(words: Words): boolean {
    const [verb, path = ''] = words;
    const number = (at: number): number => Number(words[at]);
    switch (verb) {
      case 'mknod': {
        const node = this.make(number(2));
        node.rdev = number(3);
        this.add(path, node);
        return true;
      }
      case 'mkdir': {
        const node = this.make(DIR | number(2));
        node.nlink = 2;
        this.add(path, node).nlink++;
        return true;
      }
      case 'symlink': {
        const node = this.make(LINK | 0o777);
        node.target = words[2] as string;
        this.add(path, node);
        return true;
      }
      case 'link': {
        const node = this.need(path);
        if (this.find(words[2] as string)) throw new Failed('EEXIST');
        if (isDir(node)) throw new Failed('EPERM');
        this.add(words[2] as string, node);
        node.nlink++;
        this.touch(node);
        return true;
      }
      case 'unlink': {
        const node = this.need(path);
        if (isDir(node)) throw new Failed('EISDIR');
        this.remove(path, node);
        return true;
      }
      case 'rmdir': {
        const node = this.need(path);
        if (!isDir(node)) throw new Failed('ENOTDIR');
        if (node.names.size > 0) throw new Failed('ENOTEMPTY');
        this.remove(path, node);
        return true;
      }
      case 'rename':
        return this.rename(path, words[2] as string, number(3));
      case 'write': {
        const node = this.need(path);
        const bytes = bytesOf(number(4), number(3));
        this.resize(node, Math.max(node.content.length, number(2) + bytes.length));
        node.content.set(bytes, number(2));
        this.touch(node, true);
        return true;
      }
      case 'truncate': {
        const node = this.need(path);
        this.resize(node, number(2));
        this.touch(node, true);
        return true;
      }
      case 'chmod': {
        const node = this.need(path);
        node.mode = (node.mode & TYPE) | number(2);
        this.touch(node);
        return true;
      }
      case 'chown': {
        const node = this.need(path);
        node.uid = number(2);
        node.gid = number(3);
        this.touch(node);
        return true;
      }
      case 'times': {
        const node = this.need(path);
        node.atime = { s: number(2), ns: number(3) };
        node.mtime = { s: number(4), ns: number(5) };
        this.touch(node);
        return true;
      }
      case 'setxattr': {
        const node = this.need(path);
        node.xattrs.set(words[2] as string, bytesOf(number(4), number(3)));
        this.touch(node);
        return true;
      }
      case 'removexattr': {
        const node = this.need(path);
        if (!node.xattrs.delete(words[2] as string)) throw new Failed('ENODATA');
        this.touch(node);
        return true;
      }
      case 'hold':
      case 'fsync':
      case 'begin-fsync':
        this.need(path);
        return false;
      case 'sync':
        return false;
      default:
        throw new Error(`no such operation: ${words.join(' ')}`);
    }
  }

  private touch(node: Node, content = false): void {
    node.ctime = { change: this.changes };
    if (content) node.mtime = node.ctime;
  }

  /** Content that the outside may hold is never changed in place. */
  private resize(node: Node, size: number): void {
    const content = new Uint8Array(size);
    content.set(node.content.subarray(0, size));
    node.content = content;
  }

  private add(path: string, node: Node): Node {
    const dir = this.need(parentOf(path));
    if (!isDir(dir)) throw new Failed('ENOTDIR');
    if (dir.names.has(nameOf(path))) throw new Failed('EEXIST');
    dir.names.set(nameOf(path), node);
    this.touch(dir, true);
    return dir;
  }

  private remove(path: string, node: Node): void {
    const dir = this.need(parentOf(path));
    dir.names.delete(nameOf(path));
    this.touch(dir, true);
    this.lost(node, dir);
  }

  /** The node has one name less. */
  private lost(node: Node, dir: Node): void {
    if (isDir(node)) dir.nlink--;
    node.nlink--;
    this.touch(node);
  }

  /** rename(2): flags 1 RENAME_NOREPLACE, 2 RENAME_EXCHANGE. */
  private rename(from: string, to: string, flags: number): boolean {
    const node = this.need(from);
    const dir = this.need(parentOf(from));
    const newdir = this.need(parentOf(to));
    const target = newdir.names.get(nameOf(to));
    if (target && flags === 1) throw new Failed('EEXIST');
    if (!target && flags === 2) throw new Failed('ENOENT');
    if (isDir(node) && `${to}/`.startsWith(`${from}/`) && to !== from) throw new Failed('EINVAL');
    if (node === target) return false;
    if (flags === 2) {
      const other = target as Node;
      dir.names.set(nameOf(from), other);
      newdir.names.set(nameOf(to), node);
      this.moved(node, dir, newdir);
      this.moved(other, newdir, dir);
      this.touch(other);
    } else {
      if (target) {
        if (isDir(node) && !isDir(target)) throw new Failed('ENOTDIR');
        if (!isDir(node) && isDir(target)) throw new Failed('EISDIR');
        if (target.names.size > 0) throw new Failed('ENOTEMPTY');
        this.lost(target, newdir);
      }
      // A name that is taken over stays where it is in the order.
      newdir.names.set(nameOf(to), node);
      dir.names.delete(nameOf(from));
      this.moved(node, dir, newdir);
    }
    this.touch(node);
    this.touch(dir, true);
    this.touch(newdir, true);
    return true;
  }

  private moved(node: Node, dir: Node, newdir: Node): void {
    if (!isDir(node)) return;
    dir.nlink--;
    newdir.nlink++;
  }

  /** Every name with its node, directories before what is in them. */
  *walk(dir: Node = this.root, path = '.'): Generator<[path: string, node: Node]> {
    yield [path, dir];
    for (const [name, node] of dir.names) {
      const below = path === '.' ? name : `${path}/${name}`;
      if (isDir(node)) yield* this.walk(node, below);
      else yield [below, node];
    }
  }

  dump(): Entry<Stamp>[] {
    const first = new Map<Node, string>();
    return [...this.walk()].map(([path, node]) => {
      if (!first.has(node)) first.set(node, path);
      const { mode, uid, gid, rdev, nlink, target, atime, mtime, ctime, btime } = node;
      return {
        path,
        mode,
        uid,
        gid,
        rdev,
        nlink,
        size: isLink(node) ? target.length : node.content.length,
        target,
        xattrs: [...node.xattrs]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, value]): [string, string] => [name, Buffer.from(value).toString('hex')]),
        content: isFile(node) ? createHash('sha256').update(node.content).digest('hex') : '',
        same: first.get(node) as string,
        atime,
        mtime,
        ctime,
        btime,
      };
    });
  }

  /** How many inodes have a name, the root among them. */
  get inodes(): number {
    return new Set([...this.walk()].map(([, node]) => node)).size;
  }
}
