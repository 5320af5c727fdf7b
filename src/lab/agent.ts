// The lab's end of the control channel: runs scripts in the guest, sets its clock, hears of processes and prompts.
import { bytesToString } from '../base/iov.ts';
import { encodeFrame, type Frame, FrameDecoder, FromGuest, PREAMBLE, ToGuest } from './frames.ts';

/** Version of the channel that this end speaks. */
export const AGENT_VERSION = 1;
/** The agent hands a script to `sh -c` as one argument. */
export const MAX_SCRIPT = 120 * 1024;

export interface AgentEvents {
  /** An agent started: what is still queued for one before it must not reach it. */
  onStart(): void;
  /** The agent said what makes no sense: nothing can be run until another one starts. */
  onLost(reason: string): void;
  /** The agent is up: after each boot, and after it was started again. */
  onHello(kernelRelease: string): void;
  /** What the guest's init did with the mount, one line. */
  onMounted(line: string): void;
  /** A process (or thread) has this name from now on. Name: a string of bytes. */
  onProcess(pid: number, name: string): void;
  onFork(parent: number, child: number): void;
  onProcessExit(pid: number): void;
  onPromptBegin(shell: number, command: string): void;
  onPromptEnd(shell: number, status: number): void;
}

export interface JobResult {
  /** As a shell has it: 0-255, or 128 + signal. */
  status: number;
  stdout: Uint8Array;
  stderr: Uint8Array;
}

export interface RunOptions {
  /** Gets output as it comes; what it takes is not gathered in the result. */
  onOutput?: (stream: 1 | 2, bytes: Uint8Array) => void;
  /** Bytes for the script's standard input; without it that is /dev/null. */
  stdin?: Uint8Array;
}

/** The guest went away (reboot, power off, crash) or its agent did while a script ran. */
export class GuestGone extends Error {
  override readonly name = 'GuestGone';
}

/** A script in the guest. */
export class Job {
  readonly id: number;
  /** Resolves when the script has ended and its output was read. Rejects with GuestGone. */
  readonly done: Promise<JobResult>;
  private readonly agent: Agent;

  constructor(agent: Agent, id: number, done: Promise<JobResult>) {
    this.agent = agent;
    this.id = id;
    this.done = done;
  }

  /** Sends a signal to the script's process group. */
  kill(signal: number): void {
    this.agent.post(ToGuest.KILL, 0, this.id, Uint8Array.of(signal));
  }
}

interface Running {
  onOutput: ((stream: 1 | 2, bytes: Uint8Array) => void) | undefined;
  output: [Uint8Array[], Uint8Array[]];
  resolve(result: JobResult): void;
  reject(error: GuestGone): void;
}

/** Bytes that a frame has at least, by type. */
const SHORTEST: ReadonlyMap<number, number> = new Map([
  [FromGuest.HELLO, 4],
  [FromGuest.EXIT, 4],
  [FromGuest.PROC, 4],
  [FromGuest.FORK, 8],
  [FromGuest.PROCEXIT, 4],
  [FromGuest.PROMPT_BEGIN, 4],
  [FromGuest.PROMPT_END, 8],
]);

const STDIN_CHUNK = 32 * 1024;

export class Agent {
  private readonly transmit: (bytes: Uint8Array) => void;
  private readonly events: AgentEvents;
  private readonly decoder = new FrameDecoder();
  private readonly jobs = new Map<number, Running>();
  private lastId = 0;
  private up = false;
  /** A preamble came, its HELLO has not: the agent takes nothing before it has ours. */
  private starting = false;
  /** Frames for an agent that is not up yet: before HELLO the line is not raw and would echo them. */
  private waiting: Uint8Array[] = [];

  constructor(transmit: (bytes: Uint8Array) => void, events: AgentEvents) {
    this.transmit = transmit;
    this.events = events;
  }

  /** Whether the agent has said hello since the last boot. */
  get ready(): boolean {
    return this.up;
  }

  /** Runs a shell script (UTF-8, or a string of bytes given as bytes) in /mnt/lab. Starts when the agent is up. */
  run(script: string | Uint8Array, options: RunOptions = {}): Job {
    const bytes = typeof script === 'string' ? new TextEncoder().encode(script) : script;
    if (bytes.length > MAX_SCRIPT) {
      throw new RangeError(`the script has ${bytes.length} bytes; the guest's agent takes ${MAX_SCRIPT}`);
    }
    if (bytes.includes(0)) throw new RangeError('the script has a NUL byte, which no shell argument can hold');
    const id = this.freeId();
    const done = new Promise<JobResult>((resolve, reject) => {
      this.jobs.set(id, { onOutput: options.onOutput, output: [[], []], resolve, reject });
    });
    this.post(ToGuest.RUN, options.stdin === undefined ? 0 : 1, id, bytes);
    if (options.stdin !== undefined) {
      for (let at = 0; at < options.stdin.length; at += STDIN_CHUNK) {
        this.post(ToGuest.STDIN, 0, id, options.stdin.subarray(at, at + STDIN_CHUNK));
      }
      this.post(ToGuest.STDIN, 0, id, new Uint8Array(0));
    }
    return new Job(this, id, done);
  }

