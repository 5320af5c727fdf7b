// scripts/measure-scale.mjs: measures trees of 1,000 to 200,000 inodes and writes docs/scale.md and its plot.
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
import { chromiumProgram } from '../../e2e/browser.ts';
import { ROOT } from '../../scripts/process.mjs';
import { measureChromium, measureNode, type Scale } from './measure.ts';
import { plot } from './plot.ts';

const SIZES = [1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 150_000, 200_000];
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError(`--rounds ${values.rounds}: a number from 1`);

/** What else the machine had to do: without it, what is no processor time would be shorter. */
const load = loadavg()[0] as number;
const busy =
  load > cpus().length
    ? `,\nbusy with other things too (load ${load.toFixed(0)}): the processor time says more than the time`
    : '';

const progress = (text: string): void => void process.stderr.write(`${text}\n`);
const node = await measureNode(SIZES, rounds, progress);
const browser = await measureChromium(SIZES, rounds, progress);

async function chromiumVersion(): Promise<string> {
  const started = await chromium.launch({ executablePath: chromiumProgram(), args: ['--no-sandbox'] });
  const version = started.version();
  await started.close();
  return version.split('.')[0] ?? version;
}

const row = (scale: Scale): string =>
  `| ${scale.inodes.toLocaleString('en')} | ${scale.open.toFixed(0)} | ${scale.cpu.toFixed(0)} | ${scale.memory.toFixed(1)} | ${scale.one.toFixed(1)} | ${scale.all.toFixed(0)} |`;
const HEAD = `| inodes | open, ms | of that processor time, ms | memory, MB | commit of one new file, ms | commit of all inodes, ms |
|---:|---:|---:|---:|---:|---:|`;
const table = (scales: readonly Scale[]): string => `${HEAD}\n${scales.map(row).join('\n')}`;

const both = (of: (scale: Scale) => number) => [
  { kind: 'first' as const, title: 'Chromium', of, points: browser },
  { kind: 'second' as const, title: 'Node', of, points: node },
];
const description = 'Time to open, memory, and time of a commit against the number of inodes, in Chromium and in Node';
writeFileSync(
  join(ROOT, 'docs', 'scale.svg'),
  plot(
    [
      { title: 'open, ms', lines: both(({ open }) => open), limit: 2000 },
      { title: 'memory, MB', lines: both(({ memory }) => memory), limit: 60 },
      {
        title: 'commit in Chromium, ms',
        lines: [
          { kind: 'first', title: 'one new file', of: ({ one }) => one, points: browser },
          { kind: 'second', title: 'all inodes', of: ({ all }) => all, points: browser },
        ],
      },
    ],
    description,
  ),
);
writeFileSync(
  join(ROOT, 'docs', 'scale.md'),
  `# Many inodes

All metadata is in memory while a tree is open; it is read when the tree is opened, in one request. So opening and memory
grow with the number of inodes. A commit writes the pages of what has changed and nothing else: a new file costs the same
in every tree.

![${description}](scale.svg)

The trees: directories of 50, in each a symbolic link and 48 files of one chunk. Memory is JavaScript's heap after a
garbage collection with the tree open, less that before; content is not in it. Medians of ${rounds} rounds for opening and memory,
of 9 for the commit of one new file; every commit is strict. This page and its plot are written by
\`node scripts/measure-scale.mjs\`, here on ${cpus().length} cores of ${cpus()[0]?.model.replace(/\s+/g, ' ') ?? 'an unknown machine'}${busy}.

## Chromium ${await chromiumVersion()}, IndexedDB

${table(browser)}

## Node ${process.versions.node.split('.')[0]}, a folder

Pointers are twice as long as in Chromium, and so is much of the memory.

${table(node)}
`,
);
