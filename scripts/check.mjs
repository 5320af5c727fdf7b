// npm run check: types, style, layers and what git holds; nothing is built or booted. --fix mends style.
import { pathToFileURL } from 'node:url';
import { ensurePackages } from './packages.mjs';
import { command, packageProgram, run } from './process.mjs';

/** @param {string[]} words a program of node_modules/.bin and its arguments */
async function tool(...words) {
  const { status } = await run(packageProgram(words[0] ?? ''), words.slice(1));
  return status === 0;
}

/** @param {string[]} problems */
function none(problems) {
  for (const problem of problems) console.error(problem);
  return problems.length === 0;
}

const fixing = process.argv.includes('--fix');
const colours = process.stdout.isTTY ? [] : ['--colors=off'];

/** Name of each check, and what runs it: true where nothing is wrong. @type {[string, () => Promise<boolean>][]} */
const CHECKS = [
  ['types of the sources', () => tool('tsc', '-b')],
  ['types of tests and scripts', () => tool('tsc', '-p', 'tsconfig.test.json')],
  ['lint and format', () => tool('biome', fixing ? 'check' : 'ci', ...(fixing ? ['--write'] : []), ...colours, '.')],
  ['layers', async () => none((await import('./check-imports.mjs')).checkImports())],
  ['repository', async () => none((await import('./check-repository.mjs')).checkRepository())],
];

/** Runs them all and returns how many passed and failed. */
export async function check() {
  const failed = [];
  for (const [name, passes] of CHECKS) {
    const ok = await passes();
    console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name}`);
    if (!ok) failed.push(name);
  }
  return { passed: CHECKS.length - failed.length, failed: failed.length };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await command(async () => {
    await ensurePackages();
    return (await check()).failed === 0 ? 0 : 1;
  });
}
