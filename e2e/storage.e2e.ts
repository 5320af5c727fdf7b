// What the browser gives this site to store in: full, freed again, and the promise to keep it.
import type { Page } from '@playwright/test';
import { run as checkTree } from '../test/check-tree/run.ts';
import { MortalBrowser } from './browser.ts';
import { LabPage } from './lab-page.ts';
import { expect, test } from './lab-test.ts';

const MIB = 1024 * 1024;

/** Gives the page's site so many bytes to store in, as long as the page is there. */
async function limitStorage(page: Page, site: string, quotaSize: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(site).origin, quotaSize });
}

/**
 * Fills the storage until the guest is told: dd's fsync is answered when the store has it, or has no room for it. Then in
 * small pieces, so that hardly any room is left.
 */
async function fill(lab: LabPage): Promise<void> {
  for (const size of ['4M', '64k']) {
    const filled = await lab.channel.run(
      `i=0; while [ $i -lt 64 ]; do dd if=/dev/urandom of=big-${size} bs=${size} count=1 seek=$i conv=fsync,notrunc 2>&1 || exit; i=$((i + 1)); done`,
    );
    expect(filled.status, `of the disk filled by ${size}: ${filled.stdout}`).not.toBe(0);
    expect(filled.stdout).toContain('No space left on device');
  }
}

test('storage that is full is told to guest and person, and freeing some of it is enough', async ({ lab, site }) => {
  // Room enough for what is held back and for what Chromium's database grows by besides its values.
  await limitStorage(lab.page, site, 160 * MIB);
  await lab.open(site);
  await lab.run('echo fsynced > kept; sync');

  await fill(lab);
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

test('5.20 a browser that is killed while its storage is full leaves what was fsynced, and no size without content', async ({
  profile,
  site,
  troubles,
}) => {
  test.setTimeout(600_000);
  const first = await MortalBrowser.launch(profile);
  troubles.watch(first.context);
  const lab = await LabPage.on(await first.page());
  await limitStorage(lab.page, site, 160 * MIB);
  await lab.open(site);
  const sum = (await lab.run('dd if=/dev/urandom of=kept bs=64k count=20 conv=fsync 2>/dev/null; md5sum kept')).split(
    ' ',
  )[0];
  await lab.run('mkdir dir; echo gone > gone; dd if=/dev/urandom of=cut bs=1k count=100 2>/dev/null; sync');
  await fill(lab);
  expect((await lab.channel.run('echo more > more')).status, 'of a file that is made where there is no room').not.toBe(
    0,
  );
  // Names, truncations and deletions go on, and are stored without what finds no room; sync says that not all is.
  await lab.run('mv kept dir/moved; truncate -s 5000 cut; rm gone');
  await lab.channel.run('sync');
  // Room is made and used up again. Chromium may be slow to give it back, so that no more than what was synced is sure.
  await lab.run('rm big-* && sync');
  const later = (
    await lab.run('dd if=/dev/urandom of=later bs=64k count=8 conv=fsync 2>/dev/null; md5sum later')
  ).split(' ')[0];
  await fill(lab);
  await first.kill();

  expect(await checkTree(['--profile', profile])).toMatchObject({ status: 0 });
  const second = await MortalBrowser.launch(profile);
  troubles.watch(second.context);
  try {
    const again = await LabPage.on(await second.page());
    await again.open(site);
    expect(await again.run('md5sum < dir/moved')).toContain(sum);
    expect(await again.run('md5sum < later')).toContain(later);
    expect(await again.run('stat -c %s cut; ls gone kept more 2>/dev/null || true')).toBe('5000');
    // Each file is as long as it says, and no chunk of its random bytes is missing before its end: that would be zeros.
    await again.run(`for f in $(find . -type f); do
      size=$(stat -c %s $f)
      [ $(wc -c < $f) = $size ] || exit 1
      [ $((size - $(tr -d '\\000' < $f | wc -c))) -lt $((size / 256 + 20000)) ] || exit 2
    done`);
    await again.run('rm -r *; sync');
  } finally {
    await second.kill();
  }
});

test('5.20 an fsync of a small file is one strict transaction', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('echo first > small; sync');
  const worker = lab.page.workers()[0];
  if (!worker) throw new Error('the page has no worker');
  const transactions = await worker.evaluateHandle(() => {
    const seen: string[] = [];
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (names, mode = 'readonly', options = {}) {
      seen.push(`${mode} ${options.durability}`);
      return transaction.call(this, names, mode, options);
    };
    return seen;
  });
  await lab.run('dd if=/dev/zero of=small bs=100 count=1 conv=fsync,notrunc 2>/dev/null');
  // A change may be older than the interval when the fsync comes, and have been stored in the meantime.
  const all = await transactions.jsonValue();
  expect(all.filter((one) => one === 'readwrite strict')).toHaveLength(1);
  expect(all.filter((one) => !one.startsWith('readwrite'))).toEqual([]);
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
