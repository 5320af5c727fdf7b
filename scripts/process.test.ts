import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { ROOT } from './process.mjs';

const BODY = `
import { command, run } from ${JSON.stringify(pathToFileURL(join(ROOT, 'scripts', 'process.mjs')).href)};
await command(async () => {
  await run('sh', ['-c', 'echo first; exec sleep 600']);
  await run('sh', ['-c', 'echo second']);
  return 0;
});
`;

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('%s ends the child that runs, and none after it is started', async (signal, status) => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', BODY], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said === 'first\n') child.kill(signal);
  });
  const [code] = (await once(child, 'close')) as [number];
  expect(said).toBe('first\n');
  expect(code).toBe(status);
});
