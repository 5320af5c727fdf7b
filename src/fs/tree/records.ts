// The stored form of inodes: pages of consecutive inode numbers, and a second record for what is long. Little-endian.
import { bytesToString, stringToBytes } from '../../base/iov.ts';
import { i64, struct, u16, u32, u64 } from '../../base/struct.ts';
import { Inode } from './inode.ts';
import { Runs } from './runs.ts';
import { StoreError } from './store.ts';

/** Inode numbers of one page: a new file rewrites a page or two, and a tree opens in few reads. */
export const PAGE_SIZE = 32;
/** Runs of chunks that go into the page; files with more have them all in the second record. */
const RUNS_INLINE = 4;
/** Bytes of a text that is short. */
const SHORT = 64;

export const KIND_PAGE = 1;
export const KIND_EXTRA = 2;

/** Begins a page: `count` inodes follow, each an inode_record and its variable part, padded to 8 bytes. */
export const page_header = struct({ kind: u32, page: u32, count: u32, reserved: u32 });

/** Then: `name_length` bytes of name, `target_length` of link target, `runs` pairs (start, end) of u32. */
export const inode_record = struct({
  size: u64,
  blocks: u64,
  atime: i64,
  mtime: i64,
  ctime: i64,
  btime: i64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  btimensec: u32,
  ino: u32,
  generation: u32,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  rdev: u32,
  flags: u32,
  /** Of a directory: the cookie of the next new name. */
  next_cookie: u32,
  /** Inode number of the directory that the first name is in; 0: there is none. */
  parent: u32,
  cookie: u32,
  name_length: u16,
  target_length: u16,
  runs: u16,
  /** EXTRA: there is a second record. */
  bits: u16,
  reserved: u32,
});
const EXTRA = 1;

/** Begins a second record: then the further names, the xattrs, and `runs` pairs (start, end) of u32. */
export const extra_header = struct({ kind: u32, ino: u32, links: u32, xattrs: u32, runs: u32, reserved: u32 });
/** A further name: `length` bytes follow, unpadded. */
const link_record = struct({ parent: u32, cookie: u32, length: u32 });
/** An xattr: the bytes of name and value follow, unpadded. */
const xattr_record = struct({ name_length: u32, value_length: u32 });

export const pageOf = (ino: number): number => Math.floor(ino / PAGE_SIZE);
/** Keys of metadata records lie from RECORD_KEYS to below RECORD_KEYS_END. */
export const RECORD_KEYS = 'm';
export const RECORD_KEYS_END = 'n';
export const pageKey = (page: number): string => `m${page}`;
export const extraKey = (ino: number): string => `mx${ino}`;

const runsOf = (inode: Inode): readonly number[] => inode.runs?.flat() ?? [];
const runsAreLong = (inode: Inode): boolean => (inode.runs?.length ?? 0) > RUNS_INLINE;

/** Whether an inode has what does not go into its page. */
export const needsExtra = (inode: Inode): boolean =>
  inode.xattrs !== undefined || inode.moreLinks !== undefined || runsAreLong(inode);

/** Fills or reads a buffer from front to back. Structs are written through views, so their places need no alignment. */
export class Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at = 0;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  /** Bytes behind the cursor. */
  get left(): number {
    return this.bytes.length - this.at;
  }
  put(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }
  putNumbers(numbers: readonly number[]): void {
    for (const number of numbers) {
      this.view.setUint32(this.at, number, true);
      this.at += 4;
    }
  }
  /** The place of the next `size` bytes. Throws RangeError where they are not there. */
  take(size: number): number {
    const { at } = this;
    if (size > this.bytes.length - at) throw new RangeError('record ends early');
    this.at += size;
    return at;
  }
  text(length: number): string {
    if (length === 0) return '';
    const at = this.take(length);
    const bytes = this.bytes.subarray(at, at + length);
    // Faster than a decoder for what is short, and most names are. It gives whole strings, not ropes.
    return length <= SHORT ? String.fromCharCode.apply(null, bytes as unknown as number[]) : bytesToString(bytes);
  }
  numbers(count: number): number[] {
    const at = this.take(count * 4);
    const numbers = new Array<number>(count);
    for (let i = 0; i < count; i++) numbers[i] = this.view.getUint32(at + i * 4, true);
    return numbers;
  }
}

const inlineRuns = (inode: Inode): readonly number[] => (runsAreLong(inode) ? [] : runsOf(inode));
const align8 = (length: number): number => (length + 7) & ~7;
const recordSize = (inode: Inode): number =>
  align8(inode_record.size + (inode.link?.name.length ?? 0) + inode.target.length + 4 * inlineRuns(inode).length);

