// npm test: prepares all that the tests need, runs the suites one after the other, and counts.
import { join } from 'node:path';
import { ensureBrowser } from './browsers.mjs';
import { ensureGuestImage } from './guest-image.mjs';
import { ensurePackages } from './packages.mjs';
import { ensurePage } from './page.mjs';
import { command, ROOT, Stop } from './process.mjs';
import { playwright, shown, single, vitest } from './runners.mjs';

const HELP = `npm test [-- SUITE...]

Suites, in the order in which they run:`;

/** @typedef {import('./test-count.mjs').Count} Count */
/** @typedef {'image' | 'page' | 'chromium' | 'firefox'} Need */
/** @typedef {{ name: string, what: string, needs: Need[], run: () => Promise<Count> }} Suite */

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
    run: () => vitest(['--exclude', 'test/guest/**']),
  },
  {
    name: 'image',
    what: "the image's initramfs and tools are reproducible (the kernel: npm run soak -- image)",
    needs: ['image'],
    run: () => single('bash', join(ROOT, 'guest-images', 'reproducible-test.sh')),
  },
  {
    name: 'guest',
    what: 'the guest in Node (Vitest)',
    needs: ['image'],
    run: () => vitest(['--no-file-parallelism', 'test/guest/']),
  },
  {
    name: 'e2e',
    what: 'the page with its guest in Chromium (Playwright)',
    needs: ['image', 'page', 'chromium'],
    run: () => playwright(['--project=chromium']),
  },
  {
    name: 'firefox',
    what: 'a smoke test of the page in Firefox; only when it is named',
    needs: ['image', 'page', 'firefox'],
    run: () => playwright(['--project=firefox']),
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

  const total = { passed: 0, failed: 0 };
  const lines = [];
  for (const suite of suites) {
    console.log(`\n=== ${suite.name}: ${suite.what}`);
    const start = performance.now();
    const { passed, failed } = shown(await suite.run());
    total.passed += passed;
    total.failed += failed;
    lines.push(`${suite.name.padEnd(8)} ${passed} passed, ${failed} failed   ${seconds(start)}`);
    console.log(`=== ${lines.at(-1)}`);
  }
  console.log(`\n${lines.join('\n')}\nall in ${seconds(begin)}\n`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
});
