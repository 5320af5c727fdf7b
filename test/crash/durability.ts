// Whether a sync was answered after a strict transaction with all that it covers was complete: asked through the FUSE
// server, watched where IndexedDB itself has it. Killed processes do not show this: what they gave to the operating
// system is written in any case.
import { FUSE_OPCODE } from '../../src/fs/fuse/abi.ts';
import { policyOf } from '../../src/fs/fuse/policy.ts';
import { FuseServer } from '../../src/fs/fuse/server.ts';
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import type { Reserve } from '../../src/fs/store/origin-reserve.ts';
import type { Batch, Durability } from '../../src/fs/tree/store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { type Entry, FuseClient, loop } from '../fuse-client.ts';
import { Random } from '../fuzz/random.ts';
import { type CommitEvent, type IndexedDbClasses, watchCommits } from './transactions.ts';

/** Requests that are answered when everything before them is on the disk. */
const SYNCS: ReadonlyMap<number, string> = new Map([
  [FUSE_OPCODE.FUSE_FSYNC, 'FSYNC'],
  [FUSE_OPCODE.FUSE_FSYNCDIR, 'FSYNCDIR'],
  [FUSE_OPCODE.FUSE_SYNCFS, 'SYNCFS'],
  [FUSE_OPCODE.FUSE_DESTROY, 'DESTROY'],
]);

/** Stores that keep the promise, and that break it in one way each. */
export const STORES = {
  ours: class extends IndexedDbStore {},
  /** Answers when the transaction has begun. */
  'answers at once': class extends IndexedDbStore {
    override commit(batch: Batch, durability: Durability): Promise<void> {
      super.commit(batch, durability).catch(() => {});
      return Promise.resolve();
    }
  },
  /** Answers when the last request has succeeded: what a transaction that is aborted after that has undone. */
  'answers before complete': class extends IndexedDbStore {
    override async commit(batch: Batch, durability: Durability): Promise<void> {
      const done = super.commit(batch, durability);
      const { lastPut } = this.constructor as unknown as { lastPut: IDBRequest };
      await Promise.race([done, new Promise((resolve) => lastPut.addEventListener('success', resolve))]);
    }
    static lastPut: IDBRequest;
  },
  /** Leaves it to the operating system when the bytes reach the disk. */
  'opens relaxed': class extends IndexedDbStore {
    override commit(batch: Batch, _durability: Durability): Promise<void> {
      return super.commit(batch, 'relaxed');
    }
  },
};
export type StoreKind = keyof typeof STORES;

export interface Verdict {
  /** The syncs that were answered, by their request. */
  answered: string[];
  /** Those that were answered too early, and how. */
  faults: string[];
}

class Judge {
  readonly verdict: Verdict = { answered: [], faults: [] };
  private readonly commits = new Map<number, { strict: boolean; operation: number; complete: boolean }>();

  commit(event: CommitEvent): void {
    if (event.event === 'begin') {
      const { id, durability, operation } = event;
      this.commits.set(id, { strict: durability === 'strict', operation, complete: false });
    } else if (event.event === 'abort') this.commits.delete(event.id);
    else Object.assign(this.commits.get(event.id) ?? {}, { complete: true });
  }

  /** A sync is answered now that came when the tree had seen so many changes. */
  answered(what: string, operation: number): void {
    const { answered, faults } = this.verdict;
    answered.push(what);
    const covering = [...this.commits.values()].filter((commit) => commit.operation >= operation);
    const strict = covering.filter((commit) => commit.strict);
    if (strict.some(({ complete }) => complete)) return;
    if (covering.length === 0) faults.push(`${what}: no transaction has it`);
    else if (strict.length === 0) faults.push(`${what}: no transaction with it was opened strict`);
    else faults.push(`${what}: answered before complete`);
  }
}

export interface Place {
  classes: IndexedDbClasses;
  factory: IDBFactory;
  reserve?: Reserve;
}

/** Work with syncs of every kind on a tree in a new database. */
export async function judgeSyncs(kind: StoreKind, place: Place, seed: number): Promise<Verdict> {
  const judge = new Judge();
  const { classes, ...options } = place;
  const stores = classes.IDBObjectStore.prototype;
  const { put } = stores;
  stores.put = function (this: IDBObjectStore, ...words: Parameters<IDBObjectStore['put']>) {
    const request = put.apply(this, words);
    if (words[1] === 'superblock') STORES['answers before complete'].lastPut = request;
    return request;
  };
  const unwatch = watchCommits(classes, (event) => judge.commit(event));
  try {
    const store = new STORES[kind](`durability ${kind} ${seed}`, options);
    const tree = await Tree.open(store, { commitInterval: 5 });
    await work(tree, judge, new Random(seed));
    await tree.close();
  } finally {
    unwatch();
    stores.put = put;
  }
  return judge.verdict;
}

async function work(tree: Tree, judge: Judge, random: Random): Promise<void> {
  /** Changes that the tree had seen when a sync came, by the request's number. */
  const asked = new Map<number, number>();
  const server = new FuseServer({
    tree,
    policy: policyOf({ cache: 'auto' }),
    observer: {
      answered(_, { opcode, unique }) {
        const what = SYNCS.get(opcode);
        if (what !== undefined) judge.answered(what, asked.get(unique) as number);
      },
    },
  });
  const straight = loop(server);
  const client = new FuseClient((request, capacity, queue) => {
    const unique = new DataView(request.buffer, request.byteOffset).getUint32(8, true);
    asked.set(unique, tree.counters.operations);
    return straight(request, capacity, queue);
  });
  await client.init();
  const files: { entry: Entry; fh: number }[] = [];
  const root = await client.opendir(1);
  const write = async (size: number): Promise<{ entry: Entry; fh: number }> => {
    const file = random.pick(files);
    await client.write(
      file.entry.nodeid,
      file.fh,
      random.below(100_000),
      new Uint8Array(1 + random.below(size)).fill(7),
    );
    return file;
  };
  for (let i = 0; i < 4; i++) {
    const entry = await client.mknod(1, `file-${i}`, 0o100644);
    files.push({ entry, fh: await client.open(entry.nodeid) });
  }
  for (let i = 0; i < 60; i++) {
    switch (random.below(6)) {
      case 0: {
        const { entry, fh } = await write(50_000);
        await client.fsync(entry.nodeid, fh);
        break;
      }
      case 1:
        await client.mkdir(1, `dir-${i}`);
        await client.fsyncdir(1, root);
        break;
      case 2:
        await client.setattr(random.pick(files).entry.nodeid, { valid: 1, mode: 0o100600 | random.below(64) });
        await client.syncfs();
        break;
      case 3: {
        // O_SYNC: Linux sends a FSYNC behind each WRITE (fs/fuse/file.c fuse_cache_write_iter, generic_write_sync).
        const { entry, fh } = await write(200_000);
        await client.fsync(entry.nodeid, fh);
        break;
      }
      case 4: {
        // Several at once, also while a commit is under way.
        const syncs: Promise<void>[] = [];
        for (let n = 0; n < 5; n++) {
          const { entry, fh } = await write(20_000);
          syncs.push(client.fsync(entry.nodeid, fh));
        }
        await Promise.all(syncs);
        break;
      }
      default: {
        // Stored already, but not for good.
        const { commits } = tree.counters;
        const { entry, fh } = await write(100);
        while (tree.counters.commits === commits) await new Promise((resolve) => setTimeout(resolve));
        await client.fsync(entry.nodeid, fh);
      }
    }
  }
  await write(1000);
  await client.destroy();
}
