// What must hold when everything was given back: nothing is counted, open or kept, here and in the store.
import { expect } from 'vitest';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import { decodeRecords } from '../../src/fs/tree/records.ts';
import type { Store } from '../../src/fs/tree/store.ts';
import type { Tree } from '../../src/fs/tree/tree.ts';

/** Chunks of a dead inode that are looked for. */
const CHUNKS = 8;

/** No inode is held, none is without a name, and everything fits together. */
export function expectUnheld(tree: Tree): void {
  const left = [...tree.inodes()].filter(({ holds, nlink }) => holds !== 0 || nlink === 0);
  expect(left.map(({ ino, holds, nlink }) => ({ ino, holds, nlink }))).toEqual([]);
  expect(checkTree(tree)).toEqual([]);
}

/** What the store has after a commit: the inodes of the tree and no others, and no chunks of others. */
export async function expectStored(tree: Tree, store: Store): Promise<void> {
  await tree.sync();
  const { records, superblock } = await store.open();
  const { inodes } = decodeRecords(records);
  const living = [...tree.inodes()].map(({ ino }) => ino).sort((a, b) => a - b);
  expect([...inodes.keys()].sort((a, b) => a - b)).toEqual(living);
  expect([...inodes.values()].filter(({ nlink }) => nlink === 0)).toEqual([]);
  const chunks: string[] = [];
  for (let ino = 2; ino < (superblock?.nextIno ?? 0); ino++) {
    if (inodes.has(ino)) continue;
    for (let index = 0; index < CHUNKS; index++) if (await store.chunk(ino, index)) chunks.push(`${ino}/${index}`);
  }
  expect(chunks).toEqual([]);
}
