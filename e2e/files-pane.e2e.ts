// The Files pane: what the guest made is shown and saved, what the person puts in is there in the guest.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import type { LabPage } from './lab-page.ts';
import { expect, test } from './lab-test.ts';
import { layoutShift, leastContrast } from './looks.ts';

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

class FilesPane {
  readonly page: Page;
  readonly grid: Locator;
  readonly rows: Locator;
  readonly outcome: Locator;

  constructor({ page }: LabPage) {
    this.page = page;
    this.grid = page.getByRole('treegrid', { name: 'Files' });
    this.rows = this.grid.locator('[data-index]');
    this.outcome = page.locator('.files .outcome');
  }

  async open(): Promise<void> {
    await this.page.getByRole('tab', { name: 'Files' }).click();
    await expect(this.row('/mnt/lab')).toBeVisible();
  }

  /** The row of a name. */
  row(name: string): Locator {
    return this.rows.filter({ has: this.page.locator(`.name bdi:text-is("${name}")`) });
  }

  tool(name: string): Locator {
    return this.page.locator('.files-tools').getByRole('button', { name, exact: true });
  }

  /** Drops files on something, as a person does with a mouse. */
  async drop(onto: Locator, files: { name: string; content: string }[]): Promise<void> {
    const transfer = await this.page.evaluateHandle((given) => {
      const made = new DataTransfer();
      for (const { name, content } of given) made.items.add(new File([content], name));
      return made;
    }, files);
    for (const type of ['dragenter', 'dragover', 'drop']) await onto.dispatchEvent(type, { dataTransfer: transfer });
  }

  dialog(title: string | RegExp): Locator {
    return this.page.getByRole('dialog', { name: title });
  }
}

/** A folder on this machine, gone after the test. */
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'virtiofs-lab-upload-'));
  folders.push(made);
  return made;
}
const folders: string[] = [];
test.afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

test('files that are dropped on a folder are in the guest, with their content', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('mkdir notes && echo old > notes/b');
  const pane = new FilesPane(lab);
  // What is dragged over the log shows where it can be dropped.
  await pane.drop(lab.grid, []);
  await pane.open();
  await pane.drop(pane.row('notes'), [
    { name: 'a.txt', content: 'first\n' },
    { name: 'größe', content: 'second\n' },
  ]);
  await expect(pane.outcome).toHaveText('2 files (13 B) put into /mnt/lab/notes.');
  await expect(pane.row('größe')).toBeVisible();
  expect(await lab.run('cat notes/a.txt notes/größe; stat -c "%a %u:%g" notes/a.txt')).toBe('first\nsecond\n644 0:0');

  // Beside a file is into its folder; what is taken is asked about.
  await pane.drop(pane.row('b'), [{ name: 'b', content: 'new\n' }]);
  await pane.dialog('b is there already').getByRole('button', { name: 'Skip it' }).click();
  await expect(pane.outcome).toContainText('1 left out');
  await pane.drop(pane.row('b'), [{ name: 'b', content: 'new\n' }]);
  await expect(pane.dialog('b is there already')).toBeVisible();
  await pane.page.keyboard.press('Enter');
  await expect(pane.row('b (2)')).toBeVisible();
  expect(await lab.run('cat notes/b "notes/b (2)"')).toBe('old\nnew');
  await pane.drop(pane.row('b'), [{ name: 'b', content: 'newest\n' }]);
  await pane.dialog('b is there already').getByRole('button', { name: 'Replace' }).click();
  await expect(pane.outcome).toContainText('put into /mnt/lab/notes.');
  // As the cache policy allows: within a second.
  await expect.poll(() => lab.run('cat notes/b')).toBe('newest');

  // What is dropped beside the panes opens nothing in place of the page.
  await pane.drop(lab.page.locator('.status'), [{ name: 'x', content: 'x' }]);
  await lab.reload();
  expect(await lab.run('cat notes/größe')).toBe('second');
});

