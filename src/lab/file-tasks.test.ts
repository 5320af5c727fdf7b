import { describe, expect, test } from 'vitest';
import { readerOf } from '../base/iov.ts';
import { MemoryStore } from '../fs/store/memory-store.ts';
import type { Inode } from '../fs/tree/inode.ts';
import { Tree } from '../fs/tree/tree.ts';
import { fileTasks } from './file-tasks.ts';
import { blobFile, chosenFile, ownFile, type Sink, saveFile } from './save-file.ts';
import { TaskCancelled, type TaskContext, TaskRefused } from './tasks.ts';

const OWNER = { uid: 0, gid: 0 };
const MIB = 2 ** 20;
const quiet = (): TaskContext => ({ signal: new AbortController().signal, report: () => {} });

async function opened() {
  const tree = await Tree.open(new MemoryStore(), { random: () => 0.5 });
  const host: { current: { tree: Tree; readOnly: boolean } | undefined } = { current: { tree, readOnly: false } };
  return { tree, host, tasks: fileTasks(host, () => undefined) };
}

const nothing = { from: 0, count: 100, find: undefined };

describe('tasks on files', () => {
  test('list, make, rename and remove', async () => {
    const { tasks, tree } = await opened();
    const { cookie } = await tasks['make-folder']({ do: 'make-folder', parent: 1, name: 'größe' }, quiet());
    const list = await tasks['list-files']({ do: 'list-files', expanded: [1], ...nothing }, quiet());
    expect(list).toMatchObject({ total: 2, from: 0, found: undefined, inodes: 2, orphans: 0, readOnly: false });
    expect(list.rows[1]).toMatchObject({ cookie, name: 'gr\xc3\xb6\xc3\x9fe', mode: 0o40755, nodeid: 2 });

    const renamed = await tasks['rename-file']({ do: 'rename-file', parent: 1, cookie, name: 'b' }, quiet());
    expect(tree.lookup(tree.root, 'b')?.ino).toBe(2);
    const same = await tasks['rename-file'](
      { do: 'rename-file', parent: 1, cookie: renamed.cookie, name: 'b' },
      quiet(),
    );
    expect(same).toEqual(renamed);
    await tasks['make-folder']({ do: 'make-folder', parent: 2, name: 'inner' }, quiet());
    const { removed } = await tasks['remove-file']({ do: 'remove-file', parent: 1, cookie: renamed.cookie }, quiet());
    expect(removed).toBe(2);
    expect(tree.counters.inodes).toBe(1);
  });

  test('orphans are counted', async () => {
    const { tasks, tree } = await opened();
    tree.hold(tree.mknod(tree.root, 'open', { mode: 0o644, ...OWNER }));
    tree.unlink(tree.root, 'open');
    const list = await tasks['list-files']({ do: 'list-files', expanded: [1], ...nothing }, quiet());
    expect(list).toMatchObject({ total: 1, inodes: 2, orphans: 1 });
  });

  test('what cannot be done is refused in words', async () => {
    const { tasks, tree, host } = await opened();
    const refused = (promise: Promise<unknown>, words: string) =>
      expect(promise).rejects.toEqual(new TaskRefused(words));
    tree.mkdir(tree.root, 'a', { mode: 0o755, ...OWNER });
    await refused(tasks['make-folder']({ do: 'make-folder', parent: 1, name: 'a' }, quiet()), 'The name is taken.');
    await refused(
      tasks['make-folder']({ do: 'make-folder', parent: 1, name: 'a/b' }, quiet()),
      'That cannot be a name.',
    );
    await refused(
      tasks['rename-file']({ do: 'rename-file', parent: 1, cookie: 99, name: 'c' }, quiet()),
      'It is not there any more.',
    );
    await refused(
      tasks.download({ do: 'download', ino: 1, to: undefined }, quiet()),
      'The file is not there any more.',
    );
    await refused(
      tasks.upload({ do: 'upload', into: 99, entries: [], taken: 'skip' }, quiet()),
      'The folder is not there any more.',
    );
    host.current = { tree, readOnly: true };
    await refused(
      tasks['remove-file']({ do: 'remove-file', parent: 1, cookie: 3 }, quiet()),
      'The tree is read-only here.',
    );
    host.current = undefined;
    await refused(tasks['list-files']({ do: 'list-files', expanded: [1], ...nothing }, quiet()), 'No tree is open.');
  });

  test('directories in each other, deeper than calls can be', async () => {
    const { tasks, tree } = await opened();
    const DEPTH = 30_000;
    let dir = tree.root;
    for (let i = 0; i < DEPTH; i++) dir = tree.mkdir(dir, 'd', { mode: 0o755, ...OWNER });
    const { removed } = await tasks['remove-file']({ do: 'remove-file', parent: 1, cookie: 3 }, quiet());
    expect(removed).toBe(DEPTH);
    expect(tree.counters.inodes).toBe(1);
  });

  test('a removal that is given up stops between two names', async () => {
    const { tasks, tree } = await opened();
    const dir = tree.mkdir(tree.root, 'many', { mode: 0o755, ...OWNER });
    for (let i = 0; i < 1000; i++) tree.mknod(dir, `${i}`, { mode: 0o644, ...OWNER });
    const controller = new AbortController();
    const gone = tasks['remove-file'](
      { do: 'remove-file', parent: 1, cookie: 3 },
      { signal: controller.signal, report: () => controller.abort(new TaskCancelled('It was given up.')) },
    );
    await expect(gone).rejects.toBeInstanceOf(TaskCancelled);
    expect(dir.directory?.size).toBe(744);
  });
});

