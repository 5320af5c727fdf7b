// Trees of 200 MB out of the browser and in again: whole, the same bytes, little in memory, and nothing left when given up.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { BrowserContext, Page } from '@playwright/test';
import type { FromWorker, Progress, Task, TaskFailureCode, TaskResult } from '../src/lab/messages.ts';
import { ProcessMemory } from '../test/process-memory.ts';
import { expect, test } from './lab-test.ts';

const MIB = 2 ** 20;
const FILES = 50;
const FILE = 4 * MIB;
const SIZE = FILES * FILE;
/**
 * What the page's process may grow by while 200 MiB go through it three times: the cache of the other tree (32 MiB), what
 * one commit has under way, and buffers that V8 has not collected yet. Found: nothing to 152 MiB. Whoever held an archive
 * would have 200 MiB beside that.
 */
const SHARE = 256 * MIB;

type Ended = { result: TaskResult } | { code: TaskFailureCode; message: string };

declare global {
  interface Window {
    labWorker: Worker;
    /** What tasks have delivered, to go on with in the page. */
    archives: Record<string, Blob>;
    /** Runs a task of the worker; given up from the progress on where `cancelAt` bytes are done. */
    runTask(task: Task, cancelAt?: number): Promise<{ ended: Ended; progress: Progress[] }>;
  }
}

/** Runs in the page before its own code. */
function tapTasks(): void {
  window.archives = {};
  window.Worker = class extends window.Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      window.labWorker = this;
    }
  };
  let id = 1_000_000;
  window.runTask = (task, cancelAt) =>
    new Promise((resolve) => {
      const mine = ++id;
      const progress: Progress[] = [];
      const take = ({ data }: MessageEvent<FromWorker>): void => {
        if (!('id' in data) || data.id !== mine) return;
        if (data.type === 'task-progress') {
          progress.push(data.progress);
          if (cancelAt !== undefined && data.progress.done > cancelAt) {
            window.labWorker.postMessage({ type: 'cancel', id: mine });
          }
          return;
        }
        window.labWorker.removeEventListener('message', take);
        if (data.type === 'task-done') resolve({ ended: { result: data.result }, progress });
        else if (data.type === 'task-failed') resolve({ ended: { code: data.code, message: data.message }, progress });
      };
      window.labWorker.addEventListener('message', take);
      window.labWorker.postMessage({ type: 'task', id: mine, task });
    });
}

/** What the page's process has beyond what it has now: at most, from begin() on. */
async function rendererOf(context: BrowserContext): Promise<{ begin(): void; now(): number; grown(): number }> {
  const session = await context.browser()?.newBrowserCDPSession();
  if (!session) throw new Error('the context has no browser');
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const renderers = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(({ id }) => {
      const memory = new ProcessMemory(id);
      const idle = memory.now();
      return { begin: () => memory.reset(), now: () => memory.now() - idle, grown: () => memory.peak() - idle };
    });
  expect(renderers.length).toBeGreaterThan(0);
  return {
    begin() {
      for (const renderer of renderers) renderer.begin();
    },
    now: () => Math.max(...renderers.map(({ now }) => now())),
    grown: () => Math.max(...renderers.map(({ grown }) => grown())),
  };
}

const sha256 = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
};

/** Saves a blob that the page has, as a person does who follows a link to it. */
async function download(page: Page, name: string, path: string): Promise<void> {
  const downloading = page.waitForEvent('download');
  await page.evaluate((key) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(window.archives[key] as Blob);
    link.download = 'tree.tar';
    link.click();
  }, name);
  await (await downloading).saveAs(path);
}

/** Files of the browser's own file system, by name, with their sizes. */
const ownFiles = (page: Page, folder: string): Promise<Record<string, number>> =>
  page.evaluate(async (name) => {
    const found: Record<string, number> = {};
    const directory = await (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
    for await (const [key, handle] of directory.entries()) {
      found[key] = (await (handle as FileSystemFileHandle).getFile()).size;
    }
    return found;
  }, folder);

const treeNames = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const { ended } = await window.runTask({ do: 'list-trees' });
    return 'result' in ended ? (ended.result as { name: string }[]).map(({ name }) => name) : [];
  });

const databases = (page: Page): Promise<(string | undefined)[]> =>
  page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name).sort());

