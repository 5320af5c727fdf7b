// npm run soak: what takes too long for every change. Each run prints its seed, from which it can be repeated.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBrowser } from './browsers.mjs';
import { ensureGuestImage } from './guest-image.mjs';
import { ensurePackages } from './packages.mjs';
import { ensurePage } from './page.mjs';
import { command, ROOT, Stop } from './process.mjs';
import { playwright, shown, single, vitest } from './runners.mjs';

/** @typedef {import('./test-count.mjs').Count} Count */
/** @typedef {{ what: string, unit: string, runs: number, run: (runs: number, seed: number) => Promise<Count> }} Soak */

// A test file is told of its own length: Vitest's limit is not to cut it.
const LONG = ['--testTimeout=86400000', '--hookTimeout=86400000'];
/** Sequences of one storm: after so many the next one begins, with another seed. */
const STORM = 2000;

/** @param {Count} sum @param {Count} more */
const add = (sum, more) => ({ passed: sum.passed + more.passed, failed: sum.failed + more.failed });

/** @type {Record<string, Soak>} */
const SOAKS = {
  fuzz: {
    what: 'hostile descriptor chains, and as many hostile requests',
    unit: 'cases each',
    runs: 5_000_000,
    run: (runs, seed) => vitest([...LONG, 'fuzz'], { FUZZ_CASES: String(runs), FUZZ_SEED: String(seed) }),
  },
  handles: {
    what: 'file handles taken, kept through anything and opened: the same file or ESTALE',
    unit: 'trials',
    runs: 100_000,
    run: (runs, seed) => vitest([...LONG, 'test/handles/'], { HANDLE_TRIALS: String(runs), HANDLE_SEED: String(seed) }),
  },
  storm: {
    what: 'storms of operations against a model of the kernel: an hour, or as many sequences as --runs says',
    unit: 'sequences of each kind',
    runs: 0,
    async run(runs, seed) {
      const end = performance.now() + 3_600_000;
      let count = { passed: 0, failed: 0 };
      for (let turn = 0, done = 0; runs > 0 ? done < runs : performance.now() < end; turn++, done += STORM) {
        const share = runs > 0 ? Math.min(STORM, runs - done) : STORM;
        console.log(`storm of ${share} sequences of each kind, seed ${seed + turn}`);
        const env = { STORM_RUNS: String(share), STORM_SEED: String(seed + turn) };
        count = add(count, shown(await vitest([...LONG, 'storm'], env)));
        if (count.failed > 0) break;
      }
      return count;
    },
  },
  crash: {
    what: 'browsers killed at work, on the tree and with the guest: what was synced is there, and a whole tree',
    unit: 'kills',
    runs: 1000,
    async run(runs, seed) {
      await ensurePage(await ensureGuestImage());
      await ensureBrowser('chromium');
      const env = { CRASH_RUNS: String(runs), CRASH_SEED: String(seed) };
      return playwright(['--project=chromium', 'e2e/crash.e2e.ts'], env);
    },
  },
  guest: {
    what: 'the guest tests again and again',
    unit: 'times',
    runs: 5,
    async run(runs) {
      await ensureGuestImage();
      let count = { passed: 0, failed: 0 };
      for (let turn = 1; turn <= runs && count.failed === 0; turn++) {
        console.log(`turn ${turn} of ${runs}`);
        count = add(count, shown(await vitest(['--no-file-parallelism', 'test/guest/'])));
      }
      return count;
    },
  },
  image: {
    what: 'the whole guest image built twice, in two folders and at two dates',
    unit: 'times',
    runs: 1,
    run: () => single('bash', join(ROOT, 'guest-images', 'reproducible-test.sh'), '--whole'),
  },
};

/** What runs where nothing is named: what a length and a seed mean something to. */
const USUAL = ['fuzz', 'handles', 'storm'];

const HELP = `npm run --silent soak -- [RUN...] [--runs N] [--seed S]

${Object.entries(SOAKS)
  .map(([name, { what, unit, runs }]) => `  ${name.padEnd(8)} ${what}${runs > 0 ? ` (${runs} ${unit})` : ''}`)
  .join('\n')}

Without a name ${USUAL.join(', ')}. The last line is "N passed, M failed"; the status is 0 where none failed.`;

/** @param {string | undefined} text @param {string} option @param {number} least */
function wholeNumber(text, option, least) {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least)
    throw new Stop(`--${option} ${text}: not a whole number\n\n${HELP}`, 2);
  return number;
}

function words() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { runs: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    throw new Stop(`${/** @type {Error} */ (error).message}\n\n${HELP}`, 2);
  }
}

await command(async () => {
  const { values, positionals } = words();
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const unknown = positionals.filter((name) => !Object.hasOwn(SOAKS, name));
  if (unknown.length > 0) throw new Stop(`There is no soak run ${unknown.join(', ')}.\n\n${HELP}`, 2);
  const runs = wholeNumber(values.runs, 'runs', 1);
  const seed = wholeNumber(values.seed, 'seed', 0) ?? Date.now() % 2 ** 31;
  await ensurePackages();
  let total = { passed: 0, failed: 0 };
  for (const [name, soak] of Object.entries(SOAKS)) {
    if (!(positionals.length > 0 ? positionals : USUAL).includes(name)) continue;
    const count = runs ?? soak.runs;
    console.log(`\n=== ${name}: ${soak.what}${count > 0 ? `, ${count} ${soak.unit}` : ''}, seed ${seed}`);
    total = add(total, shown(await soak.run(count, seed)));
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
});
