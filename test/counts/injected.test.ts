// An error, or a wait, or a reset, at every point of every opcode, one after the other: whatever the guest is told, what
// it was given is what it was told, and when it gives that back nothing is left.
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { PosixError } from '../../src/base/errno.ts';
import { readerOf } from '../../src/base/iov.ts';
import type { HandleMode } from '../../src/fs/fuse/nodeid-table.ts';
import { OP_BY_NAME } from '../../src/fs/fuse/ops/index.ts';
import { policyOf } from '../../src/fs/fuse/policy.ts';
import { FuseServer } from '../../src/fs/fuse/server.ts';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import type { Batch } from '../../src/fs/tree/store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { FaultyStore } from '../faulty-store.ts';
import { FuseClient, LoopExchange, OUT_HEADER, type Transport } from '../fuse-client.ts';
import { MemoryStore } from '../memory-store.ts';
import { expectStored, expectUnheld } from './balance.ts';
import { type Fault, FaultPointStore, Faults, faultyTree } from './faults.ts';
import { Lost } from './line.ts';
import { type Prepared, SCENARIOS, type Scenario } from './scenarios.ts';

const CHUNK = 4096;
const POLICY = policyOf({ cache: 'auto', locks: true });
const options = { chunkSize: CHUNK, cacheLimit: 16 * CHUNK, dirtyLimit: 2 * CHUNK, commitInterval: 2 ** 30 };

/** What was written to make the tree that each run begins with. */
async function written(): Promise<Batch[]> {
  const store = new FaultyStore(new MemoryStore());
  const tree = await Tree.open(store, options);
  const owner = { uid: 0, gid: 0 };
  const file = async (dir = tree.root, name = '', size = 0) => {
    const inode = tree.mknod(dir, name, { mode: 0o100644, ...owner });
    await tree.write(inode, 0, size, readerOf(new Uint8Array(size).fill(1)));
    return inode;
  };
  tree.setxattr(await file(tree.root, 'file', 3.5 * CHUNK), 'user.a', new Uint8Array(5), 0);
  await file(tree.root, 'other', 100);
  await file(tree.root, 'target', 10);
  await file(tree.mkdir(tree.root, 'dir', { mode: 0o755, ...owner }), 'inner', 10);
  tree.mkdir(tree.root, 'empty', { mode: 0o755, ...owner });
  tree.symlink(tree.root, 'link', 'target', owner);
  await tree.close();
  return store.stored.map(({ batch }) => batch);
}
const disk = written();

/** A server on a tree of its own, and a guest that knows some of its files. */
class Run {
  readonly faults: Faults;
  private readonly store: MemoryStore;
  private readonly tree: Tree;
  private readonly server: FuseServer;
  private readonly client: FuseClient;
  private readonly waiting = new Set<{ exchange: LoopExchange; lose: (error: Lost) => void }>();
  /** Requests that had to wait, until the server has let go of them, also where nobody is told. */
  private readonly ended: Promise<unknown>[] = [];
  /** What the guest has open, by fh. */
  private readonly open = new Map<number, { nodeid: number; directory: boolean }>();
  private wasReset = false;

  private constructor(faults: Faults, store: MemoryStore, tree: Tree, mode: HandleMode | undefined) {
    this.faults = faults;
    this.store = store;
    this.tree = tree;
    const of = (): boolean => faults.point('handle', 'a handle') !== undefined;
    this.server = new FuseServer({
      tree: faultyTree(tree, faults),
      policy: POLICY,
      nodeids: { mode, failure: { when: 'from', at: 1, of } },
    });
    this.client = new FuseClient(this.send);
    faults.onReset = () => this.reset();
  }

  static async begin(fault: Fault | undefined, mode: HandleMode | undefined): Promise<Run> {
    const faults = new Faults(fault);
    const store = new MemoryStore();
    for (const batch of await disk) await store.commit(batch);
    const tree = await Tree.open(new FaultPointStore(store, faults), options);
    const run = new Run(faults, store, tree, mode);
    await run.client.init();
    return run;
  }

  private readonly send: Transport = async (request, capacity, queue) => {
    const fate = capacity === 0 ? undefined : this.faults.point('reply', 'the reply');
    const room = fate === 'no room' ? 0 : fate === 'short' ? capacity - 1 : capacity;
    const exchange = new LoopExchange(request, room, queue, [], fate !== 'unplaced');
    this.server.handle(exchange);
    const used =
      exchange.used ??
      (await new Promise<Awaited<ReturnType<LoopExchange['wait']>>>((resolve, reject) => {
        const one = { exchange, lose: reject };
        this.waiting.add(one);
        const ended = Promise.resolve(exchange.wait()).then((value) => {
          this.waiting.delete(one);
          resolve(value);
        });
        this.ended.push(ended);
      }));
    if (fate === 'unplaced' || (capacity > 0 && used.length < OUT_HEADER)) throw new Lost();
    return used;
  };

