// The built page needs nothing but a static host.
import { DIST } from '../scripts/page.mjs';
import { serve } from '../scripts/static-server.mjs';
import { expect, test } from './lab-test.ts';

test('the page works in a folder of its host, and with the network cut after loading', async ({
  lab,
  browserContext,
}) => {
  const server = await serve({ folder: DIST, base: '/some/folder/' });
  const asked: string[] = [];
  // What has no host (blob: and data:) comes from the page itself.
  lab.page.on('request', (request) => {
    if (request.url().startsWith('http')) asked.push(request.url());
  });
  try {
    await lab.open(server.url);
    expect(asked.filter((url) => !url.startsWith(server.url))).toEqual([]);
  } finally {
    await server.close();
  }
  await browserContext.setOffline(true);
  const before = asked.length;
  await lab.run('echo offline > f; sync; mkdir -p g/h; find . > /dev/null');
  expect(await lab.run('cat f')).toBe('offline');
  await lab.rows.last().click();
  await expect(lab.detail).toBeVisible();
  await lab.reboot(() => lab.runToTheEnd('reboot -f'));
  expect(await lab.run('cat f')).toBe('offline');
  expect(asked.slice(before)).toEqual([]);
});
