// The tasks that check and repair trees by name, over IndexedDB.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { beforeEach, expect, test, vi } from 'vitest';
import { FakeLocks } from '../../test/fake-locks.ts';
import { tamper } from '../../test/stored-damage.ts';
import { contentOf } from '../../test/tree-driver.ts';
import { readerOf } from '../base/iov.ts';
import { TreeNames } from '../fs/store/indexeddb-names.ts';
import { IndexedDbStore } from '../fs/store/indexeddb-store.ts';
import { Tree } from '../fs/tree/tree.ts';
import { checkTasks } from './check-tasks.ts';
import type { Progress } from './messages.ts';
import { TaskCancelled, type TaskContext, TaskRefused } from './tasks.ts';
import { Trees } from './trees.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);

const CHUNK = 4096;
let factory: IDBFactory;
let names: TreeNames;
let trees: Trees;
let progress: Progress[];
let controller: AbortController;

const context = (): TaskContext => ({ signal: controller.signal, report: (at) => void progress.push(at) });
const check = () => checkTasks(trees)['check-tree']({ do: 'check-tree', name: 'a' }, context());
const repair = () => checkTasks(trees)['repair-tree']({ do: 'repair-tree', name: 'a' }, context());
const database = async (): Promise<string> => (await names.resolve('a', { create: true })) as string;
const store = async (): Promise<IndexedDbStore> => new IndexedDbStore(await database(), { factory });

beforeEach(async () => {
  factory = new IDBFactory();
  names = new TreeNames(factory);
  trees = new Trees({ names, locks: new FakeLocks().manager, factory });
  progress = [];
  controller = new AbortController();
  const tree = await Tree.open(await store(), { chunkSize: CHUNK });
  const file = tree.mknod(tree.root, 'file', { mode: 0o644, uid: 0, gid: 0 });
  await tree.write(file, 0, 100 * CHUNK, readerOf(new Uint8Array(100 * CHUNK).fill(7)));
  await tree.close();
});

test('a sound tree has no findings, and the task tells how far it is', async () => {
  expect(await check()).toEqual({ findings: [], count: 0 });
  expect(progress.at(-1)).toEqual({ done: 100, total: undefined, what: 'content' });
});

test('what is missing is found and named, and is a hole after the repair', async () => {
  await tamper(await store(), (raw) => raw.chunks.get(2)?.delete(70));
  const found = await check();
  expect(found).toMatchObject({ count: 1, findings: [{ code: 'chunk-missing', ino: 2, path: '/file' }] });
  expect(await repair()).toEqual(found);
  expect(await check()).toEqual({ findings: [], count: 0 });
  const tree = await Tree.open(await store());
  const file = tree.lookup(tree.root, 'file');
  if (!file) throw new Error('the file is gone');
  const content = await contentOf(tree, file);
  expect([content[70 * CHUNK - 1], content[70 * CHUNK], content[71 * CHUNK]]).toEqual([7, 0, 7]);
  await tree.close();
});

test('what is no bytes counts as missing', async () => {
  const opening = factory.open(await database());
  await new Promise<void>((resolve, reject) => {
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction(['chunks2', 'tree'], 'readwrite');
      transaction.objectStore('chunks2').put('no bytes', [2, 5]);
      transaction.objectStore('tree').put('no record', 'mx2');
      transaction.oncomplete = () => resolve();
    };
  });
  opening.result.close();
  const { findings } = await check();
  expect(findings.map(({ code }) => code)).toEqual(['record-damaged', 'chunk-missing']);
  await repair();
  expect(await check()).toEqual({ findings: [], count: 0 });
});

test('the open tree is checked as it is stored, and not repaired', async () => {
  const tree = await Tree.open(await store(), { commitInterval: 1e8 });
  trees.current = { name: 'a', database: await database(), tree, readOnly: false };
  const guest: string[] = [];
  trees.guest = { pause: async () => void guest.push('pause'), resume: () => void guest.push('resume') };
  tree.mkdir(tree.root, 'more', { mode: 0o755, uid: 0, gid: 0 });
  expect(await check()).toEqual({ findings: [], count: 0 });
  expect(guest).toEqual(['pause', 'resume']);
  await expect(repair()).rejects.toThrow(TaskRefused);
  tree.mkdir(tree.root, 'still ours', { mode: 0o755, uid: 0, gid: 0 });
  await tree.close();
});

test('a check that is given up ends there', async () => {
  controller.abort(new TaskCancelled('It was given up.'));
  await expect(check()).rejects.toThrow(TaskCancelled);
  await expect(repair()).rejects.toThrow(TaskCancelled);
});

test('there is no tree of that name', async () => {
  const task = checkTasks(trees)['check-tree']({ do: 'check-tree', name: 'b' }, context());
  await expect(task).rejects.toThrow(TaskRefused);
});
