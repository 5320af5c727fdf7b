// What is read of a view while the other tab commits: never a mixture, never a failure of the storage.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readerOf } from '../base/iov.ts';
import { IndexedDbStore } from '../fs/store/indexeddb-store.ts';
import type { Inode } from '../fs/tree/inode.ts';
import { Tree } from '../fs/tree/tree.ts';
import type { Task } from './messages.ts';
import { TaskRefused } from './tasks.ts';
import type { CurrentTree } from './tree-host.ts';
import { ofView } from './view-tasks.ts';
import { Viewer } from './viewer.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const CHUNK = 4096;
const context = { signal: new AbortController().signal, report: () => {} };

/** A file of three chunks that are all `value`, stored, and a view of it whose task gives the values that it reads. */
async function setUp() {
  const factory = new IDBFactory();
  const writer = await Tree.open(new IndexedDbStore('d', { factory }), { commitInterval: 1e8, chunkSize: CHUNK });
  const { ino } = writer.mknod(writer.root, 'f', { mode: 0o100644, uid: 0, gid: 0 });
  const store = async (value: number): Promise<void> => {
    await writer.write(writer.inode(ino) as Inode, 0, 3 * CHUNK, readerOf(new Uint8Array(3 * CHUNK).fill(value)));
    await writer.sync();
  };
  await store(1);
  const host: { current: CurrentTree | undefined } = { current: undefined };
  const viewer: Viewer = new Viewer('d', {
    factory,
    tree: {},
    onTree: (tree) => {
      host.current = { name: 't', database: 'd', tree, readOnly: true, renew: () => viewer.renew(tree) };
    },
    onGone: () => {},
  });
  await viewer.open();
  /** What happens after each chunk that is read. */
  const between = vi.fn(async () => {});
  const read = async (): Promise<{ content: Blob }> => {
    const { tree } = host.current as CurrentTree;
    const values: number[] = [];
    for (let index = 0; index < 3; index++) {
      const pieces = await tree.read(tree.inode(ino) as Inode, index * CHUNK, CHUNK);
      values.push(...new Set(pieces.flatMap((bytes) => [...bytes])));
      await between();
    }
    return { content: new Blob([values.join()]) };
  };
  const table = ofView(host, { download: read, 'export-tree': async () => ({ bytes: 0, ...(await read()) }) });
  const text = async (result: Promise<{ content: Blob | undefined }>) => (await result).content?.text();
  const task: Task<'download'> = { do: 'download', ino, to: undefined };
  const download = (to?: FileSystemFileHandle) => text(table.download({ ...task, to }, context));
  const exporting = (name: string) =>
    text(table['export-tree']({ do: 'export-tree', name, ino: undefined, to: undefined }, context));
  return { store, viewer, between, download, exporting };
}

test('a commit between two looks is read', async () => {
  const { store, viewer, download, exporting } = await setUp();
  await store(2);
  expect(await download()).toBe('2,2,2');
  await store(3);
  expect(await exporting('t')).toBe('3,3,3');
  await viewer.close();
});

test('a commit in the middle has it begin again, some times', async () => {
  const { store, viewer, between, download } = await setUp();
  between.mockImplementationOnce(() => store(2));
  expect(await download()).toBe('2,2,2');
  await store(3);
  let value = 4;
  between.mockImplementation(() => store(value++));
  await expect(download()).rejects.toThrow(TaskRefused);
  await viewer.close();
});

test('where a file was chosen it is said', async () => {
  const { store, viewer, between, download } = await setUp();
  between.mockImplementationOnce(() => store(2));
  await expect(download({} as FileSystemFileHandle)).rejects.toThrow('changed the tree while it was read');
  expect(await download({} as FileSystemFileHandle)).toBe('2,2,2');
  await viewer.close();
});

test('a look in the middle is no failure either; what fails for another reason is told as it is', async () => {
  const { store, viewer, between, download, exporting } = await setUp();
  between.mockImplementationOnce(async () => {
    await store(2);
    await vi.advanceTimersByTimeAsync(2000);
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  });
  expect(await download()).toBe('2,2,2');
  between.mockRejectedValueOnce(new TypeError('no luck'));
  await expect(download()).rejects.toThrow('no luck');
  between.mockRejectedValueOnce(new TypeError('of another tree'));
  await expect(exporting('other')).rejects.toThrow('of another tree');
  await viewer.close();
});
