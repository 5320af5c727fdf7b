// The request log: long, searchable, and open to the last byte.
import { expect, test } from './lab-test.ts';

test('a row opens to the fields of request and reply, and the bytes of a field are marked', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('echo hello > a; sync');
  await lab.filter.fill('write /a');
  await lab.row('WRITE', '/a').first().click();
  await expect(lab.detail).toBeVisible();

  const request = lab.detail.getByRole('region', { name: 'Request', exact: true });
  const reply = lab.detail.getByRole('region', { name: 'Reply', exact: true });
  const field = (name: string) =>
    request.locator('.fields tr').filter({ has: lab.page.getByRole('rowheader', { name, exact: true }) });
  await expect(field('opcode')).toContainText('16');
  // 40 bytes of header, 40 of fuse_write_in, and "hello\n".
  await expect(field('len')).toContainText('86');
  await expect(reply.locator('.fields')).toContainText('fuse_write_out');

  await field('opcode').hover();
  await expect(request.locator('.bytes .marked')).toHaveText('10 00 00 00');
  // The other way round: the bytes of len are the first four.
  await request.locator('.bytes .run').first().hover();
  await expect(field('len')).toHaveClass(/marked/);
  await expect(request.locator('.bytes .marked')).toHaveText('56 00 00 00');
});

test('the filter looks in opcode, path and error', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('mkdir dir; touch dir/one; rmdir dir 2> /dev/null; sync');
  await lab.filter.fill('mkdir');
  await expect(lab.rows).toHaveCount(1);
  await expect(lab.rows.first()).toContainText('dir');
  await lab.filter.fill('enotempty');
  await expect(lab.rows).toHaveCount(1);
  await expect(lab.rows.first()).toContainText('RMDIR');
  await lab.filter.fill('dir/one');
  await expect(lab.rows.first()).toContainText('/dir/one');
  await lab.filter.fill('nothing-has-this-word');
  await expect(lab.rows).toHaveCount(0);
  await lab.filter.fill('');
  expect(await lab.rowCount()).toBeGreaterThan(5);
});

test('a row says which process asked', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('touch owned; sync');
  await lab.filter.fill('create');
  await expect(lab.rows.first().locator('.who')).toContainText('touch');
});

test('a row of the kernel’s own says so', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('echo x > owned; sync');
  await lab.filter.fill('init');
  await expect(lab.rows.first().locator('.who')).toHaveText('kernel');
  // The file is closed by whoever had it open, but it is the kernel that tells the server.
  await lab.filter.fill('release /owned');
  await expect(lab.rows.first().locator('.who')).toHaveText('kernel');
});

test('the log pauses, goes on and is cleared', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('ls -la > /dev/null');
  await lab.button('Pause').click();
  const paused = await lab.rowCount();
  expect(paused).toBeGreaterThan(0);
  await lab.run('touch while-paused; sync');
  expect(await lab.rowCount()).toBe(paused);
  await lab.button('Pause').click();
  await expect.poll(() => lab.rowCount()).toBeGreaterThan(paused);
  await lab.button('Clear').click();
  await expect(lab.rows).toHaveCount(0);
});

test('100,000 requests scroll with at most 200 rows in the document', async ({ lab, site }) => {
  test.setTimeout(300_000);
  await lab.open(site);
  // 4,000 look-ups that fail in each.
  const misses = Array.from({ length: 25 }, () => 'miss').join(' ');
  await lab.run(`lab-bench /mnt/lab ${misses} > /dev/null`);
  await expect.poll(() => lab.rowCount(), { timeout: 60_000 }).toBeGreaterThan(100_000);
  const most = lab.page.evaluate(() => {
    const grid = document.querySelector('#log-grid') as HTMLElement;
    let most = 0;
    return new Promise<{ most: number; frames: number; empty: number }>((resolve) => {
      let frames = 0;
      let empty = 0;
      const step = () => {
        const rows = grid.querySelectorAll('[role=row][data-seq]');
        most = Math.max(most, rows.length);
        if (rows.length === 0) empty++;
        if (++frames > 100) resolve({ most, frames, empty });
        else {
          grid.scrollTop = (grid.scrollHeight * (100 - frames)) / 100;
          requestAnimationFrame(step);
        }
      };
      step();
    });
  });
  const { most: rows, empty } = await most;
  expect(rows).toBeLessThanOrEqual(200);
  expect(rows).toBeGreaterThan(10);
  expect(empty).toBe(0);
  // At the very beginning, and back at the end by the keyboard.
  await lab.grid.focus();
  await lab.page.keyboard.press('Home');
  await expect(lab.grid.locator('[aria-rowindex="2"]')).toBeVisible();
  await lab.page.keyboard.press('End');
  await expect(lab.grid.locator(`[aria-rowindex="${(await lab.rowCount()) + 1}"]`)).toBeVisible();
});
