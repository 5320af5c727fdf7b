// Imports into a browser whose database fails at any request: the whole tree is there, or nothing is and the old one stays.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { archive, listing } from '../../test/archives.ts';
import { FakeLocks } from '../../test/fake-locks.ts';
import { FAULTS, IdbFaults } from '../../test/idb-faults.ts';
import { TreeNames } from '../fs/store/indexeddb-names.ts';
import { transferTasks } from './transfer-tasks.ts';
import { Trees } from './trees.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);

let faults: IdbFaults;
beforeAll(() => {
  faults = new IdbFaults();
});
afterAll(() => faults.restore());

const BYTES = archive(
  { name: 'd/', typeflag: '5' },
  { name: 'd/f', content: new Uint8Array(70_000).fill(65) },
  { name: 'g', content: new Uint8Array(9).fill(66) },
);
const WHOLE = { d: 'directory', 'd/f': 'A'.repeat(70_000), g: 'B'.repeat(9) };

function browser() {
  const factory = new IDBFactory();
  const names = new TreeNames(factory);
  const trees = new Trees({ names, locks: new FakeLocks().manager, factory });
  const importTree = (name: string, replace: boolean) =>
    transferTasks(trees)['import-tree'](
      { do: 'import-tree', name, from: new Blob([BYTES]), replace },
      { signal: new AbortController().signal, report: () => {} },
    );
  return { factory, trees, importTree };
}

// Without 'throw': of two requests that idb-keyval makes at once the second one is then never made, and what becomes of
// the first is told to nobody. No browser does that.
test.each(FAULTS.filter((fault) => fault !== 'throw'))('a request that has the fault "%s"', async (fault) => {
  let failed = 0;
  for (let at = 0; ; at++) {
    const { factory, trees, importTree } = browser();
    await trees.build('old', async (tree) => void tree.mkdir(tree.root, 'before', { mode: 0o755, uid: 0, gid: 0 }));
    faults.arm(at, fault);
    const outcome = await importTree('old', true).then(
      () => 'done',
      (error: unknown) => String(error),
    );
    faults.disarm();
    if (!faults.happened) {
      expect(outcome).toBe('done');
      break;
    }
    if (outcome !== 'done') failed++;
    await trees.sweep();
    const found = await trees.still('old', (tree) => listing(tree));
    expect([WHOLE, { before: 'directory' }], `${at}: ${outcome}`).toContainEqual(found);
    if (outcome === 'done') expect(found).toEqual(WHOLE);
    expect((await factory.databases()).length, `${at}: ${outcome}`).toBe(2);
  }
  expect(failed).toBeGreaterThan(3);
});