  private reset(): void {
    this.wasReset = true;
    for (const { exchange, lose } of this.waiting) {
      exchange.live = false;
      lose(new Lost());
    }
    this.server.reset();
    this.open.clear();
    this.client.counts.clear();
  }

  private async prepare(): Promise<Prepared> {
    const { client, open } = this;
    const lookup = (name: string) => client.lookup(1, name);
    const [dir, empty, file] = [await lookup('dir'), await lookup('empty'), await lookup('file')];
    const [other, link] = [await lookup('other'), await lookup('link')];
    const fh = await client.open(file.nodeid);
    const otherFh = await client.open(other.nodeid);
    const rootFh = await client.opendir(1);
    const opened = (nodeid: number, number: number, directory = false): void => {
      // What was opened before a reset is open no more.
      if (!this.wasReset) open.set(number, { nodeid, directory });
    };
    opened(file.nodeid, fh);
    opened(other.nodeid, otherFh);
    opened(1, rootFh, true);
    const closed = (number: number): void => void open.delete(number);
    return { client, dir, empty, file, other, link, fh, otherFh, rootFh, opened, closed };
  }

  async perform({ opcode, run }: Scenario): Promise<void> {
    const prepared = await this.prepare();
    const { faults, server, client } = this;
    const attempt = async <T>(request: Promise<T>): Promise<T | undefined> => {
      try {
        return await request;
      } catch (error) {
        if (error instanceof PosixError || error instanceof Lost) return undefined;
        throw error;
      }
    };
    faults.armed = true;
    await run(prepared, attempt).catch((error: unknown) => {
      if (!(error instanceof PosixError || error instanceof Lost)) throw error;
    });
    faults.armed = false;
    await Promise.all(this.ended);
    const anew = opcode === 'INIT' || opcode === 'DESTROY' || this.wasReset;
    if (anew) {
      await client.init();
      client.counts.clear();
      this.open.clear();
    }
    const known = new Map(client.counts).set(1, 1 + (client.counts.get(1) ?? 0));
    const counted = new Map([...server.session.lookups()].map(({ nodeid, nlookup }) => [nodeid, nlookup]));
    expect(counted).toEqual(known);
    const handles = [...server.session.handles.entries()].map(({ fh }) => fh);
    // Of a RELEASE that was lost the guest does not know.
    if (!opcode.startsWith('RELEASE')) expect(handles).toEqual([...this.open.keys()]);
  }

  /** The guest gives back what it has; nothing is left, here or on the disk. */
  async end(): Promise<void> {
    const { client, server, tree } = this;
    for (const { fh, inode, nodeid, directory } of [...server.session.handles.entries()]) {
      expect([fh, directory, inode.holds > 0]).toEqual([fh, directory, true]);
      if (directory) await client.releasedir(nodeid, fh);
      else await client.release(nodeid, fh);
    }
    await client.forgetAll();
    expect([...server.session.lookups()].map(({ nodeid }) => nodeid)).toEqual([1]);
    expect(server.session.handles.size).toBe(0);
    expectUnheld(tree);
    await client.destroy();
    expect(tree.locks.size).toBe(0);
    await expectStored(tree, this.store);
    await tree.close();
    const again = await Tree.open(this.store);
    expectUnheld(again);
    expect(checkTree(again)).toEqual([]);
    await again.close();
  }
}

async function inject(scenario: Scenario, mode: HandleMode | undefined): Promise<number> {
  const clean = await Run.begin(undefined, mode);
  await clean.perform(scenario);
  await clean.end();
  const all = clean.faults.all();
  for (const fault of all) {
    const run = await Run.begin(fault, mode);
    try {
      await run.perform(scenario);
      await run.end();
      expect(run.faults.passed[fault.point]).toEqual(clean.faults.passed[fault.point]);
    } catch (error) {
      const where = clean.faults.passed[fault.point]?.what;
      throw new Error(`${where} ${fault.fate}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  return all.length;
}

let injected = 0;
afterAll(() => console.log(`${injected} faults injected`));

describe.each([undefined, 'prefer', 'mandatory'] as const)('5.1 5.6 5.20 errors injected, nodeid table: %s', (mode) => {
  afterEach(() => void vi.restoreAllMocks());

  it.each(SCENARIOS.map((scenario) => [scenario.opcode, scenario.what, scenario] as const))(
    '%s: %s',
    async (_opcode, _what, scenario) => {
      // The server tells of mistakes of ours, which some of these are made to be.
      vi.spyOn(console, 'error').mockImplementation(() => {});
      const count = await inject(scenario, mode);
      injected += count;
      // What is never answered and calls nothing that can fail has no such points.
      if (OP_BY_NAME.get(scenario.opcode)?.reply !== 'none') expect(count).toBeGreaterThan(2);
    },
  );
});

it('there are requests of every opcode', () => {
  expect([...new Set(SCENARIOS.map(({ opcode }) => opcode))].sort()).toEqual([...OP_BY_NAME.keys()].sort());
});
