// npm run replay: a recording against a fresh tree, after the node packages where they are missing.
import { join } from 'node:path';
import { ensurePackages } from './packages.mjs';
import { command, packageProgram, ROOT, run, Stop } from './process.mjs';

await command(async () => {
  try {
    await ensurePackages();
  } catch (error) {
    // A status of 1 would say that something differs.
    throw error instanceof Stop ? new Stop(error.message, 2) : error;
  }
  const program = join(ROOT, 'src', 'lab', 'headless', 'replay.ts');
  const { status } = await run(packageProgram('tsx'), [program, ...process.argv.slice(2)], { cwd: process.cwd() });
  return status;
});
