// Tasks that read content of the open tree, where that is a view of what another tab writes.
import type { TaskName } from './messages.ts';
import { TaskRefused, type TaskTable } from './tasks.ts';
import type { CurrentTree } from './tree-host.ts';

/** How often a task is begun again that has not been given a file of the person's. */
const AGAIN = 3;

type ReadingTask = Extract<TaskName, 'export-tree' | 'download'>;

const OVERTAKEN = 'Another tab changed the tree while it was read here. Try it again, or do it in that tab.';

/**
 * Has tasks read the tree as it is stored when they begin. A commit of the other tab makes unreadable what was not read
 * yet: then they begin again, or, where a file was chosen for them that may be gone by now, it is said.
 */
export function ofView(
  host: { readonly current: CurrentTree | undefined },
  table: TaskTable<ReadingTask>,
): TaskTable<ReadingTask> {
  const renewed = async (): Promise<boolean> => (await host.current?.renew?.()) ?? false;
  async function run<T>(chosen: boolean, perform: () => Promise<T>): Promise<T> {
    await renewed();
    for (let left = chosen ? 0 : AGAIN; ; left--) {
      const { current } = host;
      try {
        return await perform();
      } catch (error) {
        if (error instanceof TaskRefused || !current?.renew || !(await current.renew())) throw error;
        if (left === 0) throw new TaskRefused(OVERTAKEN);
      }
    }
  }
  return {
    'export-tree': (task, context) =>
      task.name === host.current?.name
        ? run(task.to !== undefined, () => table['export-tree'](task, context))
        : table['export-tree'](task, context),
    download: (task, context) => run(task.to !== undefined, () => table.download(task, context)),
  };
}
