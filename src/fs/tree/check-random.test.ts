// Any tree with any damage: the check finds it, the repair makes it sound, and what was not damaged is left alone.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../../test/memory-store.ts';
import { inodesOf, type Raw, readRaw, recordOf, tamper } from '../../../test/stored-damage.ts';
import { dumpTree, TreeDriver } from '../../../test/tree-driver.ts';
import { type Dumped, type Step, steps, TreeModel } from '../../../test/tree-model.ts';
import { checkStored, repairStored } from './check-stored.ts';
import { checkTree } from './check-tree.ts';
import { StoreError } from './store.ts';
import { Tree } from './tree.ts';

const CHUNK = 4096;
const NOW = { s: 2_000_000, ns: 0 };

/** A stored tree after random changes, what is in it, and by path the inodes that lead there. */
async function make(changes: Step[]): Promise<{ store: MemoryStore; dump: Dumped[]; ways: Map<string, number[]> }> {
  const store = new MemoryStore();
  const clock = { s: 1_000_000, ns: 0 };
  const tree = await Tree.open(store, { clock: () => ({ ...clock }), chunkSize: CHUNK, commitInterval: 1e9 });
  const model = new TreeModel(CHUNK);
  const driver = new TreeDriver(tree, clock);
  for (const [i, change] of changes.entries()) await model.step(change, i, driver);
  const dump = await dumpTree(tree);
  const ways = new Map<string, number[]>();
  for (const { path } of dump) {
    const way = [1];
    let at = tree.root;
    for (const name of path.split('/').slice(1)) {
      at = tree.lookup(at, name) ?? at;
      way.push(at.ino);
    }
    ways.set(path, way);
  }
  await tree.close();
  return { store, dump, ways };
}

/** One damage: its kind, and numbers to choose with. */
type Damage = readonly [kind: string, a: number, b: number];

/** Those that do not need records that can be read. */
const ANYTIME = new Set(['drop-chunk', 'long-chunk', 'leaked-chunk', 'strange-record', 'no-superblock']);

/** Damages the store and returns the inodes that it may concern. What cannot be done changes nothing. */
function harm(raw: Raw, damage: Damage): number[] {
  return ANYTIME.has(damage[0]) ? harmAnything(raw, damage) : harmRecord(raw, damage);
}

function harmAnything(raw: Raw, [kind, a, b]: Damage): number[] {
  const files = [...raw.chunks.keys()];
  const file = files[a % Math.max(files.length, 1)];
  const chunks = file === undefined ? undefined : raw.chunks.get(file);
  const index = [...(chunks?.keys() ?? [])][b % Math.max(chunks?.size ?? 0, 1)];
  if (kind === 'leaked-chunk') raw.chunks.set(100_000 + a, new Map([[b, new Uint8Array(1 + (b % CHUNK)).fill(a)]]));
  else if (kind === 'strange-record') raw.records.set('mm', new Uint8Array(a).fill(b));
  else if (kind === 'no-superblock') {
    const field = ['chunkSize', 'generation', 'commit'][a % 3] as string;
    raw.superblock = { ...raw.superblock, [field]: -b - 1 };
  } else if (chunks && index !== undefined && file !== undefined) {
    if (kind === 'drop-chunk') chunks.delete(index);
    else chunks.set(index, new Uint8Array(CHUNK + 1 + b));
    return [file];
  }
  return [];
}

function harmRecord(raw: Raw, [kind, a, b]: Damage): number[] {
  const keys = [...raw.records.keys()];
  const key = keys[a % keys.length] as string;
  const record = raw.records.get(key) as Uint8Array<ArrayBuffer>;
  const isPage = !key.startsWith('mx');
  const within = isPage ? inodesOf(record).map(({ stored }) => stored.inode.ino) : [Number(key.slice(2))];
  if (kind === 'drop-record') {
    raw.records.delete(key);
    return within;
  }
  if (kind === 'cut-record') {
    raw.records.set(key, record.slice(0, b % record.length));
    return within;
  }
  const ino = within[b % within.length] as number;
  if (!isPage) return [];
  const fields = recordOf(raw, ino);
  if (kind === 'nlink') fields.nlink += 1 + b;
  else if (kind === 'parent' && fields.parent !== 0) fields.parent = 200_000 + a;
  else if (kind === 'blocks') fields.blocks += 8 * (1 + b);
  else if (kind === 'cookie' && fields.parent !== 0) fields.cookie = 0x9000_0000 + b;
  else if (kind === 'type' && ino !== 1) fields.mode &= 0o7777;
  else if (kind === 'target') fields.target_length += 1;
  else return [];
  // A target that swallows some of the record behind it.
  return kind === 'target' ? within : [ino];
}

