// Export and import as tasks: how far they are, what is left where they end early, and how little they hold.
import { describe, expect, test } from 'vitest';
import { archiveOf, streamOf } from '../../test/archives.ts';
import { readerOf } from '../base/iov.ts';
import { MemoryStore } from '../fs/store/memory-store.ts';
import { type Batch, StoreError } from '../fs/tree/store.ts';
import { Tree } from '../fs/tree/tree.ts';
import { LabFailure } from './failures.ts';
import type { Progress } from './messages.ts';
import { blobFile, type Sink } from './save-file.ts';
import { TaskCancelled, type TaskContext, TaskRefused } from './tasks.ts';
import { transferTasks } from './transfer-tasks.ts';

const MIB = 2 ** 20;
const owner = { uid: 0, gid: 0 };

function context(onProgress: (progress: Progress) => void = () => {}): TaskContext & { cancel(): void } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    report: onProgress,
    cancel: () => controller.abort(new TaskCancelled('It was given up.')),
  };
}

/** Named trees in memory: a tree that is built is there when its body ends, and not where it fails. */
class Host {
  readonly trees = new Map<string, Tree>();
  store = (): MemoryStore => new MemoryStore();
  still = async <T>(name: string, body: (tree: Tree) => Promise<T>): Promise<T> => {
    const tree = this.trees.get(name);
    if (!tree) throw new TaskRefused(`There is no tree “${name}”.`);
    return body(tree);
  };
  build = async (name: string, body: (tree: Tree) => Promise<void>): Promise<void> => {
    const tree = await Tree.open(this.store(), { commitInterval: 0, cacheLimit: 8 * MIB, dirtyLimit: 4 * MIB });
    await body(tree);
    await tree.sync();
    this.trees.set(name, tree);
  };
}

/** A tree of files that are no holes, `mib` of them with a MiB each. */
async function filled(mib: number, store = new MemoryStore()): Promise<Tree> {
  const tree = await Tree.open(store, { commitInterval: 0, cacheLimit: 8 * MIB });
  const bytes = new Uint8Array(MIB);
  for (let i = 0; i < mib; i++) {
    for (let at = 0; at < MIB; at += 4) bytes[at] = i + at;
    const file = tree.mknod(tree.root, `file${i}`, { mode: 0o644, ...owner });
    await tree.write(file, 0, MIB, readerOf(bytes));
  }
  await tree.sync();
  return tree;
}

const exporting = (to?: FileSystemFileHandle) => ({ do: 'export-tree' as const, name: 'a', ino: undefined, to });

describe('export and import', () => {
  test('give the tree again, and say how far they are', async () => {
    const host = new Host();
    host.trees.set('a', await filled(3));
    const tasks = transferTasks(host, async () => blobFile());
    const progress: Progress[] = [];
    const { bytes, content } = await tasks['export-tree'](
      exporting(),
      context((each) => progress.push(each)),
    );
    expect(content?.size).toBe(bytes);
    expect(progress.at(-1)).toEqual({ done: bytes, total: bytes, what: './file2' });
    expect(progress.slice(1).every(({ total }) => total === bytes)).toBe(true);

    const from = content as Blob;
    const arrived: Progress[] = [];
    const report = await tasks['import-tree'](
      { do: 'import-tree', name: 'b', from, replace: false },
      context((each) => arrived.push(each)),
    );
    expect(report).toEqual({ entries: 4, bytes: 3 * MIB, left: [], leftCount: 0 });
    expect(arrived.every(({ done, total }) => total === bytes && done <= bytes)).toBe(true);
    expect(arrived.at(-1)?.what).toBe('./file2');
    const [a, b] = [host.trees.get('a') as Tree, host.trees.get('b') as Tree];
    expect(Buffer.compare(await archiveOf(b), await archiveOf(a))).toBe(0);
  });

  test('of one directory', async () => {
    const host = new Host();
    const tree = await filled(0);
    const dir = tree.mkdir(tree.root, 'dir', { mode: 0o700, ...owner });
    tree.mknod(dir, 'inside', { mode: 0o644, ...owner });
    tree.mknod(tree.root, 'outside', { mode: 0o644, ...owner });
    host.trees.set('a', tree);
    const tasks = transferTasks(host, async () => blobFile());
    const { content } = await tasks['export-tree']({ ...exporting(), ino: dir.ino }, context());
    await tasks['import-tree']({ do: 'import-tree', name: 'b', from: content as Blob, replace: false }, context());
    const b = host.trees.get('b') as Tree;
    expect([...b.readdir(b.root, 0)].map(({ name }) => name)).toEqual(['inside']);
    expect(b.root.mode & 0o777).toBe(0o700);
    await expect(tasks['export-tree']({ ...exporting(), ino: 999 }, context())).rejects.toThrow(TaskRefused);
  });

  test('a sink that is slow is waited for: no more than a few MiB are on their way', async () => {
    let loaded = 0;
    let accepted = 0;
    let most = 0;
    class Counting extends MemoryStore {
      override chunk(ino: number, index: number) {
        const bytes = super.chunk(ino, index);
        loaded += bytes?.length ?? 0;
        return bytes;
      }
    }
    const host = new Host();
    // Opened anew, so that all of it comes from the store.
    const store = new Counting();
    await filled(48, store);
    host.trees.set('a', await Tree.open(store, { cacheLimit: 2 * MIB }));
    loaded = 0;
    const slow: Sink = {
      async write(_, { length }) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        most = Math.max(most, loaded - accepted);
        accepted += length;
      },
      finish: async () => undefined,
      abandon: async () => {},
    };
    await transferTasks(host, async () => slow)['export-tree'](exporting(), context());
    expect(loaded).toBeGreaterThanOrEqual(47 * MIB);
    expect(most).toBeLessThan(4 * MIB);
  });

  test('a store that is slow is waited for: an import takes no more than a few MiB before they are stored', async () => {
    const bytes = await archiveOf(await filled(48));
    let stored = 0;
    let pulled = 0;
    let most = 0;
    class Slow extends MemoryStore {
      override async commit(batch: Batch) {
        const done = super.commit(batch);
        await new Promise((resolve) => setTimeout(resolve, 5));
        await done;
        for (const chunk of batch.chunks) stored += chunk.bytes.length;
      }
    }
    const host = new Host();
    host.store = () => new Slow();
    const from = {
      size: bytes.length,
      stream: () =>
        streamOf(bytes).pipeThrough(
          new TransformStream<Uint8Array, Uint8Array>({
            transform(piece, controller) {
              pulled += piece.length;
              most = Math.max(most, pulled - stored);
              controller.enqueue(piece);
            },
          }),
        ),
    } as unknown as Blob;
    await transferTasks(host)['import-tree']({ do: 'import-tree', name: 'b', from, replace: false }, context());
    expect(pulled).toBe(bytes.length);
    expect(most).toBeLessThan(8 * MIB);
  });
});

