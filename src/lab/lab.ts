// The composition root: emulator, device, server, tree, log and control channel, put together without a page.

import { Emitter } from '../base/emitter.ts';
import type { Exchange } from '../base/exchange.ts';
import { bytesToString } from '../base/iov.ts';
import { attachToV86, type V86Attachment } from '../device/v86-bus.ts';
import type { DeviceObserver } from '../device/virtio-device.ts';
import { VirtioFsDevice } from '../device/virtio-fs.ts';
import type { Negotiated } from '../fs/fuse/negotiate.ts';
import { NodeTable } from '../fs/fuse/node-table.ts';
import type { NodeidOptions } from '../fs/fuse/nodeid-table.ts';
import { type Like, policyOf } from '../fs/fuse/policy.ts';
import { type Answered, FuseServer } from '../fs/fuse/server.ts';
import type { Inode } from '../fs/tree/inode.ts';
import type { Tree } from '../fs/tree/tree.ts';
import { Agent, GuestGone, type Job, type RunOptions } from './agent.ts';
import { Emulator, type Ending, type MachineImage, type P9FileSystem } from './emulator.ts';
import { LOCK_LIMITS } from './lock-limits.ts';
import type { CacheMode, Counters, FailureCode, ProcessName, Stage } from './messages.ts';
import { type RecordLimits, RecordLog } from './record-log.ts';
import { Recorder } from './recorder.ts';
import { treeFigures } from './tree-figures.ts';

export interface MachineOptions {
  image: MachineImage;
  cmdline: string;
  /** MiB. */
  memory: number;
  /** The virtio-fs tag. */
  tag: string;
  cache: CacheMode;
  writeback: boolean;
  /** Whether locks are kept by the server, in place of the guest's kernel. */
  locks?: boolean;
  /** Whose answers the server gives, in place of ours. */
  like?: Like | undefined;
  /** Whether the server takes security labels with new inodes. */
  labels?: boolean;
  /** How nodeids stand for inodes; default: stable ones. */
  nodeids?: NodeidOptions;
  /** Whether v86's own 9p (tag host9p) is there too. */
  p9?: boolean;
  /** Whether requests are recorded (default), and kept whole. */
  record?: 'off' | 'cut' | 'whole';
  limits?: RecordLimits;
}

export interface StageChange {
  stage: Stage;
  detail?: string;
  /** Whether the guest stands still for now, while something works on its tree. */
  paused?: boolean;
}

export interface Failure {
  code: FailureCode;
  message: string;
}

export type CommandEvent =
  | { event: 'begin'; shell: number; text: string; seq: number }
  | { event: 'end'; shell: number; status: number; seq: number };

/** A gap between two slices of guest time after which the guest's clock is looked after, ms. */
const BLOCKED = 500;
/** Has our guest kernel send also what it leaves out for us (guest-images/patches); harmless to others. */
const STOCK_REQUESTS = 'fuse.fewer_requests=0';
/** A step of the host's wall clock against its monotonic one that the guest is told of, ms. */
const STEPPED = 50;

export class Lab {
  readonly tree: Tree;
  readonly server: FuseServer;
  readonly device: VirtioFsDevice;
  readonly agent: Agent;
  readonly recorder: Recorder;
  readonly log: RecordLog;

  readonly stages = new Emitter<StageChange>();
  readonly failures = new Emitter<Failure>();
  /** The terminal's output. */
  readonly console = new Emitter<Uint8Array>();
  /** The serial line's output, in slices. */
  readonly serial = new Emitter<Uint8Array>();
  readonly processes = new Emitter<ProcessName>();
  readonly commands = new Emitter<CommandEvent>();
  /** What the guest's init did with the mount. */
  readonly mounted = new Emitter<string>();
  /** The device's session with a guest began (INIT was answered). */
  readonly sessions = new Emitter<void>();

  /** What the first session agreed on, once there was one. */
  negotiated: Negotiated | undefined;
  /** The last stage. */
  stage: StageChange = { stage: 'stopped' };
  private readonly options: MachineOptions;
  private readonly names = new Map<number, string>();
  private emulator: Emulator | undefined;
  private attachment: V86Attachment | undefined;
  private p9: boolean | P9FileSystem;
  private serialBytes = new Uint8Array(4096);
  private serialLength = 0;
  private lastSlice = 0;
  private wallOffset = 0;
  private size: [cols: number, rows: number] = [80, 25];
  private sessionOpen = false;
  private shuttingDown = false;
  private ended = false;
  /** Those who had the guest stand still and have not let it go on. */
  private pauses = 0;
  /** Of those who wait until every request is answered: called after each reply. */
  private onReply: (() => void)[] = [];
  /** Counts starts, so that a boot that was overtaken by another ends there. */
  private boots = 0;