test('a folder is put in with all that is in it', async ({ lab, site }) => {
  const from = join(folder(), 'chosen');
  const bytes = randomBytes(3_000_000);
  mkdirSync(join(from, 'in', 'ner'), { recursive: true });
  writeFileSync(join(from, 'in', 'ner', 'random'), bytes);
  writeFileSync(join(from, 'in', 'empty'), '');
  for (let i = 0; i < 150; i++) writeFileSync(join(from, `many-${i}`), `${i}\n`);
  await lab.open(site);
  const pane = new FilesPane(lab);
  await pane.open();
  await lab.page.locator('#upload-folder').setInputFiles(from);
  await expect(pane.outcome).toContainText('152 files (2.86 MiB) put into /mnt/lab.');
  expect(
    await lab.run('md5sum < chosen/in/ner/random; stat -c %s chosen/in/empty; cat chosen/many-* | sort -n | tail -1'),
  ).toBe(`${md5(bytes)}  -\n0\n149`);
});

test('a folder that is dragged in from outside of the browser is put in with all that is in it', async ({
  lab,
  site,
}) => {
  const from = join(folder(), 'dragged');
  mkdirSync(join(from, 'in', 'ner'), { recursive: true });
  mkdirSync(join(from, 'empty'));
  writeFileSync(join(from, 'in', 'ner', 'file'), 'content\n');
  for (let i = 0; i < 120; i++) writeFileSync(join(from, `many-${i}`), `${i}\n`);
  await lab.open(site);
  await lab.run('mkdir notes');
  const pane = new FilesPane(lab);
  await pane.open();
  const box = await pane.row('notes').boundingBox();
  if (!box) throw new Error('the row is not to be seen');
  const session = await lab.page.context().newCDPSession(lab.page);
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    const data = { items: [], files: [from], dragOperationsMask: 1 };
    await session.send('Input.dispatchDragEvent', { type, x: box.x + 20, y: box.y + box.height / 2, data });
  }
  await expect(pane.outcome).toContainText('121 files');
  await expect(pane.outcome).toContainText('put into /mnt/lab/notes.');
  expect(await lab.run('cd notes/dragged; cat in/ner/file; cat many-* | sort -n | tail -1; ls -d empty')).toBe(
    'content\n119\nempty',
  );
});

test('what the guest makes is shown, and is saved byte by byte', async ({ lab, site }) => {
  await lab.open(site);
  const pane = new FilesPane(lab);
  await pane.open();
  await lab.run(
    'dd if=/dev/urandom of=random bs=64k count=40 2> /dev/null; ln -s random pointer; mknod null c 1 3; mkdir empty',
  );
  await expect(pane.row('random').locator('.size')).toHaveText('2.50 MiB');
  await expect(pane.row('random').locator('.mode')).toHaveText('-rw-r--r--');
  await expect(pane.row('random').locator('.nodeid')).toHaveText(await lab.run('stat -c %i random'));
  await expect(pane.row('pointer').locator('.name')).toContainText('→ random');
  await expect(pane.row('null').locator('.size')).toHaveText('1:3');
  await expect(pane.row('empty').locator('.size')).toHaveText('0 names');
  // An open file without a name is an orphan.
  await lab.run('exec 3> gone; rm gone; (sleep 1000 <&3 > /dev/null 2>&1 &)');
  await expect(lab.page.locator('.files-foot')).toContainText('1 without a name');

  await pane.row('random').click();
  const saved = lab.page.waitForEvent('download');
  await pane.tool('Download').click();
  const download = await saved;
  expect(download.suggestedFilename()).toBe('random');
  expect(md5(readFileSync(await download.path()))).toBe((await lab.run('md5sum random')).split(' ')[0]);
  await expect(pane.outcome).toHaveText('random (2.50 MiB) was saved.');
});