  /** Sets the guest's clock, where it differs by more than the agent tolerates. `epochMs` in ms since 1970. */
  setTime(epochMs: number): void {
    if (!this.up) return;
    const payload = new Uint8Array(8);
    new DataView(payload.buffer).setBigUint64(0, BigInt(Math.round(epochMs * 1000)) * 1000n, true);
    this.post(ToGuest.TIME, 0, 0, payload);
  }

  /** Sends a frame, or keeps it until the agent is up. */
  post(type: number, stream: number, id: number, payload: Uint8Array): void {
    const frame = encodeFrame(type, stream, id, payload);
    if (this.up) this.transmit(frame);
    else this.waiting.push(frame);
  }

  /** Bytes that came over the control channel. Whatever they are, nothing is thrown: this is called by the emulator. */
  receive(bytes: Uint8Array): void {
    this.decoder.push(
      bytes,
      (frame) => this.take(frame),
      () => this.started(),
      (reason) => this.lose(reason),
    );
  }

  /** The guest is gone: what ran there ends with GuestGone. */
  reset(reason: string): void {
    this.up = false;
    this.starting = false;
    this.waiting = [];
    this.decoder.reset();
    this.endAll(reason);
  }

  private started(): void {
    this.starting = true;
    // An agent that was started again knows nothing of what ran under the one before.
    if (this.up) this.endAll("the guest's agent was started again");
    this.up = false;
    this.events.onStart();
  }

  /** The channel is out of step: what ran is lost, and only the preamble of another agent is listened for. */
  private lose(reason: string): void {
    this.reset(reason);
    this.decoder.skip();
    this.events.onLost(reason);
  }

  private endAll(reason: string): void {
    const jobs = [...this.jobs.values()];
    this.jobs.clear();
    for (const job of jobs) job.reject(new GuestGone(reason));
  }

  private freeId(): number {
    do this.lastId = (this.lastId % 0xffff) + 1;
    while (this.jobs.has(this.lastId));
    return this.lastId;
  }

  private take({ type, stream, id, payload }: Frame): void {
    if (payload.length < (SHORTEST.get(type) ?? 0)) {
      this.lose(`the guest's agent sent a frame of type ${type} with ${payload.length} bytes`);
      return;
    }
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const u32 = (at: number): number => view.getUint32(at, true);
    const text = (from: number): string => bytesToString(payload.subarray(from));
    switch (type) {
      case FromGuest.HELLO:
        this.hello(u32(0), text(4));
        break;
      case FromGuest.OUT: {
        const job = this.jobs.get(id);
        if (job === undefined || (stream !== 1 && stream !== 2)) break;
        if (job.onOutput === undefined) job.output[stream - 1]?.push(payload);
        else job.onOutput(stream, payload);
        break;
      }
      case FromGuest.EXIT: {
        const job = this.jobs.get(id);
        this.jobs.delete(id);
        job?.resolve({ status: view.getInt32(0, true), stdout: join(job.output[0]), stderr: join(job.output[1]) });
        break;
      }
      case FromGuest.PROC:
        this.events.onProcess(u32(0), text(4));
        break;
      case FromGuest.FORK:
        this.events.onFork(u32(0), u32(4));
        break;
      case FromGuest.PROCEXIT:
        this.events.onProcessExit(u32(0));
        break;
      case FromGuest.PROMPT_BEGIN:
        this.events.onPromptBegin(u32(0), text(4));
        break;
      case FromGuest.PROMPT_END:
        this.events.onPromptEnd(u32(0), view.getInt32(4, true));
        break;
      case FromGuest.MOUNTED:
        this.events.onMounted(text(0));
        break;
      default:
        // A newer agent may say more than we know.
        break;
    }
  }

  private hello(version: number, release: string): void {
    if (version !== AGENT_VERSION) {
      this.lose(`the guest's agent speaks version ${version} of the control channel, this lab ${AGENT_VERSION}`);
      return;
    }
    // An agent that was started again knows nothing of what ran under the one before.
    if (this.up) this.endAll("the guest's agent was started again");
    this.up = true;
    if (this.starting) this.transmit(PREAMBLE);
    this.starting = false;
    const { waiting } = this;
    this.waiting = [];
    this.events.onHello(release);
    for (const frame of waiting) this.transmit(frame);
  }
}

function join(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
