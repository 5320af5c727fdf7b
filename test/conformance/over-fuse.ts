// The suite over a FUSE client: a server on a tree, a transport to it, and a clock that goes on when it is told to.
import { describe, expect, it } from 'vitest';
import { policyOf } from '../../src/fs/fuse/policy.ts';
import { FuseServer } from '../../src/fs/fuse/server.ts';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import type { Store } from '../../src/fs/tree/store.ts';
import { Tree, type TreeOptions } from '../../src/fs/tree/tree.ts';
import { FuseClient, type Transport } from '../fuse-client.ts';
import { BEHAVIOURS } from './all.ts';
import { type Behaviour, stepsOf } from './calls.ts';
import { readGolden } from './golden.ts';
import { expected, trace } from './trace.ts';
import { Vfs } from './vfs.ts';

export interface Way {
  /** A store that nothing is in. */
  readonly store: () => Store;
  /** How requests get to the server. */
  readonly transport: (server: FuseServer) => Transport;
  readonly tree?: TreeOptions;
}

interface Mounted {
  readonly tree: Tree;
  readonly server: FuseServer;
  readonly vfs: Vfs;
}

async function mount({ store, transport, tree: options }: Way): Promise<Mounted> {
  let s = 1_000_000_000;
  const tree = await Tree.open(store(), { ...options, clock: () => ({ s, ns: 5 }) });
  const server = new FuseServer({ tree, policy: policyOf({ cache: 'auto' }), now: () => 0 });
  const vfs = new Vfs(new FuseClient(transport(server)), () => {
    s++;
  });
  await vfs.mount();
  return { tree, server, vfs };
}

/** Afterwards the server holds the root alone, and the tree fits together. */
async function check({ tree, server, vfs }: Mounted, behaviour: Behaviour, golden: readonly string[]): Promise<void> {
  const steps = stepsOf(behaviour);
  const raw = await vfs.behaviour(`b${tree.counters.operations}`, steps);
  expect(trace(steps, raw)).toEqual(expected(steps, golden));
  expect([...server.session.lookups()].map(({ nodeid, nlookup }) => [nodeid, nlookup])).toEqual([[1, 1]]);
  expect(server.session.handles.size).toBe(0);
  expect(checkTree(tree)).toEqual([]);
}

/** A test for each behaviour, all of them on one tree. */
export function conformance(name: string, way: Way): void {
  describe(`conformance ${name}`, () => {
    const golden = readGolden();
    let mounted: Mounted | undefined;
    for (const behaviour of BEHAVIOURS) {
      it.skipIf(behaviour.guestOnly !== undefined)(behaviour.name, async () => {
        const used = mounted ?? (await mount(way));
        // Whoever fails leaves something behind, which the next one does not get.
        mounted = undefined;
        await check(used, behaviour, golden[behaviour.name] ?? []);
        mounted = used;
      });
    }
    it('is whole: each behaviour is recorded, and few are for the guest alone', async () => {
      expect(Object.keys(golden)).toEqual(BEHAVIOURS.map((behaviour) => behaviour.name));
      expect(BEHAVIOURS.length).toBeGreaterThanOrEqual(150);
      expect(BEHAVIOURS.filter(({ guestOnly }) => guestOnly !== undefined).length).toBeLessThanOrEqual(6);
      await mounted?.tree.close();
    });
  });
}
