// The built page in dist/: built again where something that goes into it has changed since.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT, run, Stop } from './process.mjs';

export const DIST = join(ROOT, 'dist');

// Outside of dist/, which is served as it is.
const STAMP = join(ROOT, 'node_modules', '.cache', 'virtiofs-lab', 'dist.sha256');

/** @param {string} folder @returns {string[]} */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Hash of everything the page is made from, and of what was made: a file of dist/ that is gone or was changed by hand
 * makes the page stale too.
 * @param {string} image folder of the guest image, whose name is the hash of its recipe
 * @param {string[]} built files of dist/
 */
function fingerprint(image, built) {
  const hash = createHash('sha256').update(image);
  const sources = filesBelow(join(ROOT, 'src')).filter((file) => !file.endsWith('.test.ts'));
  const configuration = ['vite.config.ts', 'tsconfig.base.json', 'package.json', 'package-lock.json'];
  for (const file of [...sources, ...configuration.map((name) => join(ROOT, name)), ...built].sort()) {
    hash.update(`\0${relative(ROOT, file)}\0`).update(read(file) ?? 'absent');
  }
  return hash.digest('hex');
}

function builtFiles() {
  try {
    return filesBelow(DIST);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Builds the page where dist/ is older than its sources.
 * @param {string} image folder of the guest image
 */
export async function ensurePage(image) {
  if (read(STAMP)?.toString() === fingerprint(image, builtFiles())) return;
  console.log('Building the page');
  rmSync(STAMP, { force: true });
  const { status } = await run('npm', ['run', '--silent', 'build']);
  if (status !== 0) throw new Stop(`The page could not be built (npm run build ended with ${status}).`);
  mkdirSync(join(STAMP, '..'), { recursive: true });
  writeFileSync(STAMP, fingerprint(image, builtFiles()));
}
