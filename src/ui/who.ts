// Who asked: process names by pid, and commands of the prompt, both as of a request's number.
import type { ProcessName } from '../lab/messages.ts';

interface Named {
  seq: number;
  name: string;
}

/** Names beyond this many processes are forgotten, oldest first. */
const MAX_PROCESSES = 50_000;

/** Index of the last item whose number is not above `seq`, or -1. */
function lastUpTo<T>(items: readonly T[], seq: number, numberOf: (item: T) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numberOf(items[middle] as T) <= seq) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export class ProcessNames {
  private readonly names = new Map<number, Named[]>();
  /** First request after each start of the guest: pids begin anew there. */
  private readonly boots: number[] = [];

  add(processes: readonly ProcessName[]): void {
    for (const { pid, name, seq } of processes) {
      const known = this.names.get(pid);
      if (known === undefined) this.names.set(pid, [{ seq, name }]);
      else known.splice(lastUpTo(known, seq, (entry) => entry.seq) + 1, 0, { seq, name });
    }
    for (const pid of this.names.keys()) {
      if (this.names.size <= MAX_PROCESSES) break;
      this.names.delete(pid);
    }
  }

  /** The guest starts again: names of before hold for requests below `seq` only. */
  booted(seq: number): void {
    this.boots.push(seq);
  }

  /** comm (a string of bytes) of the process that made request `seq`, where it is known. */
  name(pid: number, seq: number): string | undefined {
    const known = this.names.get(pid);
    if (known === undefined) return undefined;
    const found = known[lastUpTo(known, seq, (entry) => entry.seq)];
    const boot = this.boots[lastUpTo(this.boots, seq, (first) => first)] ?? 0;
    return found === undefined || found.seq < boot ? undefined : found.name;
  }

  clear(): void {
    this.names.clear();
    this.boots.length = 0;
  }
}

export interface Command {
  /** The line as it was typed, a string of bytes. */
  text: string;
  shell: number;
  /** First request after it began. */
  begin: number;
  /** First request after it ended; undefined while it runs. */
  end: number | undefined;
  status: number | undefined;
}

const MAX_COMMANDS = 10_000;

/** Commands of the prompt in the order they began. */
export class Commands {
  private readonly list: Command[] = [];

  begin(shell: number, text: string, seq: number): void {
    this.list.push({ text, shell, begin: seq, end: undefined, status: undefined });
    if (this.list.length > MAX_COMMANDS) this.list.shift();
  }

  end(shell: number, status: number, seq: number): void {
    const running = this.list.findLast((command) => command.shell === shell && command.end === undefined);
    if (running === undefined) return;
    running.end = seq;
    running.status = status;
  }

  /** The guest went away: what ran there has ended. */
  stopped(seq: number): void {
    for (const command of this.list) command.end ??= seq;
  }

  /** The command that ran when request `seq` was made. */
  during(seq: number): Command | undefined {
    const command = this.list[lastUpTo(this.list, seq, ({ begin }) => begin)];
    return command === undefined || (command.end !== undefined && seq >= command.end) ? undefined : command;
  }

  clear(): void {
    this.list.length = 0;
  }
}
