// npm run check-tree on the profile of a real Chromium.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { Harness } from '../test/browser/harness.ts';
import { run } from '../test/check-tree/run.ts';
import { launch } from './browser.ts';

const WORKER = 'test/browser/damaged-tree.worker.ts';
const FINDING = '  chunk-missing: inode 2, /file: content is lost: bytes 4096 to 8192 (repair: it reads as zeros)\n';

let profile: string;

test.beforeEach(() => {
  profile = mkdtempSync(join(tmpdir(), 'check-profile-'));
});

test.afterEach(() => rmSync(profile, { recursive: true, force: true }));

test('the trees of a profile, of every origin, are checked and repaired', async () => {
  const context = await launch(profile);
  const one = await Harness.open(context, WORKER);
  await one.call('make', { name: 'sound', damaged: false });
  await one.call('make', { name: 'damaged', damaged: true });
  const other = await Harness.open(context, WORKER, 'http://localhost:4173/');
  await other.call('make', { name: 'there', damaged: false });
  const inUse = await run(['--profile', profile]);
  expect(inUse).toMatchObject({ status: 2, stdout: expect.stringContaining('it is in use by process') });
  await context.close();

  const sound = 'tree "sound" of https://harness.invalid: clean\n';
  const damaged = 'tree "damaged" of https://harness.invalid';
  const there = 'tree "there" of http://localhost:4173: clean\n';
  const all = { status: 1, stdout: `${there}${damaged}: 1 finding\n${FINDING}${sound}`, stderr: '' };
  expect(await run(['--profile', profile])).toEqual(all);
  expect(await run(['--profile', profile, '--tree', 'sound'])).toEqual({ status: 0, stdout: sound, stderr: '' });
  // Nothing was changed. The profile can be named by itself, too.
  expect(await run(['--profile', join(profile, 'Default')])).toEqual(all);
  const repaired = { status: 1, stdout: `${damaged}: 1 finding, repaired\n${FINDING}`, stderr: '' };
  expect(await run(['--profile', profile, '--tree', 'damaged', '--repair'])).toEqual(repaired);
  expect(await run(['--profile', profile])).toMatchObject({ status: 0 });
  const unknown = await run(['--profile', profile, '--tree', 'none']);
  expect(unknown).toMatchObject({ status: 2, stdout: expect.stringContaining('there is no tree "none" in it') });
});

test('a tree of a newer version cannot be looked at, the others are', async () => {
  const context = await launch(profile);
  const harness = await Harness.open(context, WORKER);
  await harness.call('makeNewer', { name: 'newer' });
  await harness.call('make', { name: 'sound', damaged: false });
  await context.close();
  const { status, stdout } = await run(['--profile', profile]);
  expect(stdout).toMatch(
    /^tree "newer" of .*: could not be looked at: .*newer version.*\ntree "sound" of .*: clean\n$/,
  );
  expect(status).toBe(2);
});

test('a profile without trees cannot be looked at', async () => {
  const context = await launch(profile);
  await context.close();
  expect(await run(['--profile', profile])).toMatchObject({
    status: 2,
    stdout: expect.stringContaining('there is no tree in it'),
  });
});
