// The suite over a FUSE client: a server on a tree, a transport to it, and a clock that goes on when it is told to.
import { afterAll, describe, expect, it } from 'vitest';
import { bytesToString } from '../../src/base/iov.ts';
import type { NodeidOptions } from '../../src/fs/fuse/nodeid-table.ts';
import { policyOf } from '../../src/fs/fuse/policy.ts';
import { FuseServer } from '../../src/fs/fuse/server.ts';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import type { Store } from '../../src/fs/tree/store.ts';
import { Tree, type TreeOptions } from '../../src/fs/tree/tree.ts';
import { FuseClient, type Transport } from '../fuse-client.ts';
import { BEHAVIOURS } from './all.ts';
import { encode } from './bytes.ts';
import { type Behaviour, stepsOf } from './calls.ts';
import { readGolden } from './golden.ts';
import { expected, trace } from './trace.ts';
import { Vfs } from './vfs.ts';

const PIECE = 64 * 1024;
/** Files of this size and more are sparse and not read as a whole, bytes. */
const MUCH = 2 ** 24;
const isRegular = (mode: number): boolean => (mode & 0o170000) === 0o100000;

export interface Way {
  /** A store that nothing is in, or the last one once more, with what was stored in it. */
  readonly store: (again?: boolean) => Store;
  /** How requests get to the server. */
  readonly transport: (server: FuseServer) => Transport;
  readonly tree?: TreeOptions;
  readonly nodeids?: NodeidOptions;
  /** Whether the last store can be had again: then all that the behaviours left must be in it. */
  readonly durable?: boolean;
}

interface Mounted {
  readonly tree: Tree;
  readonly server: FuseServer;
  readonly vfs: Vfs;
}

async function mount({ store, transport, tree: options, nodeids }: Way): Promise<Mounted> {
  let s = 1_000_000_000;
  const tree = await Tree.open(store(), { ...options, clock: () => ({ s, ns: 5 }) });
  const server = new FuseServer({
    tree,
    policy: policyOf({ cache: 'auto' }),
    now: () => 0,
    ...(nodeids && { nodeids }),
  });
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

/** All that can be seen of a tree, inode by inode. */
async function contents(tree: Tree): Promise<string[]> {
  const lines: string[] = [];
  for (const inode of tree.inodes()) {
    const { ino, generation, mode, nlink, uid, gid, rdev, size, blocks, target } = inode;
    const times = [inode.atime, inode.atimensec, inode.mtime, inode.mtimensec, inode.ctime, inode.ctimensec];
    const entries = [...(inode.directory?.after(0) ?? [])].map((entry) => [entry.name, entry.cookie, entry.inode.ino]);
    const content: string[] = [];
    for (let at = 0; isRegular(mode) && size < MUCH && at < size; ) {
      const pieces = await tree.read(inode, at, PIECE);
      for (const piece of pieces) content.push(encode(bytesToString(piece)));
      at += PIECE;
    }
    const xattrs = [...(inode.xattrs ?? [])].map(([name, value]) => [name, encode(bytesToString(value))]);
    const said = {
      ino,
      generation,
      mode,
      nlink,
      uid,
      gid,
      rdev,
      size,
      blocks,
      target,
      times,
      entries,
      xattrs,
      content,
    };
    lines.push(JSON.stringify(said));
  }
  return lines.sort();
}

/** A test for each behaviour, all of them on one tree. */
export function conformance(name: string, way: Way): void {
  describe(`conformance ${name}`, () => {
    const golden = readGolden();
    let mounted: Mounted | undefined;
    for (const behaviour of BEHAVIOURS) {
      const { name, guestOnly } = behaviour;
      if (guestOnly !== undefined) {
        it.skip(`${name} (not without a guest: ${guestOnly})`);
        continue;
      }
      it(name, async () => {
        const used = mounted ?? (await mount(way));
        // Whoever fails leaves something behind, which the next one does not get.
        mounted = undefined;
        await check(used, behaviour, golden[name] ?? []);
        mounted = used;
      });
    }
    it('is whole: each behaviour is recorded, and few are for the guest alone', async () => {
      expect(Object.keys(golden)).toEqual(BEHAVIOURS.map((behaviour) => behaviour.name));
      expect(BEHAVIOURS.length).toBeGreaterThanOrEqual(150);
      expect(BEHAVIOURS.filter(({ guestOnly }) => guestOnly !== undefined).length).toBeLessThanOrEqual(6);
    });
    if (way.durable) {
      it('all that was left is there when the store is opened again', async () => {
        const { tree } = mounted as Mounted;
        await tree.sync();
        const before = await contents(tree);
        expect(before.length).toBeGreaterThan(1000);
        await tree.close();
        const again = await Tree.open(way.store(true), way.tree);
        expect(await contents(again)).toEqual(before);
        expect(checkTree(again)).toEqual([]);
        await again.close();
        mounted = undefined;
      });
    }
    afterAll(() => mounted?.tree.close());
  });
}
