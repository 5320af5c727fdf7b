// The browsers of the tests: what the machine has, else Debian's packages.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run, Stop } from './process.mjs';

/** @typedef {{ title: string, variable: string, names: string[], package: string }} Browser */

/** @type {Record<'chromium' | 'firefox', Browser>} */
const BROWSERS = {
  chromium: {
    title: 'Chromium',
    variable: 'CHROMIUM',
    names: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    package: 'chromium',
  },
  firefox: {
    title: 'Firefox',
    variable: 'FIREFOX',
    names: ['firefox-esr', 'firefox'],
    package: 'firefox-esr',
  },
};

/** @param {string} name */
function inPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

/**
 * Path of the browser's program: the one its environment variable (CHROMIUM, FIREFOX) names, else the first in PATH.
 * @param {keyof typeof BROWSERS} which
 */
export function findBrowser(which) {
  const browser = BROWSERS[which];
  const chosen = process.env[browser.variable];
  if (chosen) {
    if (existsSync(chosen)) return chosen;
    throw new Stop(`${browser.variable}=${chosen}: there is no such file.`);
  }
  for (const name of browser.names) {
    const file = inPath(name);
    if (file) return file;
  }
  return undefined;
}

/**
 * Path of the browser's program; Debian's package is installed where there is none.
 * @param {keyof typeof BROWSERS} which
 */
export async function ensureBrowser(which) {
  const found = findBrowser(which);
  if (found) return found;
  const browser = BROWSERS[which];
  const advice = `Install it, or name its program in the environment variable ${browser.variable}.`;
  if (!inPath('apt-get')) {
    throw new Stop(`There is no ${browser.title} on this machine, and it has no apt-get to install one. ${advice}`);
  }
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !inPath('sudo')) {
    throw new Stop(`There is no ${browser.title} on this machine, and this user may not install one. ${advice}`);
  }
  console.log(`Installing on this machine: ${browser.package} (Debian's ${browser.title}, for the tests)`);
  /** @param {string[]} words */
  const asRoot = (words) => {
    const [program = '', ...args] = isRoot ? words : ['sudo', ...words];
    return run(program, args);
  };
  const apt = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
  const updated = await asRoot([...apt, '-q', 'update']);
  const installed =
    updated.status === 0
      ? await asRoot([...apt, '-q', 'install', '-y', '--no-install-recommends', browser.package])
      : updated;
  const file = findBrowser(which);
  if (installed.status !== 0 || !file) {
    throw new Stop(`apt-get could not install ${browser.package} (status ${installed.status}). ${advice}`);
  }
  return file;
}
