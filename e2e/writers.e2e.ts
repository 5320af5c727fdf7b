// One writer: what a second tab can do with a tree that the first one has, and what becomes of the first one.
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Worker } from '@playwright/test';
import { LabPage } from './lab-page.ts';
import { expect, test } from './lab-test.ts';

/** A second tab of the browser that the first one is in, told that the tree is open. */
async function secondTab(context: BrowserContext, site: string): Promise<LabPage> {
  const tab = await LabPage.on(await context.newPage());
  await tab.page.goto(site);
  await tab.waitForFailure('tree-locked');
  return tab;
}

/** The thread of the guest and its tree. */
async function labWorker({ page }: LabPage): Promise<Worker> {
  for (const worker of page.workers()) {
    if (await worker.evaluate(() => self.name === 'lab')) return worker;
  }
  throw new Error('the page has no worker');
}

test('a second tab looks at the tree while the first one writes it, then takes it over with everything in it', async ({
  lab,
  browserContext,
  site,
}) => {
  // Three guests boot, one after the other.
  test.slow();
  await lab.open(site);
  await lab.run('echo synced > a; sync');
  const other = await secondTab(browserContext, site);
  await expect(other.failure).toContainText('open in another tab');

  await other.button('Look at it read-only').click();
  await other.waitForStage('viewing');
  const notice = other.page.locator('.notice').filter({ hasText: 'Read-only' });
  await expect(notice).toBeVisible();
  const name = (text: string) => other.page.getByRole('treegrid', { name: 'Files' }).getByText(text, { exact: true });
  await expect(name('a')).toBeVisible();
  await expect(name('b')).toHaveCount(0);
  // The first tab writes on, and what it stores is seen.
  await lab.run('echo seen > b; sync');
  await expect(name('b')).toBeVisible();
  await expect(lab.state).toHaveAttribute('data-stage', 'ready');

  // Nothing is synced here: the first tab has to do that when it is asked.
  const written = lab.run('echo unsynced > c; dd if=/dev/urandom of=d bs=1M count=8 2> /dev/null; md5sum d');
  const sum = await written;
  await notice.getByRole('button', { name: 'Take over' }).click();
  await lab.waitForFailure('taken-over');
  await expect(lab.failure).toContainText('everything was stored');
  await other.waitForStage('ready');
  expect(await other.run('cat a b c; md5sum d')).toBe(`synced\nseen\nunsynced\n${sum}`);
  await other.run('rm d; echo theirs > e');

  // And back.
  await lab.button('Take it back').click();
  await other.waitForFailure('taken-over');
  await lab.waitForStage('ready');
  expect(await lab.run('ls; cat e')).toBe('a\nb\nc\ne\ntheirs');
});

/** The token in the tree's database of who wants it; `put`: left there before by a tab that is no more. */
const heir = ({ page }: LabPage, put?: string): Promise<unknown> =>
  page.evaluate(async (token) => {
    const { name = '' } = (await indexedDB.databases()).find((one) => one.name?.startsWith('virtio-fs-lab:')) ?? {};
    const done = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const database = await done(indexedDB.open(name));
    const tree = database.transaction('tree', 'readwrite').objectStore('tree');
    if (token !== undefined) tree.put(token, 'heir');
    const there = await done(tree.get('heir'));
    database.close();
    return there;
  }, put);

test('a tab that died when it had asked for the tree does not get it: the first one goes on', async ({ lab, site }) => {
  await lab.open(site);
  expect(await heir(lab, 'dead')).toBe('dead');
  await lab.run('echo more > a; sync');
  await expect.poll(() => heir(lab)).toBeUndefined();
  expect(await lab.run('cat a')).toBe('more');
  await expect(lab.state).toHaveAttribute('data-stage', 'ready');
});

test('a first tab that cannot store everything keeps the tree, and both are told', async ({
  lab,
  browserContext,
  site,
}) => {
  await lab.open(site);
  await lab.run('echo kept > a; sync');
  // As if the disk were full from here on; freed again by giving the method back.
  const worker = await labWorker(lab);
  await worker.evaluate(() => {
    const { put } = IDBObjectStore.prototype;
    Object.assign(globalThis, { freeTheDisk: () => Object.assign(IDBObjectStore.prototype, { put }) });
    IDBObjectStore.prototype.put = () => {
      throw new DOMException('no room', 'QuotaExceededError');
    };
  });
  await lab.run('echo unsaved > b');
  const other = await secondTab(browserContext, site);
  await other.button('Take over').click();
  await other.waitForFailure('not-handed-over');
  await expect(other.failure).toContainText(/\d+ bytes that were written could not be stored/);
  await expect(lab.page.locator('.notice').filter({ hasText: 'asked for this tree' })).toBeVisible();
  // Its guest goes on.
  expect(await lab.run('cat a b')).toBe('kept\nunsaved');

  await worker.evaluate(() => (globalThis as unknown as { freeTheDisk: () => void }).freeTheDisk());
  await other.button('Ask again').click();
  await lab.waitForFailure('taken-over');
  await other.waitForStage('ready');
  expect(await other.run('cat a b')).toBe('kept\nunsaved');
});

/** Something to wait for over HTTP: how a worker is made to stand still in the middle of what it does. */
class Gate {
  private readonly server: Server;
  private waiting: ServerResponse[] = [];
  private readonly reached: Promise<unknown>;

  private constructor(server: Server) {
    this.server = server;
    this.reached = once(server, 'request');
    server.on('request', (_, response: ServerResponse) => this.waiting.push(response));
  }

  static async open(): Promise<Gate> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Gate(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  /** Resolves when somebody stands before it. */
  async somebody(): Promise<void> {
    await this.reached;
  }

  release(): void {
    for (const response of this.waiting.splice(0))
      response.writeHead(200, { 'access-control-allow-origin': '*' }).end();
  }

  async close(): Promise<void> {
    this.release();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** Has the lab's worker stand still, its thread and all, where it is about to begin its next commit. */
async function stopAtCommit(worker: Worker, gate: Gate): Promise<void> {
  await worker.evaluate((url) => {
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (names, mode, options) {
      if (mode === 'readwrite') {
        IDBDatabase.prototype.transaction = transaction;
        const request = new XMLHttpRequest();
        request.open('GET', url, false);
        request.send();
      }
      return transaction.call(this, names, mode, options);
    };
  }, gate.url);
}

test('a tab that stands still loses the tree after 5 s: it wakes in the middle of a commit and stores nothing', async ({
  lab,
  browserContext,
  site,
}) => {
  const gate = await Gate.open();
  try {
    await lab.open(site);
    await lab.run('echo before > f; sync');
    await stopAtCommit(await labWorker(lab), gate);
    // Its answer may stay behind with the worker.
    const writing = lab.channel.start('echo dirty > f; echo dirty > g').catch(() => undefined);
    await gate.somebody();

    const other = await secondTab(browserContext, site);
    await other.button('Take over').click();
    await other.waitForStage('ready');
    expect(await other.run('cat f; ls')).toBe('before\nf');
    await other.run('echo after > f; echo after > h; sync');

    gate.release();
    await lab.waitForFailure('tree-lost');
    await expect(lab.failure).toContainText('took it over');
    await writing;
    // What the second tab wrote is what is stored: by its own guest, and by one that starts anew.
    await other.run('echo 3 > /proc/sys/vm/drop_caches');
    expect(await other.run('cat f h; ls')).toBe('after\nafter\nf\nh');
    await other.reload();
    expect(await other.run('cat f h; ls')).toBe('after\nafter\nf\nh');
  } finally {
    await gate.close();
  }
});