  constructor(tree: Tree, options: MachineOptions) {
    this.tree = tree;
    this.options = options;
    this.p9 = options.p9 ?? false;
    this.log = new RecordLog(options.limits);
    this.recorder = new Recorder(this.log);
    this.recorder.enabled = options.record !== 'off';
    this.recorder.whole = options.record === 'whole';
    this.server = new FuseServer({
      tree,
      policy: policyOf(options),
      nodeids: options.nodeids ?? {},
      observer: { answered: (exchange, answer) => this.answered(exchange, answer) },
      lockLimits: LOCK_LIMITS,
    });
    const { recorder } = this;
    const observer: DeviceObserver = {
      taken: (exchange, availIndex, available, taken) => recorder.taken(exchange, availIndex, available, taken),
      used: (exchange, _length, usedIndex, interrupted, at) => {
        recorder.used(exchange, usedIndex, interrupted, at);
        if (this.onReply.length > 0) this.replied();
      },
      queueReset: (queue) => recorder.reset(queue),
      reset: () => {
        recorder.reset();
        if (this.onReply.length > 0) this.replied();
      },
      broken: (reason) => this.fail('device-broken', `The guest's virtio ring is broken: ${reason}.`),
    };
    this.device = new VirtioFsDevice({
      tag: bytesToString(new TextEncoder().encode(options.tag)),
      handler: this.server,
      observer,
    });
    this.agent = new Agent((bytes) => this.emulator?.sendControl(bytes), {
      onStart: () => this.emulator?.dropControl(),
      onLost: (reason) => this.fail('internal', `The control channel is lost: ${reason}.`),
      onHello: () => {
        this.setTime();
        this.change('ready');
      },
      onMounted: (line) => {
        this.mounted.emit(line);
        this.change('ready', line);
      },
      onProcess: (pid, name) => this.name(pid, name),
      onFork: (parent, child) => this.name(child, this.names.get(parent) ?? ''),
      onProcessExit: (pid) => void this.names.delete(pid),
      onPromptBegin: (shell, text) => this.commands.emit({ event: 'begin', shell, text, seq: this.recorder.nextSeq }),
      onPromptEnd: (shell, status) => this.commands.emit({ event: 'end', shell, status, seq: this.recorder.nextSeq }),
    });
  }

  /** Boots a fresh emulator on the device and the tree. Rejects where there is no emulator to be had. */
  async boot(): Promise<void> {
    const { options } = this;
    const turn = ++this.boots;
    this.shuttingDown = false;
    this.change('booting');
    const current = (): boolean => turn === this.boots && !this.ended;
    const emulator = await Emulator.create({
      image: options.image,
      cmdline: options.like === undefined ? options.cmdline : `${options.cmdline} ${STOCK_REQUESTS}`,
      memory: options.memory,
      p9: this.p9,
      plug: (v86) => {
        if (!current()) return;
        this.attachment = attachToV86(v86, this.device);
        this.recorder.memory = this.attachment.memory;
      },
      onConsole: (bytes) => this.console.emit(bytes),
      onControl: (bytes) => this.agent.receive(bytes),
      onSerial: (byte) => this.gatherSerial(byte),
      onSlice: () => this.afterSlice(),
      onEnd: (ending) => this.end(ending),
    });
    if (!current()) {
      emulator.destroy();
      return;
    }
    this.emulator = emulator;
    emulator.resize(...this.size);
    this.lastSlice = performance.now();
    if (this.pauses > 0) emulator.pause();
    emulator.run();
  }

  /**
   * Has the guest stand still, its clock too. Resolves when every request is answered but those that wait for a lock:
   * from then on nothing changes the tree, until as many calls of resume() as of this one. A machine that is started
   * meanwhile stands still too.
   */
  async pause(): Promise<void> {
    if (this.pauses++ === 0) {
      this.emulator?.pause();
      this.stages.emit({ ...this.stage, paused: true });
    }
    while (!this.quiet()) await new Promise<void>((resolve) => this.onReply.push(resolve));
  }

  private replied(): void {
    const waiting = this.onReply;
    this.onReply = [];
    for (const resolve of waiting) resolve();
  }

  /** Lets the guest go on, and sets its clock. */
  resume(): void {
    if (this.pauses === 0 || --this.pauses > 0) return;
    this.setTime();
    this.emulator?.resume();
    this.stages.emit(this.stage);
  }

  private quiet(): boolean {
    const inFlight = this.device.state().queues.reduce((sum, queue) => sum + queue.inFlight, 0);
    return inFlight <= this.server.session.locks.waiting;
  }

  /** A fresh emulator whatever the guest is doing, like a reset button. */
  async restart(): Promise<void> {
    this.change('rebooting');
    this.unplug('the guest was restarted');
    await this.boot();
  }

  /** Asks the guest to power off; asked again while it does, or without an agent to ask, the power is cut. */
  powerOff(): void {
    if (this.emulator === undefined) return;
    if (this.agent.ready && !this.shuttingDown) {
      this.shuttingDown = true;
      this.agent.run('poweroff').done.catch((error: unknown) => {
        // The guest goes away under this job: that is its purpose.
        if (!(error instanceof GuestGone)) this.crash(error);
      });
      return;
    }
    this.end({ how: 'halt' });
  }

