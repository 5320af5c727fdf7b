// File handles outlive the page: what name_to_handle_at gave is good after a reload and after the browser was killed.
import { MortalBrowser } from './browser.ts';
import { LabPage } from './lab-page.ts';
import { expect, test } from './lab-test.ts';

/** What opening a handle says, with its status: an errno is no failure here. */
const opened = (lab: LabPage, handle: string): Promise<string> => lab.run(`lab-handle cat ${handle} 2>&1 || :`);
const STALE = 'lab-handle: open_by_handle_at: ESTALE (Stale file handle)';

test('a file handle is good after a reload, and ESTALE for a deleted file whose number is used again', async ({
  lab,
  site,
}) => {
  await lab.open(`${site}?reuse=1`);
  const [kept, deleted] = (await lab.run('echo kept > a; echo gone > b; lab-handle get a b')).split('\n') as [
    string,
    string,
  ];
  const number = await lab.run('stat -c %i b; rm b; echo 3 > /proc/sys/vm/drop_caches');
  expect(await lab.run('echo other > c; stat -c %i c; sync')).toBe(number);
  expect(await opened(lab, kept)).toBe('kept');
  expect(await opened(lab, deleted)).toBe(STALE);
  await lab.reload();
  expect(await opened(lab, kept)).toBe('kept');
  expect(await opened(lab, deleted)).toBe(STALE);
  // Its look-up by nodeid is named in the log.
  await lab.run(`echo 3 > /proc/sys/vm/drop_caches; lab-handle cat ${kept}`);
  await expect(lab.page.getByText('revive').first()).toBeVisible();
});

test('a file handle is good after the browser was killed, and never another file', async ({
  profile,
  site,
  troubles,
}) => {
  const address = `${site}?reuse=1`;
  const first = await MortalBrowser.launch(profile);
  troubles.watch(first.context);
  const lab = await LabPage.on(await first.page());
  await lab.open(address);
  const [kept, deleted] = (
    await lab.run('mkdir d; echo kept > d/a; echo gone > d/b; lab-handle get d/a d/b; rm d/b; sync')
  ).split('\n') as [string, string];
  // Made in the last moment: whether the store has it is not known, its handle must not name another file.
  const [lost, numbers] = (await lab.run('echo lost > d/c; lab-handle get d/c; stat -c %i d/c')).split('\n') as [
    string,
    string,
  ];
  await first.kill();

  const second = await MortalBrowser.launch(profile);
  troubles.watch(second.context);
  try {
    const again = await LabPage.on(await second.page());
    await again.open(address);
    expect(await opened(again, kept)).toBe('kept');
    expect(await opened(again, deleted)).toBe(STALE);
    const there = await again.run('cat d/c 2>/dev/null || :');
    expect(await opened(again, lost)).toBe(there === 'lost' ? 'lost' : STALE);
    await again.run('rm -f d/c; echo 3 > /proc/sys/vm/drop_caches; echo other > d/e; sync');
    expect(await again.run('stat -c %i d/e')).toBe(numbers);
    for (const handle of [deleted, lost]) expect(await opened(again, handle)).toBe(STALE);
    expect(await opened(again, kept)).toBe('kept');
  } finally {
    await second.kill();
  }
});
