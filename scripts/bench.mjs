// npm run bench: prepares what the measurements need, then runs test/bench/main.ts with the same options.
import { join } from 'node:path';
import { ensureBrowser } from './browsers.mjs';
import { ensureGuestImage } from './guest-image.mjs';
import { ensurePackages } from './packages.mjs';
import { ensurePage } from './page.mjs';
import { command, packageProgram, ROOT, run } from './process.mjs';

await command(async () => {
  const options = process.argv.slice(2);
  await ensurePackages();
  if (!options.includes('--help')) {
    const image = await ensureGuestImage();
    await ensurePage(image);
    await ensureBrowser('chromium');
  }
  const { status } = await run(packageProgram('tsx'), [join(ROOT, 'test', 'bench', 'main.ts'), ...options]);
  return status;
});
