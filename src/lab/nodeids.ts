// The lab's options about nodeids, as the server takes them.
import { parseHandleFailure } from '../fs/fuse/handle-failure.ts';
import type { NodeidOptions } from '../fs/fuse/nodeid-table.ts';
import type { LabOptions } from './messages.ts';

/** Throws RangeError for a failure that cannot be parsed. */
export function nodeidsOf(options: Pick<LabOptions, 'handles' | 'failHandles' | 'wrong'>): NodeidOptions {
  const { handles, failHandles, wrong } = options;
  const failure = failHandles === undefined ? undefined : parseHandleFailure(failHandles);
  if (failHandles !== undefined && failure === undefined) throw new RangeError(`failHandles ${failHandles}`);
  return {
    mode: handles,
    failure,
    idsWithoutPin: wrong === 'ids-without-pin' || wrong === 'both',
    constantGeneration: wrong === 'constant-generation' || wrong === 'both',
  };
}
