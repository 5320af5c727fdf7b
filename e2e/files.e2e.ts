// The tree outlives the page, the browser and the guest.
import { MortalBrowser } from './browser.ts';
import { LabPage } from './lab-page.ts';
import { expect, test } from './lab-test.ts';

test('a file written in the guest shows its requests and is there after a reload', async ({ lab, site }) => {
  await lab.open(site);
  await lab.type('echo hi > /mnt/lab/a; sync\n');
  await expect(lab.row('CREATE', '/a')).toBeVisible();
  await expect(lab.row('WRITE', '/a')).toBeVisible();
  await lab.waitForPrompt();
  expect(await lab.run('cat /mnt/lab/a')).toBe('hi');
  await lab.reload();
  expect(await lab.run('cat /mnt/lab/a')).toBe('hi');
  expect(await lab.counter('stored')).toBeGreaterThanOrEqual(3);
});

test('what was fsynced is there after the browser was killed', async ({ profile, site, troubles }) => {
  const first = await MortalBrowser.launch(profile);
  troubles.watch(first.context);
  const lab = await LabPage.on(await first.page());
  await lab.open(site);
  const sum = (await lab.run('dd if=/dev/urandom of=b bs=64k count=20 conv=fsync 2>/dev/null; md5sum b')).split(' ')[0];
  expect(sum).toMatch(/^[0-9a-f]{32}$/);
  await first.kill();

  const second = await MortalBrowser.launch(profile);
  troubles.watch(second.context);
  try {
    const again = await LabPage.on(await second.page());
    await again.open(site);
    expect(await again.run('md5sum b')).toContain(sum);
  } finally {
    await second.kill();
  }
});

test('a browser killed in the middle of writing leaves what was fsynced, and a whole tree', async ({
  profile,
  site,
  troubles,
}) => {
  const first = await MortalBrowser.launch(profile);
  troubles.watch(first.context);
  const lab = await LabPage.on(await first.page());
  await lab.open(site);
  const sum = (await lab.run('dd if=/dev/urandom of=b bs=64k count=20 conv=fsync 2>/dev/null; md5sum b')).split(' ')[0];
  expect(sum).toMatch(/^[0-9a-f]{32}$/);
  // Never ends by itself: the browser dies in the middle of it.
  const work = lab.channel.start('while :; do lab-bench /mnt/lab create remove; done').then(
    () => 'ended',
    () => 'killed',
  );
  const rows = await lab.rowCount();
  await expect.poll(() => lab.rowCount()).toBeGreaterThan(rows + 3000);
  await first.kill();
  expect(await work).toBe('killed');

  const second = await MortalBrowser.launch(profile);
  troubles.watch(second.context);
  try {
    const again = await LabPage.on(await second.page());
    await again.open(site);
    expect(await again.run('md5sum b')).toContain(sum);
    // What was under way is there up to some commit: every name leads to an inode, and every byte can be read.
    await again.run('find . -exec stat {} + > /dev/null && find . -type f -exec cat {} + > /dev/null');
    expect(await again.run('ls -d lab-bench lab-bench/small')).toBe('lab-bench\nlab-bench/small');
    await again.run('rm -r lab-bench && sync');
    expect(await again.run('ls')).toBe('b');
  } finally {
    await second.kill();
  }
});

test('a second tab is told that the tree is open in another one, and gets it when that is closed', async ({
  lab,
  site,
  browserContext,
}) => {
  await lab.open(site);
  await lab.run('echo mine > c; sync');
  const second = await LabPage.on(await browserContext.newPage());
  await second.page.goto(site);
  await second.waitForFailure('tree-locked');
  await expect(second.failure).toContainText('open in another tab');
  // The first one is not disturbed.
  expect(await lab.run('cat c')).toBe('mine');

  await lab.page.close();
  await second.button('Try again').click();
  await second.waitForStage('ready');
  await second.waitForPrompt();
  expect(await second.run('cat c')).toBe('mine');
});

test('another tree is another set of files', async ({ lab, site }) => {
  await lab.open(`${site}?tree=one`);
  await lab.run('echo one > name; sync');
  await lab.open(`${site}?tree=two`);
  expect(await lab.run('ls')).toBe('');
  await lab.open(`${site}?tree=one`);
  expect(await lab.run('cat name')).toBe('one');
});
