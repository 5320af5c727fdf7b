// A tree of release 0.1.0 that there is no room to bring to this format: it can be exported, and brought later.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { expect, test, vi } from 'vitest';
import { archiveOf } from '../../test/archives.ts';
import { FakeLocks } from '../../test/fake-locks.ts';
import { IdbFaults } from '../../test/idb-faults.ts';
import { readDatabase, writeDatabase } from '../../test/stored-trees/database-json.ts';
import { readFixture } from '../../test/stored-trees/fixture.ts';
import { databaseName, TreeNames } from '../fs/store/indexeddb-names.ts';
import { IndexedDbStore } from '../fs/store/indexeddb-store.ts';
import { Tree } from '../fs/tree/tree.ts';
import { explainFailure } from './failures.ts';
import { blobFile } from './save-file.ts';
import { transferTasks } from './transfer-tasks.ts';
import { Trees } from './trees.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
const { database } = readFixture('0.1.0');

test('a tree of 0.1.0 without room for another format is refused, exported all the same, and nothing changes', async () => {
  const factory = new IDBFactory();
  const name = databaseName('mine');
  await writeDatabase(factory, name, database);
  const trees = new Trees({ names: new TreeNames(factory), locks: new FakeLocks().manager, factory });
  expect(await trees.list()).toEqual([{ name: 'mine', open: false, locked: false }]);

  const faults = new IdbFaults();
  let exported: Uint8Array;
  try {
    // The registry is read in between: any request of the upgrade will do, and the 30th is one.
    faults.arm(30, 'at commit');
    const error = await new IndexedDbStore(name, { factory }).open().catch((reason: unknown) => reason);
    expect(faults.happened).toBe(true);
    expect(explainFailure(error)).toEqual({ code: 'tree-old', message: expect.stringContaining('no room') });
    faults.arm(30, 'at commit');
    const tasks = transferTasks(trees, async () => blobFile());
    const { content } = await tasks['export-tree'](
      { do: 'export-tree', name: 'mine', ino: undefined, to: undefined },
      { signal: new AbortController().signal, report: () => {} },
    );
    expect(faults.happened).toBe(true);
    exported = new Uint8Array(await (content as Blob).arrayBuffer());
  } finally {
    faults.restore();
  }
  expect(await readDatabase(factory, name)).toEqual(database);

  const tree = await Tree.open(new IndexedDbStore(name, { factory }));
  expect(Buffer.compare(exported, await archiveOf(tree))).toBe(0);
  await tree.close();
  expect((await readDatabase(factory, name)).version).toBe(2);
});