/** A file with holes at its begin, in its middle and at its end, over several pieces. */
async function sparse(tree: Tree): Promise<{ inode: Inode; content: Buffer }> {
  const inode = tree.mknod(tree.root, 'sparse', { mode: 0o644, ...OWNER });
  const content = Buffer.alloc(7 * MIB + 123);
  for (const [at, length] of [
    [100_000, 10],
    [MIB - 5, 2 * MIB],
    [5 * MIB, 1],
  ] as const) {
    const bytes = Uint8Array.from({ length }, (_, i) => ((i * 31 + at) % 251) | 1);
    content.set(bytes, at);
    await tree.write(inode, at, length, readerOf(bytes));
  }
  tree.setattr(inode, { size: content.length });
  return { inode, content };
}

/** What keeps files in a browser, as far as it is used here. */
class FakeFolder {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  full = false;
  private grown(name: string, size: number): Uint8Array<ArrayBuffer> {
    const old = this.files.get(name) as Uint8Array<ArrayBuffer>;
    const bytes = new Uint8Array(size);
    bytes.set(old.subarray(0, size));
    this.files.set(name, bytes);
    return bytes;
  }
  getDirectoryHandle = async () => this;
  keys = () => this.files.keys();
  removeEntry = async (name: string) => void this.files.delete(name);
  getFileHandle = async (name: string) => {
    this.files.set(name, new Uint8Array(0));
    return {
      getFile: async () => new Blob([this.files.get(name) as Uint8Array<ArrayBuffer>]),
      createSyncAccessHandle: async () => ({
        write: (bytes: Uint8Array, { at }: { at: number }) => {
          if (this.full) throw new DOMException('The disk is full.', 'QuotaExceededError');
          // As the real one may, it takes a part only.
          const part = bytes.subarray(0, 300_000);
          const size = (this.files.get(name) as Uint8Array).length;
          this.grown(name, Math.max(size, at + part.length)).set(part, at);
          return part.length;
        },
        truncate: (size: number) => this.grown(name, size),
        close: () => {},
      }),
      remove: async () => void this.files.delete(name),
      createWritable: async () => {
        const before = this.files.get(name) as Uint8Array<ArrayBuffer>;
        return {
          write: async ({ position, data }: { position: number; data: Uint8Array }) => {
            const size = (this.files.get(name) as Uint8Array).length;
            this.grown(name, Math.max(size, position + data.length)).set(data, position);
          },
          truncate: async (size: number) => this.grown(name, size),
          close: async () => {},
          // The content that was there before stays: of a file that was just chosen, none.
          abort: async () => void this.files.set(name, before),
        };
      },
    };
  };
}

