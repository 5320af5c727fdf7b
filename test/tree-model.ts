// A plain model of a POSIX tree, and random changes of it; tree-driver.ts does them to a real one, and both must agree.
import fc from 'fast-check';
import { PosixError } from '../src/base/errno.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
export const XATTRS = ['user.one', 'user.two', 'security.capability'];
const TIME = 1_000_000;
const IMMUTABLE = 0x10;
const APPEND = 0x20;

/** One change: its kind, and numbers to choose nodes, names, places and lengths with. */
export type Step = readonly [kind: string, a: number, b: number, c: number, d: number];

const KINDS = [
  ...['mknod', 'mknod', 'mkdir', 'symlink', 'link', 'unlink', 'rmdir', 'rename', 'rename', 'exchange', 'whiteout'],
  ...['noreplace', 'write', 'write', 'write', 'truncate', 'punch', 'zero-range', 'chmod', 'setxattr', 'removexattr'],
  ...['hold', 'drop', 'copy', 'copy', 'tmpfile', 'flags'],
];

export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.tuple(fc.constantFrom(...KINDS), fc.nat(999), fc.nat(999), fc.nat(999), fc.nat(999)) as fc.Arbitrary<Step>,
    { minLength: 1, maxLength, size: 'max' },
  );

interface Node {
  id: number;
  type: 'dir' | 'file' | 'link' | 'chr';
  perm: number;
  gid: number;
  nlink: number;
  content: Uint8Array;
  target: string;
  xattrs: Map<string, number>;
  names: Map<string, { node: Node; cookie: number }>;
  nextCookie: number;
  parent: Node | undefined;
  mtime: number;
  ctime: number;
  holds: number;
  /** Made without a name, and never given one. */
  unnamed: boolean;
  flags: number;
}

/** A file or directory as the outside sees it. */
export interface Dumped {
  path: string;
  type: string;
  perm: number;
  gid: number;
  nlink: number;
  size: number;
  /** Of the directory that it is in. */
  cookie: number;
  mtime: number;
  ctime: number;
  flags: number;
  target: string;
  xattrs: [string, number[]][];
  content: string;
  /** The first path of the same inode. */
  same: string;
}

export const PERM = 0o644;
export const typeBits = { dir: 0o040000, file: 0o100000, link: 0o120000, chr: 0o020000 } as const;

/** A change with its nodes and names chosen. */
export interface Op {
  kind: string;
  dir: number;
  name: string;
  newdir: number;
  newname: string;
  node: number;
  at: number;
  length: number;
  value: number;
  /** Of a copy: the node and the place that it goes to. */
  target: number;
  to: number;
}

/** Does to a real tree what the model does. */
export interface Driver {
  /** Says how it failed, '' where it did not. */
  run(op: Op, time: number): Promise<string>;
  /** The change made the model's node of this number. */
  learn(id: number, op: Op): void;
}

export class TreeModel {
  private readonly root: Node;
  private nodes: Node[] = [];
  private nextId = 1;
  private readonly unit: number;
  private time = TIME;

  /** `unit`: places and lengths are multiples of a part of it, so that chunks of that size are met at their edges. */
  constructor(unit: number) {
    this.unit = unit;
    this.root = this.make('dir', 0o755, undefined);
    this.root.parent = this.root;
    this.root.nlink = 2;
    this.root.gid = 0;
  }

  private make(type: Node['type'], perm: number, parent: Node | undefined): Node {
    const node: Node = {
      id: this.nextId++,
      type,
      perm: type === 'dir' && parent ? perm | (parent.perm & 0o2000) : perm,
      gid: parent && parent.perm & 0o2000 ? parent.gid : 7,
      nlink: 1,
      content: new Uint8Array(0),
      target: '',
      xattrs: new Map(),
      names: new Map(),
      nextCookie: 3,
      parent: undefined,
      mtime: this.time,
      ctime: this.time,
      holds: 0,
      unnamed: false,
      flags: 0,
    };
    this.nodes.push(node);
    return node;
  }

