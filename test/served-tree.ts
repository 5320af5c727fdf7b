// A tree in memory with a FUSE server on it and a client that has said INIT: what most protocol tests begin with.

import type { NodeidOptions } from '../src/fs/fuse/nodeid-table.ts';
import { type CacheMode, type Policy, policyOf } from '../src/fs/fuse/policy.ts';
import { type Answered, FuseServer } from '../src/fs/fuse/server.ts';
import { MemoryStore } from '../src/fs/store/memory-store.ts';
import type { Store } from '../src/fs/tree/store.ts';
import { Tree, type TreeOptions } from '../src/fs/tree/tree.ts';
import { FuseClient, type LoopOptions, loop } from './fuse-client.ts';

export interface Served {
  tree: Tree;
  server: FuseServer;
  client: FuseClient;
  /** What the observer was told, in order. */
  answers: Answered[];
  /** The clock that the tree stamps with; tests move it. */
  clock: { s: number; ns: number };
}

export interface ServedOptions extends LoopOptions {
  policy?: Policy | CacheMode;
  /** false: no INIT is sent. */
  init?: boolean;
  /** Where the tree is kept; default: in memory. */
  store?: Store;
  treeOptions?: TreeOptions;
  nodeids?: NodeidOptions;
}

export async function serve(options: ServedOptions = {}): Promise<Served> {
  const clock = { s: 1_000_000_000, ns: 5 };
  const tree = await Tree.open(options.store ?? new MemoryStore(), {
    clock: () => ({ ...clock }),
    random: () => 0.25,
    ...options.treeOptions,
  });
  const { policy = 'auto' } = options;
  const answers: Answered[] = [];
  const server = new FuseServer({
    tree,
    policy: typeof policy === 'string' ? policyOf({ cache: policy }) : policy,
    observer: { answered: (_, answered) => answers.push({ ...answered }) },
    now: () => 0,
    nodeids: options.nodeids ?? {},
  });
  const client = new FuseClient(loop(server, options));
  if (options.init ?? true) await client.init();
  return { tree, server, client, answers, clock };
}

/** What the session has given out, root first: nodeid and count. */
export const ledger = (served: Served): [number, number][] =>
  [...served.server.session.lookups()].map(({ nodeid, nlookup }): [number, number] => [nodeid, nlookup]);

/** The client's side of the same: the root is looked up once by the guest itself. */
export function expectedLedger(client: FuseClient): [number, number][] {
  const counts = new Map(client.counts);
  counts.set(1, (counts.get(1) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a - b);
}
