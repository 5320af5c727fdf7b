// The page's end of the lab: starts and restarts the worker, and turns what it says into signals.
import { signal } from '@preact/signals';
import type {
  Agreed,
  Counters,
  FromWorker,
  LabOptions,
  Progress,
  Stage,
  StartHow,
  Task,
  TaskFailureCode,
  TaskName,
  TaskResult,
  ToWorker,
} from '../lab/messages.ts';
import { type Failure, isPassing } from './failures.ts';
import { type FileProgress, type GuestImage, ImageLoader, LoadError } from './image-loader.ts';
import { LogModel } from './log-model.ts';

/** Where the lab is: before the worker says anything, the page loads. */
export type LabStage = 'loading' | Stage | 'failed';

const NO_COUNTERS: Counters = {
  requests: 0,
  requestsPerSecond: 0,
  cachedInodes: 0,
  handles: 0,
  bytesStored: 0,
  dirtyBytes: 0,
  availableBytes: 0,
  full: false,
  learnedLimit: undefined,
  chunkHits: 0,
  chunkMisses: 0,
  cachedBytes: 0,
  operations: 0,
  commits: 0,
  interrupts: 0,
  pending: 0,
};

/** So long a worker that is ended has to store what is dirty, ms. */
export const CLOSE_LIMIT = 5000;

/** What the terminals show. */
export interface Screens {
  /** A new worker: what they show is of no guest any more. */
  clear(): void;
  /** The guest starts again: modes that a program of before has set are undone, what it printed stays. */
  rebooted(): void;
  console(bytes: Uint8Array): void;
  serial(bytes: Uint8Array): void;
}

export interface Persistence {
  /** undefined: this browser cannot promise it. */
  persisted: boolean | undefined;
  /** The answer to the person's wish, once it was given. */
  asked: 'no' | 'granted' | 'denied';
}

