// Measures in Chromium what the size of chunks and the parameters of commits rest on (docs/adr/0008, 0016).
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launch } from '../../e2e/browser.ts';
import { Harness } from '../browser/harness.ts';
import type { ChunkSizeFigures, CommitFigures, StreamFigures } from '../browser/measure.worker.ts';
import { figure, median } from './statistics.ts';

const HELP = `node scripts/measure-storage.mjs [--rounds N] [--part chunks|commits|reads|batches|limits]...

Prints tables of medians of N rounds (default 7) that take turns, after one that warms up.`;

const PARTS = ['chunks', 'commits', 'reads', 'batches', 'limits'];
const MIB = 2 ** 20;
const KIB = 1024;
const CHUNK_SIZES = [16, 32, 60, 64, 128, 256].map((kib) => kib * KIB);
const PER_MIB = MIB / (60 * KIB);
/** Chunks of 60 KiB in a commit: one, and about 1 to 64 MiB. */
const COMMITS = [1, ...[1, 4, 8, 32, 64].map((mib) => Math.round(mib * PER_MIB))];
const DURABILITIES = ['strict', 'relaxed'] as const;
/** MiB written where limits are compared. */
const STREAM = 128;
/** What may be unsaved, and from when on a commit does not wait, MiB. */
const LIMITS = [
  [8, 4],
  [16, 8],
  [32, 8],
  [64, 8],
  [64, 32],
] as const;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    part: { type: 'string', multiple: true, default: PARTS },
    help: { type: 'boolean' },
  },
});
const rounds = Number(options.rounds);
if (options.help || !(rounds >= 1) || options.part.some((part) => !PARTS.includes(part))) {
  console.error(HELP);
  process.exit(options.help ? 0 : 2);
}

/** Runs each case once a round; each round begins with another one. */
async function inTurns<Case, Found>(
  cases: readonly Case[],
  measure: (one: Case) => Promise<Found>,
): Promise<Found[][]> {
  const found: Found[][] = cases.map(() => []);
  for (let round = -1; round < rounds; round++) {
    for (let i = 0; i < cases.length; i++) {
      const at = (i + round + 1) % cases.length;
      if (process.stderr.isTTY)
        process.stderr.write(`\r\x1b[Kround ${round + 1} of ${rounds}, ${i + 1} of ${cases.length}`);
      const result = await measure(cases[at] as Case);
      if (round >= 0) found[at]?.push(result);
    }
  }
  return found;
}

function print(title: string, rows: string[][]): void {
  console.log(`\n${title}\n`);
  for (const [i, row] of rows.entries()) {
    console.log(`| ${row.join(' | ')} |`);
    if (i === 0) console.log(`|${row.map(() => '---|').join('')}`);
  }
}

const middle = <Found>(all: readonly Found[], of: (one: Found) => number): string => figure(median(all.map(of)));
const size = (chunks: number): string => (chunks === 1 ? '60 KiB' : `${Math.round(chunks / PER_MIB)} MiB`);

const profile = mkdtempSync(join(tmpdir(), 'virtiofs-lab-measure-'));
/** Files of the profile that hold single values. */
const valueFiles = (): string[] =>
  readdirSync(profile, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.indexeddb\.blob/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name));