describe('what ends early', () => {
  test.each([
    ['is given up', (cancel: () => void) => cancel(), TaskCancelled],
    [
      'finds no room',
      () => {
        throw new DOMException('The disk is full.', 'QuotaExceededError');
      },
      LabFailure,
    ],
  ])('an export that %s leaves nothing', async (_, at, failure) => {
    const host = new Host();
    host.trees.set('a', await filled(4));
    const running = context();
    let written = 0;
    let abandoned = 0;
    const sink: Sink = {
      async write(_position, { length }) {
        written += length;
        if (written > MIB) at(() => running.cancel());
      },
      finish: async () => {
        throw new Error('it was ended');
      },
      abandon: async () => void abandoned++,
    };
    const tasks = transferTasks(host, async () => sink);
    await expect(tasks['export-tree'](exporting(), running)).rejects.toThrow(failure);
    expect(abandoned).toBe(1);
    expect(written).toBeLessThan(2 * MIB);
  });

  test('an import that is given up makes no tree, and lets go of the file', async () => {
    const bytes = await archiveOf(await filled(8));
    const host = new Host();
    const running = context(({ done }) => {
      if (done > MIB) running.cancel();
    });
    let cancelled = false;
    const stream = streamOf(bytes);
    const cancel = stream.cancel.bind(stream);
    const from = {
      size: bytes.length,
      stream: () =>
        new ReadableStream({
          async start() {},
          async pull(controller) {
            const reader = stream.getReader();
            const { value, done } = await reader.read();
            reader.releaseLock();
            if (done) controller.close();
            else controller.enqueue(value);
          },
          cancel(reason) {
            cancelled = true;
            return cancel(reason);
          },
        }),
    } as unknown as Blob;
    const importing = { do: 'import-tree' as const, name: 'b', from, replace: false };
    await expect(transferTasks(host)['import-tree'](importing, running)).rejects.toThrow(TaskCancelled);
    expect([...host.trees.keys()]).toEqual([]);
    expect(cancelled).toBe(true);
  });

  test.each([
    ['no archive', new Uint8Array(1000).fill(65), TaskRefused, 'This is no tar archive.'],
    ['an empty file', new Uint8Array(0), TaskRefused, 'The file is empty.'],
  ])('an import of %s is refused in words', async (_, bytes, failure, words) => {
    const host = new Host();
    const importing = { do: 'import-tree' as const, name: 'b', from: new Blob([bytes]), replace: false };
    const result = transferTasks(host)['import-tree'](importing, context());
    await expect(result).rejects.toThrow(failure);
    await expect(result).rejects.toThrow(words);
    expect(host.trees.size).toBe(0);
  });

  test('an import into storage that is full says so', async () => {
    const bytes = await archiveOf(await filled(12));
    const host = new Host();
    class Full extends MemoryStore {
      override async commit(batch: Batch) {
        if (batch.chunks.length > 0) throw new StoreError('quota', 'no room');
        return super.commit(batch);
      }
    }
    host.store = () => new Full();
    const importing = { do: 'import-tree' as const, name: 'b', from: new Blob([bytes]), replace: false };
    await expect(transferTasks(host)['import-tree'](importing, context())).rejects.toMatchObject({ code: 'quota' });
    expect(host.trees.size).toBe(0);
  });
});