  private pick(of: Node[], at: number): Node {
    return of[at % of.length] as Node;
  }

  private add(dir: Node, name: string, node: Node): void {
    dir.names.set(name, { node, cookie: dir.nextCookie++ });
    if (node.type === 'dir') {
      node.parent = dir;
      node.nlink = 2;
      dir.nlink++;
    }
    dir.mtime = dir.ctime = this.time;
  }

  private lose(node: Node, dir: Node): void {
    node.ctime = this.time;
    if (node.type === 'dir') {
      node.nlink = 0;
      node.parent = undefined;
      dir.nlink--;
    } else node.nlink--;
    this.bury(node);
  }

  private bury(node: Node): void {
    if (node.nlink === 0 && node.holds === 0) this.nodes = this.nodes.filter((other) => other !== node);
  }

  private free(dir: Node, name: string): void {
    if (dir.names.has(name)) throw new PosixError('EEXIST');
    this.addable(dir);
  }

  private addable(dir: Node): void {
    if (!dir.parent) throw new PosixError('ENOENT');
    if (dir.flags === IMMUTABLE) throw new PosixError('EPERM');
  }

  /** What has one of the two flags keeps its names, attributes and xattrs. */
  private unflagged(...nodes: Node[]): void {
    if (nodes.some(({ flags }) => flags !== 0)) throw new PosixError('EPERM');
  }

  private writable(node: Node, at: number): void {
    const behind = at >= node.content.length;
    if (node.flags === IMMUTABLE || (node.flags === APPEND && !behind)) throw new PosixError('EPERM');
  }

  private found(dir: Node, name: string): { node: Node; cookie: number } {
    const entry = dir.names.get(name);
    if (!entry) throw new PosixError('ENOENT');
    return entry;
  }

  private inside(dir: Node, above: Node): boolean {
    for (let at: Node | undefined = dir; at; at = at === this.root ? undefined : at.parent)
      if (at === above) return true;
    return false;
  }

  /** Does a step and the same to the tree where there is one. Says whether it failed, and how. */
  async step(step: Step, at: number, driver?: Driver): Promise<void> {
    this.time = TIME + at;
    const op = this.plan(step);
    const made = this.nextId;
    let expected = '';
    // The tree first: it must not be done before the model says what is right, but it may take a while.
    const real = await driver?.run(op, this.time);
    try {
      this.run(op);
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      expected = String(error.errno);
    }
    if (real !== undefined && real !== expected) {
      throw new Error(`${JSON.stringify(step)}: the tree says "${real}", the model "${expected}"`);
    }
    if (driver && this.nextId > made) driver.learn(made, op);
  }

  /** What a step means at this moment, with nodes by id. */
  private plan([kind, a, b, c, d]: Step): Op {
    const dirs = this.nodes.filter(({ type }) => type === 'dir');
    const files = this.nodes.filter(({ type }) => type === 'file');
    const name = NAMES[b % NAMES.length] as string;
    const newname = NAMES[d % NAMES.length] as string;
    const op: Op = {
      kind,
      dir: this.pick(dirs, a).id,
      name,
      newdir: this.pick(dirs, c).id,
      newname,
      node: 0,
      at: 0,
      length: 0,
      value: d,
      target: 0,
      to: 0,
    };
    if (['write', 'truncate', 'punch', 'zero-range', 'copy'].includes(kind)) {
      if (files.length === 0) return { ...op, kind: 'nothing' };
      const grain = this.unit / 8;
      op.node = this.pick(files, a).id;
      op.at = Math.floor((b % 48) * grain) + (d % 3);
      op.length = 1 + Math.floor((c % 20) * grain) - (c % 2);
      if (op.length < 1) op.length = 1;
      op.target = this.pick(files, a + (c % 3)).id;
      // Often at the same place in its chunk, where whole holes can be copied.
      op.to = d % 2 === 0 ? (op.at % this.unit) + (d % 5) * this.unit : Math.floor((d % 40) * grain);
    } else op.node = this.pick(this.nodes, a).id;
    return op;
  }

