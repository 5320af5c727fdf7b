// A task that takes its time, as the page shows it: what it is at, how far it is, and a way to give it up.
import { type Signal, signal } from '@preact/signals';
import type { Progress, Task, TaskName, TaskResult } from '../lab/messages.ts';
import { formatBytes, formatCount } from './format.ts';
import type { Lab } from './lab-client.ts';

export interface Work {
  readonly title: string;
  /** What progress is counted in. */
  readonly unit: 'bytes' | 'count';
  readonly progress: Signal<Progress | undefined>;
  cancel(): void;
}

export interface Running<Result> {
  work: Work;
  done: Promise<Result>;
}

/** Has the worker do a task that can be given up. `done` rejects with TaskError. */
export function begin<Name extends TaskName>(
  lab: Lab,
  task: Task<Name>,
  title: string,
  unit: Work['unit'] = 'bytes',
): Running<TaskResult<Name>> {
  const controller = new AbortController();
  const progress = signal<Progress | undefined>(undefined);
  const done = lab.task(task, {
    signal: controller.signal,
    onProgress: (now) => {
      progress.value = now;
    },
  });
  return { work: { title, unit, progress, cancel: () => controller.abort() }, done };
}

const amount = (count: number, unit: Work['unit']): string =>
  unit === 'bytes' ? formatBytes(count) : formatCount(count);

/** `3.20 MiB of 40.0 MiB · 8 %` */
function howFar({ done, total }: Progress, unit: Work['unit']): string {
  if (total === undefined) return amount(done, unit);
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
  return `${amount(done, unit)} of ${amount(total, unit)} · ${percent} %`;
}

/** Said while a task has the guest stand still. */
export const PAUSED = 'the guest stands still meanwhile';

export function WorkBar({ work, note }: { work: Work; note: string | undefined }) {
  const progress = work.progress.value;
  const { done = 0, total } = progress ?? {};
  const percent = total === undefined ? undefined : total === 0 ? 100 : Math.floor((done / total) * 100);
  return (
    <div class="work">
      <div class="work-words">
        <p>
          <strong>{work.title}</strong>
          {progress !== undefined && progress.what !== '' && <span class="what"> {progress.what}</span>}
        </p>
        <p class="small">
          {progress === undefined ? 'Begins…' : howFar(progress, work.unit)}
          {note !== undefined && ` · ${note}`}
        </p>
      </div>
      <button type="button" onClick={() => work.cancel()}>
        Cancel
      </button>
      <div
        class={`bar ${percent === undefined ? 'busy' : ''}`}
        role="progressbar"
        aria-label={work.title}
        aria-valuenow={percent}
        aria-valuemin={0}
        aria-valuemax={100}
      >
        {percent !== undefined && <div style={{ width: `${percent}%` }} />}
      </div>
    </div>
  );
}
