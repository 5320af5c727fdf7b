// Changes what a store holds behind the back of any tree: through the store's own commits, so it works on every one.
import {
  Cursor,
  inode_record,
  page_header,
  pageKey,
  pageOf,
  readInode,
  type StoredInode,
} from '../src/fs/tree/records.ts';
import type { Store, Superblock } from '../src/fs/tree/store.ts';

/** What a store holds, to be changed in place. */
export interface Raw {
  superblock: Superblock;
  /** Metadata records by key. */
  records: Map<string, Uint8Array<ArrayBuffer>>;
  /** Chunks by inode and index. */
  chunks: Map<number, Map<number, Uint8Array<ArrayBuffer>>>;
}

/** Everything a closed store holds. The store is left open. */
export async function readRaw(store: Store): Promise<Raw> {
  const stored = await store.inspect?.();
  if (!stored) throw new Error('this store cannot be inspected');
  const raw: Raw = { superblock: stored.superblock as Superblock, records: new Map(), chunks: new Map() };
  for (const [key, record] of stored.records) raw.records.set(key, record.slice());
  for await (const { ino, index } of stored.chunks()) {
    const bytes = await store.chunk(ino, index);
    if (!bytes) continue;
    const of = raw.chunks.get(ino) ?? new Map<number, Uint8Array<ArrayBuffer>>();
    raw.chunks.set(ino, of.set(index, bytes));
  }
  return raw;
}

/** Damages what a closed store holds, and closes it again. */
export async function tamper(store: Store, change: (raw: Raw) => void): Promise<void> {
  const raw = await readRaw(store);
  const keys = [...raw.records.keys()];
  const inos = [...raw.chunks.keys()];
  change(raw);
  await store.commit(
    {
      superblock: raw.superblock,
      removals: keys.filter((key) => !raw.records.has(key)),
      puts: [...raw.records],
      drops: inos.map((ino) => ({ ino, from: 0, to: 2 ** 31 })),
      chunks: [...raw.chunks].flatMap(([ino, of]) => [...of].map(([index, bytes]) => ({ ino, index, bytes }))),
    },
    'relaxed',
  );
  await store.close();
}

/** Where the inodes of a page begin, in its record. */
export function inodesOf(record: Uint8Array): { at: number; stored: StoredInode }[] {
  const cursor = new Cursor(record);
  cursor.at = page_header.size;
  const all: { at: number; stored: StoredInode }[] = [];
  while (cursor.left > 0) {
    const { at } = cursor;
    all.push({ at, stored: readInode(cursor) });
  }
  return all;
}

/** The fixed part of an inode's record, in place. */
export function recordOf(raw: Raw, ino: number): InstanceType<typeof inode_record> {
  const record = raw.records.get(pageKey(pageOf(ino)));
  const found = record && inodesOf(record).find(({ stored }) => stored.inode.ino === ino);
  if (!record || !found) throw new Error(`inode ${ino} is not stored`);
  return new inode_record(new DataView(record.buffer, record.byteOffset), found.at);
}
