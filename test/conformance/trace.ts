// From raw results to a trace that is the same on every run: inode numbers and times become relations.
import { lineOf, type Step } from './calls.ts';

/** What was seen of an inode. */
interface Seen {
  readonly label: number;
  readonly times: Record<string, string>;
}

/** [seconds, nanoseconds] of `s.nnnnnnnnn`; the nanoseconds count upwards also before 1970. */
function timeOf(text: string): readonly [number, number] {
  const dot = text.indexOf('.');
  return [Number(text.slice(0, dot)), Number(text.slice(dot + 1))];
}

function compared(before: string | undefined, now: string): string {
  if (before === undefined) return 'seen';
  const [s, ns] = timeOf(now);
  const [was, wasNs] = timeOf(before);
  if (s === was && ns === wasNs) return 'same';
  return s > was || (s === was && ns > wasNs) ? 'later' : 'earlier';
}

const TIMES = ['atime', 'mtime', 'ctime'];

/** One behaviour's results as lines `call arguments: result`. */
export class Tracer {
  private readonly inodes = new Map<string, Seen>();

  private stat(raw: string, fields: readonly string[]): string {
    const values = new Map(raw.split(' ').map((pair) => pair.split('=') as [string, string]));
    const of = (name: string): string => {
      const value = values.get(name);
      if (value === undefined) throw new Error(`a stat without ${name}: ${raw}`);
      return value;
    };
    const ino = of('ino');
    const seen = this.inodes.get(ino) ?? { label: this.inodes.size + 1, times: {} };
    this.inodes.set(ino, seen);
    const words = fields.map((field) => {
      if (field === 'ino') return `ino #${seen.label}`;
      if (field === 'room') return `room ${room(Number(of('size')), Number(of('blocks')))}`;
      if (TIMES.includes(field)) return `${field} ${compared(seen.times[field], of(field))}`;
      return `${field.replace('!', '')} ${of(field.replace('!', ''))}`;
    });
    for (const time of TIMES) seen.times[time] = of(time);
    return words.join(', ');
  }

  /** The line of one step. `raw` is what the call gave. */
  line(step: Step, raw: string): string {
    if (step.call === 'repeat') return `${lineOf(step)}: ${counted(raw.split(' '))}`;
    return `${lineOf(step)}: ${raw.startsWith('mode=') ? this.stat(raw, step.fields) : raw}`;
  }
}

/** Answers in a row, each as often as it comes: `3 ok, 1 ENOENT`. */
function counted(answers: readonly string[]): string {
  const runs: [string, number][] = [];
  for (const answer of answers) {
    const last = runs.at(-1);
    if (last?.[0] === answer) last[1]++;
    else runs.push([answer, 1]);
  }
  return runs.map(([answer, count]) => `${count} ${answer}`).join(', ');
}

/** Whether a file takes room on the disk: for none of it, some or all. */
function room(size: number, blocks: number): string {
  if (blocks === 0) return 'none';
  return blocks * 512 < size ? 'some' : 'all';
}

/** All lines of a behaviour. */
export function trace(steps: readonly Step[], raw: readonly string[]): string[] {
  const tracer = new Tracer();
  return steps.map((step, i) => tracer.line(step, raw[i] ?? 'no answer'));
}

/** The lines that are asked of us: those of tmpfs, with what stands there instead. Throws where that is no difference. */
export function expected(steps: readonly Step[], golden: readonly string[]): string[] {
  return steps.map((step, i) => {
    const line = golden[i] ?? 'not recorded';
    if (step.instead === undefined) return line;
    const ours = `${lineOf(step)}: ${step.instead.answer}`;
    if (ours === line) throw new Error(`tmpfs does what is expected instead: ${line}`);
    return ours;
  });
}
