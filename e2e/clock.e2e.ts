// The guest's clock is the host's.
import type { Page } from '@playwright/test';
import { showAgreement } from '../test/clock-agreement.ts';
import type { LabPage } from './lab-page.ts';
import { test } from './lab-test.ts';

const expectAgreement = (lab: LabPage): Promise<void> =>
  showAgreement(async () => [Number(await lab.run("bash -c 'echo $EPOCHREALTIME'"))]);

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
  await expectAgreement(lab);

  await block(lab.page, 3000);
  await expectAgreement(lab);
});
