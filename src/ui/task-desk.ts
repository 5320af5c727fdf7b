// Tasks that a panel has done, one at a time: shown while they run, their outcome told in words.
import { signal } from '@preact/signals';
import type { Task, TaskName, TaskResult } from '../lab/messages.ts';
import { type Lab, TaskError } from './lab-client.ts';
import { begin, type Work } from './work.tsx';

/** How something ended. */
export interface Outcome {
  kind: 'info' | 'warning';
  text: string;
  /** What it concerns, one a line. */
  details: readonly string[];
}

export class TaskDesk {
  readonly work = signal<Work | undefined>(undefined);
  readonly outcome = signal<Outcome | undefined>(undefined);
  protected readonly lab: Lab;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  get busy(): boolean {
    return this.work.value !== undefined;
  }

  /** Does a task, shown while it runs. Undefined where it failed, which is told. */
  protected async run<Name extends TaskName>(
    task: Task<Name>,
    title: string,
    unit: Work['unit'] = 'bytes',
  ): Promise<{ result: TaskResult<Name> } | undefined> {
    const { work, done } = begin(this.lab, task, title, unit);
    this.outcome.value = undefined;
    this.work.value = work;
    try {
      return { result: await done };
    } catch (error) {
      this.failed(title, error);
      return undefined;
    } finally {
      this.work.value = undefined;
    }
  }

  /** Tells why something failed. Throws what is a mistake of ours. */
  protected failed(title: string, error: unknown): void {
    if (!(error instanceof TaskError || error instanceof DOMException)) throw error;
    const text = error instanceof TaskError && error.code === 'cancelled' ? 'given up.' : error.message;
    this.outcome.value = { kind: 'warning', text: `${title}: ${text}`, details: [] };
  }
}
