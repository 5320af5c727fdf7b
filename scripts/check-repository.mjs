// What git holds can be read, built and hosted anywhere: no binaries, no big files, no address of one machine.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './process.mjs';

const PICTURE = 'docs/screenshot.png';
const LARGEST = 300 * 1024;
/** Logs of another server's runs, kept as they were recorded. */
const RECORDED = /^test\/parity\/reference\//;

/** @type {{ pattern: RegExp, why: string, except?: RegExp }[]} */
const FORBIDDEN = [
  {
    pattern: /:\/\/(registry|deb|ftp|mirrors?|archive|security|snapshot)\./,
    why: 'names the host of a package archive',
  },
  { pattern: /(^|[\s"'`(=:])\/(home|Users)\/\w+\//, why: 'names a folder of one machine' },
  { pattern: /\b(TODO|FIXME|XXX)\b/, why: 'leaves an end open' },
  { pattern: /"resolved": "http/, why: 'binds the lock file to one registry', except: /^(?!package-lock\.json$)/ },
];

/** What is wrong with one tracked file. @param {string} file @param {Buffer} bytes */
export function problemsWith(file, bytes) {
  if (bytes.length > LARGEST && !RECORDED.test(file)) return [`${file}: ${bytes.length} bytes, more than ${LARGEST}`];
  if (file === PICTURE) return [];
  if (bytes.includes(0)) return [`${file}: a binary file`];
  const problems = [];
  // This file has to spell what it looks for.
  if (file === 'scripts/check-repository.mjs' || file === 'scripts/checks.test.ts') return [];
  for (const [index, line] of bytes.toString('utf8').split('\n').entries()) {
    for (const { pattern, why, except } of FORBIDDEN) {
      if (!except?.test(file) && pattern.test(line)) problems.push(`${file}:${index + 1}: ${why}`);
    }
  }
  return problems;
}

/** Every problem of the files that git tracks; none where this is no git checkout. */
export function checkRepository() {
  if (!existsSync(join(ROOT, '.git'))) return [];
  return execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 })
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(ROOT, file)) && statSync(join(ROOT, file)).isFile())
    .flatMap((file) => problemsWith(file, readFileSync(join(ROOT, file))));
}
