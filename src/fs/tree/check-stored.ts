// The check of a tree as it is stored, and its repair: finds everything that is wrong, and makes one commit of what to do.
import { assemble } from './assemble.ts';
import type { Time } from './clock.ts';
import type { Finding } from './findings.ts';
import type { Inode } from './inode.ts';
import { mendAttributes } from './mend-attributes.ts';
import { type ChunkRepair, mendContent, readContent, type StoredContent } from './mend-content.ts';
import { mendCookies, mendCounts, mendNames } from './mend-names.ts';
import { mendSuperblock, senselessFields } from './mend-superblock.ts';
import { Mending } from './mending.ts';
import { encodeExtra, encodePage, extraKey, needsExtra, pageKey, pageOf } from './records.ts';
import { type KeyedRecord, salvage } from './salvage.ts';
import { type Batch, type Store, type StoredTree, StoreError, type Superblock } from './store.ts';

export interface CheckOptions {
  /** The times of what a repair has to make. */
  now?: Time;
  /** Told how many chunks were looked at. */
  seen?: (chunks: number) => void;
  signal?: AbortSignal;
}

interface Examined {
  findings: Finding[];
  mending: Mending;
  chunks: ChunkRepair;
}

/** All that is wrong, in memory put right. `content`: undefined where it is not known which chunks there are. */
function examine(
  superblock: unknown,
  records: Iterable<KeyedRecord>,
  content: StoredContent | undefined,
  now: Time,
): Examined {
  const first: Finding[] = [];
  const say = (finding: Finding): void => void first.push(finding);
  const salvaged = salvage(records, say);
  const mended = mendSuperblock(superblock, salvaged.inodes, content?.longest ?? 0, say);
  const mending = new Mending(salvaged, mended, first, now);
  mendAttributes(mending);
  mendNames(mending);
  const chunks = mendContent(mending, content);
  mendCookies(mending);
  mendCounts(mending);
  return { findings: mending.findings, mending, chunks };
}

/** What is wrong with the metadata of a tree, its chunks unseen. */
export function checkMetadata(superblock: Superblock | undefined, records: readonly Uint8Array[]): Finding[] {
  const keyed = records.map((record): KeyedRecord => [undefined, record]);
  return examine(superblock, keyed, undefined, { s: 0, ns: 0 }).findings;
}

interface Looked extends Examined {
  batch: Batch;
}

async function look(stored: StoredTree, options: CheckOptions): Promise<Looked> {
  const { now = { s: Math.floor(Date.now() / 1000), ns: 0 }, seen = () => {}, signal } = options;
  const { superblock } = stored;
  const chunkSize = senselessFields(superblock).includes('chunkSize')
    ? undefined
    : (superblock as Superblock).chunkSize;
  const content = await readContent(stored.chunks(), chunkSize, (chunks) => {
    signal?.throwIfAborted();
    seen(chunks);
  });
  if (superblock === undefined && stored.records.length === 0 && content.files.size === 0)
    throw new StoreError('unavailable', 'There is no tree.');
  const examined = examine(superblock, stored.records, content, now);
  const batch = encode(examined, stored.records);
  if (examined.findings.length === 0) findStrange(batch, examined.findings);
  return { ...examined, batch };
}

/** Records that are not as they would be written, though everything in them makes sense. */
function findStrange({ puts, removals }: Batch, findings: Finding[]): void {
  for (const key of [...puts.map(([put]) => put), ...removals]) {
    const text = `the record ${JSON.stringify(key)} has bytes that mean nothing`;
    findings.push({ code: 'record-damaged', text, repair: 'it is written anew' });
  }
}

/** The commit that makes what is stored what it should be. Chunks that are cut are still to be read. */
function encode({ mending, chunks }: Examined, records: StoredTree['records']): Batch {
  const { inodes, names, nextCookies } = mending;
  const superblock = mending.superblockNow();
  const all = assemble({ inodes, links: [...names.values()].flat(), nextCookies });
  const pages = new Map<number, Inode[]>();
  const wanted = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const inode of [...all.values()].sort((a, b) => a.ino - b.ino)) {
    const page = pages.get(pageOf(inode.ino));
    if (page) page.push(inode);
    else pages.set(pageOf(inode.ino), [inode]);
    if (needsExtra(inode)) wanted.set(extraKey(inode.ino), encodeExtra(inode));
  }
  for (const [page, inPage] of pages) wanted.set(pageKey(page), encodePage(page, inPage));
  const removals: string[] = [];
  for (const [key, record] of records) {
    const want = wanted.get(key);
    if (!want) removals.push(key);
    else if (same(want, record)) wanted.delete(key);
  }
  return {
    superblock: { ...superblock, commit: superblock.commit + 1 },
    puts: [...wanted],
    removals,
    drops: chunks.drops,
    chunks: [],
  };
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** The store's content for a check, in place of opening it. Rejects with StoreError. */
function inspect(store: Store): Promise<StoredTree> {
  if (!store.inspect) throw new StoreError('unavailable', 'What is stored here cannot be checked.');
  return store.inspect();
}

/**
 * Checks what is stored, which nobody may write meanwhile. The store was not opened before; it is not closed. Rejects
 * with StoreError where it cannot be looked at, and where there is no tree; and with the signal's reason.
 */
export async function checkStored(store: Store, options: CheckOptions = {}): Promise<Finding[]> {
  return (await look(await inspect(store), options)).findings;
}

/**
 * Checks what is stored and makes it sound with the smallest change that keeps everything that can be kept, in one
 * commit; resolves with what was found when that is stored for good. Where there is nothing to repair nothing is
 * written. As checkStored().
 */
export async function repairStored(store: Store, options: CheckOptions = {}): Promise<Finding[]> {
  const { findings, batch, chunks, mending } = await look(await inspect(store), options);
  if (findings.length === 0) return findings;
  for (const { ino, index } of chunks.cuts) {
    const bytes = await store.chunk(ino, index);
    if (bytes) batch.chunks.push({ ino, index, bytes: bytes.slice(0, mending.superblock.chunkSize) });
  }
  options.signal?.throwIfAborted();
  await store.commit(batch, 'strict');
  return findings;
}
