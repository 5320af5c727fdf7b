// Vitest and Playwright, run so that their tests can be counted.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageProgram, run } from './process.mjs';
import { playwrightCount, vitestCount } from './test-count.mjs';

/** @typedef {import('./test-count.mjs').Count} Count */

/** What a runner wrote, or undefined where it did not come to that. @param {string} file */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT')
      return undefined;
    throw error;
  }
}

/** @template T @param {(report: string) => Promise<T>} body gets a file's path, whose folder is gone afterwards */
async function withReport(body) {
  const folder = mkdtempSync(join(tmpdir(), 'virtiofs-lab-test-'));
  try {
    return await body(join(folder, 'report.json'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string[]} args @param {NodeJS.ProcessEnv} [env] beside our own @returns {Promise<Count>} */
export function vitest(args, env) {
  return withReport(async (report) => {
    const { status } = await run(
      packageProgram('vitest'),
      ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
      { env: { ...process.env, ...env } },
    );
    return vitestCount(readReport(report), status);
  });
}

/** @param {string[]} args @param {NodeJS.ProcessEnv} [env] beside our own @returns {Promise<Count>} */
export function playwright(args, env) {
  return withReport(async (report) => {
    const { status } = await run(packageProgram('playwright'), ['test', '--reporter=list,json', ...args], {
      env: { ...process.env, ...env, PLAYWRIGHT_JSON_OUTPUT_FILE: report },
    });
    return playwrightCount(readReport(report), status);
  });
}

/** One test: it passes where the program ends with 0. @param {string} program @param {string[]} args @returns {Promise<Count>} */
export async function single(program, ...args) {
  const { status } = await run(program, args);
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
}

/** A run in which nothing ran has not shown anything: that is a failure. @param {Count} count @returns {Count} */
export const shown = (count) => (count.passed + count.failed === 0 ? { passed: 0, failed: 1 } : count);