describe('a download', () => {
  test('says which file it is at, as text', async () => {
    const { tasks, tree } = await opened();
    const inode = tree.mknod(tree.root, 'gr\xc3\xb6\xc3\x9fe', { mode: 0o644, ...OWNER });
    await tree.write(inode, 0, 3, readerOf(Uint8Array.of(1, 2, 3)));
    const said = new Set<string>();
    const context = { signal: new AbortController().signal, report: ({ what }: { what: string }) => said.add(what) };
    const folder = new FakeFolder();
    const to = (await folder.getFileHandle('chosen')) as never;
    await tasks.download({ do: 'download', ino: inode.ino, to }, context);
    expect(folder.files.get('chosen')).toEqual(Uint8Array.of(1, 2, 3));
    expect([...said]).toEqual(['/größe']);
  });

  const sinks: [string, (folder: FakeFolder) => Promise<Sink>][] = [
    ['a file of the browser', (folder) => ownFile(folder as never, 1000, () => 0.5)],
    ['memory', async () => blobFile()],
  ];

  test.each(sinks)('to %s has every byte, and a piece at most at once', async (_name, make) => {
    const { tree } = await opened();
    const { inode, content } = await sparse(tree);
    const sink = await make(new FakeFolder());
    const { write } = sink;
    let largest = 0;
    let written = 0;
    sink.write = async (position, bytes) => {
      largest = Math.max(largest, bytes.length);
      written += bytes.length;
      await write(position, bytes);
    };
    const blob = await saveFile(tree, inode, sink, 'sparse', quiet());
    expect(Buffer.from(await (blob as Blob).arrayBuffer()).equals(content)).toBe(true);
    expect(largest).toBeLessThanOrEqual(MIB);
    // Holes are not written.
    expect(written).toBeLessThan(3 * MIB);
    expect(inode.holds).toBe(0);
  });

  test('to a chosen file has every byte, and gives nothing back', async () => {
    const { tree } = await opened();
    const { inode, content } = await sparse(tree);
    const folder = new FakeFolder();
    const sink = await chosenFile((await folder.getFileHandle('chosen')) as never);
    expect(await saveFile(tree, inode, sink, 'sparse', quiet())).toBeUndefined();
    expect(Buffer.from(folder.files.get('chosen') as Uint8Array).equals(content)).toBe(true);
  });

  test('to memory is as long as it says, and a hole of any size is small', async () => {
    const short = blobFile();
    await short.write(0, new Uint8Array(10));
    expect((await short.finish(4))?.size).toBe(4);
    const before = process.memoryUsage.rss();
    const long = blobFile();
    await long.write(3 * 2 ** 30, Uint8Array.of(7));
    expect((await long.finish(3 * 2 ** 30 + 2))?.size).toBe(3 * 2 ** 30 + 2);
    expect(process.memoryUsage.rss() - before).toBeLessThan(512 * MIB);
  });

  test('given up, or without room, leaves nothing behind', async () => {
    const { tree } = await opened();
    const { inode } = await sparse(tree);
    const folder = new FakeFolder();
    const controller = new AbortController();
    const context = { signal: controller.signal, report: () => controller.abort(new TaskCancelled('enough')) };
    await expect(saveFile(tree, inode, await ownFile(folder as never, 1000, () => 0.5), '', context)).rejects.toThrow(
      'enough',
    );
    expect(folder.files.size).toBe(0);
    folder.full = true;
    await expect(saveFile(tree, inode, await ownFile(folder as never, 1000, () => 0.5), '', quiet())).rejects.toThrow(
      'The disk is full.',
    );
    expect(folder.files.size).toBe(0);
    const chosen = await chosenFile((await folder.getFileHandle('chosen')) as never);
    await expect(saveFile(tree, inode, chosen, '', context)).rejects.toThrow('enough');
    expect(folder.files.size).toBe(0);
    const handle = await folder.getFileHandle('older');
    folder.files.set('older', Uint8Array.of(1));
    await expect(saveFile(tree, inode, await chosenFile(handle as never), '', context)).rejects.toThrow('enough');
    expect(folder.files.get('older')).toEqual(Uint8Array.of(1));
    expect(inode.holds).toBe(0);
  });

  test('deletes files of earlier ones once the browser has had time to copy them', async () => {
    const folder = new FakeFolder();
    const minute = 60_000;
    for (const name of [`${minute}-1`, `${30 * minute}-2`, 'other']) folder.files.set(name, new Uint8Array(1));
    await ownFile(folder as never, 31 * minute, () => 0.5);
    expect([...folder.files.keys()]).toEqual([`${30 * minute}-2`, `${31 * minute}-${2 ** 39}`]);
  });

  test('goes on with what is left where the file is made shorter meanwhile', async () => {
    const { tree } = await opened();
    const { inode, content } = await sparse(tree);
    const context = {
      signal: new AbortController().signal,
      report: ({ done }: { done: number }) => {
        if (done > MIB && inode.size > 2 * MIB) tree.setattr(inode, { size: 2 * MIB });
      },
    };
    const blob = (await saveFile(tree, inode, blobFile(), '', context)) as Blob;
    expect(Buffer.from(await blob.arrayBuffer()).equals(content.subarray(0, 2 * MIB))).toBe(true);
  });
});
