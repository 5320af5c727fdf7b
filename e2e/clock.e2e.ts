// The guest's clock is the host's.
import type { Page } from '@playwright/test';
import type { LabPage } from './lab-page.ts';
import { expect, test } from './lab-test.ts';

/** Bounds of what the guest's clock is ahead of ours, in s: it was read somewhere between two looks at ours. */
async function ahead(lab: LabPage): Promise<{ least: number; most: number }> {
  const before = Date.now() / 1000;
  const guest = Number(await lab.run('echo $EPOCHREALTIME'));
  const after = Date.now() / 1000;
  return { least: guest - after, most: guest - before };
}

/** Keeps the lab's worker from doing anything else for so long. */
async function block(page: Page, ms: number): Promise<void> {
  const worker = page.workers().find((candidate) => candidate.url().includes('worker'));
  if (!worker) throw new Error('the page has no worker');
  await worker.evaluate((duration) => {
    const end = performance.now() + duration;
    while (performance.now() < end);
  }, ms);
}

test('the guest’s clock agrees with ours after load, and after the worker was blocked for 3 s', async ({
  lab,
  site,
}) => {
  await lab.open(site);
  await lab.run('lab-bench /mnt/lab create list read-small remove miss > /dev/null');
  const loaded = await ahead(lab);
  expect(loaded.least).toBeLessThan(1);
  expect(loaded.most).toBeGreaterThan(-1);

  await block(lab.page, 3000);
  const blocked = await ahead(lab);
  expect(blocked.least).toBeLessThan(1);
  expect(blocked.most).toBeGreaterThan(-1);
});