  private node(id: number): Node {
    return this.nodes.find((node) => node.id === id) as Node;
  }

  private run(op: Op): void {
    const { kind, name, newname, value } = op;
    const dir = this.node(op.dir);
    const newdir = this.node(op.newdir);
    const node = this.node(op.node);
    switch (kind) {
      case 'mknod':
      case 'mkdir':
      case 'symlink': {
        this.free(dir, name);
        const type = kind === 'mkdir' ? 'dir' : kind === 'symlink' ? 'link' : 'file';
        const made = this.make(
          type,
          kind === 'symlink' ? 0o777 : kind === 'mkdir' && value % 5 === 0 ? 0o2755 : PERM,
          dir,
        );
        if (kind === 'symlink') made.target = `to-${newname}`;
        this.add(dir, name, made);
        return;
      }
      case 'link':
        this.free(dir, name);
        if (node.type === 'dir') throw new PosixError('EPERM');
        this.unflagged(node);
        if (node.nlink === 0 && !node.unnamed) throw new PosixError('ENOENT');
        node.unnamed = false;
        node.nlink++;
        node.ctime = this.time;
        this.add(dir, name, node);
        return;
      case 'unlink':
      case 'rmdir': {
        const { node: victim } = this.found(dir, name);
        this.unflagged(dir, victim);
        if (kind === 'unlink' && victim.type === 'dir') throw new PosixError('EISDIR');
        if (kind === 'rmdir' && victim.type !== 'dir') throw new PosixError('ENOTDIR');
        if (victim.names.size > 0) throw new PosixError('ENOTEMPTY');
        dir.names.delete(name);
        dir.mtime = dir.ctime = this.time;
        this.lose(victim, dir);
        return;
      }
      case 'rename':
      case 'noreplace':
      case 'whiteout':
      case 'exchange':
        this.rename(dir, name, newdir, newname, kind);
        return;
      case 'write': {
        this.writable(node, op.at);
        const end = op.at + op.length;
        const content = new Uint8Array(Math.max(node.content.length, end));
        content.set(node.content);
        content.fill((value % 255) + 1, op.at, end);
        node.content = content;
        node.mtime = node.ctime = this.time;
        return;
      }
      case 'truncate': {
        this.unflagged(node);
        const content = new Uint8Array(op.at);
        content.set(node.content.subarray(0, op.at));
        node.content = content;
        node.mtime = node.ctime = this.time;
        return;
      }
      case 'punch':
      case 'zero-range': {
        this.unflagged(node);
        const end = op.at + op.length;
        const keep = kind === 'punch';
        const content = new Uint8Array(keep ? node.content.length : Math.max(node.content.length, end));
        content.set(node.content);
        content.fill(0, op.at, end);
        node.content = content;
        node.mtime = node.ctime = this.time;
        return;
      }
      case 'copy': {
        const target = this.node(op.target);
        this.writable(target, op.to);
        const copied = node.content.slice(op.at, op.at + op.length);
        const overlap = op.at < op.to + copied.length && op.to < op.at + copied.length;
        if (node === target && overlap) throw new PosixError('EINVAL');
        if (copied.length === 0) return;
        const content = new Uint8Array(Math.max(target.content.length, op.to + copied.length));
        content.set(target.content);
        content.set(copied, op.to);
        target.content = content;
        target.mtime = target.ctime = this.time;
        return;
      }
      case 'tmpfile': {
        this.addable(dir);
        const made = this.make('file', PERM, dir);
        made.nlink = 0;
        made.unnamed = true;
        made.holds = 1;
        return;
      }
      case 'flags':
        node.flags = flagsOf(op);
        node.ctime = this.time;
        return;
      case 'chmod':
        this.unflagged(node);
        node.perm = value & 0o7777;
        node.ctime = this.time;
        return;
      case 'setxattr':
        this.unflagged(node);
        node.xattrs.set(XATTRS[value % XATTRS.length] as string, value);
        node.ctime = this.time;
        return;
      case 'removexattr':
        this.unflagged(node);
        if (!node.xattrs.delete(XATTRS[value % XATTRS.length] as string)) throw new PosixError('ENODATA');
        node.ctime = this.time;
        return;
      case 'hold':
        node.holds++;
        return;
      case 'drop':
        if (node.holds > 0) node.holds--;
        this.bury(node);
        return;
    }
  }

