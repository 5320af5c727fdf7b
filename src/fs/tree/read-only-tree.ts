// A tree to look at: what is stored, as it is stored. Nothing is written, every change is EROFS.
import { PosixError } from '../../base/errno.ts';
import { allocatedBytes } from './file-data.ts';
import type { Inode } from './inode.ts';
import { checkSchema, type Store, type TreeImage } from './store.ts';
import { Tree, type TreeOptions } from './tree.ts';

function refuse(): never {
  throw new PosixError('EROFS');
}

export class ReadOnlyTree extends Tree {
  /**
   * Opens the tree in a store that may be one for reading only. A store without a tree gives one with nothing but a root.
   * Rejects with StoreError; the store is closed then.
   */
  static override async open(store: Store, options: TreeOptions = {}): Promise<ReadOnlyTree> {
    const image = await store.open();
    try {
      checkSchema(image.superblock);
      return new ReadOnlyTree(store, image, options);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  protected constructor(store: Store, image: TreeImage, options: TreeOptions) {
    super(store, image, options);
    this.behind.stop();
  }

  /** Orphans stay, and so do the generations: both are the writer's. */
  protected override settle(): void {
    for (const inode of this.inodes()) this.room.used += allocatedBytes(inode, this.chunkSize);
  }

  override drop(inode: Inode): void {
    inode.holds--;
  }

  override mknod(): never {
    refuse();
  }
  override mkdir(): never {
    refuse();
  }
  override symlink(): never {
    refuse();
  }
  override tmpfile(): never {
    refuse();
  }
  override link(): never {
    refuse();
  }
  override unlink(): never {
    refuse();
  }
  override rmdir(): never {
    refuse();
  }
  override rename(): never {
    refuse();
  }
  override setattr(): never {
    refuse();
  }
  override restore(): never {
    refuse();
  }
  override strip(): never {
    refuse();
  }
  override setFlags(): never {
    refuse();
  }
  override setxattr(): never {
    refuse();
  }
  override removexattr(): never {
    refuse();
  }
  override write(): never {
    refuse();
  }
  override fallocate(): never {
    refuse();
  }
  override copyRange(): never {
    refuse();
  }
  override renewGenerations(): never {
    refuse();
  }

  /** There is nothing to store. */
  override async sync(): Promise<void> {}

  override async close(): Promise<void> {
    this.behind.stop();
    await this.store.close();
  }
}
