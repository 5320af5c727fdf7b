// A plain model of a store, and batches at random: what is stored must be what the model has, whatever has failed.
import fc from 'fast-check';
import type { Batch, Store } from '../src/fs/tree/store.ts';
import { found } from './store-assertions.ts';
import { batch, bytesOf } from './store-conformance.ts';

// Some share an object store, some an order as text and another as numbers.
const INOS = [1, 2, 10, 17, 33];
const INDICES = [0, 1, 2, 9, 10, 11];
const KEYS = ['m0', 'm1', 'm10', 'm2', 'mx1', 'mx17'];

export class StoreModel {
  private readonly commit: number;
  private readonly records: ReadonlyMap<string, Uint8Array>;
  private readonly chunks: ReadonlyMap<string, Uint8Array>;

  constructor(
    commit = 0,
    records: ReadonlyMap<string, Uint8Array> = new Map(),
    chunks: ReadonlyMap<string, Uint8Array> = new Map(),
  ) {
    this.commit = commit;
    this.records = records;
    this.chunks = chunks;
  }

  /** The model after a batch. */
  after({ superblock, removals, puts, drops, chunks }: Batch): StoreModel {
    const records = new Map(this.records);
    const content = new Map(this.chunks);
    for (const key of removals) records.delete(key);
    for (const { ino, from, to } of drops) for (let i = from; i < to; i++) content.delete(`${ino} ${i}`);
    for (const [key, record] of puts) records.set(key, record);
    for (const { ino, index, bytes } of chunks) content.set(`${ino} ${index}`, bytes);
    return new StoreModel(superblock.commit, records, content);
  }

  /** All of it as text. */
  dump(): string {
    const all = INOS.flatMap((ino) => INDICES.map((index) => this.chunks.get(`${ino} ${index}`)));
    return dump(this.commit, [...this.records.values()], all);
  }
}

/** What a store that is not open has, as StoreModel.dump() says it; it is closed again. */
export async function dumpStore(store: Store): Promise<string> {
  const { superblock, records } = await store.open();
  const chunks: (Uint8Array | undefined)[] = [];
  for (const ino of INOS) for (const index of INDICES) chunks.push(await store.chunk(ino, index));
  await store.close();
  return dump(superblock?.commit ?? 0, records, chunks);
}

const dump = (commit: number, records: Uint8Array[], chunks: (Uint8Array | undefined)[]): string =>
  [commit, found(records), ...chunks.map((bytes) => (bytes ? found([bytes]) : 'none'))].join('\n');

/** What batches are made of; the numbers of the commits are given by makeBatch(). */
export interface Plan {
  puts: [string, number, number][];
  removals: string[];
  drops: [ino: number, from: number, length: number][];
  chunks: [ino: number, index: number, length: number, seed: number][];
  strict: boolean;
}

const key = fc.constantFrom(...KEYS);
const ino = fc.constantFrom(...INOS);
const seed = fc.nat(255);

export const plans: fc.Arbitrary<Plan> = fc.record({
  puts: fc.array(fc.tuple(key, fc.nat(60), seed), { maxLength: 4 }),
  removals: fc.uniqueArray(key, { maxLength: 3 }),
  drops: fc.array(fc.tuple(ino, fc.nat(11), fc.nat(6)), { maxLength: 2 }),
  chunks: fc.array(fc.tuple(ino, fc.constantFrom(...INDICES), fc.integer({ min: 1, max: 300 }), seed), {
    maxLength: 4,
  }),
  strict: fc.boolean(),
});

export function makeBatch(commit: number, { puts, removals, drops, chunks }: Plan): Batch {
  return batch(commit, {
    puts: puts.map(([name, length, value]) => [name, bytesOf(length, value)]),
    removals: [...removals],
    drops: drops.map(([of, from, length]) => ({ ino: of, from, to: from + length })),
    chunks: chunks.map(([of, index, length, value]) => ({ ino: of, index, bytes: bytesOf(length, value) })),
  });
}

export const durabilityOf = ({ strict }: Plan) => (strict ? 'strict' : 'relaxed');
