// npm run parity [-- FOLDER...]: prepares the guest image, then compares our server with recorded runs of virtiofsd.
import { join } from 'node:path';
import { ensureGuestImage } from './guest-image.mjs';
import { ensurePackages } from './packages.mjs';
import { command, packageProgram, ROOT, run } from './process.mjs';

await command(async () => {
  await ensurePackages();
  await ensureGuestImage();
  const { status } = await run(
    packageProgram('tsx'),
    [join(ROOT, 'test', 'parity', 'main.ts'), ...process.argv.slice(2)],
    {
      cwd: process.cwd(),
    },
  );
  return status;
});
