// Failures as the page hears of them: a code that it has words for, and the technical reason.
import { PosixError } from '../base/errno.ts';
import { StoreError, type StoreErrorCode } from '../fs/tree/store.ts';
import type { FailureCode, FromWorker } from './messages.ts';

/** A failure whose code is known where it happens. */
export class LabFailure extends Error {
  override readonly name = 'LabFailure';
  readonly code: FailureCode;
  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const STORE_CODES: Readonly<Record<StoreErrorCode, FailureCode>> = {
  unavailable: 'no-indexeddb',
  newer: 'tree-newer',
  old: 'tree-old',
  damaged: 'tree-damaged',
  quota: 'quota',
  locked: 'tree-locked',
  lost: 'tree-lost',
  stale: 'store-failing',
  name: 'tree-name',
  io: 'store-failing',
};

/** Code and reason of anything that was thrown. */
export function explainFailure(error: unknown): { code: FailureCode; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof LabFailure) return { code: error.code, message };
  if (error instanceof StoreError) return { code: STORE_CODES[error.code], message };
  return { code: 'internal', message };
}

type News = Extract<FromWorker, { type: 'failed' | 'stored' }>;

/** Makes news of how commits end: a failure once, however often it is tried again, and its end. */
export class CommitNews {
  private readonly post: (news: News) => void;
  private code: FailureCode | undefined;

  constructor(post: (news: News) => void) {
    this.post = post;
  }

  /** As TreeOptions.onCommitFailure: why a commit failed, or undefined when one went through again. */
  tell(error: StoreError | undefined): void {
    if (error === undefined) {
      this.code = undefined;
      this.post({ type: 'stored' });
      return;
    }
    const failure = explainFailure(error);
    if (failure.code === this.code) return;
    this.code = failure.code;
    this.post({ type: 'failed', ...failure });
  }
}

/** Waits for a sync (or close) of the tree whose outcome nobody needs: onCommitFailure has told why a commit failed. */
export async function settled(sync: Promise<void>): Promise<void> {
  try {
    await sync;
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
  }
}
