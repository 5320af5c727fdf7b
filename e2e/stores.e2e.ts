// The store over the real IndexedDB: the conformance suite, failing transactions, and trees that old releases stored.
import { SCHEMA } from '../src/fs/tree/store.ts';
import { Harness } from '../test/browser/harness.ts';
import { FAULTS } from '../test/browser/idb-faults.ts';
import type { DatabaseJson } from '../test/stored-trees/database-json.ts';
import { fixtureNames, readFixture } from '../test/stored-trees/fixture.ts';
import type { Described } from '../test/stored-trees/scripted-tree.ts';
import { expect, test } from './lab-test.ts';

const ENTRY = 'test/browser/stores.worker.ts';

test('every point of the contract holds, and failing transactions change nothing', async ({ browserContext }) => {
  const harness = await Harness.open(browserContext, ENTRY);
  const { failures, points } = await harness.call<{ failures: string[]; points: number }>('contract');
  expect(failures).toEqual([]);
  expect(points).toBeGreaterThan(15);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const counts = await harness.call<{ faults: number; refused: number }>('model', { seed, runs: 40 });
  expect(counts.faults, `with seed ${seed}`).toBeGreaterThan(20);
  expect(counts.refused).toBe(counts.faults);
});

test('what old releases stored is found, and brought to this format whole or not at all', async ({
  browserContext,
}) => {
  const harness = await Harness.open(browserContext, ENTRY);
  for (const release of fixtureNames()) {
    const { database, expected } = readFixture(release);
    const name = `of-${release}`;
    await harness.call('put', { name, database });
    expect(await harness.call<Described[]>('look', { name })).toEqual(expected);
    expect(await harness.call<DatabaseJson>('read', { name })).toEqual(database);
    if (database.version < SCHEMA) {
      const chunks = (database.stores.tree ?? []).filter(([key]) => Array.isArray(key)).length;
      for (const fault of FAULTS) {
        // The superblock, the cursor, a chunk in the middle, the removal at the end.
        for (const at of [0, 2, 3 + Math.floor(chunks / 2), 3 + chunks]) {
          const { code, happened } = await harness.call<{ code?: string; happened: boolean }>('fail', {
            name,
            at,
            fault,
          });
          expect([code, happened]).toEqual(['old', true]);
          expect(await harness.call<DatabaseJson>('read', { name })).toEqual(database);
        }
      }
    }
    const { described, findings } = await harness.call<{ described: Described[]; findings: string[] }>('upgrade', {
      name,
    });
    expect(described).toEqual(expected);
    expect(findings).toEqual([]);
    const upgraded = await harness.call<DatabaseJson>('read', { name });
    expect([upgraded.version, (upgraded.stores.tree ?? []).some(([key]) => Array.isArray(key))]).toEqual([
      SCHEMA,
      false,
    ]);
    const again = await harness.call<Described[]>('look', { name });
    expect(again.map(({ path }) => path)).toEqual([...expected.map(({ path }) => path), '/made now']);
  }
});

test('without room the tree of an old release stays as it is, and is brought to this format when there is some', async ({
  browserContext,
}) => {
  const harness = await Harness.open(browserContext, ENTRY);
  const { database, expected } = readFixture('0.1.0');
  const name = 'full';
  const session = await browserContext.newCDPSession(harness.page);
  const { origin } = new URL(harness.page.url());
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 24 * 2 ** 20 });
  await harness.call('put', { name, database });
  expect(await harness.call<number>('fill', { name: 'filler' })).toBeGreaterThan(0);
  const open = (): Promise<{ code?: string }> => harness.call('fail', { name, at: -1, fault: 'throw' });
  expect((await open()).code).toBe('old');
  expect(await harness.call<Described[]>('look', { name })).toEqual(expected);
  expect(await harness.call<DatabaseJson>('read', { name })).toEqual(database);
  await session.send('Storage.overrideQuotaForOrigin', { origin });
  // Chromium asks for the quota now and then only.
  await expect.poll(async () => (await open()).code).toBeUndefined();
  expect(await harness.call<Described[]>('look', { name })).toEqual(expected);
});

