// npm run soak: what takes too long for every change.
import { join } from 'node:path';
import { ensureGuestImage } from './guest-image.mjs';
import { ensurePackages } from './packages.mjs';
import { command, packageProgram, ROOT, run, Stop } from './process.mjs';

/** @type {Record<string, { what: string, run: () => Promise<{ status: number }> }>} */
const RUNS = {
  fuzz: {
    what: 'the fuzz tests with 5,000,000 cases each (FUZZ_CASES)',
    run: () =>
      run(packageProgram('vitest'), ['run', '--testTimeout=3600000', 'fuzz'], {
        env: { FUZZ_CASES: '5000000', ...process.env },
      }),
  },
  guest: {
    what: 'the guest tests five times',
    async run() {
      await ensureGuestImage();
      for (let turn = 1; turn <= 5; turn++) {
        console.log(`turn ${turn} of 5`);
        const { status } = await run(packageProgram('vitest'), ['run', '--no-file-parallelism', 'test/guest/']);
        if (status !== 0) return { status };
      }
      return { status: 0 };
    },
  },
  image: {
    what: 'the whole guest image built twice, in two folders and at two dates',
    run: () => run('bash', [join(ROOT, 'guest-images', 'reproducible-test.sh'), '--whole']),
  },
};

await command(async () => {
  const names = process.argv.slice(2);
  const list = Object.entries(RUNS).map(([name, { what }]) => `  ${name.padEnd(6)} ${what}`);
  const help = `npm run soak [-- RUN...]\n\n${list.join('\n')}`;
  if (names.includes('--help') || names.includes('-h')) {
    console.log(help);
    return 0;
  }
  const unknown = names.filter((name) => !(name in RUNS));
  if (unknown.length > 0) throw new Stop(`There is no soak run ${unknown.join(', ')}.\n\n${help}`, 2);
  await ensurePackages();
  const failed = [];
  for (const [name, soak] of Object.entries(RUNS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    console.log(`\n=== ${name}: ${soak.what}`);
    const { status } = await soak.run();
    if (status !== 0) failed.push(name);
  }
  console.log(failed.length === 0 ? '\nall passed' : `\nfailed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
});