test('a tree of 200 MB is exported, imported, and exported again as the same bytes', async ({
  lab,
  site,
  browserContext,
}) => {
  test.setTimeout(600_000);
  const folder = mkdtempSync(join(tmpdir(), 'virtiofs-lab-archive-'));
  const { page } = lab;
  try {
    await page.addInitScript(`globalThis.__name = (f) => f; (${tapTasks.toString()})()`);
    await lab.open(`${site}?tree=archived&chunkCache=32`);
    const memory = await rendererOf(browserContext);
    // Four MiB that no compression and no zeros make smaller, many times, each with something of its own.
    const base = await lab.run(`
      head -c ${FILE - 16} /dev/urandom > base
      mkdir -p files/deep; ln -s ../base files/deep/link; mknod null c 1 3; chown 1000:100 base; chmod 4711 base
      for i in $(seq ${FILES}); do { printf '%-16s' $i; cat base; } > files/f$i; done; ln files/f1 files/deep/hard
      sync; sha256sum < base | cut -d ' ' -f 1`);

    const before = memory.now();
    memory.begin();
    const exported = await page.evaluate(async () => {
      const { ended, progress } = await window.runTask({
        do: 'export-tree',
        name: 'archived',
        ino: undefined,
        to: undefined,
      });
      if (!('result' in ended)) throw new Error(ended.message);
      const { bytes, content } = ended.result as { bytes: number; content: Blob };
      window.archives.first = content;
      return { bytes, size: content.size, progress };
    });
    expect(exported.bytes).toBeGreaterThan(SIZE);
    expect(exported.size).toBe(exported.bytes);
    const steps = exported.progress.filter(({ total }) => total !== undefined);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.every(({ done, total }, i) => total === exported.bytes && done >= (steps[i - 1]?.done ?? 0))).toBe(
      true,
    );

    // The guest was only paused.
    expect(await lab.run('echo still here')).toBe('still here');

    const imported = await page.evaluate(async () => {
      const from = window.archives.first as Blob;
      const { ended, progress } = await window.runTask({ do: 'import-tree', name: 'copy', from, replace: false });
      if (!('result' in ended)) throw new Error(ended.message);
      return { result: ended.result, steps: progress.length };
    });
    expect(imported.result).toMatchObject({ entries: FILES + 7, bytes: SIZE + FILE - 16, left: [], leftCount: 0 });
    expect(imported.steps).toBeGreaterThan(0);
    expect(await treeNames(page)).toEqual(['archived', 'copy']);

    // To a file that a person chose: a picker gives such a handle.
    await page.evaluate(async () => {
      const to = await (await navigator.storage.getDirectory()).getFileHandle('chosen.tar', { create: true });
      const { ended } = await window.runTask({ do: 'export-tree', name: 'copy', ino: undefined, to });
      if (!('result' in ended)) throw new Error(ended.message);
      window.archives.second = await to.getFile();
    });
    const grown = memory.grown();
    test.info().annotations.push({
      type: 'memory',
      description: `${Math.round(grown / MIB)} MiB more, ${Math.round(before / MIB)} of them before`,
    });
    expect(grown - before).toBeLessThan(SHARE);

    const [first, second] = [join(folder, 'first.tar'), join(folder, 'second.tar')];
    await download(page, 'first', first);
    await download(page, 'second', second);
    expect(statSync(first).size).toBe(exported.bytes);
    expect(await sha256(second)).toBe(await sha256(first));

    const out = join(folder, 'out');
    mkdirSync(out);
    const tar = spawnSync('tar', ['-xpf', first, '-C', out, '--exclude=./null'], { encoding: 'utf8' });
    expect(tar.status, tar.stderr).toBe(0);
    expect(await sha256(join(out, 'base'))).toBe(base);
    const content = readFileSync(join(out, 'base'));
    expect(readdirSync(join(out, 'files')).length).toBe(FILES + 1);
    for (let i = 1; i <= FILES; i++) {
      const file = readFileSync(join(out, `files/f${i}`));
      expect(file.subarray(0, 16).toString()).toBe(String(i).padEnd(16));
      expect(file.subarray(16).equals(content)).toBe(true);
    }
    expect(statSync(join(out, 'files/deep/hard')).ino).toBe(statSync(join(out, 'files/f1')).ino);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('what is given up leaves nothing: no file, no tree, no database; gzip is taken too', async ({ lab, site }) => {
  test.setTimeout(400_000);
  const { page } = lab;
  await page.addInitScript(`globalThis.__name = (f) => f; (${tapTasks.toString()})()`);
  await lab.open(`${site}?tree=given-up`);
  await lab.run('dd if=/dev/zero bs=1M count=24 of=zeros 2>/dev/null; for i in 1 2 3; do cp zeros z$i; done; sync');
  const exporting = { do: 'export-tree' as const, name: 'given-up', ino: undefined };

  const own = await page.evaluate((task) => window.runTask({ ...task, to: undefined }, 2 ** 20), exporting);
  expect(own.ended).toMatchObject({ code: 'cancelled' });
  expect(await ownFiles(page, 'downloads')).toEqual({});

  const chosen = await page.evaluate(async (task) => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('chosen', { create: true });
    const to = await folder.getFileHandle('chosen.tar', { create: true });
    return window.runTask({ ...task, to }, 2 ** 20);
  }, exporting);
  expect(chosen.ended).toMatchObject({ code: 'cancelled' });
  expect(await ownFiles(page, 'chosen')).toEqual({});

  const before = await databases(page);
  const whole = await page.evaluate(async (task) => {
    const { ended } = await window.runTask({ ...task, to: undefined });
    if (!('result' in ended)) throw new Error(ended.message);
    window.archives.whole = (ended.result as { content: Blob }).content;
    return window.archives.whole.size;
  }, exporting);
  const importing = await page.evaluate(
    (size) =>
      window.runTask(
        { do: 'import-tree', name: 'never', from: window.archives.whole as Blob, replace: false },
        size / 4,
      ),
    whole,
  );
  expect(importing.ended).toMatchObject({ code: 'cancelled' });
  expect(await treeNames(page)).toEqual(['given-up']);
  await expect.poll(() => databases(page)).toEqual(before);
  expect(await lab.run('md5sum zeros | cut -c 1-8')).toBe('77377273');

  // The browser's own gzip: what inflates to a thousand times as much is taken piece by piece.
  const unzipped = await page.evaluate(async () => {
    const stream = (window.archives.whole as Blob).stream().pipeThrough(new CompressionStream('gzip'));
    const from = await new Response(stream).blob();
    const { ended } = await window.runTask({ do: 'import-tree', name: 'unzipped', from, replace: false });
    if (!('result' in ended)) throw new Error(ended.message);
    return { result: ended.result, smaller: from.size * 100 < (window.archives.whole as Blob).size };
  });
  expect(unzipped).toMatchObject({ result: { entries: 5, bytes: 4 * 24 * MIB, leftCount: 0 }, smaller: true });

  const taken = await page.evaluate(() =>
    window.runTask({ do: 'import-tree', name: 'given-up', from: window.archives.whole as Blob, replace: false }),
  );
  expect(taken.ended).toMatchObject({ code: 'refused' });
});