  ctrlAltDel(): void {
    this.emulator?.ctrlAltDel();
  }

  /** Typed into the terminal. */
  input(bytes: Uint8Array): void {
    this.emulator?.sendConsole(bytes);
  }

  /** Typed into the serial line. */
  serialInput(bytes: Uint8Array): void {
    this.emulator?.sendSerial(bytes);
  }

  resize(cols: number, rows: number): void {
    this.size = [cols, rows];
    this.emulator?.resize(cols, rows);
  }

  /** Runs a shell script in /mnt/lab of the guest, now or when its agent is up. */
  run(script: string | Uint8Array, options?: RunOptions): Job {
    return this.agent.run(script, options);
  }

  /** Ends the emulator for good. The tree stays open: it belongs to whoever opened it. */
  close(): void {
    if (this.ended) return;
    this.unplug('the lab was closed');
    this.ended = true;
    this.pauses = 0;
    this.change('stopped');
  }

  counters(): Omit<Counters, 'requestsPerSecond'> {
    const { tree, server, device } = this;
    const state = device.state();
    return {
      requests: state.taken,
      cachedInodes: server.session.nodes.size,
      handles: server.session.handles.size,
      ...treeFigures(tree),
      interrupts: state.interrupts,
      pending: state.queues.reduce((sum, queue) => sum + queue.inFlight, 0),
    };
  }

  /** What the guest calls inodes, as of now; undefined for those that a table of nodeids has not given it. */
  nodeids(): (inode: Inode) => number | undefined {
    const { nodes } = this.server.session;
    if (nodes instanceof NodeTable) return (inode) => nodes.offer(inode);
    const known = new Map<number, number>();
    for (const { inode, nodeid } of nodes.entries()) if (inode) known.set(inode.ino, nodeid);
    return ({ ino }) => known.get(ino);
  }

  private answered(exchange: Exchange, answer: Readonly<Answered>): void {
    this.recorder.answered(exchange, answer);
    const { open } = this.server.session;
    if (open === this.sessionOpen) return;
    this.sessionOpen = open;
    if (open) {
      this.negotiated ??= this.server.session.negotiated;
      this.sessions.emit();
      if (this.stage.stage === 'booting') this.change('mounted');
    }
  }

  private name(pid: number, name: string): void {
    this.names.set(pid, name);
    this.processes.emit({ pid, name, seq: this.recorder.nextSeq });
  }

  private gatherSerial(byte: number): void {
    if (this.serialLength === this.serialBytes.length) this.flushSerial();
    this.serialBytes[this.serialLength++] = byte;
  }

  private flushSerial(): void {
    if (this.serialLength === 0) return;
    const bytes = this.serialBytes.slice(0, this.serialLength);
    this.serialLength = 0;
    this.serial.emit(bytes);
  }

  /** After a stall of this thread, or a step of the host's clock, the guest's clock is set. */
  private afterSlice(): void {
    if (this.serialLength > 0) this.flushSerial();
    const now = performance.now();
    const gap = now - this.lastSlice;
    this.lastSlice = now;
    if (gap > BLOCKED || (gap > 1 && Math.abs(Date.now() - now - this.wallOffset) > STEPPED)) this.setTime();
  }

  private setTime(): void {
    const now = Date.now();
    this.wallOffset = now - performance.now();
    this.agent.setTime(now);
  }

  private end(ending: Ending): void {
    this.flushSerial();
    switch (ending.how) {
      case 'reset':
        this.change('rebooting');
        this.unplug('the guest rebooted');
        this.boot().catch((error: unknown) => this.crash(error));
        return;
      case 'halt':
        this.unplug('the guest was powered off');
        this.change('powered-off');
        return;
      case 'crash':
        this.crash(ending.error);
        return;
    }
  }

  private crash(error: unknown): void {
    this.unplug('the emulator failed');
    const message = error instanceof Error ? error.message : String(error);
    this.fail('emulator', `The emulator failed: ${message}`);
    this.change('stopped', message);
  }

  /** Takes the machine away: the device is reset, so the session is over and answers that come late are dropped. */
  private unplug(reason: string): void {
    this.boots++;
    this.p9 = this.emulator?.p9 ?? this.p9;
    this.attachment?.detach();
    this.attachment = undefined;
    this.device.reset();
    this.sessionOpen = false;
    this.emulator?.destroy();
    this.emulator = undefined;
    this.names.clear();
    this.agent.reset(reason);
  }

  private change(stage: Stage, detail?: string): void {
    this.stage = detail === undefined ? { stage } : { stage, detail };
    this.stages.emit(this.pauses > 0 ? { ...this.stage, paused: true } : this.stage);
  }

  private fail(code: FailureCode, message: string): void {
    this.failures.emit({ code, message });
  }
}
