import { expect, test } from 'vitest';
import { StoreError } from '../fs/tree/store.ts';
import type { FromWorker, Task } from './messages.ts';
import { TaskCancelled, type TaskContext, TaskRefused, TaskRunner, type TaskTable } from './tasks.ts';

/** A runner whose tasks do what a test wants, and what it told the page. */
function runner(perform: (context: TaskContext) => Promise<undefined>) {
  const said: FromWorker[] = [];
  const clock = { now: 0 };
  const any = (_task: unknown, context: TaskContext): Promise<never> => perform(context) as Promise<never>;
  const table: TaskTable<'sync' | 'copy-tree' | 'import-tree'> = { sync: any, 'copy-tree': any, 'import-tree': any };
  const tasks = new TaskRunner(
    // Nothing else is asked for here.
    table as TaskTable,
    (message) => said.push(message),
    () => clock.now,
  );
  return { tasks, said, clock };
}

test('a task is answered once, with its result', async () => {
  const { tasks, said } = runner(async () => undefined);
  await tasks.run(7, { do: 'sync' });
  expect(said).toEqual([{ type: 'task-done', id: 7, result: undefined }]);
});

test('what went wrong is told with a code: refused, of the lab, or a mistake', async () => {
  const failures = [new TaskRefused('not now'), new StoreError('quota', 'no room'), new Error('oops')];
  for (const [i, code] of ['refused', 'quota', 'internal'].entries()) {
    const { tasks, said } = runner(() => Promise.reject(failures[i]));
    await tasks.run(1, { do: 'sync' });
    expect(said).toEqual([{ type: 'task-failed', id: 1, code, message: failures[i]?.message }]);
  }
});

test('a task that is given up ends as cancelled; one that has ended does not end again', async () => {
  const { tasks, said } = runner(
    ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  );
  const done = tasks.run(3, { do: 'sync' });
  tasks.cancel(4);
  expect(said).toEqual([]);
  tasks.cancel(3);
  await done;
  tasks.cancel(3);
  expect(said).toEqual([{ type: 'task-failed', id: 3, code: 'cancelled', message: 'It was given up.' }]);
});

test('reports that follow each other closely are left out', async () => {
  const { tasks, said, clock } = runner(async ({ report }) => {
    for (let done = 0; done < 25; done++) {
      report({ done, total: 25, what: 'x' });
      clock.now += 10;
    }
    return undefined;
  });
  await tasks.run(1, { do: 'sync' });
  expect(said.map((message) => (message.type === 'task-progress' ? message.progress.done : message.type))).toEqual([
    0,
    10,
    20,
    'task-done',
  ]);
});

test('all that are under way with the open tree are given up at once, for a reason that each is told', async () => {
  const { tasks, said } = runner(
    ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  const import_ = { do: 'import-tree', from: new Blob(), replace: false } as const;
  const given: Task[] = [
    { do: 'sync' },
    { do: 'copy-tree', from: 'open', to: 'other' },
    { do: 'copy-tree', from: 'other', to: 'open' },
    { ...import_, name: 'other' },
  ];
  const running = given.map((task, i) => tasks.run(i + 1, task));
  tasks.cancelOn('open', new TaskCancelled('Another tab wants the tree.'));
  await Promise.all(running.slice(0, 2));
  const failed = { type: 'task-failed', code: 'cancelled', message: 'Another tab wants the tree.' };
  expect(said).toEqual([
    { ...failed, id: 1 },
    { ...failed, id: 2 },
  ]);
  // The others go on.
  for (const id of [3, 4]) tasks.cancel(id);
  await Promise.all(running);
  expect(said).toHaveLength(4);
});
