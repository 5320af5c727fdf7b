// A store between a tree and a real one that counts bytes and refuses a commit that is too much, as a full disk does.
import {
  type Batch,
  type Durability,
  type Store,
  StoreError,
  type TreeImage,
  type Usage,
} from '../src/fs/tree/store.ts';

export class QuotaStore implements Store {
  /** Bytes of records and chunks that may be stored. */
  limit: number;
  /** Whether what a commit removes counts until it has ended, as in browsers. */
  late = false;
  /** Bytes that were held back, given up once. */
  reserve = 0;
  /** How long a commit takes, ms; 0: no turn of the event loop. */
  delay = 0;
  /** Told of each commit when it begins, and whether it will be stored. */
  onCommit: (batch: Batch, stored: boolean) => void = () => {};
  attempts = 0;
  private readonly inner: Store;
  private sizes = new Map<string, number>();

  constructor(inner: Store, limit = Number.POSITIVE_INFINITY) {
    this.inner = inner;
    this.limit = limit;
  }

  /** Bytes that are stored. */
  get used(): number {
    let used = 0;
    for (const size of this.sizes.values()) used += size;
    return used;
  }

  /** Inode and index of each chunk that is stored. */
  *chunks(): Generator<[ino: number, index: number]> {
    for (const key of this.sizes.keys()) {
      const [ino, index] = key.split(' ');
      if (index !== undefined) yield [Number(ino), Number(index)];
    }
  }

  open(): Promise<TreeImage> {
    return this.inner.open();
  }

  chunk(ino: number, index: number): ReturnType<Store['chunk']> {
    return this.inner.chunk(ino, index);
  }

  async commit(batch: Batch, durability: Durability): Promise<void> {
    this.attempts++;
    const after = new Map(this.sizes);
    for (const key of batch.removals) after.delete(key);
    for (const { ino, from, to } of batch.drops) {
      for (const key of after.keys()) {
        const [of, index] = key.split(' ');
        if (Number(of) === ino && Number(index) >= from && Number(index) < to) after.delete(key);
      }
    }
    let added = 0;
    const put = (key: string, size: number): void => {
      after.set(key, size);
      added += size;
    };
    for (const [key, record] of batch.puts) put(key, record.length);
    for (const { ino, index, bytes } of batch.chunks) put(`${ino} ${index}`, bytes.length);
    const needed = this.late ? this.used + added : [...after.values()].reduce((sum, size) => sum + size, 0);
    const stored = needed + this.reserve <= this.limit;
    this.onCommit(batch, stored);
    if (stored) {
      this.sizes = after;
      await this.inner.commit(batch, durability);
    }
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay));
    if (!stored) throw new StoreError('quota', `${needed} of ${this.limit} bytes, says the test`);
  }

  async relieve(): Promise<boolean> {
    const held = this.reserve;
    this.reserve = 0;
    return held > 0;
  }

  usage(): Usage {
    return this.inner.usage();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
