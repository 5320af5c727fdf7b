// Settings of the mount: chosen in the page, kept in its address, agreed with the guest.
import { expect, test } from './lab-test.ts';

test("the mount can be answered as QEMU's virtiofsd does, with writeback, locks and a nodeid table", async ({
  lab,
  site,
}) => {
  await lab.open(site);
  const { page } = lab;
  const mount = page.locator('.status .mount');
  await expect(mount).toHaveAttribute('title', /FUSE 7\.41.*POSIX_ACL/);
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Cache policy').selectOption('always');
  await page.getByLabel('Writeback').check();
  await page.getByLabel('Locks').check();
  await page.getByLabel('Requests are answered').selectOption('virtiofsd');
  await page.getByLabel('Nodeids stand for').selectOption('prefer');
  await page.getByLabel('Inode numbers').check();
  await page.getByRole('button', { name: 'Apply and reload' }).click();
  await page.waitForURL(/cache=always&writeback=1&locks=1&like=virtiofsd&handles=prefer&reuse=1/);
  await lab.waitForStage('ready');
  await expect(page.locator('.status')).toContainText('cache=always, writeback, locks, like virtiofsd');
  await expect(mount).toHaveAttribute('title', /FUSE 7\.36.*POSIX_LOCKS.*DO_READDIRPLUS.*WRITEBACK_CACHE/);
  await expect(mount).not.toHaveAttribute('title', /POSIX_ACL/);
  // The guest's own kernel sends what stock Linux sends.
  expect(await lab.run('cat /sys/module/fuse/parameters/fewer_requests; echo a > f; cat f')).toBe('N\na');
  // Numbers of the tree are used again, nodeids of the table are not.
  const number = await lab.run('stat -c %i f; rm f; echo 3 > /proc/sys/vm/drop_caches');
  expect(await lab.run('echo b > g; stat -c %i g')).toBe(number);
});
