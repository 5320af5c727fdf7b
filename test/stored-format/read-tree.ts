// Reads a stored tree by ARCHITECTURE.md alone: nothing of src is used here, so that the description is put to the test.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const CHUNK_STORES = 16;

interface Superblock {
  schema: number;
  chunkSize: number;
  pageSize: number;
  commit: number;
  operation: number;
}

/** What a tree is stored as, wherever it is stored. */
export interface Stored {
  superblock: Superblock;
  records: Map<string, Uint8Array>;
  chunk(ino: number, index: number): Promise<Uint8Array | undefined>;
}

interface Name {
  parent: number;
  cookie: number;
  name: string;
}

/** An inode as its records have it. */
export interface StoredInode {
  ino: number;
  generation: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  flags: number;
  size: number;
  blocks: number;
  /** [seconds, nanoseconds] */
  atime: [number, number];
  mtime: [number, number];
  ctime: [number, number];
  btime: [number, number];
  nextCookie: number;
  target: string;
  names: Name[];
  xattrs: Map<string, Uint8Array>;
  /** Pairs of start and end. */
  runs: [number, number][];
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function runsAt(view: DataView, at: number, count: number): [number, number][] {
  return Array.from({ length: count }, (_, i) => [
    view.getUint32(at + i * 8, true),
    view.getUint32(at + i * 8 + 4, true),
  ]);
}

function* inodesOfPage(bytes: Uint8Array): Generator<{ inode: StoredInode; hasSecond: boolean }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u16 = (at: number): number => view.getUint16(at, true);
  const u32 = (at: number): number => view.getUint32(at, true);
  const i64 = (at: number): number => Number(view.getBigInt64(at, true));
  if (u32(0) !== 1) throw new Error('no page');
  for (let i = 0, at = 16; i < u32(8); i++) {
    const time = (which: number): [number, number] => [i64(at + 16 + 8 * which), u32(at + 48 + 4 * which)];
    const [nameLength, targetLength, runs] = [u16(at + 108), u16(at + 110), u16(at + 112)];
    const nameAt = at + 120;
    const targetAt = nameAt + nameLength;
    const runsFrom = targetAt + targetLength;
    const parent = u32(at + 100);
    const name = text(bytes.subarray(nameAt, targetAt));
    const inode: StoredInode = {
      size: i64(at),
      blocks: i64(at + 8),
      atime: time(0),
      mtime: time(1),
      ctime: time(2),
      btime: time(3),
      ino: u32(at + 64),
      generation: u32(at + 68),
      mode: u32(at + 72),
      nlink: u32(at + 76),
      uid: u32(at + 80),
      gid: u32(at + 84),
      rdev: u32(at + 88),
      flags: u32(at + 92),
      nextCookie: u32(at + 96),
      names: parent === 0 ? [] : [{ parent, cookie: u32(at + 104), name }],
      target: text(bytes.subarray(targetAt, runsFrom)),
      xattrs: new Map(),
      runs: runsAt(view, runsFrom, runs),
    };
    yield { inode, hasSecond: (u16(at + 114) & 1) === 1 };
    const length = 120 + nameLength + targetLength + 8 * runs;
    at += Math.ceil(length / 8) * 8;
  }
}

function addSecond(inode: StoredInode, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: number): number => view.getUint32(at, true);
  if (u32(0) !== 2 || u32(4) !== inode.ino) throw new Error(`no second record of inode ${inode.ino}`);
  let at = 24;
  for (let i = 0; i < u32(8); i++) {
    const length = u32(at + 8);
    const name = text(bytes.subarray(at + 12, at + 12 + length));
    inode.names.push({ parent: u32(at), cookie: u32(at + 4), name });
    at += 12 + length;
  }
  for (let i = 0; i < u32(12); i++) {
    const value = at + 8 + u32(at);
    const end = value + u32(at + 4);
    inode.xattrs.set(text(bytes.subarray(at + 8, value)), bytes.slice(value, end));
    at = end;
  }
  const runs = u32(16);
  if (runs > 0) inode.runs = runsAt(view, at, runs);
}

/** All inodes by number. */
export function readInodes({ records }: Stored): Map<number, StoredInode> {
  const inodes = new Map<number, StoredInode>();
  for (const [key, bytes] of records) {
    if (key.startsWith('mx')) continue;
    for (const { inode, hasSecond } of inodesOfPage(bytes)) {
      inodes.set(inode.ino, inode);
      if (!hasSecond) continue;
      const second = records.get(`mx${inode.ino}`);
      if (!second) throw new Error(`inode ${inode.ino} has no second record`);
      addSecond(inode, second);
    }
  }
  return inodes;
}

