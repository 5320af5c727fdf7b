// Trees by name, from the page: made, copied, renamed, deleted, reset, exported, imported, checked and repaired.
import { readFileSync } from 'node:fs';
import type { Locator, Page, Worker } from '@playwright/test';
import { entryBytes, listing, treeOf } from '../test/archives.ts';
import { Harness } from '../test/browser/harness.ts';
import { readFixture } from '../test/stored-trees/fixture.ts';
import { CHUNK, type Described, describeTree } from '../test/stored-trees/scripted-tree.ts';
import type { LabPage } from './lab-page.ts';
import { expect, test } from './lab-test.ts';
import { leastContrast } from './looks.ts';

class TreesDialog {
  readonly page: Page;
  readonly dialog: Locator;
  readonly list: Locator;
  readonly outcome: Locator;

  constructor({ page }: LabPage) {
    this.page = page;
    this.dialog = page.getByRole('dialog', { name: 'Trees' });
    this.list = this.dialog.getByRole('listbox', { name: 'Trees' });
    this.outcome = this.dialog.locator('.outcome');
  }

  async open(): Promise<void> {
    await this.page.locator('.tree-button').focus();
    await this.page.keyboard.press('Enter');
    await expect(this.list).toBeFocused();
    await expect(this.list.getByRole('option').first()).toBeVisible();
  }

  tree(name: string): Locator {
    return this.list.getByRole('option').filter({ has: this.page.locator(`.tree-name:text-is("${name}")`) });
  }

  /** Chooses a tree by the arrow keys. */
  async choose(name: string): Promise<void> {
    await this.list.focus();
    await this.page.keyboard.press('Home');
    const names = await this.list.locator('.tree-name').allTextContents();
    for (let i = 0; i < names.indexOf(name); i++) await this.page.keyboard.press('ArrowDown');
    await expect(this.tree(name)).toHaveAttribute('aria-selected', 'true');
  }

  /** Presses a button of the dialog, by the keyboard. */
  async press(button: string): Promise<void> {
    await this.dialog.getByRole('button', { name: button, exact: true }).focus();
    await this.page.keyboard.press('Enter');
  }

  question(title: string): Locator {
    return this.page.getByRole('dialog', { name: title });
  }

  /** Types into the field of a question, in place of what is in it. */
  async type(title: string, text: string): Promise<void> {
    await expect(this.question(title).getByRole('textbox')).toBeFocused();
    await this.page.keyboard.type(text);
  }

  /** What Enter means to a question. */
  async confirm(title: string): Promise<void> {
    await expect(this.question(title)).toBeVisible();
    await this.page.keyboard.press('Enter');
    await expect(this.question(title)).toBeHidden();
  }
}

/** Takes away what is stored in the tree `default` under a key: all of it, or the end of a record. */
function damage(page: Page, store: string, key: string | number[], cut = 0): Promise<void> {
  return page.evaluate(
    ([name, at, end]) =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('virtio-fs-lab:default');
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const db = opening.result;
          const transaction = db.transaction(name, 'readwrite');
          const records = transaction.objectStore(name);
          if (end === 0) records.delete(at);
          else {
            const reading = records.get(at);
            reading.onsuccess = () => records.put((reading.result as Uint8Array).slice(0, -end), at);
          }
          transaction.oncomplete = () => {
            db.close();
            resolve();
          };
          transaction.onerror = () => reject(transaction.error);
        };
      }),
    [store, key, cut] as const,
  );
}

/** Has the page's dialog for saving choose a file of the browser's own, which is made as that dialog makes one. */
function chooseSaved(page: Page): Promise<unknown> {
  return page.addInitScript(() => {
    Object.assign(window, {
      showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) =>
        (await navigator.storage.getDirectory()).getFileHandle(`chosen-${suggestedName}`, { create: true }),
    });
  });
}

