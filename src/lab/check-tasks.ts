// The tasks that check what is stored of a tree, and repair it.
import { type CheckOptions, checkStored, repairStored } from '../fs/tree/check-stored.ts';
import type { Finding } from '../fs/tree/findings.ts';
import type { Checked } from './messages.ts';
import type { TaskContext, TaskTable } from './tasks.ts';
import type { TreeHost } from './tree-host.ts';

/** Findings that the page is told one by one: a tree that lost a page of inodes can have thousands. */
const TOLD = 1000;

const checked = (findings: Finding[]): Checked => ({ findings: findings.slice(0, TOLD), count: findings.length });

/** How far the check is, in chunks; how many there are is not known before. */
const options = ({ signal, report }: TaskContext): CheckOptions => ({
  signal,
  seen: (done) => report({ done, total: undefined, what: 'content' }),
});

export function checkTasks(host: TreeHost): TaskTable<'check-tree' | 'repair-tree'> {
  return {
    async 'check-tree'({ name }, context) {
      return checked(await host.withStore(name, 'read', (store) => checkStored(store, options(context))));
    },
    async 'repair-tree'({ name }, context) {
      return checked(await host.withStore(name, 'write', (store) => repairStored(store, options(context))));
    },
  };
}
