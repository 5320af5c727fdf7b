// One random trial of file handles: a guest that takes them, and everything that can happen to the files meanwhile.
import { Errno, PosixError } from '../../src/base/errno.ts';
import type { NodeidOptions } from '../../src/fs/fuse/nodeid-table.ts';
import { policyOf } from '../../src/fs/fuse/policy.ts';
import { FuseServer } from '../../src/fs/fuse/server.ts';
import { MemoryStore } from '../../src/fs/store/memory-store.ts';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import { type Batch, StoreError } from '../../src/fs/tree/store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { type Entry, FuseClient, loop } from '../fuse-client.ts';
import type { Random } from '../fuzz/random.ts';

/** A handle as the guest's kernel makes it: nodeid and generation. The serial number is the file's, for us alone. */
interface TakenHandle {
  readonly nodeid: number;
  readonly generation: number;
  readonly serial: number;
  /** How often the generations had been renewed. */
  readonly renewals: number;
}

export interface Tally {
  trials: number;
  /** Handles that were opened, and what they gave. */
  same: number;
  stale: number;
  /** ESTALE although the number was another file's by then. */
  reused: number;
  crashes: number;
  renewals: number;
}

export const newTally = (): Tally => ({ trials: 0, same: 0, stale: 0, reused: 0, crashes: 0, renewals: 0 });

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const policy = policyOf({ cache: 'auto' });
/** Steps of a trial, and how often each is taken. */
const STEPS = {
  make: 10,
  remove: 8,
  rename: 4,
  link: 3,
  take: 8,
  use: 8,
  forget: 3,
  open: 2,
  close: 2,
  commit: 3,
  remount: 1,
  reset: 1,
  reopen: 1,
  crash: 1,
  renew: 1,
} as const;
type StepName = keyof typeof STEPS;
const BAG = Object.entries(STEPS).flatMap(([name, weight]) => Array.from({ length: weight }, () => name as StepName));

/** A store whose writer can be cut off: what it writes from then on is lost, as when a tab is killed. */
class CuttableStore extends MemoryStore {
  private readonly inner: MemoryStore;
  private cut = false;

  constructor(inner: MemoryStore) {
    super();
    this.inner = inner;
  }

  override open(): ReturnType<MemoryStore['open']> {
    return this.inner.open();
  }

  override chunk(ino: number, index: number): ReturnType<MemoryStore['chunk']> {
    return this.inner.chunk(ino, index);
  }

  override async commit(batch: Batch): Promise<void> {
    if (this.cut) throw new StoreError('lost', 'the writer was killed');
    await this.inner.commit(batch);
  }

  /** Ends the tree that writes here. */
  async kill(tree: Tree): Promise<void> {
    this.cut = true;
    await tree.close().then(
      () => {},
      (error: unknown) => {
        if (!(error instanceof PosixError)) throw error;
      },
    );
  }
}

export class Trial {
  readonly steps: string[] = [];
  private readonly random: Random;
  private readonly tally: Tally;
  private readonly nodeids: NodeidOptions;
  private readonly disk = new MemoryStore();
  private store!: CuttableStore;
  private tree!: Tree;
  private server!: FuseServer;
  private client!: FuseClient;
  private serial = 0;
  private renewals = 0;
  private readonly handles: TakenHandle[] = [];
  private opened: { nodeid: number; fh: number }[] = [];

  constructor(random: Random, nodeids: NodeidOptions, tally: Tally) {
    this.random = random;
    this.nodeids = nodeids;
    this.tally = tally;
  }

  /** Throws Error where a handle gives another file, or not the one that is there. */
  async run(length: number): Promise<void> {
    await this.start();
    for (let i = 0; i < length; i++) await this.step(this.random.pick(BAG));
    for (const handle of this.handles) await this.check(handle);
    await this.mountAgain();
    for (const handle of this.handles) await this.check(handle);
    await this.client.forgetAll();
    const wrong = checkTree(this.tree);
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    await this.tree.close();
    this.tally.trials++;
  }

  private async start(): Promise<void> {
    const reuseInodeNumbers = this.random.below(2) === 0;
    this.store = new CuttableStore(this.disk);
    this.tree = await Tree.open(this.store, {
      reuseInodeNumbers,
      commitInterval: 2 ** 30,
      random: () => this.random.next() / 2 ** 32,
    });
    this.steps.push(`opened, ${reuseInodeNumbers ? 'numbers are used again' : 'numbers are not used again'}`);
    this.server = new FuseServer({ tree: this.tree, policy, nodeids: this.nodeids });
    this.client = new FuseClient(loop(this.server));
    this.opened = [];
    await this.client.init();
  }

  private async mountAgain(): Promise<void> {
    this.opened = [];
    await this.client.destroy();
    await this.client.init();
  }

  /** One step; an errno is ordinary. */
  private async step(name: StepName): Promise<void> {
    this.steps.push(name);
    // Each step has a user of its own, so that what it makes can be told from everything else.
    this.serial++;
    this.client.who = { uid: this.serial, gid: 0, pid: 1 };
    try {
      await this[name]();
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      this.steps.push(`  ${error}`);
    }
  }

