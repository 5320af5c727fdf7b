// The left pane: copy and paste, the boot log, what stands over the terminal while the guest is on its way.
import { expect, test } from './lab-test.ts';

const CLIPBOARD = ['clipboard-read', 'clipboard-write'];

test('text is pasted into the terminal and copied from it', async ({ lab, site, browserContext }) => {
  await browserContext.grantPermissions(CLIPBOARD);
  await lab.open(site);
  // The word is not in the line that makes it, so only the guest can have printed it.
  await lab.page.evaluate(() => navigator.clipboard.writeText("echo past''ed-word > pasted; cat pasted"));
  await lab.button('Paste').click();
  await lab.page.keyboard.press('Enter');
  const printed = lab.terminal.getByText('pasted-word', { exact: true }).last();
  await expect(printed).toBeVisible();
  expect(await lab.run('cat pasted')).toBe('pasted-word');

  await expect(lab.button('Copy')).toBeDisabled();
  // A double click selects a word. By force: the terminal takes it with a layer of its own over the rows.
  await printed.dblclick({ force: true, position: { x: 20, y: 5 } });
  await expect(lab.button('Copy')).toBeEnabled();
  await lab.button('Copy').click();
  const clipboard = () => lab.page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(clipboard).toBe('pasted-word');

  await lab.page.evaluate(() => navigator.clipboard.writeText('before'));
  await lab.page.keyboard.press('Control+Shift+C');
  await expect.poll(clipboard).toBe('pasted-word');
  await lab.waitForPrompt();
});

test('the boot log has a tab of its own', async ({ lab, site }) => {
  await lab.open(site);
  const log = lab.page.getByRole('tabpanel', { name: 'Boot log' });
  await expect(log).toBeHidden();
  await lab.page.getByRole('tab', { name: 'Boot log' }).click();
  await expect(log).toBeVisible();
  await expect(lab.terminal).toBeHidden();
  await expect(log.locator('.xterm-rows')).toContainText('Freeing unused kernel image');
  // What the kernel says first is further up; a turn of the wheel is two lines, however far.
  await log.locator('.xterm-screen').hover();
  await expect
    .poll(async () => {
      for (let turn = 0; turn < 30; turn++) await lab.page.mouse.wheel(0, -1000);
      return log.locator('.xterm-rows').textContent();
    })
    .toMatch(/Linux.version.6\.12/);
  await lab.page.getByRole('tab', { name: 'Terminal' }).click();
  await expect(log).toBeHidden();
  await expect(lab.terminal).toBeVisible();
});

test('the progress bar tells downloading from booting', async ({ lab, site }) => {
  let deliver = (): void => {};
  const delivered = new Promise<void>((resolve) => {
    deliver = resolve;
  });
  await lab.page.route(/\/guest\/.*initramfs/, async (route) => {
    await delivered;
    await route.continue();
  });
  // Each state of the card, in their order: one may be there for less than the time between two looks at it.
  await lab.page.addInitScript(() => {
    const seen: string[] = [];
    Object.assign(window, { seen });
    new MutationObserver(() => {
      const heading = document.querySelector('.card h2')?.textContent;
      const bar = document.querySelector('[role=progressbar]');
      if (!heading || !bar) return;
      const state = `${heading}, ${bar.getAttribute('aria-label')}, ${bar.hasAttribute('aria-valuenow') ? 'by the byte' : 'busy'}`;
      if (seen.at(-1) !== state) seen.push(state);
    }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  });
  await lab.page.goto(site);
  const download = lab.page.getByRole('progressbar', { name: 'Download' });
  await expect(download).toBeVisible();
  await expect(lab.page.getByRole('heading', { name: 'Downloading' })).toBeVisible();
  // The kernel and the rest are there; of the initramfs nothing is.
  const percent = async () => Number(await download.getAttribute('aria-valuenow'));
  await expect.poll(percent).toBeGreaterThan(20);
  expect(await percent()).toBeLessThan(100);
  await expect(download).toHaveAttribute('aria-valuetext', / of /);
  deliver();
  await lab.waitForStage('ready');
  await expect(lab.page.getByRole('progressbar')).toHaveCount(0);
  const seen = await lab.page.evaluate(() => (window as unknown as { seen: string[] }).seen);
  expect(seen[0]).toBe('Downloading, Download, by the byte');
  expect(seen).toContain('Booting Linux, Starting the guest, busy');
  expect(seen.filter((state) => /^Downloading/.test(state) !== /by the byte$/.test(state))).toEqual([]);
});
