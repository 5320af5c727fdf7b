// Measures how opening, memory and commits grow with the number of inodes, and writes docs/scale.md and its plot.
// Usage: node scripts/measure-scale.mjs [--rounds N]
import { join } from 'node:path';
import { ensureBrowser } from './browsers.mjs';
import { ensurePackages } from './packages.mjs';
import { command, packageProgram, ROOT, run } from './process.mjs';

await command(async () => {
  await ensurePackages();
  await ensureBrowser('chromium');
  const program = join(ROOT, 'test', 'scale', 'main.ts');
  const { status } = await run(packageProgram('tsx'), [program, ...process.argv.slice(2)]);
  return status;
});
