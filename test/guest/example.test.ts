// What the example tree invites to works as it says.
import { expect, test } from 'vitest';
import { fillExample } from '../../src/lab/example.ts';
import { BOOT_TIMEOUT, withGuest } from './guest.ts';

test(
  'every command of its README, and its tour',
  async () => {
    await withGuest({ prepare: fillExample }, async (machine) => {
      const readme = (await machine.run('cat README')).stdout;
      const commands = readme.split('\n').filter((line) => line.startsWith('  '));
      expect(commands.length).toBeGreaterThan(5);
      for (const command of commands) {
        const { status, stderr } = await machine.run(command);
        expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
      }
      const { stdout } = await machine.run(
        'cat notes/diary; readlink links/soft; cat links/soft | wc -l; du -k sparse',
      );
      expect(stdout).toMatch(/^The guest booted.*\nonce more\n\.\.\/notes\/ideas\n3\n\d{1,3}\tsparse\n$/);
    });
  },
  BOOT_TIMEOUT,
);
