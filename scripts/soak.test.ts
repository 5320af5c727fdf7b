// The command of the long runs, run for a moment: what it says last, and how it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './process.mjs';

async function soak(...words: string[]): Promise<{ status: number; lastLine: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'scripts', 'soak.mjs'), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const [status] = (await once(child, 'close')) as [number];
  return { status, lastLine: said.trimEnd().split('\n').at(-1) ?? '' };
}

test('--help says what the runs are', async () => {
  expect(await soak('--help')).toEqual({ status: 0, lastLine: expect.stringContaining('N passed, M failed') });
});

test.each([[['dust']], [['fuzz', '--runs', 'many']], [['fuzz', '--runs', '0']], [['--seed', '-1']], [['--fast']]])(
  '%j is refused with status 2',
  async (words) => {
    expect(await soak(...words)).toMatchObject({ status: 2 });
  },
);

test.each(['fuzz', 'handles', 'storm'])('%s, a few runs of it: the count is the last line', async (name) => {
  const { status, lastLine } = await soak(name, '--runs', '3', '--seed', '4');
  expect(lastLine).toMatch(/^[1-9]\d* passed, 0 failed$/);
  expect(status).toBe(0);
});
