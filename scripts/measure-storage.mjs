// Measures IndexedDB in Chromium, for the choice of chunk size and commits: prepares, then runs test/bench/measure-storage.ts.
import { join } from 'node:path';
import { ensureBrowser } from './browsers.mjs';
import { ensurePackages } from './packages.mjs';
import { command, packageProgram, ROOT, run } from './process.mjs';

await command(async () => {
  await ensurePackages();
  await ensureBrowser('chromium');
  const { status } = await run(packageProgram('tsx'), [
    join(ROOT, 'test', 'bench', 'measure-storage.ts'),
    ...process.argv.slice(2),
  ]);
  return status;
});
