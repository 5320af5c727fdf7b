// A guest in this process, for tests, benchmarks and the command: boots, runs scripts, is waited for by events.
import type { Emitter } from '../../base/emitter.ts';
import type { VirtioFsDevice } from '../../device/virtio-fs.ts';
import type { NodeidOptions } from '../../fs/fuse/nodeid-table.ts';
import type { FuseServer } from '../../fs/fuse/server.ts';
import { MemoryStore } from '../../fs/store/memory-store.ts';
import type { Store } from '../../fs/tree/store.ts';
import { Tree } from '../../fs/tree/tree.ts';
import type { RunOptions } from '../agent.ts';
import { type Failure, Lab, type MachineOptions, type StageChange } from '../lab.ts';
import type { CacheMode } from '../messages.ts';
import { decode, type LogRecord, recordOffsets } from '../record.ts';
import { findImage, type ImageChoice } from './image.ts';
import { type TreeChoice, treeOptionsOf } from './lab-tree.ts';

export interface GuestMachineOptions extends TreeChoice {
  image?: ImageChoice;
  /** Words added to the kernel command line. */
  append?: string;
  /** MiB, default 128. */
  memory?: number;
  cache?: CacheMode;
  writeback?: boolean;
  locks?: boolean;
  labels?: boolean;
  nodeids?: NodeidOptions;
  tag?: string;
  /** Where the tree is kept; default: in memory. */
  store?: Store;
  /** Called with the opened tree before the guest boots. */
  prepare?: (tree: Tree) => Promise<void> | void;
  /** v86's own 9p too, tag host9p. */
  p9?: boolean;
  record?: 'off' | 'cut' | 'whole';
  /** Ends the boot where it is: bootGuest rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface ScriptResult {
  status: number;
  /** Output decoded as UTF-8. */
  stdout: string;
  stderr: string;
}

/** The guest ended, or the lab failed, while something was waited for. */
export class MachineEnded extends Error {
  override readonly name = 'MachineEnded';
}

/** Boots a guest and resolves when its first instruction runs. */
export async function bootGuest(options: GuestMachineOptions = {}): Promise<GuestMachine> {
  const found = await findImage(options.image, options.signal);
  options.signal?.throwIfAborted();
  const tag = options.tag ?? 'lab';
  const words = [found.cmdline, tag === 'lab' ? '' : `lab.tag=${tag}`, options.append ?? ''];
  const tree = await Tree.open(options.store ?? new MemoryStore(), treeOptionsOf(options));
  try {
    await options.prepare?.(tree);
    options.signal?.throwIfAborted();
    const machine = new GuestMachine(tree, {
      image: found.image,
      cmdline: words.filter((word) => word !== '').join(' '),
      memory: options.memory ?? 128,
      tag,
      cache: options.cache ?? 'auto',
      writeback: options.writeback ?? false,
      locks: options.locks ?? false,
      labels: options.labels ?? false,
      like: options.like,
      nodeids: options.nodeids ?? {},
      p9: options.p9 ?? false,
      record: options.record ?? 'cut',
    });
    await machine.lab.boot();
    return machine;
  } catch (error) {
    await tree.close();
    throw error;
  }
}

/** How far back a pattern is looked for when more was said, so that a long transcript is not read again each time. */
const WINDOW = 64 * 1024;

/** What a console said, gathered so that what was said before one asks is found too. */
class Transcript {
  text = '';

  /** The last lines: at least WINDOW characters and what came with the last `fresh` ones. */
  recent(fresh: number): string {
    const from = this.text.length - fresh - WINDOW;
    return from <= 0 ? this.text : this.text.slice(this.text.indexOf('\n', from) + 1);
  }

  constructor(source: Emitter<Uint8Array>) {
    const decoder = new TextDecoder();
    source.on((bytes) => {
      this.text += decoder.decode(bytes, { stream: true });
      if (this.text.length > 4 << 20) this.text = this.text.slice(-(2 << 20));
    });
  }
}

