// The tasks on trees by name: list, make, copy, rename, delete, and back to the example.
import { fillExample } from './example.ts';
import type { TaskTable } from './tasks.ts';
import type { TreeHost } from './tree-host.ts';

type TreeTask = 'list-trees' | 'create-tree' | 'copy-tree' | 'rename-tree' | 'delete-tree' | 'reset-tree';

export function treeTasks(host: TreeHost): TaskTable<TreeTask> {
  return {
    'list-trees': () => host.list(),
    async 'create-tree'({ name, example }) {
      await host.build(name, async (tree) => {
        if (example) await fillExample(tree);
      });
      return undefined;
    },
    async 'copy-tree'({ from, to }, context) {
      await host.copy(from, to, context);
      return undefined;
    },
    async 'rename-tree'({ from, to }) {
      await host.rename(from, to);
      return undefined;
    },
    async 'delete-tree'({ name }) {
      await host.remove(name);
      return undefined;
    },
    async 'reset-tree'({ name }) {
      await host.build(name, fillExample, { replace: true });
      return undefined;
    },
  };
}
