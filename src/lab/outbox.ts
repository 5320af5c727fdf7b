// What the worker tells the page, gathered so that it is a few messages a second and never one a request.
import type { CommandEvent } from './lab.ts';
import type { Counters, FromWorker, ProcessName } from './messages.ts';
import type { RecordLog } from './record-log.ts';

/** ms between batches of the log. */
export const LOG_INTERVAL = 50;
/** ms that console output may wait for more of it. */
export const CONSOLE_INTERVAL = 8;
/** ms between counters. */
export const COUNTER_INTERVAL = 250;
/** Batches of the log that the page may be behind. */
const UNACKNOWLEDGED = 2;

export type Post = (message: FromWorker, transfer: ArrayBuffer[]) => void;

/** Bytes of a stream that wait to be sent together. */
class ByteQueue {
  private parts: Uint8Array[] = [];
  private length = 0;

  push(bytes: Uint8Array): void {
    this.parts.push(bytes);
    this.length += bytes.length;
  }

  take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.length === 0) return undefined;
    const whole = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      whole.set(part, at);
      at += part.length;
    }
    this.parts = [];
    this.length = 0;
    return whole;
  }
}

export class Outbox {
  private readonly post: Post;
  private readonly log: RecordLog;
  private readonly counters: () => Omit<Counters, 'requestsPerSecond'>;
  private readonly now: () => number;
  private readonly console = new ByteQueue();
  private readonly serial = new ByteQueue();
  private names: ProcessName[] = [];
  private commands: CommandEvent[] = [];
  /** Last ordinal of each batch that the page has not acknowledged. */
  private readonly sent: number[] = [];
  private lastCounters = '';
  private rateFrom: { at: number; requests: number } | undefined;

  constructor(post: Post, log: RecordLog, counters: () => Omit<Counters, 'requestsPerSecond'>, now: () => number) {
    this.post = post;
    this.log = log;
    this.counters = counters;
    this.now = now;
  }

  addConsole(bytes: Uint8Array): void {
    this.console.push(bytes);
  }

  addSerial(bytes: Uint8Array): void {
    this.serial.push(bytes);
  }

  addName(name: ProcessName): void {
    this.names.push(name);
  }

  addCommand(command: CommandEvent): void {
    this.commands.push(command);
  }

  /** The page took in every record up to this ordinal. */
  acknowledge(ordinal: number): void {
    while (this.sent.length > 0 && (this.sent[0] as number) <= ordinal) this.sent.shift();
  }

  flushConsole(): void {
    const bytes = this.console.take();
    if (bytes !== undefined) this.post({ type: 'console', bytes }, [bytes.buffer]);
  }

  /** Sends what there is; of the log no more than the page can keep up with. */
  flush(): void {
    this.flushConsole();
    const serial = this.serial.take();
    if (serial !== undefined) this.post({ type: 'serial', bytes: serial }, [serial.buffer]);
    if (this.names.length > 0) {
      this.post({ type: 'processes', names: this.names }, []);
      this.names = [];
    }
    for (const command of this.commands) this.post({ type: 'command', ...command }, []);
    this.commands = [];
    if (this.sent.length >= UNACKNOWLEDGED) return;
    const batch = this.log.take();
    if (batch === undefined) return;
    this.sent.push(batch.first + batch.count - 1);
    const { first, count, bytes } = batch;
    this.post({ type: 'log', first, count, bytes, overwritten: this.log.overwritten }, [bytes]);
  }

  /** Sends the counters where one of them changed. */
  flushCounters(): void {
    const now = this.now();
    const current = this.counters();
    const from = this.rateFrom;
    const requestsPerSecond =
      from === undefined || now <= from.at
        ? 0
        : Math.round(((current.requests - from.requests) * 1000) / (now - from.at));
    this.rateFrom = { at: now, requests: current.requests };
    const counters: Counters = { ...current, requestsPerSecond };
    const text = JSON.stringify(counters);
    if (text === this.lastCounters) return;
    this.lastCounters = text;
    this.post({ type: 'counters', counters }, []);
  }
}