export class GuestMachine {
  readonly lab: Lab;
  readonly tree: Tree;
  readonly server: FuseServer;
  readonly device: VirtioFsDevice;
  /** Reboots of the guest so far. */
  reboots = 0;
  private readonly terminalText: Transcript;
  private readonly serialText: Transcript;
  private failure: Failure | undefined;

  constructor(tree: Tree, options: MachineOptions) {
    this.tree = tree;
    this.lab = new Lab(tree, options);
    this.server = this.lab.server;
    this.device = this.lab.device;
    this.terminalText = new Transcript(this.lab.console);
    this.serialText = new Transcript(this.lab.serial);
    this.lab.stages.on(({ stage }) => {
      if (stage === 'rebooting') this.reboots++;
    });
    this.lab.failures.on((failure) => {
      this.failure ??= failure;
    });
  }

  /** What the terminal (hvc0) showed, the last megabytes of it. */
  get terminal(): string {
    return this.terminalText.text;
  }

  /** What came over the serial line. */
  get serial(): string {
    return this.serialText.text;
  }

  /** Runs a shell script in /mnt/lab, when the guest's agent is up. Rejects with GuestGone when the guest goes away. */
  async run(script: string | Uint8Array, options?: RunOptions): Promise<ScriptResult> {
    const result = await this.lab.run(script, options).done;
    const text = new TextDecoder();
    return { status: result.status, stdout: text.decode(result.stdout), stderr: text.decode(result.stderr) };
  }

  /** Types into the terminal. */
  type(text: string): void {
    this.lab.input(new TextEncoder().encode(text));
  }

  /** Resolves at the next stage that `wanted` accepts, the present one included. Rejects when the machine ends. */
  waitForStage(wanted: (change: StageChange) => boolean): Promise<StageChange> {
    return new Promise((resolve, reject) => {
      if (wanted(this.lab.stage)) return resolve(this.lab.stage);
      const off = this.lab.stages.on((change) => {
        if (wanted(change)) {
          off();
          resolve(change);
        } else if (change.stage === 'stopped' || change.stage === 'powered-off') {
          off();
          reject(new MachineEnded(this.failure?.message ?? `the guest is ${change.stage}`));
        }
      });
    });
  }

  /** Resolves when the agent is up. */
  async ready(): Promise<void> {
    await this.waitForStage(({ stage }) => stage === 'ready');
  }

  /** Resolves with the match when the pattern appears on the terminal, or has appeared. */
  waitForTerminal(pattern: RegExp): Promise<RegExpExecArray> {
    return this.waitForText(this.lab.console, this.terminalText, pattern);
  }

  /** Likewise for the serial line. */
  waitForSerial(pattern: RegExp): Promise<RegExpExecArray> {
    return this.waitForText(this.lab.serial, this.serialText, pattern);
  }

  private waitForText(source: Emitter<Uint8Array>, said: Transcript, pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const there = pattern.exec(said.text);
      if (there !== null) return resolve(there);
      const offText = source.on((bytes) => {
        const match = pattern.exec(said.recent(bytes.length));
        if (match === null) return;
        end();
        resolve(match);
      });
      const offStage = this.lab.stages.on(({ stage }) => {
        if (stage !== 'stopped' && stage !== 'powered-off') return;
        end();
        reject(new MachineEnded(this.failure?.message ?? `the guest is ${stage}; ${pattern} did not appear`));
      });
      const end = (): void => {
        offText();
        offStage();
      };
    });
  }

  /** Takes the records out of the log that are there. */
  records(): LogRecord[] {
    const records: LogRecord[] = [];
    for (let batch = this.lab.log.take(); batch !== undefined; batch = this.lab.log.take()) {
      const view = new DataView(batch.bytes);
      for (const at of recordOffsets(view)) records.push(decode(view, at));
    }
    return records;
  }

  /** Ends the emulator and closes the tree; what is dirty is committed. */
  async close(): Promise<void> {
    this.lab.close();
    await this.tree.close();
  }
}
