// The witness outside of the browser: what was asked for, what was acknowledged, and whether what is found fits to that.
import { type Entry, Model, type Node, STAMPS, type Stamp } from './model.ts';
import type { Time } from './tree-dump.ts';
import { isSync, line, type Step, Workload, type WorkloadOptions } from './workload.ts';

/** What is found in a tree that was opened again. */
export interface Remains {
  operation: number;
  /** In memory, the root among them. */
  inodes: number;
  findings: string[];
  entries: Entry<Time>[];
}

/** What a change is stamped with, where the workload's clock says it; else the changes of a life lie in this span, s. */
export type Clock = ((change: number) => Time) | { from: number; to: number };

/** What is not as it should be, in words. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

const seconds = ([s, ns]: Time): number => s + ns / 1e9;
const isLater = (a: Time, b: Time): boolean => a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);

export class Witness {
  /** The tree as it was found last: from there the operations of this life are replayed. */
  private base = new Model();
  private steps: Step[] = [];
  /** The operation number that the last acknowledged sync stands for. */
  durable = 0;
  acknowledgements = 0;

  /** The number of the last change that was found. */
  get operation(): number {
    return this.base.changes;
  }

  /** The workload of the next life, as recorded. */
  plan(seed: number, count: number, options: WorkloadOptions): string[] {
    this.steps = new Workload(seed, this.base.clone(), options).take(count);
    return this.steps.map(line);
  }

  /** The number of the last change that was asked for. */
  get asked(): number {
    return this.steps.at(-1)?.change ?? this.base.changes;
  }

  /** A sync came back. `operation`: what the tree had counted when it was asked for, where that is known. */
  acknowledge(index: number, operation?: number): void {
    // Behind the last line everything is synced once more.
    const step = this.steps[index];
    const change = step ? step.change : this.steps.at(-1)?.change;
    if (change === undefined || (step && !isSync(step))) throw new Broken(`line ${index} asks for no sync`);
    if (operation !== undefined && operation !== change)
      throw new Broken(`line ${index}: the tree counts ${operation} changes, the model ${change}`);
    this.durable = Math.max(this.durable, change);
    this.acknowledgements++;
  }

  /** Compares what is found with what was asked for. Throws Broken. The next life begins from here. */
  verify(found: Remains, clock: Clock): void {
    const { operation } = found;
    if (operation < this.durable)
      throw new Broken(`the tree holds ${operation} changes; a sync was acknowledged after ${this.durable}`);
    if (found.findings.length > 0) throw new Broken(`the check finds: ${found.findings.join('; ')}`);
    const model = this.base;
    for (const { words, errno } of this.steps) {
      if (model.changes === operation) break;
      const outcome = model.apply(words);
      if (outcome.errno !== errno) throw new Error(`${words.join(' ')}: ${outcome.errno} the second time`);
    }
    if (model.changes !== operation)
      throw new Broken(`the tree holds ${operation} changes; there were ${model.changes} at most`);
    compare(model.dump(), found.entries, clock);
    if (found.inodes !== model.inodes) throw new Broken(`${found.inodes} inodes, of which ${model.inodes} have names`);
    settle(model, found.entries);
    this.steps = [];
    this.durable = operation;
  }

  /** The recorded lines, for a report. */
  record(): string {
    return this.steps.map((step) => `${step.change} ${line(step)}`).join('\n');
  }
}

/** Both dumps are the same, and each stamp is that of its change. Throws Broken. */
function compare(expected: readonly Entry<Stamp>[], found: readonly Entry<Time>[], clock: Clock): void {
  const differences: string[] = [];
  const paths = found.map(({ path }) => path);
  for (const { path } of expected) if (!paths.includes(path)) differences.push(`${path} is missing`);
  for (const path of paths) if (!expected.some((entry) => entry.path === path)) differences.push(`${path} is too much`);
  const stamped: { change: number; time: Time; what: string }[] = [];
  for (const [i, entry] of expected.entries()) {
    const other = found[i];
    if (!other) break;
    for (const key of Object.keys(entry) as (keyof Entry<Stamp>)[]) {
      const what = `${key} of ${entry.path}`;
      if (key === 'atime' || key === 'mtime' || key === 'ctime' || key === 'btime') {
        const stamp = entry[key];
        if ('change' in stamp) stamped.push({ change: stamp.change, time: other[key], what });
        else if (stamp.s !== other[key][0] || stamp.ns !== other[key][1])
          differences.push(`${what}: ${other[key]}, expected ${stamp.s},${stamp.ns}`);
      } else if (JSON.stringify(entry[key]) !== JSON.stringify(other[key]))
        differences.push(`${what}: ${JSON.stringify(other[key])}, expected ${JSON.stringify(entry[key])}`);
    }
  }
  differences.push(...wrongStamps(stamped, clock));
  if (differences.length > 0) throw new Broken(differences.slice(0, 20).join('\n'));
}

/**
 * Stamps that cannot be those of their changes. Where only the span of a life is known, because the tree's clock is the
 * host's, they lie in it, and of two changes the later one has no earlier stamp. (Change 0 made the tree.)
 */
function wrongStamps(stamped: { change: number; time: Time; what: string }[], clock: Clock): string[] {
  if (typeof clock === 'function') {
    return stamped
      .filter(({ change, time }) => clock(change).join() !== time.join())
      .map(({ change, time, what }) => `${what}: ${time}, expected ${clock(change)}`);
  }
  const wrong: string[] = [];
  let latest: (typeof stamped)[number] | undefined;
  let ofThis: (typeof stamped)[number] | undefined;
  for (const stamp of [...stamped].sort((a, b) => a.change - b.change)) {
    const at = seconds(stamp.time);
    if (at < clock.from || at > clock.to) wrong.push(`${stamp.what}: ${stamp.time} is not in this life`);
    if (ofThis && ofThis.change !== stamp.change) {
      if (!latest || isLater(ofThis.time, latest.time)) latest = ofThis;
      ofThis = undefined;
    }
    if (latest && isLater(latest.time, stamp.time))
      wrong.push(`${stamp.what}: ${stamp.time} of change ${stamp.change}, before that of change ${latest.change}`);
    if (!ofThis || isLater(stamp.time, ofThis.time)) ofThis = stamp;
  }
  return wrong;
}

/** What was stamped is known now, and has to stay. */
function settle(model: Model, entries: readonly Entry<Time>[]): void {
  const nodes = new Map<string, Node>(model.walk());
  for (const entry of entries) {
    const node = nodes.get(entry.path) as Node;
    for (const key of STAMPS) {
      const [s, ns] = entry[key];
      node[key] = { s, ns };
    }
  }
}