/** The files that were chosen so, by the name that was suggested. */
async function savedFiles(page: Page): Promise<Record<string, Buffer>> {
  const files = await page.evaluate(async () => {
    const found: [string, string][] = [];
    for await (const [name, handle] of (await navigator.storage.getDirectory()).entries()) {
      if (!name.startsWith('chosen-')) continue;
      const file = await (handle as FileSystemFileHandle).getFile();
      const bytes = Array.from(new Uint8Array(await file.arrayBuffer()), (byte) => String.fromCharCode(byte));
      found.push([name.slice('chosen-'.length), bytes.join('')]);
    }
    return found;
  });
  return Object.fromEntries(files.map(([name, bytes]) => [name, Buffer.from(bytes, 'latin1')]));
}

/** Has files that the page saves take no bytes. Returns what has them go on. */
async function stopSaving({ page }: LabPage): Promise<() => Promise<void>> {
  const worker = page.workers()[0] as Worker;
  await worker.evaluate(() => {
    const { write } = FileSystemWritableFileStream.prototype;
    const gate = new Promise<void>((goOn) => Object.assign(globalThis, { goOn }));
    FileSystemWritableFileStream.prototype.write = async function (data) {
      await gate;
      return write.call(this, data);
    };
  });
  return () => worker.evaluate(() => (globalThis as unknown as { goOn: () => void }).goOn());
}

/** Ends with the guest of another start at its prompt. */
async function restarted(lab: LabPage, action: () => Promise<void>): Promise<void> {
  const seen = lab.page.waitForFunction(() => document.documentElement.dataset.stage === 'booting');
  await action();
  await seen;
  await lab.waitForStage('ready');
}

test('trees are made, copied, renamed, deleted and opened by the keyboard', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('echo mine > file; sync');
  const { keyboard } = lab.page;
  const trees = new TreesDialog(lab);
  await trees.open();
  await expect(trees.tree('default')).toContainText('open here');

  await trees.press('New tree…');
  await trees.type('New tree', 'default');
  await expect(trees.question('New tree')).toContainText('There is a tree of this name.');
  await expect(trees.question('New tree').getByRole('button', { name: 'Create' })).toBeDisabled();
  await keyboard.type('-2');
  await trees.confirm('New tree');
  await expect(trees.outcome).toHaveText('The tree default-2 was made.');
  await expect(trees.tree('default-2')).toHaveAttribute('aria-selected', 'true');

  // The one that the guest has, with what it has written just now.
  await lab.run('echo unsynced > later');
  await trees.choose('default');
  await trees.press('Copy…');
  await trees.type('Copy default', 'copy');
  await trees.confirm('Copy default');
  await expect(trees.outcome).toHaveText('The tree default was copied to copy.');

  await trees.choose('default');
  await trees.press('Rename…');
  await trees.type('Rename default', 'renamed');
  await trees.confirm('Rename default');
  await expect(trees.outcome).toHaveText('The tree default is called renamed now.');
  await expect(trees.tree('default')).toHaveCount(0);
  await expect(lab.page.locator('.tree-button')).toContainText('Tree renamed');
  expect(new URL(lab.page.url()).searchParams.get('tree')).toBe('renamed');
  expect(await lab.run('cat file')).toBe('mine');

  await trees.choose('renamed');
  await expect(trees.dialog.getByRole('button', { name: 'Delete…' })).toBeDisabled();
  await trees.choose('default-2');
  const sure = 'Delete the tree default-2?';
  await trees.press('Delete…');
  await expect(trees.question(sure)).toBeVisible();
  await keyboard.press('Escape');
  await expect(trees.question(sure)).toBeHidden();
  await expect(trees.tree('default-2')).toBeVisible();
  await trees.press('Delete…');
  await trees.confirm(sure);
  await expect(trees.outcome).toHaveText('The tree default-2 was deleted.');
  await expect(trees.tree('default-2')).toHaveCount(0);

  await trees.choose('copy');
  await trees.press('Open');
  await lab.page.waitForURL(/tree=copy/);
  await lab.waitForStage('ready');
  await lab.waitForPrompt();
  expect(await lab.run('cat file later')).toBe('mine\nunsynced');
  // The renamed one is what it was, under its name in the address.
  await lab.open(`${site}?tree=renamed`);
  expect(await lab.run('cat later')).toBe('unsynced');
});

