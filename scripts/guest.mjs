// npm run guest: the headless lab, after the node packages where they are missing. Its standard output is the guest's.
import { join } from 'node:path';
import { ensurePackages } from './packages.mjs';
import { command, packageProgram, ROOT, run } from './process.mjs';

await command(async () => {
  await ensurePackages();
  const program = join(ROOT, 'src', 'lab', 'headless', 'guest.ts');
  const { status } = await run(packageProgram('tsx'), [program, ...process.argv.slice(2)], { cwd: process.cwd() });
  return status;
});