/** A file's content. */
export async function readContent(stored: Stored, inode: StoredInode): Promise<Uint8Array> {
  const { chunkSize } = stored.superblock;
  const content = new Uint8Array(inode.size);
  for (const [start, end] of inode.runs) {
    for (let index = start; index < end; index++) {
      const bytes = await stored.chunk(inode.ino, index);
      if (!bytes) throw new Error(`chunk ${index} of inode ${inode.ino} is not there`);
      content.set(bytes, index * chunkSize);
    }
  }
  return content;
}

export interface Named {
  path: string;
  cookie: number;
  inode: StoredInode;
}

/** Every name below the root, directories before what is in them, names in the order of their bytes. */
export function readNames(inodes: Map<number, StoredInode>): Named[] {
  const children = new Map<number, (Name & { inode: StoredInode })[]>();
  for (const inode of inodes.values()) {
    for (const name of inode.names)
      children.set(name.parent, [...(children.get(name.parent) ?? []), { ...name, inode }]);
  }
  const found: Named[] = [];
  const visit = (inode: StoredInode, path: string, cookie: number): void => {
    found.push({ path, cookie, inode });
    const names = children.get(inode.ino) ?? [];
    names.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const child of names) visit(child.inode, `${path}/${child.name}`, child.cookie);
  };
  visit(inodes.get(1) as StoredInode, '', 0);
  return found;
}

const result = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** The tree of a name, as IndexedDB has it. */
export async function fromIndexedDb(factory: IDBFactory, tree: string): Promise<Stored> {
  const registry = await result(factory.open('virtio-fs-lab'));
  const entry = await result<{ database: string }>(registry.transaction('trees').objectStore('trees').get(tree));
  registry.close();
  const database = await result(factory.open(entry.database));
  const store = database.transaction('tree').objectStore('tree');
  const [keys, values] = await Promise.all([result(store.getAllKeys()), result(store.getAll())]);
  const all = new Map(keys.map((key, i) => [String(key), values[i]]));
  return {
    superblock: all.get('superblock') as Superblock,
    records: new Map([...all].filter(([key]) => /^mx?\d/.test(key))),
    chunk(ino, index) {
      const chunks = `chunks${ino % CHUNK_STORES}`;
      return result(database.transaction(chunks).objectStore(chunks).get([ino, index]));
    },
  };
}

interface FrameIndex {
  superblock: Superblock;
  removals: string[];
  drops: { ino: number; from: number; to: number }[];
  puts: [key: string, length: number][];
  chunks: [ino: number, index: number, length: number][];
}

/** The tree in a folder of the host. */
export function fromFolder(folder: string): Stored {
  const numbers = readdirSync(folder).flatMap((name) => /^tree-(\d+)\.log$/.exec(name)?.[1] ?? []);
  const log = readFileSync(join(folder, `tree-${Math.max(...numbers.map(Number))}.log`));
  const magic = 'virtio-fs-lab tree log 1\n';
  if (log.subarray(0, magic.length).toString() !== magic) throw new Error('no log of a tree');
  const records = new Map<string, Uint8Array>();
  const chunks = new Map<string, { key: string; of: number; number: number; bytes: Uint8Array }>();
  let superblock: Superblock | undefined;
  for (let at = magic.length; at + 32 <= log.length; ) {
    const payloadLength = Number(log.readBigUInt64LE(at + 8));
    const indexLength = log.readUInt32LE(at + 16);
    const indexAt = at + 32;
    const payloadAt = indexAt + indexLength;
    const end = payloadAt + payloadLength;
    const whole =
      log.readUInt32LE(at) === 0x6d72_6656 &&
      crc32(log.subarray(at, at + 28)) === log.readUInt32LE(at + 28) &&
      end <= log.length &&
      crc32(log.subarray(indexAt, payloadAt)) === log.readUInt32LE(at + 20) &&
      crc32(log.subarray(payloadAt, end)) === log.readUInt32LE(at + 24);
    if (!whole) break;
    const index = JSON.parse(log.subarray(indexAt, payloadAt).toString()) as FrameIndex;
    superblock = index.superblock;
    for (const key of index.removals) records.delete(key);
    for (const { ino, from, to } of index.drops) {
      for (const { key, of, number } of chunks.values())
        if (of === ino && number >= from && number < to) chunks.delete(key);
    }
    let next = payloadAt;
    const take = (length: number): Uint8Array => {
      next += length;
      return log.subarray(next - length, next);
    };
    for (const [key, length] of index.puts) records.set(key, take(length));
    for (const [of, number, length] of index.chunks) {
      const key = `${of} ${number}`;
      chunks.set(key, { key, of, number, bytes: take(length) });
    }
    at = end;
  }
  if (!superblock) throw new Error('there is no whole commit in the log');
  return { superblock, records, chunk: async (ino, index) => chunks.get(`${ino} ${index}`)?.bytes };
}