test('the tree of the guest is reset to the example: the guest ends, and another one has it', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('echo mine > file; sync');
  const trees = new TreesDialog(lab);
  await trees.open();
  await trees.press('Reset…');
  await expect(trees.question('Reset the tree default to the example?')).toContainText('The guest is restarted.');
  await restarted(lab, () => trees.confirm('Reset the tree default to the example?'));
  await expect(trees.outcome).toHaveText('The tree default is the example again.');
  expect(await lab.run('ls file 2> /dev/null | wc -l; test -s README* && echo example')).toBe('0\nexample');
});

test('a tree is exported and imported, beside the others and in place of the open one', async ({ lab, site }) => {
  // As in browsers without a dialog for saving.
  await lab.page.addInitScript(() => Object.assign(window, { showSaveFilePicker: undefined }));
  await lab.open(site);
  await lab.run('mkdir d; dd if=/dev/urandom of=d/random bs=64k count=20 2> /dev/null; ln -s d/random link; sync');
  const sum = await lab.run('md5sum < d/random');
  const trees = new TreesDialog(lab);
  await trees.open();
  const saved = lab.page.waitForEvent('download');
  await trees.press('Export');
  const download = await saved;
  expect(download.suggestedFilename()).toMatch(/^default-\d{4}-\d\d-\d\d\.tar$/);
  await expect(trees.outcome).toContainText('The tree default was exported (1.2');
  const buffer = readFileSync(await download.path());

  const choose = async (name: string): Promise<void> => {
    const chooser = lab.page.waitForEvent('filechooser');
    await trees.press('Import…');
    await (await chooser).setFiles({ name, mimeType: 'application/x-tar', buffer });
  };
  await choose('other tree.tar');
  await expect(trees.question('Import other tree.tar').getByLabel('Name of the tree')).toHaveValue('other-tree');
  await trees.confirm('Import other tree.tar');
  await expect(trees.outcome).toContainText('entries (1.25 MiB) put into the tree other-tree.');

  // In place of the one that is open, which has changed since.
  await lab.run('rm -r d; echo new > new; sync');
  await choose('default.tar');
  await trees.confirm('Import default.tar');
  await expect(trees.question('Replace the tree default?')).toContainText('The guest is restarted.');
  await restarted(lab, () => trees.confirm('Replace the tree default?'));
  await expect(trees.outcome).toContainText('put into the tree default.');
  expect(await lab.run('md5sum < link; ls')).toBe(`${sum}\nd\nlink`);

  await lab.open(`${site}?tree=other-tree`);
  expect(await lab.run('md5sum < link')).toBe(sum);

  // What is no archive makes no tree.
  await trees.open();
  const chooser = lab.page.waitForEvent('filechooser');
  await trees.press('Import…');
  await (await chooser).setFiles({ name: 'no.tar', mimeType: '', buffer: Buffer.alloc(3000, 'no archive') });
  await trees.confirm('Import no.tar');
  await expect(trees.outcome).toHaveClass(/warning/);
  await expect(trees.tree('no')).toHaveCount(0);
});

test('an export goes straight into the file that was chosen, and can be given up', async ({ lab, site }) => {
  await chooseSaved(lab.page);
  await lab.open(site);
  await lab.run('mkdir d; echo content > d/file; ln -s file d/link; head -c 3000000 /dev/urandom > random; sync');
  const trees = new TreesDialog(lab);
  await trees.open();
  const goOn = await stopSaving(lab);
  await trees.press('Export');
  await expect(trees.dialog.getByRole('progressbar', { name: 'Exporting default' })).toBeVisible();
  await expect(trees.dialog.locator('.work')).toContainText('the guest stands still meanwhile');
  await expect(trees.dialog.getByRole('button', { name: 'Check' })).toBeDisabled();
  await trees.press('Cancel');
  await goOn();
  await expect(trees.outcome).toHaveText('Exporting default: given up.');
  expect(await savedFiles(lab.page)).toEqual({});
  expect(await lab.run('cat d/file')).toBe('content');

  await trees.press('Export');
  await expect(trees.outcome).toHaveText(/^The tree default was exported \(2\.8\d MiB\)\.$/);
  const [[name, bytes] = [], ...more] = Object.entries(await savedFiles(lab.page));
  expect([name, more]).toEqual([expect.stringMatching(/^default-\d{4}-\d\d-\d\d\.tar$/), []]);
  const { tree, report } = await treeOf(new Uint8Array(bytes ?? []));
  expect(report.leftCount).toBe(0);
  expect(await listing(tree)).toMatchObject({ 'd/file': 'content\n', 'd/link': '-> file' });
  expect(tree.lookup(tree.root, 'random')?.size).toBe(3_000_000);
  await tree.close();
});

