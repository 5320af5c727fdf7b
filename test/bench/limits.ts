// The limits that the project has set itself, against what a run of the bench found.
import { REFERENCE_MS } from './calibration.ts';
import type { Results, ScaleRow, StoreFigure, Workload } from './results.ts';
import { figure, table } from './statistics.ts';

interface Limit {
  what: string;
  unit: '×' | 'µs' | 'ms' | 'MB' | 'transactions';
  /** The figure of a run; undefined where that part did not run. */
  of(results: Results): number | undefined;
  /** Ratios are as they are; times are those of the reference machine. */
  atLeast?: number;
  below?: number;
}

/** How many times as fast as v86's 9p. */
function against9p(name: Workload, atLeast: number): Limit {
  return {
    what: `${name}: as fast as v86's 9p`,
    unit: '×',
    atLeast,
    of({ guest }) {
      const row = guest.find((candidate) => candidate.name === name);
      return row && row.v86_9p_ms / row.ours_ms;
    },
  };
}

function request(name: string, below: number): Limit {
  return {
    what: `${name} through device and server`,
    unit: 'µs',
    below,
    of: ({ device }) => device.find((row) => row.name === name)?.us,
  };
}

/** A ratio or a count of the part `store`. */
function store(name: StoreFigure, limit: Omit<Limit, 'of'>): Limit {
  return { ...limit, of: (results) => results.store.find((row) => row.name === name)?.value };
}

/** Of the tree of 100,000 inodes. */
function scale(what: string, unit: 'ms' | 'MB', below: number, of: (row: ScaleRow) => number): Limit {
  return {
    what,
    unit,
    below,
    of: (results) => results.scale.filter(({ inodes }) => inodes === 100_000).map(of)[0],
  };
}

export const LIMITS: readonly Limit[] = [
  against9p('write-stream', 3),
  against9p('read-cold', 3),
  against9p('create', 1.5),
  against9p('list', 1.5),
  against9p('miss', 1.5),
  request('LOOKUP', 15),
  request('READ 1 MiB', 600),
  store('fsync-transactions', { what: 'fsync of a small file', unit: 'transactions', below: 1.01 }),
  store('fsync-ratio', { what: 'fsync against a bare strict transaction', unit: '×', below: 5 }),
  store('ahead-ratio', { what: 'cold reading against the same without reading ahead', unit: '×', atLeast: 1.2 }),
  // Found: 28 and 79, on a machine that was busy with other work. One that waits for whole commits takes many hundreds.
  store('busy-ratio', { what: 'a read beside a writer against one alone', unit: '×', below: 100 }),
  scale('100,000 inodes opened', 'ms', 2000, (row) => row.open_ms),
  scale('100,000 inodes in memory', 'MB', 60, (row) => row.memory_mb),
];

/** Units that are scaled by the calibration loop. */
const TIMES: ReadonlySet<Limit['unit']> = new Set(['µs', 'ms']);

export interface Verdict {
  /** How many limits were missed, those whose figure is lacking included. */
  missed: number;
  text: string;
}

/** Compares a run with the limits; those that are times are scaled by what the calibration loop took. */
export function judge(results: Results, limits: readonly Limit[] = LIMITS): Verdict {
  const scale = results.calibration_ms / REFERENCE_MS;
  let missed = 0;
  const rows = limits.map((limit) => {
    const value = limit.of(results);
    const bound = limit.atLeast ?? (limit.below as number) * (TIMES.has(limit.unit) ? scale : 1);
    const kept = value !== undefined && (limit.atLeast === undefined ? value < bound : value >= bound);
    if (!kept) missed++;
    return [
      limit.what,
      value === undefined ? 'not measured' : `${figure(value)} ${limit.unit}`,
      `${limit.atLeast === undefined ? 'below' : 'at least'} ${figure(bound)} ${limit.unit}`,
      kept ? 'kept' : 'MISSED',
    ];
  });
  const loop = `calibration loop: ${figure(results.calibration_ms)} ms, reference ${REFERENCE_MS} ms: times × ${figure(scale)}`;
  return { missed, text: `${loop}\n${table([['limit', 'found', 'wanted', ''], ...rows])}` };
}
