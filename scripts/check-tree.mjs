// npm run check-tree: prepares what the check needs, then runs test/check-tree/main.ts with the same options.
import { join } from 'node:path';
import { ensureBrowser } from './browsers.mjs';
import { ensurePackages } from './packages.mjs';
import { command, packageProgram, ROOT, run, Stop } from './process.mjs';

await command(async () => {
  const options = process.argv.slice(2);
  try {
    await ensurePackages();
    if (options.some((option) => option.startsWith('--profile'))) await ensureBrowser('chromium');
  } catch (error) {
    // A status of 1 would say that something was found.
    throw error instanceof Stop ? new Stop(error.message, 2) : error;
  }
  const program = join(ROOT, 'test', 'check-tree', 'main.ts');
  const { status } = await run(packageProgram('tsx'), [program, ...options], { cwd: process.cwd() });
  return status;
});
