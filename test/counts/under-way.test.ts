// What a request that waits keeps, and what may happen meanwhile.
import { describe, expect, it } from 'vitest';
import { readerOf } from '../../src/base/iov.ts';
import type { HandleMode } from '../../src/fs/fuse/nodeid-table.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { FaultyStore } from '../faulty-store.ts';
import { errnoOf, FuseClient } from '../fuse-client.ts';
import { MemoryStore } from '../memory-store.ts';
import { ledger, type Served, serve } from '../served-tree.ts';
import { expectStored, expectUnheld } from './balance.ts';
import { LoopLine, Lost, QueueLine } from './line.ts';

const CHUNK = 4096;
const treeOptions = { chunkSize: CHUNK, commitInterval: 2 ** 30, reuseInodeNumbers: true };
const MODES: (HandleMode | undefined)[] = [undefined, 'never', 'prefer', 'mandatory'];
const owner = { uid: 0, gid: 0 };

interface Stage extends Served {
  disk: MemoryStore;
  store: FaultyStore;
  line: LoopLine | QueueLine;
  /** What waits for the store goes on. */
  go(): void;
}

/** A tree with a file f of two chunks that are not in memory, and a store whose chunks come when they are let go. */
async function stage(mode: HandleMode | undefined, over: 'loop' | 'queues'): Promise<Stage> {
  const disk = new MemoryStore();
  const tree = await Tree.open(disk, treeOptions);
  const inode = tree.mknod(tree.root, 'f', { mode: 0o100644, ...owner });
  await tree.write(inode, 0, 2 * CHUNK, readerOf(new Uint8Array(2 * CHUNK).fill(5)));
  await tree.close();
  const store = new FaultyStore(disk);
  let go = (): void => {};
  store.chunkGate = new Promise((resolve) => {
    go = resolve;
  });
  const served = await serve({ store, treeOptions, nodeids: { mode }, init: false });
  const line = over === 'loop' ? new LoopLine(served.server) : new QueueLine(served.server);
  const client = new FuseClient(line.send);
  await client.init();
  return { ...served, client, disk, store, line, go };
}

async function expectNothingLeft({ client, server, tree, disk }: Stage): Promise<void> {
  await client.forgetAll();
  expect([...server.session.lookups()].map(({ nodeid }) => nodeid)).toEqual([1]);
  expect(server.session.handles.size).toBe(0);
  expectUnheld(tree);
  await client.destroy();
  await expectStored(tree, disk);
  await tree.close();
}

const ways = MODES.flatMap((mode) => (['loop', 'queues'] as const).map((over) => [mode, over] as const));

describe.each(ways)('5.20 while a READ waits for a chunk (nodeid table: %s, over %s)', (mode, over) => {
  it('5.20c 5.6 unlinked, released and forgotten, the inode stays until the READ is answered; then it is gone', async () => {
    const at = await stage(mode, over);
    const { client, tree, server } = at;
    const { nodeid, attr } = await client.lookup(1, 'f');
    const fh = await client.open(nodeid);
    const read = client.read(nodeid, fh, 0, 2 * CHUNK);
    await client.unlink(1, 'f');
    await client.release(nodeid, fh);
    await client.forget(nodeid);
    expect(ledger(at)).toEqual([[1, 1]]);
    expect(server.session.handles.size).toBe(0);
    expect(tree.inode(attr.ino)?.nlink).toBe(0);
    // Its number is not free yet.
    expect((await client.mknod(1, 'g', 0o100644)).attr.ino).not.toBe(attr.ino);
    at.go();
    expect(await read).toEqual(new Uint8Array(2 * CHUNK).fill(5));
    expect(tree.inode(attr.ino)).toBeUndefined();
    expect((await client.mknod(1, 'h', 0o100644)).attr.ino).toBe(attr.ino);
    await expectNothingLeft(at);
  });

  it('5.20d FORGETs are taken at once, and other requests are answered', async () => {
    const at = await stage(mode, over);
    const { client } = at;
    const { nodeid } = await client.lookup(1, 'f');
    await client.lookup(1, 'f');
    const fh = await client.open(nodeid);
    let answered = false;
    const read = client.read(nodeid, fh, 0, CHUNK).then(() => {
      answered = true;
    });
    await client.forgetExactly(nodeid, 1);
    client.counts.set(nodeid, 1);
    expect(ledger(at)).toContainEqual([nodeid, 1]);
    expect((await client.getattr(nodeid)).size).toBe(2 * CHUNK);
    expect(answered).toBe(false);
    at.go();
    await read;
    await client.release(nodeid, fh);
    await expectNothingLeft(at);
  });

  it('5.20a a device reset: the answer goes nowhere and grants nothing, what it kept is let go', async () => {
    const at = await stage(mode, over);
    const { client, tree, server, line } = at;
    const { nodeid, attr } = await client.lookup(1, 'f');
    const fh = await client.open(nodeid);
    const read = client.read(nodeid, fh, 0, 2 * CHUNK);
    const lost = expect(read).rejects.toThrow(Lost);
    await client.unlink(1, 'f');
    line.reset();
    await lost;
    client.counts.clear();
    expect(tree.inode(attr.ino)?.holds).toBe(1);
    await client.init();
    const dropped = server.droppedReplies;
    at.go();
    // The READ ends when both of its chunks are there.
    while (tree.inode(attr.ino)) await new Promise((resolve) => setImmediate(resolve));
    expect(server.droppedReplies).toBe(dropped + 1);
    expect(await errnoOf(client.read(nodeid, fh, 0, 1))).toBe('ESTALE');
    line.check();
    await expectNothingLeft(at);
  });

  it('5.18 5.20 a second INIT, and DESTROY: the READ is answered, the new session has nothing of the old one', async () => {
    for (const again of ['INIT', 'DESTROY'] as const) {
      const at = await stage(mode, over);
      const { client, server } = at;
      const { nodeid } = await client.lookup(1, 'f');
      const fh = await client.open(nodeid);
      const read = client.read(nodeid, fh, 0, CHUNK);
      if (again === 'DESTROY') await client.destroy();
      await client.init();
      expect(ledger(at)).toEqual([[1, 1]]);
      expect(server.session.handles.size).toBe(0);
      at.go();
      expect(await read).toEqual(new Uint8Array(CHUNK).fill(5));
      expect(ledger(at)).toEqual([[1, 1]]);
      await expectNothingLeft(at);
    }
  });
});