test('names are the same in every tab, whatever tabs do at once', async ({ browserContext }) => {
  const [one, two] = [await Harness.open(browserContext, ENTRY), await Harness.open(browserContext, ENTRY)];
  const tabs = [one, two, one, two];
  const { database } = readFixture('0.1.0');
  await one.call('put', { name: 'virtio-fs-lab:old', database });
  await one.call('put', { name: 'virtio-fs-lab-else', database });

  const created = await Promise.all(tabs.map((tab) => tab.call<string>('create', { name: 'new' })));
  expect(new Set(created)).toEqual(new Set(['virtio-fs-lab:new']));
  const listed = await Promise.all(tabs.map((tab) => tab.call<{ name: string }[]>('list')));
  for (const list of listed) expect(list.map(({ name }) => name)).toEqual(['new', 'old']);

  const targets = ['a', 'b', 'c', 'd'];
  const renamed = await Promise.all(targets.map((to, i) => (tabs[i] as Harness).call('rename', { from: 'old', to })));
  expect(renamed.filter((code) => code === 'name')).toHaveLength(3);
  const trees = await two.call<{ name: string; database: string }[]>('list');
  const [{ name = '', database: kept } = {}, ...others] = trees.filter((each) => each.name !== 'new');
  expect([targets.includes(name), kept, others]).toEqual([true, 'virtio-fs-lab:old', []]);

  // Who looks at a tree lets go of it when it is deleted.
  await one.call('view', { name: 'virtio-fs-lab:old' });
  expect(await one.call('views')).toEqual([undefined]);
  const { left, databases } = await two.call<{ left: string[]; databases: string[] }>('drop', { name });
  expect(left).toEqual([]);
  expect(databases).not.toContain('virtio-fs-lab:old');
  expect(databases).toContain('virtio-fs-lab-else');
  expect(await one.call('views')).toEqual(['lost']);
});

test("the tree that release 0.1.0 left in the browser is the guest's", async ({ lab, browserContext, site }) => {
  const { database, expected } = readFixture('0.1.0');
  // A page of the lab's origin, with nothing of the lab in it.
  const harness = await Harness.open(browserContext, ENTRY, `${site}harness/`);
  await harness.call('put', { name: 'virtio-fs-lab:default', database });
  await harness.close();
  await lab.open(site);
  // Without the file of 8 GiB, of which there is a hash of its end.
  const hashes = await lab.run('find dir many sparse text-2 -type f -size -2000k -exec sha256sum {} + | sort -k 2');
  const files = expected.filter(
    ({ content, path, size }) => content && size <= 2 ** 20 && /^\/(dir|many|sparse|text-2)/.test(path),
  );
  expect(files.length).toBeGreaterThan(60);
  const lines = files.map(({ path, content }) => `${content}  ${path.slice(1)}`);
  expect(hashes.split('\n')).toEqual(lines.sort((x, y) => (x.slice(64) < y.slice(64) ? -1 : 1)));
  const of = (path: string): Described => expected.find((entry) => entry.path === path) as Described;
  expect(await lab.run('stat -c "%i %h %s %a %u:%g" dir/text attributes/mode')).toBe(
    [of('/dir/text'), of('/attributes/mode')]
      .map(
        ({ ino, nlink, size, mode, owner }) =>
          `${ino} ${nlink} ${size} ${(Number.parseInt(mode, 8) & 0o7777).toString(8)} ${owner}`,
      )
      .join('\n'),
  );
  expect(await lab.run('readlink dir/link; stat -c %F devices/* | sort | uniq -c | wc -l')).toBe('text\n4');
  await lab.run('echo written on > dir/text; sync');
  await lab.reload();
  expect(await lab.run('cat dir/text text-2')).toBe('written on\nwritten on');
});