const KINDS = [
  ...['drop-record', 'cut-record', 'drop-chunk', 'long-chunk', 'leaked-chunk', 'strange-record', 'no-superblock'],
  ...['nlink', 'parent', 'blocks', 'cookie', 'type', 'target'],
];
const damages = fc.array(fc.tuple(fc.constantFrom(...KINDS), fc.nat(999), fc.nat(9999)) as fc.Arbitrary<Damage>, {
  minLength: 1,
  maxLength: 3,
});

/** Repairs, and gives what one sees then. Every check on the way has to say what it should. */
async function mend<T>(store: MemoryStore, look: (tree: Tree) => Promise<T>): Promise<T> {
  const found = await checkStored(store, { now: NOW });
  expect(await repairStored(store, { now: NOW })).toEqual(found);
  expect(await checkStored(store)).toEqual([]);
  const tree = await Tree.open(store, { commitInterval: 1e9 });
  expect(checkTree(tree)).toEqual([]);
  const seen = await look(tree);
  await tree.close();
  expect(await checkStored(store)).toEqual([]);
  return seen;
}

/** Reads everything that is allocated. */
async function readStored(tree: Tree): Promise<void> {
  for (const inode of tree.inodes()) {
    const bounds = inode.runs?.flat() ?? [];
    for (let i = 0; i < bounds.length; i += 2)
      await tree.read(
        inode,
        (bounds[i] as number) * CHUNK,
        ((bounds[i + 1] as number) - (bounds[i] as number)) * CHUNK,
      );
  }
}

/** What must be as it was: all that no damage concerns, in directories that none concerns. */
const intact = (dump: Dumped[], concerned: (path: string) => boolean): Partial<Dumped>[] =>
  dump
    .filter(({ path }) => path !== '' && !concerned(path))
    // Directories may have lost others, and a file another name of its own.
    .map(({ nlink, same, ...rest }) => rest);

test('damage that changes the tree is found, the repair makes it sound, and all else is as it was', async () => {
  await fc.assert(
    fc.asyncProperty(steps(80), damages, async (changes, list) => {
      const { store, dump, ways } = await make(changes);
      const harmed = new Set<number>();
      await tamper(store, (raw) => {
        // A second damage may meet what the first has made unreadable.
        const [first, ...more] = list;
        for (const ino of harm(raw, first as Damage)) harmed.add(ino);
        for (const damage of more)
          if (/chunk|strange/.test(damage[0])) for (const ino of harm(raw, damage)) harmed.add(ino);
      });
      const found = await checkStored(store);
      const after = await readRaw(store);
      await store.close();
      const opened = await Tree.open(store).catch((error: unknown) => error);
      if (opened instanceof StoreError) {
        expect(opened.code).toBe('damaged');
        expect(found).not.toEqual([]);
        expect(await readRaw(store)).toEqual(after);
      } else {
        const now = await dumpTree(opened as Tree).catch(() => undefined);
        if (JSON.stringify(now) !== JSON.stringify(dump)) expect(found).not.toEqual([]);
        // Nothing of it was stored: a repair finds what was damaged.
      }
      const mended = new Map((await mend(store, dumpTree)).map(({ nlink, same, ...rest }) => [rest.path, rest]));
      const concerned = (path: string): boolean => ways.get(path)?.some((ino) => harmed.has(ino)) ?? true;
      for (const entry of intact(dump, concerned)) expect(mended.get(entry.path as string)).toEqual(entry);
    }),
    { numRuns: 100 },
  );
});

test('whatever bytes are wrong, no unsound tree is opened, and the repair makes it sound', async () => {
  // A byte, or a whole field of four.
  const value = fc.oneof(fc.nat(255), fc.constantFrom(0x1_0000_0000, 0x8000_0000, 0xffff_ffff));
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(), value), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(steps(60), flips, async (changes, list) => {
      const { store } = await make(changes);
      await tamper(store, (raw) => {
        const records = [...raw.records.values()];
        for (const [a, b, value] of list) {
          const record = records[a % records.length] as Uint8Array<ArrayBuffer>;
          const at = b % record.length;
          if (value < 256) record[at] = value;
          else if (at + 4 <= record.length) new DataView(record.buffer).setUint32(at - (at % 4), value, true);
        }
      });
      const found = await checkStored(store);
      await store.close();
      const opened = await Tree.open(store, { commitInterval: 1e9 }).catch((error: unknown) => error);
      if (opened instanceof Tree) expect(checkTree(opened)).toEqual([]);
      else {
        expect(opened).toMatchObject({ name: 'StoreError', code: 'damaged' });
        expect(found).not.toEqual([]);
      }
      await store.close();
      // Not the whole of each file: sizes may have become vast.
      await mend(store, readStored);
    }),
    { numRuns: 300 },
  );
});
