// The node packages: whether what is installed is what package-lock.json says, and installing it where it is not.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run, Stop } from './process.mjs';

/** @type {[number, number]} */
const OLDEST = [20, 19];

/** Throws Stop where this Node is older than package.json's engines. */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new Stop(`This needs Node ${OLDEST.join('.')} or newer; this is Node ${process.versions.node}.`);
}

/** @typedef {{ version: string, integrity?: string, optional?: boolean, devOptional?: boolean, link?: boolean }} Locked */

/** @param {string} file @returns {Record<string, Locked> | undefined} */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Whether node_modules holds exactly what the lock names. npm writes its own list there last of all, so an installation
 * that was cut off has none.
 * @param {string} root
 */
export function packagesMatch(root) {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !present) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = present[path];
    // Packages for other systems are not installed.
    if (!found && (entry.optional || entry.devOptional)) continue;
    if (!found || found.version !== entry.version || found.integrity !== entry.integrity) return false;
  }
  return Object.keys(present).every((path) => path in wanted);
}

/** Installs the node packages where they are missing or are not those of the lock. Says so on standard error. */
export async function ensurePackages() {
  checkNode();
  if (packagesMatch(ROOT)) return;
  console.error('Installing the node packages (npm ci)');
  const { status } = await run('npm', ['ci', '--no-fund', '--no-audit'], { stdout: 'stderr' });
  if (status !== 0) throw new Stop(`npm ci ended with ${status}: the node packages are not installed.`);
  if (!packagesMatch(ROOT)) {
    throw new Stop('npm ci left node_modules without what package-lock.json names (is NODE_ENV=production set?).');
  }
}
