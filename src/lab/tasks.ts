// Work that the page asks for and that takes its time: with progress, a way to give it up, and one answer each.
import { stringToBytes } from '../base/iov.ts';
import { explainFailure } from './failures.ts';
import type { FromWorker, Progress, Task, TaskFailureCode, TaskName, TaskResult } from './messages.ts';

/** A least time between two reports of one task, ms. */
const REPORT_INTERVAL = 100;

/** What a task is done with, besides what it was given. */
export interface TaskContext {
  /** Aborted with TaskCancelled when the person gives the task up. */
  readonly signal: AbortSignal;
  /** Tells how far the task is; not every report reaches the page. */
  report(progress: Progress): void;
}

const utf8 = new TextDecoder();

/** A path of a tree as progress shows it: what is no text looks like it. */
export const pathText = (path: string): string => utf8.decode(stringToBytes(path));

/** One function a task. Rejects with TaskRefused, TaskCancelled, or what explainFailure() knows. */
export type TaskTable<Names extends TaskName = TaskName> = {
  [Name in Names]: (task: Task<Name>, context: TaskContext) => Promise<TaskResult<Name>>;
};

/** The reason of the signal of a task that was given up. */
export class TaskCancelled extends Error {
  override readonly name = 'TaskCancelled';
}

/** What cannot be done; the message is for people. Nothing was changed. */
export class TaskRefused extends Error {
  override readonly name = 'TaskRefused';
}

/** Whether a task needs the open tree: by its name, or because it names none. */
function isOn(task: Task, name: string | undefined): boolean {
  const { name: on, from } = task as { name?: unknown; from?: unknown };
  return task.do === 'copy-tree' || task.do === 'rename-tree' ? from === name : on === undefined || on === name;
}

function explain(error: unknown): { code: TaskFailureCode; message: string } {
  if (error instanceof TaskCancelled) return { code: 'cancelled', message: error.message };
  if (error instanceof TaskRefused) return { code: 'refused', message: error.message };
  return explainFailure(error);
}

/** Runs the tasks, several at once where the page asks for several, and answers each exactly once. */
export class TaskRunner {
  private readonly table: TaskTable;
  private readonly post: (message: FromWorker) => void;
  private readonly now: () => number;
  private readonly running = new Map<number, { task: Task; controller: AbortController }>();

  constructor(table: TaskTable, post: (message: FromWorker) => void, now: () => number) {
    this.table = table;
    this.post = post;
    this.now = now;
  }

  /** Resolves when the task has been answered; never rejects. */
  async run(id: number, task: Task): Promise<void> {
    const controller = new AbortController();
    this.running.set(id, { task, controller });
    let reported = Number.NEGATIVE_INFINITY;
    const context: TaskContext = {
      signal: controller.signal,
      report: (progress) => {
        if (this.now() - reported < REPORT_INTERVAL) return;
        reported = this.now();
        this.post({ type: 'task-progress', id, progress });
      },
    };
    try {
      const perform = this.table[task.do] as (task: Task, context: TaskContext) => Promise<TaskResult>;
      const result = await perform(task, context);
      this.post({ type: 'task-done', id, result });
    } catch (error) {
      this.post({ type: 'task-failed', id, ...explain(error) });
    } finally {
      this.running.delete(id);
    }
  }

  cancel(id: number): void {
    this.running.get(id)?.controller.abort(new TaskCancelled('It was given up.'));
  }

  /** Gives up whatever is under way with the open tree, whose name that is; what has to do with others goes on. */
  cancelOn(name: string | undefined, reason: TaskCancelled): void {
    for (const { task, controller } of this.running.values()) {
      if (isOn(task, name)) controller.abort(reason);
    }
  }
}
