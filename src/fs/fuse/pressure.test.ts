// What waits while a commit hangs: writers and whoever adds names once too much is unsaved, and nobody else.
import { expect, test } from 'vitest';
import { FaultyStore } from '../../../test/faulty-store.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { type Served, serve } from '../../../test/served-tree.ts';
import { Errno } from '../../base/errno.ts';

const CHUNK = 4096;
const bytes = (length: number, value = 1): Uint8Array => new Uint8Array(length).fill(value);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Hanging extends Served {
  store: FaultyStore;
  /** Lets the commit that hangs go on. */
  open: () => void;
}

/** A file `stored` of 8 chunks, not all of them in memory, and a commit of another one that hangs. */
async function hanging(dirtyLimit: number): Promise<Hanging> {
  const inner = new MemoryStore();
  const first = await serve({ store: inner, treeOptions: { chunkSize: CHUNK } });
  const made = await first.client.create(1, 'stored');
  for (let i = 0; i < 8; i++) await first.client.write(made.nodeid, made.fh, i * CHUNK, bytes(CHUNK, i));
  await first.tree.close();
  const store = new FaultyStore(inner);
  const served = await serve({ store, treeOptions: { dirtyLimit, commitInterval: 1e9 } });
  await served.tree.sync();
  const file = await served.client.create(1, 'flying');
  await served.client.write(file.nodeid, file.fh, 0, bytes(CHUNK));
  let open = (): void => {};
  store.commitGate = new Promise((resolve) => {
    open = resolve;
  });
  const { length } = store.attempts;
  served.tree.sync().catch(() => {});
  expect(store.attempts.length).toBe(length + 1);
  return { ...served, store, open };
}

test('5.20 while a commit hangs, requests for other data are answered, and for the same', async () => {
  const { client, tree, store, open } = await hanging(2 ** 20);
  const stored = await client.lookup(1, 'stored');
  const flying = await client.lookup(1, 'flying');
  expect((await client.getattr(flying.nodeid)).size).toBe(CHUNK);
  const fh = await client.open(stored.nodeid);
  // From the store, and from memory.
  for (let i = 0; i < 2; i++) expect(await client.read(stored.nodeid, fh, 3 * CHUNK, 10)).toEqual(bytes(10, 3));
  const again = await client.open(flying.nodeid);
  expect(await client.read(flying.nodeid, again, 0, 10)).toEqual(bytes(10));
  await client.write(flying.nodeid, again, 10, bytes(10, 2));
  await client.write(stored.nodeid, fh, CHUNK + 5, bytes(10, 9));
  const made = await client.create(1, 'made');
  await client.write(made.nodeid, made.fh, 0, bytes(100, 4));
  await client.mkdir(1, 'dir');
  await client.symlink(1, 'link', 'made');
  await client.link(made.nodeid, 1, 'other');
  await client.setxattr(made.nodeid, 'user.x', bytes(10));
  await client.rename(1, 'other', 1, 'renamed');
  await client.setattr(made.nodeid, { valid: 8, size: 50 });
  await client.unlink(1, 'renamed');
  await client.statfs();
  expect(await client.list(1)).toHaveLength(7);
  expect(store.attempts.length).toBe(store.stored.length + 1);
  // What waits for the store is answered after the commit of what has changed since.
  const synced = client.fsync(made.nodeid, made.fh);
  open();
  await synced;
  expect(tree.dirtyBytes).toBe(0);
  expect(store.stored.at(-1)?.durability).toBe('strict');
});

test('5.20 a writer waits from the limit on, and a creation only for names that are unsaved', async () => {
  const { client, answers, open } = await hanging(4 * CHUNK);
  const made = await client.create(1, 'made');
  const writes: Promise<number>[] = [];
  const before = answers.length;
  for (let i = 0; i < 10; i++) writes.push(client.write(made.nodeid, made.fh, i * CHUNK, bytes(CHUNK)));
  await turn();
  expect(answers.length - before).toBe(4);
  await client.getattr(made.nodeid);
  open();
  await Promise.all(writes);
  expect((await client.getattr(made.nodeid)).size).toBe(10 * CHUNK);
});

test.each(['create', 'mknod', 'mkdir', 'symlink', 'setxattr'] as const)(
  '5.20 names do not gather without bound while a commit hangs: %s',
  async (how) => {
    const limit = 40 * 4096;
    const { client, tree, answers, store, open } = await hanging(limit);
    const parent = await client.mkdir(1, 'parent');
    const file = await client.mknod(1, 'file', 0o100644);
    const ways = {
      create: (name: string) => client.create(parent.nodeid, name),
      mknod: (name: string) => client.mknod(parent.nodeid, name, 0o100644),
      mkdir: (name: string) => client.mkdir(parent.nodeid, name),
      symlink: (name: string) => client.symlink(parent.nodeid, name, 'target'),
      setxattr: async (name: string) => {
        const { nodeid } = await client.mknod(parent.nodeid, name, 0o100644);
        await client.setxattr(nodeid, 'user.x', bytes(100));
      },
    };
    const before = answers.length;
    const all: Promise<unknown>[] = [];
    for (let i = 0; i < 3000; i++) all.push(ways[how](`name-${i}`));
    for (let i = 0; i < 10; i++) await turn();
    const answered = answers.length - before;
    expect(answered).toBeGreaterThan(0);
    expect(answered).toBeLessThan(2000);
    expect(tree.dirtyBytes).toBeLessThanOrEqual(limit + 4 * 4096);
    // What adds none is answered.
    await client.getattr(file.nodeid);
    await client.unlink(1, 'file');
    store.commitGate = undefined;
    open();
    await Promise.all(all);
    await client.syncfs();
    expect(tree.dirtyBytes).toBe(0);
    // And the root, the two of before, the parent, and the file that the guest has not forgotten.
    expect(tree.counters.inodes).toBe(3000 + 5);
  },
);

test('5.20 a creation that waits for a commit which fails has its errno, and leaves nothing', async () => {
  const { client, tree, store, open } = await hanging(2 * 4096);
  store.fate = () => 'full';
  let i = 0;
  const errnos: unknown[] = [];
  // Until one waits.
  const pending: Promise<unknown>[] = [];
  while (errnos.length === 0 && i < 1000) {
    pending.push(
      client.mknod(1, `name-${i++}`, 0o100644).catch((error: { errno: number }) => errnos.push(error.errno)),
    );
    if (i === 200) open();
    await turn();
  }
  await Promise.all(pending);
  expect(new Set(errnos)).toEqual(new Set([Errno.ENOSPC]));
  expect(tree.counters.inodes).toBe(3 + pending.length - errnos.length);
});
