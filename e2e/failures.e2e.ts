// What goes wrong is told in words that anyone understands, with what to do.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from './browser.ts';
import { LabPage } from './lab-page.ts';
import { expect, test } from './lab-test.ts';

test('a guest image with one wrong bit is not booted, and the file is named', async ({ lab, site }) => {
  let damaged = '';
  await lab.page.route(/\/guest\/.*bzImage/, async (route) => {
    const response = await route.fetch();
    const body = await response.body();
    body[body.length >> 1] = (body[body.length >> 1] as number) ^ 1;
    damaged = route.request().url();
    await route.fulfill({ response, body });
  });
  await lab.page.goto(site);
  await lab.waitForFailure('damaged');
  expect(damaged).not.toBe('');
  await expect(lab.failure).toContainText('damaged');
  await expect(lab.failure).toContainText(/kernel/i);

  await lab.page.unrouteAll();
  await lab.button('Try again').click();
  await lab.waitForStage('ready');
});

test('a download that fails can be tried again', async ({ lab, site, troubles }) => {
  troubles.expect(/net::ERR_FAILED .*initramfs/, 'the browser itself reports the request that is aborted here');
  await lab.page.route(/\/guest\/.*initramfs/, (route) => route.abort());
  await lab.page.goto(site);
  await lab.waitForFailure('download');
  await lab.page.unrouteAll();
  await lab.button('Try again').click();
  await lab.waitForStage('ready');
});

test('a browser that refuses IndexedDB is told apart', async ({ profile, site, troubles }) => {
  // As a person sets it: sites may store nothing.
  mkdirSync(join(profile, 'Default'));
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  const context = await launch(profile);
  troubles.watch(context);
  try {
    const lab = await LabPage.on(context.pages()[0] ?? (await context.newPage()));
    await lab.page.goto(site);
    await lab.waitForFailure('no-indexeddb');
    await expect(lab.failure).toContainText('store');
  } finally {
    await context.close();
  }
});

test('a browser without WebAssembly is told so', async ({ lab, site }) => {
  await lab.page.addInitScript('delete globalThis.WebAssembly');
  await lab.page.goto(site);
  await lab.waitForFailure('no-wasm');
  await expect(lab.failure).toContainText('WebAssembly');
});
