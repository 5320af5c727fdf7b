// The guest image: asks its build script for it, which builds what the cache does not have.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run, Stop } from './process.mjs';

/**
 * Path of the folder with the guest image's files and manifest.json, built first where the cache has none.
 * @param {string[]} [options] of guest-images/build.sh
 */
export async function ensureGuestImage(options = []) {
  const { status, stdout } = await run('bash', [join(ROOT, 'guest-images', 'build.sh'), ...options], {
    stdout: 'collect',
  });
  // No bash, or a program that the script counts on: the shell's word for that says too little.
  if (status === 127) {
    throw new Stop(
      'There is no guest image: guest-images/build.sh could not run, because bash or a program that it needs is not on ' +
        'this machine (a line above names it, where it is not bash). Install it: bash, coreutils, findutils and grep are ' +
        'enough to use an image that was built elsewhere, as by guest-images/Dockerfile.',
      status,
    );
  }
  // The script has said what is missing and what to do.
  if (status !== 0) throw new Stop('There is no guest image, so the guest cannot be started.', status);
  const folder = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (!existsSync(join(folder, 'manifest.json'))) {
    throw new Stop(`guest-images/build.sh named ${folder || 'no folder'}, which holds no image.`);
  }
  return folder;
}
