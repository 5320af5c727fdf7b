// The page is usable at 1280×720, by the keyboard alone, in light and dark, and nothing in it jumps.
import { expect, test } from './lab-test.ts';
import { layoutShift, leastContrast } from './looks.ts';

test('nothing jumps at 1280×720, and nothing sticks out', async ({ lab, site }) => {
  await lab.open(site);
  await lab.type('mkdir -p a/b/c; seq 200 | tee a/numbers; ls -laR; sync; echo al""l-done\n');
  await expect(lab.terminal).toContainText('all-done');
  await lab.waitForPrompt();
  await lab.filter.fill('write');
  await lab.filter.fill('');
  expect(await layoutShift(lab.page)).toBe(0);
  const overflow = await lab.page.evaluate(() => ({
    right: document.documentElement.scrollWidth - innerWidth,
    bottom: document.documentElement.scrollHeight - innerHeight,
  }));
  expect(overflow).toEqual({ right: 0, bottom: 0 });
});

test('the guest is told the true size of the terminal', async ({ lab, site }) => {
  await lab.open(site);
  const lines = await lab.terminal.locator('> div').count();
  await lab.type('stty size\n');
  const size = lab.terminal.locator('> div').filter({ hasText: /^\d+.\d+\s*$/ });
  await expect(size).toHaveText(new RegExp(`^${lines}.\\d+\\s*$`));
  const columns = Number(/\d+\s*$/.exec((await size.textContent()) ?? '')?.[0]);
  expect(columns).toBeGreaterThan(40);

  await lab.page.setViewportSize({ width: 1280, height: 560 });
  await expect(lab.terminal.locator('> div')).not.toHaveCount(lines);
  const fewer = await lab.terminal.locator('> div').count();
  await lab.type(`clear; while [ "$(stty size)" = '${lines} ${columns}' ]; do :; done; stty size\n`);
  await expect(size).toHaveText(new RegExp(`^${fewer}.${columns}\\s*$`));
});

test('the splitter is moved by the arrow keys, and stays there after a reload', async ({ lab, site }) => {
  await lab.open(site);
  const splitter = lab.page.getByRole('separator', { name: 'Width of the terminal' });
  const pane = lab.page.getByRole('region', { name: 'Guest' });
  const width = async () => (await pane.boundingBox())?.width ?? 0;
  const [before, value] = [await width(), Number(await splitter.getAttribute('aria-valuenow'))];
  await splitter.focus();
  for (let i = 0; i < 3; i++) await lab.page.keyboard.press('ArrowRight');
  await expect(splitter).toHaveAttribute('aria-valuenow', String(value + 6));
  const moved = await width();
  expect(moved).toBeGreaterThan(before + 60);
  await lab.reload();
  await expect(splitter).toHaveAttribute('aria-valuenow', String(value + 6));
  expect(await width()).toBe(moved);
});

test('the keyboard reaches everything', async ({ lab, site }) => {
  await lab.open(site);
  const { keyboard } = lab.page;
  // The shell has the focus as soon as it is there.
  await keyboard.type('touch by-keyboard; sync\n');
  await expect(lab.row('CREATE', '/by-keyboard')).toBeVisible();

  await keyboard.press('F6');
  await expect(lab.grid).toBeFocused();
  await keyboard.press('End');
  await keyboard.press('Enter');
  await expect(lab.detail).toBeVisible();
  await keyboard.press('F6');
  await expect(lab.detail).toBeFocused();
  await keyboard.press('Escape');
  await expect(lab.detail).toBeHidden();
  await expect(lab.grid).toBeFocused();

  // Every button and field can be reached, and shows that it has the focus.
  const reached: string[] = [];
  const step = async (key: 'Tab' | 'Shift+Tab'): Promise<void> => {
    await keyboard.press(key);
    const focused = await lab.page.evaluate(() => {
      const element = document.activeElement;
      // Behind the last one the browser's own controls would follow.
      if (!element || element === document.body) return undefined;
      const style = getComputedStyle(element);
      return {
        name: element.getAttribute('aria-label') ?? element.textContent?.trim() ?? '',
        marked: style.outlineStyle !== 'none' || style.boxShadow !== 'none' || element.tagName === 'TEXTAREA',
      };
    });
    if (!focused) return;
    expect(focused.marked, `${focused.name} shows that it has the focus`).toBe(true);
    reached.push(focused.name);
  };
  // From the log back to the terminal, and from the start of the page to it: there Tab belongs to the guest.
  while (!reached.at(-1)?.startsWith('Terminal of the guest')) await step('Shift+Tab');
  await lab.page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await lab.page.locator('.skip').focus();
  do await step('Tab');
  while (!reached.at(-1)?.startsWith('Terminal of the guest'));
  for (const name of [
    'Restart',
    'Ctrl-Alt-Del',
    'Pause',
    'Clear',
    'Filter by opcode, path, error',
    'Width of the terminal',
  ]) {
    expect(reached.join('|')).toContain(name);
  }
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the page can be read in ${colorScheme}`, async ({ lab, site }) => {
    await lab.page.emulateMedia({ colorScheme });
    await lab.open(site);
    await lab.run('touch a; cat none 2> /dev/null; mkdir -p b; ls > /dev/null; echo x > c; rm c; sync');
    await lab.rows.last().click();
    await expect(lab.detail).toBeVisible();
    const brightness = await lab.page.evaluate(
      () => getComputedStyle(document.body).backgroundColor.match(/\d+/g)?.[0],
    );
    if (colorScheme === 'light') expect(Number(brightness)).toBeGreaterThan(180);
    else expect(Number(brightness)).toBeLessThan(60);
    const { ratio, text } = await leastContrast(lab.page);
    expect(ratio, `contrast of "${text}"`).toBeGreaterThanOrEqual(4.5);
  });
}

test('in a narrow window the panes take turns', async ({ lab, site }) => {
  await lab.page.setViewportSize({ width: 480, height: 720 });
  await lab.open(site);
  await expect(lab.grid).toBeHidden();
  await lab.button('Requests').click();
  await expect(lab.grid).toBeVisible();
  await expect(lab.terminal).toBeHidden();
  expect(await lab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
});
