// The tree that is in every fixture: something of each kind that a stored tree can have. It is made through what all
// versions of Tree have, so that the code of an old release makes the same one.
import { readerOf } from '../../src/base/iov.ts';
import type { Inode } from '../../src/fs/tree/inode.ts';
import type { Tree } from '../../src/fs/tree/tree.ts';

/** Bytes of a chunk in the scripted tree: small, so that few bytes are many chunks. */
export const CHUNK = 4096;
const KINDS = { fifo: 0o010000, chr: 0o020000, blk: 0o060000, socket: 0o140000, file: 0o100000 };
const owner = { uid: 1000, gid: 100 };

/** What a scripted tree is opened with: nothing in it depends on the time or on chance. */
export const scriptedOptions = () => {
  let s = 1_700_000_000;
  return {
    chunkSize: CHUNK,
    commitInterval: 1e9,
    clock: () => ({ s: s++, ns: 123_456_789 }),
    random: () => 0.25,
  };
};

/** Bytes that look random and are always the same. */
export function noise(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed * 2_654_435_761 + 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

class Script {
  private readonly tree: Tree;
  private seed = 1;

  constructor(tree: Tree) {
    this.tree = tree;
  }

  file(dir: Inode, name: string, mode = 0o644): Inode {
    return this.tree.mknod(dir, name, { mode: KINDS.file | mode, ...owner });
  }

  async write(inode: Inode, at: number, length: number): Promise<void> {
    await this.tree.write(inode, at, length, readerOf(noise(length, this.seed++)));
  }

  async whole(dir: Inode, name: string, length: number): Promise<Inode> {
    const inode = this.file(dir, name);
    await this.write(inode, 0, length);
    return inode;
  }
}

/**
 * Fills an empty tree, in several commits, so that records and chunks are replaced and removed too. It ends with files
 * that have no name and are held.
 */
export async function fillScripted(tree: Tree): Promise<void> {
  const script = new Script(tree);
  const { root } = tree;
  const dir = tree.mkdir(root, 'dir', { mode: 0o2755, ...owner });
  const deep = tree.mkdir(tree.mkdir(dir, 'a', { mode: 0o700, ...owner }), 'b', { mode: 0o1777, uid: 0, gid: 0 });
  const text = await script.whole(dir, 'text', 13);
  for (const length of [0, CHUNK, CHUNK + 1]) await script.whole(dir, `of-${length}`, length);
  const replaced = await script.whole(deep, 'replaced', 2 * CHUNK);
  const gone = await script.whole(deep, 'gone', CHUNK);
  const cut = await script.whole(deep, 'cut', 2 * CHUNK);
  const punched = await script.whole(deep, 'punched', 3 * CHUNK);
  const many = tree.mkdir(root, 'many', { mode: 0o755, ...owner });
  for (let i = 0; i < 80; i++) script.file(many, `entry-${i}`);
  await tree.sync();

  await script.write(replaced, CHUNK + 7, 100);
  tree.setxattr(gone, 'user.gone', noise(10, 1), 0);
  tree.unlink(deep, 'gone');
  tree.setattr(cut, { size: 5 });
  await tree.fallocate(punched, 3, CHUNK, CHUNK);
  for (let i = 0; i < 80; i += 5) tree.unlink(many, `entry-${i}`);
  tree.rename(many, 'entry-1', root, 'was entry-1', 0, owner);
  names(tree, script, tree.mkdir(root, 'names', { mode: 0o755, ...owner }));
  await tree.sync();

  tree.link(text, root, 'text-2');
  tree.link(text, deep, 'text-3');
  tree.symlink(dir, 'link', 'text', owner);
  tree.symlink(dir, 'link-long', `${'../dir/'.repeat(200)}caf\xe9`, owner);
  devices(tree, tree.mkdir(root, 'devices', { mode: 0o755, ...owner }));
  await sparse(tree, script, tree.mkdir(root, 'sparse', { mode: 0o755, ...owner }));
  await attributes(tree, script, tree.mkdir(root, 'attributes', { mode: 0o755, ...owner }));
  await tree.sync();

  const held = await script.whole(root, 'held', CHUNK + 5);
  tree.setxattr(held, 'user.held', noise(10, 2), 0);
  tree.hold(held);
  await tree.sync();
  tree.unlink(root, 'held');
  const removed = tree.mkdir(root, 'removed', { mode: 0o755, ...owner });
  tree.hold(removed);
  tree.rmdir(root, 'removed');
  // Made since, in releases that had them.
  if ('tmpfile' in tree) {
    const unnamed = tree.tmpfile(root, { mode: 0o600, ...owner });
    tree.hold(unnamed);
    await script.write(unnamed, 0, 10);
  }
}

function names(tree: Tree, script: Script, dir: Inode): void {
  const odd = [
    'caf\xe9',
    'na\xc3\xafve',
    'x'.repeat(255),
    'new\nline',
    '\x01\x7f\xff',
    'back\\slash',
    '-rf',
    ' ',
    '...',
    '~',
  ];
  for (const name of odd) script.file(dir, name);
  tree.symlink(dir, 'target', '\xff\xfe', owner);
}

function devices(tree: Tree, dir: Inode): void {
  tree.mknod(dir, 'fifo', { mode: KINDS.fifo | 0o600, ...owner });
  tree.mknod(dir, 'socket', { mode: KINDS.socket | 0o755, ...owner });
  tree.mknod(dir, 'console', { mode: KINDS.chr | 0o620, rdev: 0x501, ...owner });
  tree.mknod(dir, 'disk', { mode: KINDS.blk | 0o660, rdev: 0xfff1_03ff, ...owner });
  tree.mknod(dir, 'whiteout', { mode: KINDS.chr, rdev: 0, ...owner });
}

async function sparse(tree: Tree, script: Script, dir: Inode): Promise<void> {
  const runs = script.file(dir, 'many-runs');
  for (let i = 0; i < 12; i++) await script.write(runs, 2 * i * CHUNK + 11 * i, 50);
  const hole = script.file(dir, 'hole-at-both-ends');
  await script.write(hole, 302_000, 2000);
  tree.setattr(hole, { size: 2 ** 20 });
  tree.setattr(script.file(dir, 'only-hole'), { size: 123_456 });
  const large = script.file(dir, 'large');
  await script.write(large, 2 ** 33, 9);
}

async function attributes(tree: Tree, script: Script, dir: Inode): Promise<void> {
  const xattrs = await script.whole(dir, 'xattrs', 100);
  tree.setxattr(xattrs, 'user.binary', Uint8Array.of(0, 255, 10, 61), 0);
  tree.setxattr(xattrs, 'user.empty', new Uint8Array(0), 0);
  tree.setxattr(xattrs, 'trusted.long', noise(3000, 3), 0);
  tree.setxattr(dir, 'user.caf\xe9', noise(3, 4), 0);
  tree.link(xattrs, dir, 'xattrs-2');
  for (let i = 0; i < 6; i++) await script.write(xattrs, (2 * i + 4) * CHUNK, 10);
  const mode = script.file(dir, 'mode', 0o6755);
  tree.setattr(mode, { uid: 0xffff_fffe, gid: 0xffff_fffd });
  tree.setattr(script.file(dir, 'before-1970'), { atime: { s: -1, ns: 999_999_999 }, mtime: { s: -86_400, ns: 1 } });
  tree.setattr(script.file(dir, 'after-2106'), { atime: { s: 2 ** 33, ns: 5 }, mtime: { s: 2 ** 34, ns: 6 } });
  if ('setFlags' in tree) tree.setFlags(script.file(dir, 'flags'), 0x40 | 0x80);
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A name of a tree with everything that is known of what it names. Names and targets have a character a byte. */
export interface Described {
  path: string;
  ino: number;
  generation: number;
  cookie: number;
  mode: string;
  nlink: number;
  owner: string;
  rdev: number;
  flags: number;
  size: number;
  blocks: number;
  times: string;
  target: string;
  /** SHA-256 of the content; of a large file, of its last megabyte. */
  content: string;
  /** Name and value, in hexadecimal. */
  xattrs: [string, string][];
}

/** All names of a tree with all that is known of them, in the order of their directories. */
export async function describeTree(tree: Tree): Promise<Described[]> {
  const all: Described[] = [];
  const visit = async (inode: Inode, path: string, cookie: number): Promise<void> => {
    all.push(await describeInode(tree, inode, path, cookie));
    if (!inode.directory) return;
    for (const entry of [...tree.readdir(inode, 0)]) await visit(entry.inode, `${path}/${entry.name}`, entry.cookie);
  };
  await visit(tree.root, '', 0);
  return all;
}

async function describeInode(tree: Tree, inode: Inode, path: string, cookie: number): Promise<Described> {
  const { ino, generation, nlink, rdev, flags = 0, size, blocks, target } = inode;
  const time = (s: number, ns: number): string => `${s}.${String(ns).padStart(9, '0')}`;
  const { atime, atimensec, mtime, mtimensec, ctime, ctimensec, btime, btimensec } = inode;
  const times = [time(atime, atimensec), time(mtime, mtimensec), time(ctime, ctimensec), time(btime, btimensec)];
  const isFile = (inode.mode & 0o170000) === KINDS.file;
  return {
    path,
    ino,
    generation,
    cookie,
    mode: inode.mode.toString(8),
    nlink,
    owner: `${inode.uid}:${inode.gid}`,
    rdev,
    flags,
    size,
    blocks,
    times: times.join(' '),
    target,
    content: isFile ? await digest(tree, inode) : '',
    xattrs: tree
      .listxattr(inode)
      .sort()
      .map((name) => [name, hex(tree.getxattr(inode, name))]),
  };
}

async function digest(tree: Tree, inode: Inode): Promise<string> {
  const start = Math.max(0, inode.size - 2 ** 20);
  const content = new Uint8Array(inode.size - start);
  let at = start;
  while (at < inode.size) {
    const before = at;
    for (const piece of await tree.read(inode, at, 65_536)) {
      content.set(piece, at - start);
      at += piece.length;
    }
    if (at === before) throw new Error(`no bytes at ${at} of ${inode.size}`);
  }
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', content)));
}
