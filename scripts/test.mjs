// npm test: prepares all that the tests need, runs the suites one after the other, and counts.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBrowser } from './browsers.mjs';
import { ensureGuestImage } from './guest-image.mjs';
import { ensurePackages } from './packages.mjs';
import { ensurePage } from './page.mjs';
import { command, packageProgram, ROOT, run, Stop } from './process.mjs';
import { playwrightCount, vitestCount } from './test-count.mjs';

const HELP = `npm test [-- SUITE...]

Suites, in the order in which they run:`;

/** @typedef {import('./test-count.mjs').Count} Count */
/** @typedef {'image' | 'page' | 'chromium' | 'firefox'} Need */
/** @typedef {{ name: string, what: string, needs: Need[], run: (report: string) => Promise<Count> }} Suite */

/** @param {string} report @param {string[]} args */
async function vitest(report, ...args) {
  const { status } = await run(packageProgram('vitest'), [
    ...['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    ...args,
  ]);
  return vitestCount(readReport(report), status);
}

/** @param {string} report @param {string[]} args */
async function playwright(report, ...args) {
  const { status } = await run(packageProgram('playwright'), ['test', '--reporter=list,json', ...args], {
    env: { ...process.env, PLAYWRIGHT_JSON_OUTPUT_FILE: report },
  });
  return playwrightCount(readReport(report), status);
}

/** What a runner wrote, or undefined where it did not come to that. @param {string} file */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT')
      return undefined;
    throw error;
  }
}

/** @param {string} program @param {string[]} args one test: it passes where the program ends with 0 */
async function single(program, ...args) {
  const { status } = await run(program, args);
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
}

/** @type {Suite[]} */
const SUITES = [
  {
    name: 'check',
    what: 'types, lint, layers, what git holds',
    needs: [],
    run: async () => (await import('./check.mjs')).check(),
  },
  {
    name: 'unit',
    what: 'everything that needs no guest (Vitest)',
    needs: [],
    run: (report) => vitest(report, '--exclude', 'test/guest/**'),
  },
  {
    name: 'image',
    what: "the image's initramfs and tools are reproducible (the kernel: npm run soak)",
    needs: ['image'],
    run: () => single('bash', join(ROOT, 'guest-images', 'reproducible-test.sh')),
  },
  {
    name: 'guest',
    what: 'the guest in Node (Vitest)',
    needs: ['image'],
    run: (report) => vitest(report, '--no-file-parallelism', 'test/guest/'),
  },
  {
    name: 'e2e',
    what: 'the page with its guest in Chromium (Playwright)',
    needs: ['image', 'page', 'chromium'],
    run: (report) => playwright(report, '--project=chromium'),
  },
  {
    name: 'firefox',
    what: 'a smoke test of the page in Firefox; only when it is named',
    needs: ['image', 'page', 'firefox'],
    run: (report) => playwright(report, '--project=firefox'),
  },
];

function chosenSuites() {
  const names = process.argv.slice(2);
  const list = SUITES.map(({ name, what }) => `  ${name.padEnd(8)} ${what}`).join('\n');
  if (names.includes('--help') || names.includes('-h')) {
    console.log(`${HELP}\n${list}`);
    return [];
  }
  const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0) throw new Stop(`There is no suite ${unknown.join(', ')}.\n\n${HELP}\n${list}`, 2);
  return SUITES.filter(({ name }) => (names.length === 0 ? name !== 'firefox' : names.includes(name)));
}

/** @param {Set<Need>} needs */
async function prepare(needs) {
  await ensurePackages();
  const image = needs.has('image') ? await ensureGuestImage() : '';
  if (needs.has('page')) await ensurePage(image);
  // The tests find them by the same rule, so nothing has to be handed on.
  if (needs.has('chromium')) await ensureBrowser('chromium');
  if (needs.has('firefox')) await ensureBrowser('firefox');
}

/** @param {number} since in ms */
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

await command(async () => {
  const suites = chosenSuites();
  if (suites.length === 0) return 0;
  const begin = performance.now();
  await prepare(new Set(suites.flatMap(({ needs }) => needs)));
  console.log(`\nprepared in ${seconds(begin)}`);

  const reports = mkdtempSync(join(tmpdir(), 'virtiofs-lab-test-'));
  const total = { passed: 0, failed: 0 };
  const lines = [];
  try {
    for (const suite of suites) {
      console.log(`\n=== ${suite.name}: ${suite.what}`);
      const start = performance.now();
      const { passed, failed } = await suite.run(join(reports, `${suite.name}.json`));
      // A suite in which nothing ran has not shown anything.
      const missing = passed + failed === 0 ? 1 : 0;
      total.passed += passed;
      total.failed += failed + missing;
      lines.push(`${suite.name.padEnd(8)} ${passed} passed, ${failed + missing} failed   ${seconds(start)}`);
      console.log(`=== ${lines.at(-1)}`);
    }
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  console.log(`\n${lines.join('\n')}\nall in ${seconds(begin)}\n`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
});
