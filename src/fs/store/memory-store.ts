// A tree in memory: what tests and headless runs without a folder use. Copies like a real store, so it can be opened again.
import {
  type Batch,
  checkSchema,
  type Store,
  type StoredChunkKey,
  type StoredTree,
  type Superblock,
  type TreeImage,
  type Usage,
} from '../tree/store.ts';

const CAPACITY = 8 * 2 ** 30;

export class MemoryStore implements Store {
  private superblock: Superblock | undefined;
  private readonly records = new Map<string, Uint8Array>();
  private readonly chunks = new Map<number, Map<number, Uint8Array<ArrayBuffer>>>();
  private readonly capacity: number;

  /** `capacity`: what usage() tells; nothing keeps to it. */
  constructor(capacity = CAPACITY) {
    this.capacity = capacity;
  }

  async open(): Promise<TreeImage> {
    checkSchema(this.superblock);
    return { superblock: this.superblock, records: [...this.records.values()] };
  }

  async inspect(): Promise<StoredTree> {
    const { superblock, records } = this;
    return { superblock, records: [...records], chunks: () => this.chunkKeys() };
  }

  private *chunkKeys(): Generator<StoredChunkKey> {
    for (const [ino, of] of this.chunks) {
      const inOrder = [...of].sort(([a], [b]) => a - b);
      for (const [index, { length }] of inOrder) yield { ino, index, length };
    }
  }

  chunk(ino: number, index: number): Uint8Array<ArrayBuffer> | undefined {
    return this.chunks.get(ino)?.get(index)?.slice();
  }

  async commit(batch: Batch): Promise<void> {
    this.superblock = { ...batch.superblock };
    for (const key of batch.removals) this.records.delete(key);
    for (const [key, record] of batch.puts) this.records.set(key, record.slice());
    for (const { ino, from, to } of batch.drops) this.drop(ino, from, to);
    for (const { ino, index, bytes } of batch.chunks) {
      let of = this.chunks.get(ino);
      if (!of) {
        of = new Map();
        this.chunks.set(ino, of);
      }
      of.set(index, bytes.slice());
    }
  }

  private drop(ino: number, from: number, to: number): void {
    const of = this.chunks.get(ino);
    if (!of) return;
    for (const index of of.keys()) if (index >= from && index < to) of.delete(index);
    if (of.size === 0) this.chunks.delete(ino);
  }

  usage(): Usage {
    return { capacity: this.capacity };
  }

  async close(): Promise<void> {}
}