  /** The root, or one of its subdirectories. */
  private async dir(): Promise<number> {
    if (this.random.below(3) > 0) return 1;
    const { nodeid, attr } = await this.client.lookup(1, this.random.pick(NAMES));
    return (attr.mode & 0o170000) === 0o040000 ? nodeid : 1;
  }

  private took(entry: Entry): void {
    this.steps.push(`  nodeid ${entry.nodeid}, generation ${entry.generation}, serial ${entry.attr.uid}`);
    this.handles.push({
      nodeid: entry.nodeid,
      generation: entry.generation,
      serial: entry.attr.uid,
      renewals: this.renewals,
    });
  }

  private async make(): Promise<void> {
    const dir = await this.dir();
    const name = this.random.pick(NAMES);
    const kind = this.random.below(6);
    if (kind === 0) this.took(await this.client.mkdir(dir, name));
    else if (kind === 1) this.took(await this.client.symlink(dir, name, 'x'));
    else this.took(await this.client.mknod(dir, name, 0o100644));
  }

  private async remove(): Promise<void> {
    const dir = await this.dir();
    const name = this.random.pick(NAMES);
    const { nodeid, attr } = await this.client.lookup(dir, name);
    if ((attr.mode & 0o170000) === 0o040000) await this.client.rmdir(dir, name);
    else await this.client.unlink(dir, name);
    // The kernel lets go of what has no name any more.
    if (this.random.below(4) > 0) await this.client.forget(nodeid);
  }

  private async rename(): Promise<void> {
    const flags = this.random.pick([0, 0, 0, 1, 2, 4]);
    const [from, to] = [await this.dir(), await this.dir()];
    await this.client.rename(from, this.random.pick(NAMES), to, this.random.pick(NAMES), flags);
  }

  private async link(): Promise<void> {
    const { nodeid } = await this.client.lookup(await this.dir(), this.random.pick(NAMES));
    this.took(await this.client.link(nodeid, await this.dir(), this.random.pick(NAMES)));
  }

  private async take(): Promise<void> {
    this.took(await this.client.lookup(await this.dir(), this.random.pick(NAMES)));
  }

  private async use(): Promise<void> {
    if (this.handles.length > 0) await this.check(this.random.pick(this.handles));
  }

  private forget(): Promise<void> {
    return this.client.forgetAll();
  }

  private async open(): Promise<void> {
    const { nodeid } = await this.client.lookup(await this.dir(), this.random.pick(NAMES));
    this.opened.push({ nodeid, fh: await this.client.open(nodeid) });
  }

  private async close(): Promise<void> {
    const open = this.opened.pop();
    if (open) await this.client.release(open.nodeid, open.fh);
  }

  private commit(): Promise<void> {
    return this.tree.sync();
  }

  private remount(): Promise<void> {
    return this.mountAgain();
  }

  private async reset(): Promise<void> {
    this.opened = [];
    this.server.reset();
    await this.client.init();
  }

  private async reopen(): Promise<void> {
    this.server.reset();
    await this.tree.close();
    await this.start();
  }

  private async crash(): Promise<void> {
    this.tally.crashes++;
    await this.store.kill(this.tree);
    await this.start();
  }

  private async renew(): Promise<void> {
    this.opened = [];
    this.server.reset();
    await this.tree.renewGenerations();
    this.renewals++;
    this.tally.renewals++;
    await this.client.init();
  }

  /** As open_by_handle_at(2): the file is the one of the handle, or ESTALE; and ESTALE only where it must be. */
  private async check(handle: TakenHandle): Promise<void> {
    const linked = [...this.tree.inodes()].find(({ uid, nlink }) => uid === handle.serial && nlink > 0);
    const there = linked !== undefined && (handle.serial === 0 || handle.renewals === this.renewals);
    const what = `handle (${handle.nodeid}, ${handle.generation}) of serial ${handle.serial}`;
    let found: Entry | undefined;
    try {
      found = await this.client.lookup(handle.nodeid, '.');
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      const refused = this.nodeids.mode === 'mandatory' && error.errno === Errno.EOPNOTSUPP;
      if (error.errno !== Errno.ESTALE && !refused) throw new Error(`${what}: ${error}`);
    }
    if (found && found.nodeid === handle.nodeid && found.generation === handle.generation) {
      if (found.attr.uid !== handle.serial) throw new Error(`${what} gives serial ${found.attr.uid}`);
      if (handle.serial !== 0 && handle.renewals !== this.renewals) throw new Error(`${what} is good after a renewal`);
      this.tally.same++;
      return;
    }
    // A nodeid of a table is ESTALE when it was forgotten, or the server is another one.
    if (there && this.nodeids.mode === undefined) throw new Error(`${what} is ESTALE, and its file is there`);
    this.tally.stale++;
    if (found) this.tally.reused++;
  }
}