/** The record of one page. */
export function encodePage(page: number, inodes: readonly Inode[]): Uint8Array<ArrayBuffer> {
  const size = inodes.reduce((sum, inode) => sum + recordSize(inode), page_header.size);
  const bytes = new Uint8Array(size);
  const out = new Cursor(bytes);
  const header = new page_header(out.view, out.take(page_header.size));
  header.kind = KIND_PAGE;
  header.page = page;
  header.count = inodes.length;
  for (const inode of inodes) {
    const end = out.at + recordSize(inode);
    encodeInode(inode, out);
    out.at = end;
  }
  return bytes;
}

function encodeInode(inode: Inode, out: Cursor): void {
  const runs = inlineRuns(inode);
  const { link } = inode;
  const record = new inode_record(out.view, out.take(inode_record.size));
  record.size = inode.size;
  record.blocks = inode.blocks;
  record.atime = inode.atime;
  record.mtime = inode.mtime;
  record.ctime = inode.ctime;
  record.btime = inode.btime;
  record.atimensec = inode.atimensec;
  record.mtimensec = inode.mtimensec;
  record.ctimensec = inode.ctimensec;
  record.btimensec = inode.btimensec;
  record.ino = inode.ino;
  record.generation = inode.generation;
  record.mode = inode.mode;
  record.nlink = inode.nlink;
  record.uid = inode.uid;
  record.gid = inode.gid;
  record.rdev = inode.rdev;
  record.flags = inode.flags;
  record.next_cookie = inode.directory?.nextCookie ?? 0;
  record.parent = link?.parent?.ino ?? 0;
  record.cookie = link?.cookie ?? 0;
  record.name_length = link?.name.length ?? 0;
  record.target_length = inode.target.length;
  record.runs = runs.length / 2;
  record.bits = needsExtra(inode) ? EXTRA : 0;
  if (link) out.put(stringToBytes(link.name));
  out.put(stringToBytes(inode.target));
  out.putNumbers(runs);
}

/** The second record of an inode. */
export function encodeExtra(inode: Inode): Uint8Array<ArrayBuffer> {
  const links = [...(inode.moreLinks ?? [])];
  const xattrs = [...(inode.xattrs ?? [])];
  const runs = runsAreLong(inode) ? runsOf(inode) : [];
  let size = extra_header.size + 4 * runs.length;
  for (const { name } of links) size += link_record.size + name.length;
  for (const [name, value] of xattrs) size += xattr_record.size + name.length + value.length;
  const bytes = new Uint8Array(size);
  const out = new Cursor(bytes);
  const header = new extra_header(out.view, out.take(extra_header.size));
  header.kind = KIND_EXTRA;
  header.ino = inode.ino;
  header.links = links.length;
  header.xattrs = xattrs.length;
  header.runs = runs.length / 2;
  for (const { parent, cookie, name } of links) {
    const record = new link_record(out.view, out.take(link_record.size));
    record.parent = parent?.ino ?? 0;
    record.cookie = cookie;
    record.length = name.length;
    out.put(stringToBytes(name));
  }
  for (const [name, value] of xattrs) {
    const record = new xattr_record(out.view, out.take(xattr_record.size));
    record.name_length = name.length;
    record.value_length = value.length;
    out.put(stringToBytes(name));
    out.put(value);
  }
  out.putNumbers(runs);
  return bytes;
}

/** A name as it is stored: by the numbers of its directory and of what it names. */
export interface StoredLink {
  ino: number;
  parent: number;
  cookie: number;
  name: string;
}

/** What the records say, before the names are put in their directories. */
export interface Decoded {
  inodes: Map<number, Inode>;
  /** First names before further ones. */
  links: StoredLink[];
  /** Of directories: the cookie of the next new name. */
  nextCookies: Map<number, number>;
}

/** Reads all records. Throws StoreError('damaged') for one that makes no sense. */
export function decodeRecords(records: readonly Uint8Array[]): Decoded {
  const decoded: Decoded = { inodes: new Map(), links: [], nextCookies: new Map() };
  const kinds: Uint8Array[][] = [[], [], []];
  for (const record of records) kinds[Math.min(kindOf(record), 2)]?.push(record);
  const [strange = [], pages = [], extras = []] = kinds;
  if (strange.length > 0) throw new StoreError('damaged', 'The stored tree has a record of no known kind.');
  try {
    for (const page of pages) decodePage(new Cursor(page), decoded);
    for (const extra of extras) decodeExtra(new Cursor(extra), decoded);
    let expected = 0;
    for (const inode of decoded.inodes.values()) if (inode.extraStored) expected++;
    if (expected !== extras.length)
      throw new StoreError('damaged', 'The stored tree lacks a second record of an inode.');
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StoreError('damaged', 'A metadata record of the stored tree is cut.', { cause: error });
  }
  return decoded;
}

