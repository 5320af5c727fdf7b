// The check of a tree's superblock, and what it must have been where it is lost.
import { allocatedBytes } from './file-data.ts';
import type { Finding } from './findings.ts';
import type { Inode } from './inode.ts';
import { GENERATION_END, INO_END, ROOT_INO } from './inode-table.ts';
import { PAGE_SIZE } from './records.ts';
import { checkSchema, SCHEMA, type Superblock } from './store.ts';
import { BLOCK, CHUNK_SIZE } from './tree-options.ts';

const CHUNK_MAX = 2 ** 30;

const within = (value: unknown, from: number, end: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= from && (value as number) < end;

/** What each field may be. */
const SOUND: { readonly [Field in keyof Required<Superblock>]: (value: unknown) => boolean } = {
  schema: (value) => within(value, 1, SCHEMA + 1),
  chunkSize: (value) => within(value, 1, CHUNK_MAX) && value % BLOCK === 0,
  pageSize: (value) => value === PAGE_SIZE,
  generation: (value) => within(value, 1, GENERATION_END),
  nextIno: (value) => value === undefined || within(value, ROOT_INO + 1, INO_END + 1),
  commit: (value) => within(value, 0, Number.MAX_SAFE_INTEGER),
  operation: (value) => within(value, 0, Number.MAX_SAFE_INTEGER),
  partial: (value) => value === undefined || value === true,
};

/** The fields that cannot be as they are. Throws StoreError('newer') for a format that is not known yet. */
export function senselessFields(stored: unknown): (keyof Superblock)[] {
  const fields = (typeof stored === 'object' && stored !== null ? stored : {}) as Partial<Superblock>;
  if (within(fields.schema, SCHEMA + 1, Number.MAX_SAFE_INTEGER)) checkSchema(fields as Superblock);
  return (Object.keys(SOUND) as (keyof Superblock)[]).filter((field) => !SOUND[field](fields[field]));
}

/** The superblock, its senseless fields replaced by what the rest of the tree says. */
export function mendSuperblock(
  stored: unknown,
  inodes: ReadonlyMap<number, Inode>,
  longest: number,
  say: (finding: Finding) => void,
): Superblock {
  const wrong = senselessFields(stored);
  const fields = (typeof stored === 'object' && stored !== null ? stored : {}) as Superblock;
  let nextIno = ROOT_INO + 1;
  let generation = 1;
  for (const inode of inodes.values()) {
    if (inode.ino >= nextIno && inode.ino < INO_END) nextIno = inode.ino + 1;
    if (inode.generation > generation && inode.generation < GENERATION_END) generation = inode.generation;
  }
  if (wrong.length > 0) {
    const text =
      stored === undefined ? 'the superblock is lost' : `the superblock has senseless values: ${wrong.join(', ')}`;
    say({ code: 'superblock', text, repair: 'they are taken from what the rest of the tree says' });
  } else if (fields.nextIno !== undefined && fields.nextIno < nextIno) {
    const text = `the superblock says that inode numbers from ${fields.nextIno} on were never used`;
    say({ code: 'superblock', text, repair: `it says so from ${nextIno} on` });
  }
  const sound = <Field extends keyof Superblock>(field: Field, otherwise: Superblock[Field]): Superblock[Field] =>
    wrong.includes(field) ? otherwise : fields[field];
  return {
    schema: sound('schema', SCHEMA),
    chunkSize: wrong.includes('chunkSize') ? likelyChunkSize(inodes, longest) : fields.chunkSize,
    pageSize: PAGE_SIZE,
    generation: sound('generation', generation),
    nextIno: Math.max(wrong.includes('nextIno') ? 0 : (fields.nextIno ?? 0), nextIno),
    commit: sound('commit', 0),
    operation: sound('operation', 0),
  };
}

/** The size of chunks with which the blocks of most files are what they should be. */
function likelyChunkSize(inodes: ReadonlyMap<number, Inode>, longest: number): number {
  const candidates = [CHUNK_SIZE, Math.ceil(longest / BLOCK) * BLOCK];
  for (let size = BLOCK; size <= 2 ** 20; size *= 2) candidates.push(size);
  let best = CHUNK_SIZE;
  let most = -1;
  for (const size of candidates) {
    if (size < longest || size === 0) continue;
    let fitting = 0;
    for (const inode of inodes.values())
      if (inode.runs && inode.blocks * 512 === allocatedBytes(inode, size)) fitting++;
    if (fitting <= most) continue;
    best = size;
    most = fitting;
  }
  return best;
}