test('an import shows how far it is, and makes no tree where it is given up', async ({ lab, site }) => {
  await lab.open(site);
  const trees = new TreesDialog(lab);
  await trees.open();
  // More than anybody can wait for: a gibibyte.
  const header = Array.from(entryBytes({ name: 'large', size: 2 ** 30 }));
  await lab.page.evaluate((begin) => {
    const piece = new Blob([new Uint8Array(16 * 2 ** 20).fill(7)]);
    const parts = [new Blob([new Uint8Array(begin)]), ...Array.from({ length: 64 }, () => piece)];
    const transfer = new DataTransfer();
    transfer.items.add(new File(parts, 'large.tar'));
    const input = document.getElementById('import-tar') as HTMLInputElement;
    input.files = transfer.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  }, header);
  await trees.confirm('Import large.tar');
  await expect(trees.dialog.getByRole('progressbar', { name: 'Importing large.tar' })).toBeVisible();
  await expect(trees.dialog.locator('.work')).toContainText(/ MiB of 1\.00 GiB · \d+ %/);
  await trees.press('Cancel');
  await expect(trees.outcome).toHaveText('Importing large.tar: given up.');
  await expect(trees.tree('default')).toBeVisible();
  await expect(trees.tree('large')).toHaveCount(0);
});

test('a tree of an older version that cannot be changed is left as it is, and can be exported', async ({
  lab,
  site,
  browserContext,
}) => {
  const { database, expected } = readFixture('0.1.0');
  // A page of the lab's origin, with nothing of the lab in it.
  const harness = await Harness.open(browserContext, 'test/browser/stores.worker.ts', `${site}harness/`);
  await harness.call('put', { name: 'virtio-fs-lab:default', database });
  await harness.close();
  const { page } = lab;
  await chooseSaved(page);
  // As on a disk that is full: chunks of another format find no room.
  await page.route(/worker-[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    const full = `{
      const { put } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.put = function (...words) {
        if (this.transaction.mode === 'versionchange' && this.name.startsWith('chunks'))
          throw new DOMException('no room', 'QuotaExceededError');
        return put.apply(this, words);
      };
    }`;
    await route.fulfill({ response, body: `${full}\n${await response.text()}` });
  });
  await page.goto(site);
  await lab.waitForFailure('tree-old');
  await expect(lab.failure).toContainText('Nothing was changed.');
  const trees = new TreesDialog(lab);
  await trees.open();
  await trees.press('Export');
  await expect(trees.outcome).toContainText('The tree default was exported');
  const [bytes] = Object.values(await savedFiles(page));
  // With all that it has, in inodes of their own.
  const { tree, report } = await treeOf(new Uint8Array(bytes ?? []), { chunkSize: CHUNK });
  expect(report.leftCount).toBe(0);
  const known = (all: Described[]) => all.map(({ ino, generation, cookie, ...rest }) => rest);
  expect(known(await describeTree(tree))).toEqual(known(expected));
  await tree.close();

  // With room again it is opened as any other.
  await page.unroute(/worker-[^/]*\.js$/);
  await lab.reload();
  expect(await lab.run('cat dir/text; readlink dir/link')).toContain('text');
});

test('a folder is saved as an archive from the Files pane', async ({ lab, site }) => {
  await lab.page.addInitScript(() => Object.assign(window, { showSaveFilePicker: undefined }));
  await lab.open(site);
  await lab.run('mkdir -p a/b; echo text > a/b/c; echo no > other; sync');
  await lab.page.getByRole('tab', { name: 'Files' }).click();
  await lab.page.locator('#files-grid [data-index="1"]').click();
  const saved = lab.page.waitForEvent('download');
  await lab.page.locator('.files-tools').getByRole('button', { name: 'Download' }).click();
  const download = await saved;
  expect(download.suggestedFilename()).toBe('a.tar');
  const archive = readFileSync(await download.path()).toString('latin1');
  expect(archive).toContain('b/c');
  expect(archive).toContain('text\n');
  expect(archive).not.toContain('other');
});

