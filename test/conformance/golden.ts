// What tmpfs answered in the guest, call by call: test/golden/conformance.json. UPDATE_GOLDEN=1 records it anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { type Behaviour, lineOf, type Step, stepsOf } from './calls.ts';
import { trace } from './trace.ts';

const FILE = new URL('../golden/conformance.json', import.meta.url);

/** Lines of each behaviour, by its name. */
export type Golden = Readonly<Record<string, readonly string[]>>;

export const readGolden = (): Golden => JSON.parse(readFileSync(FILE, 'utf8')) as Golden;

export function writeGolden(golden: Golden): void {
  writeFileSync(FILE, `${JSON.stringify(golden, null, 1)}\n`);
}

/** The calls of all behaviours, as lab-calls reads them. */
export function scriptOf(behaviours: readonly Behaviour[]): string {
  return behaviours
    .map((behaviour, i) => [`begin b${i}`, ...stepsOf(behaviour).map(lineOf), `end b${i}`, ''].join('\n'))
    .join('');
}

/** The traces in what lab-calls said to that script. Throws Error where it did not answer all of it. */
export function tracesOf(behaviours: readonly Behaviour[], output: string): Golden {
  const lines = output.split('\n');
  let at = 0;
  const take = (steps: readonly Step[]): string[] => {
    if (lines[at] !== 'ok') throw new Error(`no begin: ${lines[at]}`);
    const raw = lines.slice(at + 1, at + 1 + steps.length);
    at += steps.length + 2;
    if (lines[at - 1] !== 'ok') throw new Error(`no end: ${lines[at - 1]}`);
    return trace(steps, raw);
  };
  const traces = Object.fromEntries(behaviours.map((behaviour) => [behaviour.name, take(stepsOf(behaviour))]));
  if (at !== lines.length - 1) throw new Error(`${lines.length - 1} lines, not ${at}`);
  return traces;
}