  private rename(dir: Node, name: string, newdir: Node, newname: string, kind: string): void {
    const source = this.found(dir, name);
    const target = newdir.names.get(newname);
    if (target && kind === 'noreplace') throw new PosixError('EEXIST');
    const moved = source.node;
    if (target?.node !== moved) this.unflagged(dir, moved);
    if (!target) this.addable(newdir);
    else if (target.node !== moved) this.unflagged(newdir, target.node);
    if (moved.type === 'dir' && this.inside(newdir, moved)) throw new PosixError('EINVAL');
    if (kind === 'exchange') {
      if (!target) throw new PosixError('ENOENT');
      if (target.node.type === 'dir' && this.inside(dir, target.node)) throw new PosixError('EINVAL');
      if (target.node === moved) return;
      source.node = target.node;
      target.node = moved;
      this.settle(moved, dir, newdir);
      this.settle(source.node, newdir, dir);
      dir.mtime = dir.ctime = newdir.mtime = newdir.ctime = this.time;
      return;
    }
    if (target?.node === moved) return;
    if (target) {
      const victim = target.node;
      if (moved.type === 'dir' && victim.type !== 'dir') throw new PosixError('ENOTDIR');
      if (moved.type !== 'dir' && victim.type === 'dir') throw new PosixError('EISDIR');
      if (victim.names.size > 0) throw new PosixError('ENOTEMPTY');
      this.lose(victim, newdir);
      target.node = moved;
    } else newdir.names.set(newname, { node: moved, cookie: newdir.nextCookie++ });
    if (kind === 'whiteout') source.node = this.make('chr', 0, dir);
    else dir.names.delete(name);
    this.settle(moved, dir, newdir);
    dir.mtime = dir.ctime = newdir.mtime = newdir.ctime = this.time;
  }

  private settle(node: Node, from: Node, to: Node): void {
    node.ctime = this.time;
    if (node.type !== 'dir') return;
    node.parent = to;
    from.nlink--;
    to.nlink++;
  }

  /** Everything that has a name, by path. */
  dump(): Dumped[] {
    const all: Dumped[] = [];
    const first = new Map<Node, string>();
    const visit = (node: Node, path: string, cookie: number): void => {
      if (!first.has(node)) first.set(node, path);
      all.push({
        path,
        type: node.type,
        perm: node.perm,
        gid: node.gid,
        nlink: node.nlink,
        size: node.type === 'link' ? node.target.length : node.content.length,
        cookie,
        mtime: node.mtime,
        ctime: node.ctime,
        flags: node.flags,
        target: node.target,
        xattrs: [...node.xattrs].sort().map(([name, value]) => [name, [...xattrValue(value)]]),
        content: digest(node.content),
        same: first.get(node) as string,
      });
      for (const [name, entry] of [...node.names].sort()) visit(entry.node, `${path}/${name}`, entry.cookie);
    };
    visit(this.root, '', 0);
    return all;
  }

  /** How many nodes are alive, held ones without a name too. */
  get size(): number {
    return this.nodes.length;
  }
}

/** Not of the root: nothing would change any more. */
export const flagsOf = ({ node, value }: Op): number =>
  node === 1 ? 0 : ([IMMUTABLE, APPEND, 0, 0][value % 4] as number);

export const xattrValue = (value: number): Uint8Array => new Uint8Array(value % 300).fill(value);

/** Short and the same only for the same bytes, as far as a test goes. */
export function digest(content: Uint8Array): string {
  let hash = 0;
  for (let i = 0; i < content.length; i++) hash = (Math.imul(hash, 31) + (content[i] as number) + 1) | 0;
  return `${content.length}:${hash}`;
}
