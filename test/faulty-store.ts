// A store between a tree and a real one, whose commits fail or stop for ever where a test wants it.
import {
  type Batch,
  type Durability,
  type Store,
  StoreError,
  type TreeImage,
  type Usage,
} from '../src/fs/tree/store.ts';

export type Fate =
  | 'store'
  /** The commit fails and changes nothing. */
  | 'full'
  | 'fail'
  /** As if the machine stood still: this commit and all later ones are never answered. */
  | 'stop'
  /** Likewise, but this one is stored. */
  | 'stop-after';

export class FaultyStore implements Store {
  /** What becomes of the commits from now on, the first of them 0. */
  fate: (commit: number) => Fate = () => 'store';
  /** Commits that were stored: how strict, and with which last operation. */
  readonly stored: { durability: Durability; batch: Batch }[] = [];
  readonly attempts: { durability: Durability; batch: Batch }[] = [];
  /** What a commit, or the reading of a chunk, waits for. */
  commitGate: Promise<void> | undefined;
  /** Chunks that cannot be read. */
  unreadable: (ino: number, index: number) => boolean = () => false;
  chunkGate: Promise<void> | undefined;
  private readonly inner: Store;
  private stopped = false;

  constructor(inner: Store) {
    this.inner = inner;
  }

  /** Number of the last operation that is stored. */
  get operation(): number {
    return this.stored.at(-1)?.batch.superblock.operation ?? -1;
  }

  open(): Promise<TreeImage> {
    return this.inner.open();
  }

  chunk(ino: number, index: number): ReturnType<Store['chunk']> {
    const { chunkGate } = this;
    if (this.unreadable(ino, index)) return Promise.reject(new StoreError('io', 'unreadable, says the test'));
    return chunkGate ? chunkGate.then(() => this.inner.chunk(ino, index)) : this.inner.chunk(ino, index);
  }

  async commit(batch: Batch, durability: Durability): Promise<void> {
    const fate = this.stopped ? 'stop' : this.fate(this.attempts.length);
    this.attempts.push({ durability, batch });
    const { commitGate } = this;
    // A store copies before it returns; only the answer is late.
    const done = fate === 'store' || fate === 'stop-after' ? this.inner.commit(batch, durability) : undefined;
    await commitGate;
    if (fate === 'full') throw new StoreError('quota', 'no room, says the test');
    if (fate === 'fail') throw new StoreError('io', 'broken, says the test');
    this.stopped = fate !== 'store';
    if (fate === 'stop') return new Promise(() => {});
    await done;
    this.stored.push({ durability, batch });
    if (fate === 'stop-after') return new Promise(() => {});
  }

  ready(): Promise<void> | undefined {
    return this.inner.ready?.();
  }

  async relieve(): Promise<boolean> {
    return (await this.inner.relieve?.()) ?? false;
  }

  restore(): void {
    this.inner.restore?.();
  }

  usage(): Usage {
    return this.inner.usage();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
