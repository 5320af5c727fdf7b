// npm run docs: writes the pages of docs/ that are made of tables in the code.
import { join } from 'node:path';
import { ensurePackages } from './packages.mjs';
import { command, packageProgram, ROOT, run } from './process.mjs';

await command(async () => {
  await ensurePackages();
  return (await run(packageProgram('tsx'), [join(ROOT, 'test', 'docs', 'main.ts')])).status;
});
