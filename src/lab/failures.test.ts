import { expect, it } from 'vitest';
import { PosixError } from '../base/errno.ts';
import { MemoryStore } from '../fs/store/memory-store.ts';
import { type Batch, StoreError, type StoreErrorCode } from '../fs/tree/store.ts';
import { Tree } from '../fs/tree/tree.ts';
import { CommitNews, explainFailure, LabFailure, settled } from './failures.ts';

it('has a code for whatever is thrown', () => {
  const store = (code: StoreErrorCode) => explainFailure(new StoreError(code, 'why'));
  expect(store('quota')).toEqual({ code: 'quota', message: 'why' });
  expect(store('io')).toEqual({ code: 'store-failing', message: 'why' });
  expect(store('lost')).toEqual({ code: 'tree-lost', message: 'why' });
  expect(store('locked').code).toBe('tree-locked');
  expect(store('damaged').code).toBe('tree-damaged');
  expect(explainFailure(new LabFailure('no-wasm', 'none'))).toEqual({ code: 'no-wasm', message: 'none' });
  expect(explainFailure(new TypeError('x'))).toEqual({ code: 'internal', message: 'x' });
  expect(explainFailure('x')).toEqual({ code: 'internal', message: 'x' });
});

/** A store that fails as long as it has a failure. */
class FailingStore extends MemoryStore {
  failure: StoreError | undefined;
  override async commit(batch: Batch): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await super.commit(batch);
  }
}

it('tells of a failure to store once, and when it is over', async () => {
  const store = new FailingStore();
  const told: string[] = [];
  const news = new CommitNews((message) => told.push(message.type === 'failed' ? message.code : message.type));
  const tree = await Tree.open(store, { onCommitFailure: (error) => news.tell(error) });
  store.failure = new StoreError('quota', 'full');
  tree.setattr(tree.root, { mode: 0o700 });
  await settled(tree.sync());
  await settled(tree.sync());
  expect(told).toEqual(['quota']);
  store.failure = new StoreError('io', 'gone');
  await settled(tree.sync());
  store.failure = undefined;
  await settled(tree.sync());
  expect(told).toEqual(['quota', 'store-failing', 'stored']);
  store.failure = new StoreError('io', 'gone');
  tree.setattr(tree.root, { mode: 0o755 });
  await settled(tree.close());
  expect(told).toEqual(['quota', 'store-failing', 'stored', 'store-failing']);
});

it('hides nothing but the errno of a sync that failed', async () => {
  await settled(Promise.reject(new PosixError('ENOSPC')));
  await expect(settled(Promise.reject(new TypeError('ours')))).rejects.toThrow('ours');
});