/** Why a task did not do what it should. */
export class TaskError extends Error {
  override readonly name = 'TaskError';
  readonly code: TaskFailureCode;
  constructor(code: TaskFailureCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface TaskOptions {
  onProgress?: (progress: Progress) => void;
  /** Gives the task up. */
  signal?: AbortSignal;
}

/** A task that the worker has not answered yet. */
interface Waiting {
  resolve: (result: TaskResult) => void;
  reject: (error: TaskError) => void;
  onProgress: ((progress: Progress) => void) | undefined;
}

export class Lab {
  /** What the next start() is with. */
  options: LabOptions;
  /** Name of the tree that is open, or is to be. */
  readonly treeName = signal('');
  readonly stage = signal<LabStage>('loading');
  /** What the worker says of the stage: why it stopped, what init did. */
  readonly detail = signal('');
  /** Whether the guest stands still for now, while something works on its tree. */
  readonly paused = signal(false);
  readonly files = signal<readonly FileProgress[]>([]);
  readonly failure = signal<Failure | undefined>(undefined);
  /** A failure that the lab goes on after. */
  readonly warning = signal<Failure | undefined>(undefined);
  /** Whether the guest ran since the last start(), so that its terminal may say something. */
  readonly booted = signal(false);
  /** Whether it got as far as its shell. */
  readonly wasReady = signal(false);
  readonly counters = signal<Counters>(NO_COUNTERS);
  /** What the guest's last mount agreed. */
  readonly agreed = signal<Agreed | undefined>(undefined);
  readonly persistence = signal<Persistence>({ persisted: undefined, asked: 'no' });
  readonly log = new LogModel((ordinal) => this.post({ type: 'log-ack', seq: ordinal }));
  private readonly loader: ImageLoader;
  private image: GuestImage | undefined;
  private worker: Worker | undefined;
  /** Whether the worker was told to open the tree. */
  private begun = false;
  /** Counts start(), so that one that was overtaken by another ends. */
  private starts = 0;
  /** The end of the worker before. */
  private ended = Promise.resolve();
  private readonly tasks = new Map<number, Waiting>();
  private lastTask = 0;
  private screens: Screens | undefined;
  private size = { cols: 80, rows: 24 };

  constructor(options: LabOptions, loaderOptions: { base: string; wasm: { url: string; size: number } }) {
    this.options = options;
    this.treeName.value = options.tree;
    this.loader = new ImageLoader({ ...loaderOptions, onProgress: (files) => this.progressed(files) });
  }

  /** Where the guest's output goes. To be called before start(). */
  attach(screens: Screens): void {
    this.screens = screens;
  }

  /**
   * Loads, then boots, or does what else a worker is started for. Also what a retry is: whatever ran before is ended
   * first.
   */
  async start(how: StartHow = 'guest'): Promise<void> {
    const turn = ++this.starts;
    const needsGuest = how !== 'read-only' && how !== 'none';
    this.failure.value = undefined;
    this.warning.value = undefined;
    this.detail.value = '';
    this.paused.value = false;
    this.booted.value = false;
    this.wasReady.value = false;
    this.screens?.clear();
    this.stage.value = 'loading';
    this.counters.value = NO_COUNTERS;
    this.agreed.value = undefined;
    this.log.restart();
    await this.end();
    if (turn !== this.starts) return;
    const unable = whatIsMissing();
    if (unable) return this.fail(unable);
    // The worker's own program loads meanwhile; from then on nothing needs the network.
    const worker = this.startWorker();
    try {
      if (needsGuest) this.image ??= await this.loader.load();
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      if (this.worker === worker) this.fail({ code: error.code, detail: error.message, file: error.file });
      return;
    }
    if (this.worker !== worker) return;
    this.stage.value = 'opening-tree';
    const { assets, cmdline } = this.image ?? { assets: undefined, cmdline: '' };
    this.begun = true;
    // Copied, not transferred: a retry needs them again.
    this.post({ type: 'start', how, assets: needsGuest ? assets : undefined, cmdline, options: this.options });
    this.post({ type: 'resize', ...this.size });
    await this.tellQuota();
  }

  input(bytes: Uint8Array): void {
    this.post({ type: 'input', bytes });
  }

  resize(cols: number, rows: number): void {
    this.size = { cols, rows };
    this.post({ type: 'resize', cols, rows });
  }

  restart(): void {
    this.post({ type: 'restart' });
  }

  powerOff(): void {
    this.post({ type: 'power-off' });
  }

  ctrlAltDel(): void {
    this.post({ type: 'ctrl-alt-del' });
  }

  /** Has the worker do something. Rejects with TaskError, also where the worker ends before it was done. */
  task<Name extends TaskName>(task: Task<Name>, { onProgress, signal }: TaskOptions = {}): Promise<TaskResult<Name>> {
    const id = ++this.lastTask;
    const { worker } = this;
    if (worker === undefined) return Promise.reject(new TaskError('refused', 'The lab is not running.'));
    return new Promise((resolve, reject) => {
      this.tasks.set(id, { resolve: resolve as Waiting['resolve'], reject, onProgress });
      this.post({ type: 'task', id, task: task as Task });
      const cancel = (): void => this.post({ type: 'cancel', id });
      if (signal?.aborted) cancel();
      else signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  /** Does something to a tree that may not be open: ends the guest, and starts it again afterwards. */
  async withoutTree<T>(body: () => Promise<T>): Promise<T> {
    await this.start('none');
    try {
      return await body();
    } finally {
      void this.start();
    }
  }

  /** The tree that is open is called otherwise now. */
  renamed(tree: string): void {
    this.options = { ...this.options, tree };
    this.treeName.value = tree;
  }

  private tasksLost(): void {
    for (const { reject } of this.tasks.values()) reject(new TaskError('cancelled', 'The lab was ended.'));
    this.tasks.clear();
  }

  /** The page goes out of sight, perhaps for ever. */
  commitNow(): void {
    this.post({ type: 'commit-now' });
  }

  /** Asks the browser to keep the files when the disk is low. Only after a click: Firefox asks the person. */
  async persist(): Promise<void> {
    const granted = await navigator.storage.persist();
    this.persistence.value = { persisted: granted, asked: granted ? 'granted' : 'denied' };
    await this.tellQuota();
  }

  private async tellQuota(): Promise<void> {
    // Browsers have it only over https and from localhost.
    const storage: StorageManager | undefined = navigator.storage;
    if (storage?.persisted === undefined) return;
    const persisted = await storage.persisted();
    this.persistence.value = { ...this.persistence.value, persisted };
    const { quota, usage } = await storage.estimate();
    this.post({ type: 'quota', quota, usage, persisted });
  }

  private startWorker(): Worker {
    const worker = new Worker(new URL('../lab/worker.ts', import.meta.url), { type: 'module', name: 'lab' });
    this.worker = worker;
    this.begun = false;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      // A program that could not be loaded gives an error without a message.
      if (event.message)
        this.fail({ code: 'worker-crashed', detail: `${event.message} (${event.filename}:${event.lineno})` });
      else this.fail({ code: 'download', detail: 'the worker did not load', file: 'The lab’s worker' });
    };
    worker.onmessageerror = () => this.fail({ code: 'worker-crashed', detail: 'a message could not be read' });
    return worker;
  }

  private take(message: FromWorker): void {
    switch (message.type) {
      case 'hello':
        this.log.timeOrigin = message.timeOrigin;
        break;
      case 'stage':
        this.paused.value = message.paused ?? false;
        this.stageChanged(message.stage, message.detail ?? '');
        break;
      case 'failed':
        this.fail({ code: message.code, detail: message.message });
        break;
      case 'stored':
        if (this.warning.value !== undefined && isPassing(this.warning.value)) this.warning.value = undefined;
        break;
      case 'console':
        this.screens?.console(message.bytes);
        break;
      case 'serial':
        this.screens?.serial(message.bytes);
        break;
      case 'log':
        this.log.append(message);
        break;
      case 'processes':
        this.log.processes.add(message.names);
        this.log.changed();
        break;
      case 'command':
        if (message.event === 'begin') this.log.commands.begin(message.shell, message.text, message.seq);
        else this.log.commands.end(message.shell, message.status, message.seq);
        this.log.changed();
        break;
      case 'task-progress':
        this.tasks.get(message.id)?.onProgress?.(message.progress);
        break;
      case 'task-done':
        this.tasks.get(message.id)?.resolve(message.result);
        this.tasks.delete(message.id);
        break;
      case 'task-failed':
        this.tasks.get(message.id)?.reject(new TaskError(message.code, message.message));
        this.tasks.delete(message.id);
        break;
      case 'counters':
        this.counters.value = message.counters;
        break;
      case 'agreed':
        this.agreed.value = message.agreed;
        break;
    }
  }

  private stageChanged(stage: Stage, detail: string): void {
    if (stage === 'rebooting' || stage === 'powered-off' || stage === 'stopped') this.log.guestEnded();
    this.booted.value ||= stage === 'booting';
    this.wasReady.value ||= stage === 'ready';
    if (stage === 'rebooting') this.screens?.rebooted();
    this.stage.value = stage;
    this.detail.value = detail;
  }

  private fail(failure: Failure): void {
    if (isPassing(failure) && this.stage.value !== 'opening-tree') {
      this.warning.value = failure;
      return;
    }
    // The first one is the cause of those that follow.
    this.failure.value ??= failure;
    this.stage.value = 'failed';
  }

  private progressed(files: readonly FileProgress[]): void {
    this.files.value = files;
  }

  private post(message: ToWorker): void {
    this.worker?.postMessage(message);
  }

  /** Resolves when no worker is left. */
  private end(): Promise<void> {
    const { worker } = this;
    if (worker === undefined) return this.ended;
    this.worker = undefined;
    this.tasksLost();
    this.ended = this.close(worker);
    return this.ended;
  }

  /** Ends the worker, which may store what is dirty first. Nothing that it says meanwhile is of interest. */
  private async close(worker: Worker): Promise<void> {
    worker.onerror = null;
    if (this.begun) {
      await new Promise<void>((resolve) => {
        const limit = setTimeout(resolve, CLOSE_LIMIT);
        worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
          if (data.type !== 'closed') return;
          clearTimeout(limit);
          resolve();
        };
        worker.postMessage({ type: 'close' } satisfies ToWorker);
      });
    }
    worker.terminate();
  }
}

function whatIsMissing(): Failure | undefined {
  if (typeof WebAssembly !== 'object') return { code: 'no-wasm', detail: 'WebAssembly is not defined' };
  if (!hasModuleWorkers()) return { code: 'no-module-workers', detail: 'new Worker() does not know type: module' };
  return undefined;
}

/** A browser that knows the option looks at it; whether the worker then starts does not matter. */
function hasModuleWorkers(): boolean {
  let looked = false;
  const probe = {
    get type(): WorkerType {
      looked = true;
      return 'module';
    },
  };
  try {
    new Worker('data:text/javascript,', probe).terminate();
  } catch {
    // Refused for another reason; `looked` has the answer.
  }
  return looked;
}