test('a large file with holes is saved straight into the file that was chosen', async ({ lab, site }) => {
  await lab.page.addInitScript(() => {
    Object.assign(window, {
      showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) =>
        (await navigator.storage.getDirectory()).getFileHandle(`chosen-${suggestedName}`, { create: true }),
    });
  });
  await lab.open(site);
  await lab.run('echo begin > large; echo end | dd of=large bs=1 seek=314572800 2> /dev/null; sync');
  const pane = new FilesPane(lab);
  await pane.open();
  await pane.row('large').click();
  await pane.tool('Download').click();
  await expect(pane.outcome).toHaveText('large (300 MiB) was saved.');
  const saved = await lab.page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const file = await (await root.getFileHandle('chosen-large')).getFile();
    return { size: file.size, begin: await file.slice(0, 8).text(), end: await file.slice(-5).text() };
  });
  expect(saved).toEqual({ size: 314_572_804, begin: 'begin\n\0\0', end: '\0end\n' });
});

test('an upload that is given up leaves whole files only, and says which', async ({ lab, site }) => {
  await lab.open(site);
  const pane = new FilesPane(lab);
  await pane.open();
  // The second one has no end, as far as anybody can wait.
  await lab.page.evaluate(() => {
    const piece = new Blob([new Uint8Array(16 * 2 ** 20).fill(7)]);
    const endless = new File(
      Array.from({ length: 4096 }, () => piece),
      'endless',
    );
    const transfer = new DataTransfer();
    transfer.items.add(new File(['small'], 'a-small'));
    transfer.items.add(endless);
    const grid = document.getElementById('files-grid') as HTMLElement;
    grid.dispatchEvent(new DragEvent('drop', { bubbles: true, dataTransfer: transfer, cancelable: true }));
  });
  const bar = lab.page.getByRole('progressbar', { name: '2 files to /mnt/lab' });
  await expect(bar).toBeVisible();
  await expect(lab.page.locator('.work')).toContainText('endless');
  await expect(lab.page.locator('.work')).toContainText(/of 64\.0 GiB · 0 %/);
  await lab.page.locator('.work').getByRole('button', { name: 'Cancel' }).click();
  await expect(pane.outcome).toContainText('1 did not come');
  await pane.outcome.getByText('Which').click();
  await expect(pane.outcome).toContainText('a-small: there, whole');
  await expect(pane.row('a-small')).toBeVisible();
  expect(await lab.run('ls; cat a-small; sync; df -k . | tail -1 | awk "{ print \\$3 }"')).toMatch(
    /^a-small\nsmall\n?\d{1,2}$/,
  );
});

