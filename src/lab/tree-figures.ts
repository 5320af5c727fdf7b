// The figures of a tree as the page gets them.
import type { Tree } from '../fs/tree/tree.ts';
import type { Counters } from './messages.ts';

type Figures =
  | 'bytesStored'
  | 'dirtyBytes'
  | 'availableBytes'
  | 'full'
  | 'learnedLimit'
  | 'chunkHits'
  | 'chunkMisses'
  | 'cachedBytes'
  | 'operations'
  | 'commits';

export function treeFigures(tree: Tree): Pick<Counters, Figures> {
  const { bytesStored, full, learnedLimit, chunkHits, chunkMisses, cachedBytes, operations, commits } = tree.counters;
  return {
    bytesStored,
    dirtyBytes: tree.dirtyBytes,
    availableBytes: tree.available,
    full,
    learnedLimit,
    chunkHits,
    chunkMisses,
    cachedBytes,
    operations,
    commits,
  };
}
