// A tree in memory: what tests and headless runs without a folder use. Copies like a real store, so it can be opened again.
import {
  type Batch,
  checkSchema,
  type Store,
  type StoredChunkKey,
  type StoredTree,
  StoreError,
  type Superblock,
  type TreeImage,
  type Usage,
} from '../tree/store.ts';

const CAPACITY = 8 * 2 ** 30;

export class MemoryStore implements Store {
  /** Bytes of chunks. */
  private stored = 0;
  private superblock: Superblock | undefined;
  private readonly records = new Map<string, Uint8Array>();
  private readonly chunks = new Map<number, Map<number, Uint8Array<ArrayBuffer>>>();
  private readonly capacity: number;
  private closed = false;

  /** `capacity`: what usage() reckons with; nothing keeps to it. */
  constructor(capacity = CAPACITY) {
    this.capacity = capacity;
  }

  async open(): Promise<TreeImage> {
    checkSchema(this.superblock);
    this.closed = false;
    return { superblock: this.superblock, records: [...this.records.values()] };
  }

  async inspect(): Promise<StoredTree> {
    const { superblock, records } = this;
    this.closed = false;
    return { superblock, records: [...records], chunks: () => this.chunkKeys() };
  }

  private *chunkKeys(): Generator<StoredChunkKey> {
    for (const [ino, of] of this.chunks) {
      const inOrder = [...of].sort(([a], [b]) => a - b);
      for (const [index, { length }] of inOrder) yield { ino, index, length };
    }
  }

  chunk(ino: number, index: number): Uint8Array<ArrayBuffer> | undefined {
    this.checkOpen();
    return this.chunks.get(ino)?.get(index)?.slice();
  }

  private checkOpen(): void {
    if (this.closed) throw new StoreError('lost', 'The tree in memory was closed.');
  }

  async commit(batch: Batch): Promise<void> {
    this.checkOpen();
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
      this.stored += bytes.length - (of.get(index)?.length ?? 0);
      of.set(index, bytes.slice());
    }
  }

  private drop(ino: number, from: number, to: number): void {
    const of = this.chunks.get(ino);
    if (!of) return;
    for (const [index, { length }] of of) {
      if (index < from || index >= to) continue;
      of.delete(index);
      this.stored -= length;
    }
    if (of.size === 0) this.chunks.delete(ino);
  }

  usage(): Usage {
    return { available: Math.max(this.capacity - this.stored, 0) };
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
