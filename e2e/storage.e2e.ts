// What the browser gives this site to store in: full, freed again, and the promise to keep it.
import type { Page } from '@playwright/test';
import { expect, test } from './lab-test.ts';

const MIB = 1024 * 1024;

/** Gives the page's site so many bytes to store in, as long as the page is there. */
async function limitStorage(page: Page, site: string, quotaSize: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(site).origin, quotaSize });
}

test('storage that is full is told to guest and person, and freeing some of it is enough', async ({ lab, site }) => {
  // Room enough for what is held back and for what Chromium's database grows by besides its values.
  await limitStorage(lab.page, site, 160 * MIB);
  await lab.open(site);
  await lab.run('echo fsynced > kept; sync');

  // Until the guest is told: dd's fsync is answered when the store has it, or has no room for it. Then in small
  // pieces, so that hardly any room is left.
  for (const size of ['4M', '64k']) {
    const filled = await lab.channel.run(
      `i=0; while [ $i -lt 64 ]; do dd if=/dev/urandom of=big-${size} bs=${size} count=1 seek=$i conv=fsync,notrunc 2>&1 || exit; i=$((i + 1)); done`,
    );
    expect(filled.status, `of the disk filled by ${size}: ${filled.stdout}`).not.toBe(0);
    expect(filled.stdout).toContain('No space left on device');
  }
  const notice = lab.page.locator('.notice').filter({ hasText: 'The storage is full' });
  await expect(notice).toBeVisible();
  await expect(lab.page.locator('html')).toHaveAttribute('data-failure', 'quota');
  // The lab goes on.
  expect(await lab.run('cat kept')).toBe('fsynced');

  await lab.run('rm big-* && sync');
  await expect(notice).toHaveCount(0);
  await lab.run('echo more > after; sync');

  await lab.reload();
  expect(await lab.run('cat kept after; ls')).toBe('fsynced\nmore\nafter\nkept');
});

test('the promise to keep the files is asked for by a click, and never by what the guest writes', async ({
  lab,
  site,
}) => {
  await lab.page.addInitScript(() => {
    const calls = { persist: 0 };
    Object.assign(window, { calls });
    const { persist } = StorageManager.prototype;
    StorageManager.prototype.persist = function () {
      calls.persist++;
      return persist.call(this);
    };
  });
  const asked = () => lab.page.evaluate(() => (window as unknown as { calls: { persist: number } }).calls.persist);
  await lab.open(site);
  await lab.run('echo first > write; sync; dd if=/dev/zero of=big bs=1M count=2 conv=fsync 2> /dev/null');
  expect(await asked()).toBe(0);
  await lab.button('Keep files when the disk is low').click();
  await expect(lab.page.locator('.notice')).toContainText(/The browser (keeps|made no promise)/);
  expect(await asked()).toBe(1);
  await lab.run('echo second > write; sync');
  expect(await asked()).toBe(1);
});