const kindOf = (record: Uint8Array): number => (record.length < page_header.size ? 0 : (record[0] as number));

function decodePage(from: Cursor, { inodes, links, nextCookies }: Decoded): void {
  const { count, page } = new page_header(from.view, from.take(page_header.size));
  for (let i = 0; i < count; i++) {
    const { inode, parent, cookie, name, nextCookie } = readInode(from);
    const { ino } = inode;
    if (pageOf(ino) !== page) throw new StoreError('damaged', `Inode ${ino} is stored on page ${page}.`);
    if (inodes.has(ino)) throw new StoreError('damaged', `Inode ${ino} is stored twice.`);
    inodes.set(ino, inode);
    if (parent !== 0) links.push({ ino, parent, cookie, name });
    if (nextCookie !== 0) nextCookies.set(ino, nextCookie);
  }
  if (from.left > 0)
    throw new StoreError('damaged', `Page ${page} of the stored tree has more than its ${count} inodes.`);
}

/** An inode of a page, with its first name. */
export interface StoredInode {
  inode: Inode;
  /** 0: there is no name. */
  parent: number;
  cookie: number;
  name: string;
  nextCookie: number;
}

/** The inode that begins at the cursor, which stands behind it then. Throws RangeError where the record ends in it. */
export function readInode(from: Cursor): StoredInode {
  const start = from.at;
  const record = new inode_record(from.view, from.take(inode_record.size));
  const inode = new Inode(record.ino, record.generation, record.mode);
  inode.size = record.size;
  inode.blocks = record.blocks;
  inode.atime = record.atime;
  inode.mtime = record.mtime;
  inode.ctime = record.ctime;
  inode.btime = record.btime;
  inode.atimensec = record.atimensec;
  inode.mtimensec = record.mtimensec;
  inode.ctimensec = record.ctimensec;
  inode.btimensec = record.btimensec;
  inode.nlink = record.nlink;
  inode.uid = record.uid;
  inode.gid = record.gid;
  inode.rdev = record.rdev;
  inode.flags = record.flags;
  inode.extraStored = (record.bits & EXTRA) !== 0;
  const { parent, cookie, next_cookie: nextCookie } = record;
  const name = from.text(record.name_length);
  inode.target = from.text(record.target_length);
  if (record.runs > 0) inode.runs = new Runs(from.numbers(record.runs * 2));
  inode.chunksStored = record.runs > 0;
  from.take(align8(from.at - start) - (from.at - start));
  return { inode, parent, cookie, name, nextCookie };
}

function decodeExtra(from: Cursor, { inodes, links }: Decoded): void {
  const extra = newExtra();
  readExtra(from, extra);
  const { ino } = extra;
  const inode = inodes.get(ino);
  if (!inode?.extraStored) throw new StoreError('damaged', `There is a second record of inode ${ino}, and no first.`);
  if (from.left > 0) throw new StoreError('damaged', `The second record of inode ${ino} does not end where it should.`);
  for (const link of extra.links) links.push({ ino, ...link });
  takeExtra(inode, extra);
}

/** What a second record says. */
export interface StoredExtra {
  ino: number;
  links: Omit<StoredLink, 'ino'>[];
  xattrs: [name: string, value: Uint8Array][];
  runs: number[];
}

export const newExtra = (): StoredExtra => ({ ino: 0, links: [], xattrs: [], runs: [] });

/** Reads a second record into `extra`. Throws RangeError where it ends early; what came before that is in it then. */
export function readExtra(from: Cursor, extra: StoredExtra): void {
  const header = new extra_header(from.view, from.take(extra_header.size));
  extra.ino = header.ino;
  for (let i = 0; i < header.links; i++) {
    const { parent, cookie, length } = new link_record(from.view, from.take(link_record.size));
    extra.links.push({ parent, cookie, name: from.text(length) });
  }
  for (let i = 0; i < header.xattrs; i++) {
    const { name_length, value_length } = new xattr_record(from.view, from.take(xattr_record.size));
    const name = from.text(name_length);
    const at = from.take(value_length);
    extra.xattrs.push([name, from.bytes.slice(at, at + value_length)]);
  }
  extra.runs = from.numbers(header.runs * 2);
}

/** Gives an inode the xattrs and runs of its second record. */
export function takeExtra(inode: Inode, { xattrs, runs }: StoredExtra): void {
  if (xattrs.length > 0) inode.xattrs = new Map(xattrs);
  if (runs.length === 0) return;
  inode.runs = new Runs(runs);
  inode.chunksStored = true;
}
