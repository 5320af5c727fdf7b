// Failures as the page hears of them: a code that it has words for, and the technical reason.
import { StoreError, type StoreErrorCode } from '../fs/tree/store.ts';
import type { FailureCode } from './messages.ts';

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
  damaged: 'tree-damaged',
  quota: 'quota',
  locked: 'tree-locked',
  lost: 'tree-lost',
  io: 'tree-lost',
};

/** Code and reason of anything that was thrown. */
export function explainFailure(error: unknown): { code: FailureCode; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof LabFailure) return { code: error.code, message };
  if (error instanceof StoreError) return { code: STORE_CODES[error.code], message };
  return { code: 'internal', message };
}