// A profile on the disk: in the usual throw-away one of a test IndexedDB is kept in memory.
const context = await launch(profile);
try {
  const harness = await Harness.open(context, 'test/browser/measure.worker.ts');
  console.log(`Chromium ${context.browser()?.version() ?? ''}, medians of ${rounds} rounds`);

  if (options.part.includes('chunks')) {
    const found = await inTurns(CHUNK_SIZES, async (bytes) => {
      const before = new Set(valueFiles());
      const figures = await harness.call<ChunkSizeFigures>('chunkSize', { name: `size-${bytes}`, size: bytes });
      const files = valueFiles().filter((file) => !before.has(file)).length;
      await harness.call('remove', { name: `size-${bytes}` });
      return { ...figures, files };
    });
    print(
      '32 MiB in values of one size: 4 MiB a commit, 1 MiB a read; 4 KiB changed in each of 64 places, in one commit',
      [
        [
          'chunk',
          'write, strict',
          'read back',
          'one strict',
          'one relaxed',
          '64 places strict',
          'relaxed',
          'written',
          'files',
        ],
        ...found.map((all, i) => [
          `${(CHUNK_SIZES[i] as number) / KIB} KiB`,
          `${middle(all, (one) => one.write)} MiB/s`,
          `${middle(all, (one) => one.read)} MiB/s`,
          `${middle(all, (one) => one.strict)} ms`,
          `${middle(all, (one) => one.relaxed)} ms`,
          `${middle(all, (one) => one.rewriteStrict)} ms`,
          `${middle(all, (one) => one.rewriteRelaxed)} ms`,
          `${middle(all, (one) => one.rewritten)} KiB`,
          middle(all, (one) => one.files),
        ]),
      ],
    );
  }

  const kinds = DURABILITIES.flatMap((durability) => [true, false].map((fresh) => ({ durability, fresh })));

  if (options.part.includes('commits')) {
    const cases = COMMITS.flatMap((chunks) => kinds.map((kind) => ({ chunks, ...kind })));
    const found = await inTurns(cases, (one) => harness.call<CommitFigures>('commit', one));
    print('One commit of chunks of 60 KiB: how long the worker is busy issuing it, and until it is complete', [
      ['commit', 'busy', 'strict, new', 'strict, overwritten', 'relaxed, new', 'relaxed, overwritten'],
      ...COMMITS.map((chunks, i) => {
        const all = kinds.map((_, kind) => found[i * kinds.length + kind] ?? []);
        return [
          size(chunks),
          `${middle(all.flat(), ({ issued }) => issued)} ms`,
          ...all.map((some) => `${middle(some, ({ took }) => took)} ms`),
        ];
      }),
    ]);
  }

  if (options.part.includes('reads')) {
    const during = [1, 8, 16, 32, 64].map((mib) => Math.round(mib * PER_MIB));
    const cases = [
      { chunks: 0, durability: 'relaxed' as const, fresh: true },
      ...during.flatMap((chunks) => [true, false].map((fresh) => ({ chunks, durability: 'relaxed' as const, fresh }))),
    ].flatMap((one) => [true, false].map((same) => ({ ...one, same })));
    const found = await inTurns(cases, (one) => harness.call<CommitFigures & { read: number }>('readDuring', one));
    print('One chunk read when a relaxed commit has just been issued', [
      ['commit', 'keys', 'from the same object store', 'from another', 'the commit'],
      ...cases.flatMap(({ chunks, fresh, same }, i) =>
        same
          ? [
              [
                chunks === 0 ? 'none' : size(chunks),
                fresh ? 'new' : 'overwritten',
                `${middle(found[i] ?? [], ({ read }) => read)} ms`,
                `${middle(found[i + 1] ?? [], ({ read }) => read)} ms`,
                `${middle(found[i] ?? [], ({ took }) => took)} ms`,
              ],
            ]
          : [],
      ),
    ]);
  }

  if (options.part.includes('batches')) {
    const counts = [1, 3, 8, 16, 32, 64];
    const found = await inTurns(counts, (count) => harness.call<number>('batches', { count }));
    print('Chunks of 60 KiB read in order, so many in one transaction', [
      ['chunks', 'read'],
      ...found.map((all, i) => [`${counts[i]}`, `${middle(all, (one) => one)} MiB/s`]),
    ]);
  }

  if (options.part.includes('limits')) {
    const found = await inTurns(LIMITS, ([dirty, eager]) =>
      harness.call<StreamFigures>('stream', { mib: STREAM, dirtyLimit: dirty * MIB, eagerBytes: eager * MIB }),
    );
    print(`${STREAM} MiB written flat out into a tree, another file read here and there`, [
      ['unsaved at most', 'eager from', 'written', 'longest wait of a write', 'read', 'slowest read', 'commits'],
      ...found.map((all, i) => [
        `${LIMITS[i]?.[0]} MiB`,
        `${LIMITS[i]?.[1]} MiB`,
        `${middle(all, (one) => one.rate)} MiB/s`,
        `${middle(all, (one) => one.waited)} ms`,
        `${middle(all, (one) => one.read)} ms`,
        `${middle(all, (one) => one.slowest)} ms`,
        middle(all, (one) => one.commits),
      ]),
    ]);
  }
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
