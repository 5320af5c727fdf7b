// Debian's Firefox: one smoke test.
import { expect, test } from '@playwright/test';
import { findBrowser } from '../scripts/browsers.mjs';
import { DIST } from '../scripts/page.mjs';
import { serve } from '../scripts/static-server.mjs';
import { Firefox } from './marionette.ts';

const READY = "document.documentElement.dataset.stage === 'ready'";
const TERMINAL = "document.querySelector('#screen-terminal .xterm-rows').textContent";
const KEYS = '#screen-terminal textarea';
const BOOT_LOG = "document.querySelector('#screen-boot .xterm-rows').innerText";

/** How far the guest has come, for whoever wonders why it came no further. */
async function whereItIs(firefox: Firefox): Promise<string> {
  await firefox.evaluate("document.querySelector('[aria-controls=screen-boot]').click()");
  await firefox.waitFor(`${BOOT_LOG}.trim() !== ''`, 10_000);
  const stage = await firefox.evaluate('document.documentElement.dataset.stage');
  return `stage ${stage}, boot log:\n${await firefox.evaluate(BOOT_LOG)}`;
}

test('Firefox boots the page, mounts, writes, and finds the file after a reload', async () => {
  test.setTimeout(300_000);
  const program = findBrowser('firefox');
  if (!program) throw new Error('There is no Firefox: npm test installs one.');
  const server = await serve({ folder: DIST });
  const firefox = await Firefox.launch(program);
  try {
    await firefox.open(server.url);
    await firefox.waitFor(`${READY} && ${TERMINAL}.includes('#')`);
    await firefox.type(KEYS, "echo from firefox > /mnt/lab/a; sync; echo stored''-here\n");
    await firefox.waitFor(`${TERMINAL}.includes('stored-here')`);
    expect(await firefox.evaluate("document.querySelectorAll('#log-grid [data-seq]').length")).toBeGreaterThan(3);

    await firefox.reload();
    await firefox.waitFor(`${READY} && ${TERMINAL}.includes('#')`);
    await firefox.type(KEYS, 'cat /mnt/lab/a\n');
    await firefox.waitFor(`/from.firefox/.test(${TERMINAL})`);
  } catch (error) {
    throw new Error(await whereItIs(firefox), { cause: error });
  } finally {
    await firefox.close();
    await server.close();
  }
});