test('a tree is checked, and repaired when the findings were seen and not before', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('echo whole > whole; echo content > damaged; sync');
  const ino = Number(await lab.run('stat -c %i damaged'));
  const trees = new TreesDialog(lab);
  await trees.open();
  await trees.press('Check');
  await expect(trees.outcome).toHaveText('The tree default is clean: the check found nothing.');

  // As a disk might: what the file holds is gone.
  await damage(lab.page, `chunks${ino % 16}`, [ino, 0]);
  await trees.press('Check');
  const findings = trees.dialog.getByRole('region', { name: 'Findings' });
  await expect(findings).toContainText('The check found 1 thing wrong with default. Nothing was changed.');
  await expect(findings.getByRole('listitem')).toContainText(`/damaged (inode ${ino})`);
  const { ratio, text } = await leastContrast(lab.page);
  expect(ratio, `contrast of "${text}"`).toBeGreaterThanOrEqual(4.5);
  // It can be left as it is.
  await trees.press('Leave it');
  await expect(findings).toBeHidden();
  await trees.press('Check');
  await expect(findings).toBeVisible();
  await restarted(lab, () => trees.press('Repair default'));
  await expect(trees.outcome).toContainText('1 thing in the tree default was repaired.');
  expect(await lab.run('cat whole; stat -c %s damaged')).toBe('whole\n8');
  await trees.press('Check');
  await expect(trees.outcome).toHaveText('The tree default is clean: the check found nothing.');
});

test('a tree that cannot be opened any more is repaired from the page', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('for i in 1 2 3 4 5 6; do echo $i > file$i; done; sync');
  await damage(lab.page, 'tree', 'm0', 3);
  await lab.page.reload();
  await lab.waitForFailure('tree-damaged');
  await expect(lab.failure).toContainText('Check it under “Trees”');
  const trees = new TreesDialog(lab);
  await trees.open();
  await trees.press('Check');
  const findings = trees.dialog.getByRole('region', { name: 'Findings' });
  await expect(findings).toContainText(/The check found \d+ things? wrong with default/);
  await restarted(lab, () => trees.press('Repair default'));
  await expect(trees.outcome).toContainText(/in the tree default (was|were) repaired/);
  expect(await lab.run('cat file1 file2')).toBe('1\n2');
});

test('what room there is, what is not stored, and a limit of one’s own', async ({ lab, site }) => {
  await lab.open(site);
  const { page } = lab;
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Limit of the files, MiB').fill('8');
  await page.getByLabel('Files in memory, MiB').fill('16');
  await page.getByRole('button', { name: 'Apply and reload' }).click();
  await page.waitForURL(/limit=8/);
  await lab.waitForStage('ready');
  await lab.run('dd if=/dev/zero of=two bs=1M count=2 2> /dev/null; cat two > /dev/null');
  expect(await lab.run("sync; df -k . | awk 'END { print $2, $3, $4 }'")).toBe('8192 2048 6144');
  await page.locator('.status .figures').focus();
  await page.keyboard.press('Enter');
  const storage = page.getByRole('dialog', { name: 'Storage' });
  await expect(storage).toContainText(/Used2\.00 MiB/);
  await expect(storage).toContainText(/Available6\.00 MiB the least of .*your limit of 8\.00 MiB/);
  await expect(storage).toContainText('of at most 16.0 MiB');
  await expect(storage).toContainText(/When the disk is lowthe browser (keeps|may remove) the files/);
  await storage.getByRole('button', { name: 'Save now' }).click();
  await expect(storage).toContainText('Everything is stored.');
  await expect(storage).toContainText(/Unsaved0 B/);
  const { status } = await lab.channel.run('dd if=/dev/zero of=much bs=1M count=20');
  expect(status).not.toBe(0);
});