test('everything by the keyboard', async ({ lab, site }) => {
  await lab.open(site);
  const { keyboard } = lab.page;
  const pane = new FilesPane(lab);
  await lab.run('mkdir b; touch b/inside c');
  await lab.page.getByRole('tab', { name: 'Requests' }).focus();
  await keyboard.press('ArrowRight');
  await expect(pane.row('b')).toBeVisible();
  await keyboard.press('F6');
  await expect(pane.grid).toBeFocused();
  await keyboard.press('ArrowDown');
  await expect(pane.row('b')).toHaveAttribute('aria-selected', 'true');
  await keyboard.press('ArrowRight');
  await expect(pane.row('inside')).toHaveAttribute('aria-level', '3');
  await expect(pane.row('b')).toHaveAttribute('aria-expanded', 'true');
  await keyboard.press('ArrowRight');
  await expect(pane.row('inside')).toHaveAttribute('aria-selected', 'true');
  // A new name, by F2.
  await keyboard.press('F2');
  await expect(pane.dialog('Rename inside').getByRole('textbox')).toBeFocused();
  await keyboard.type('renamed');
  await keyboard.press('Enter');
  await expect(pane.row('renamed')).toHaveAttribute('aria-selected', 'true');
  await expect(pane.grid).toBeFocused();
  await expect.poll(() => lab.run('ls b')).toBe('renamed');
  await keyboard.press('ArrowLeft');
  await expect(pane.row('b')).toHaveAttribute('aria-selected', 'true');
  await keyboard.press('ArrowLeft');
  await expect(pane.row('renamed')).toBeHidden();

  await pane.tool('New folder').focus();
  await keyboard.press('Enter');
  await expect(pane.dialog('New folder in /mnt/lab/b').getByRole('textbox')).toBeFocused();
  await keyboard.type('a/b');
  await expect(pane.dialog('New folder in /mnt/lab/b')).toContainText('no slash');
  await keyboard.press('Backspace');
  await keyboard.press('Backspace');
  await keyboard.press('Enter');
  await expect(pane.row('a')).toHaveAttribute('aria-selected', 'true');

  await pane.grid.focus();
  await keyboard.press('ArrowUp');
  await keyboard.press('Delete');
  await expect(pane.dialog('Delete b?')).toContainText('everything in it');
  await keyboard.press('Escape');
  await expect(pane.dialog('Delete b?')).toBeHidden();
  await keyboard.press('Delete');
  await expect(pane.dialog('Delete b?')).toBeVisible();
  await keyboard.press('Enter');
  await expect(pane.row('b')).toBeHidden();
  await expect.poll(() => lab.run('ls')).toBe('c');
  // Where the folder was is what the keys act on now.
  await expect(pane.row('c')).toHaveAttribute('aria-selected', 'true');
});

test('a folder of any length is a few rows, and follows the guest', async ({ lab, site }) => {
  await lab.open(site);
  const pane = new FilesPane(lab);
  await pane.open();
  await lab.run('mkdir many; cd many; seq -w 5000 | xargs touch');
  await pane.row('many').click();
  await pane.grid.focus();
  await lab.page.keyboard.press('ArrowRight');
  await expect(pane.row('0001')).toBeVisible();
  await lab.page.keyboard.press('End');
  await expect(pane.row('5000')).toHaveAttribute('aria-selected', 'true');
  await expect(pane.row('5000')).toBeVisible();
  await expect(pane.grid).toHaveAttribute('aria-rowcount', '5003');
  expect(await pane.rows.count()).toBeLessThan(200);
  await lab.run('rm many/5000; touch many/4999b');
  await expect(pane.row('4999b')).toHaveAttribute('aria-selected', 'true');
  await lab.page.keyboard.press('ArrowLeft');
  await expect(pane.row('many')).toHaveAttribute('aria-selected', 'true');
  await expect(pane.row('many')).toBeVisible();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the pane can be read in ${colorScheme}, and nothing jumps`, async ({ lab, site }) => {
    await lab.page.emulateMedia({ colorScheme });
    await lab.open(site);
    const pane = new FilesPane(lab);
    await pane.open();
    await lab.run('mkdir -p a/b; echo hi > a/c; ln -s c a/d; sync');
    await pane.row('a').dblclick();
    await expect(pane.row('d')).toBeVisible();
    await pane.drop(pane.row('a'), [{ name: 'dropped', content: 'x' }]);
    await expect(pane.outcome).toContainText('1 file (1 B) put into /mnt/lab/a.');
    const { ratio, text } = await leastContrast(lab.page);
    expect(ratio, `contrast of "${text}"`).toBeGreaterThanOrEqual(4.5);
    // Clicks may move what they are for; what comes by itself may not.
    expect(await layoutShift(lab.page)).toBe(0);
  });
}

test('in a narrow window the pane takes its turn', async ({ lab, site }) => {
  await lab.page.setViewportSize({ width: 400, height: 700 });
  await lab.open(site);
  const pane = new FilesPane(lab);
  await expect(pane.grid).toBeHidden();
  await lab.button('Files').click();
  await expect(pane.row('/mnt/lab')).toBeVisible();
  await expect(lab.terminal).toBeHidden();
  expect(await lab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
});
