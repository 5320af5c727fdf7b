// Storms of random operations by a model of the guest's kernel: whatever happens, counts and handles balance.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expectedLedger, ledger, type Served, serve } from '../../../test/served-tree.ts';
import { PosixError } from '../../base/errno.ts';

const NAMES = ['a', 'b', 'c', 'd', 'long-enough-to-fill-a-page'.repeat(6)];

/** One step: what to do, and three random numbers to choose nodes, names and sizes with. */
type Step = readonly [kind: string, a: number, b: number, c: number];

const KINDS = [
  'lookup',
  'mkdir',
  'mknod',
  'create',
  'symlink',
  'link',
  'unlink',
  'rmdir',
  'rename',
  'open',
  'opendir',
  'release',
  'releasedir',
  'read',
  'write',
  'truncate',
  'readdir',
  'readdirplus',
  'forget',
  'over-forget',
  'unknown-forget',
  'revive',
  'getattr',
  'fsync',
  'drop-next-reply',
  'init',
  'destroy',
  'reset',
] as const;
const RARE = new Set(['init', 'destroy', 'reset', 'over-forget', 'unknown-forget']);

interface Open {
  nodeid: number;
  fh: number;
}

class Storm {
  readonly served: Served;
  files: Open[] = [];
  dirs: Open[] = [];
  dropNext = false;

  constructor(served: Served) {
    this.served = served;
  }

  private nodes(): number[] {
    return [1, ...this.served.client.counts.keys()].filter((nodeid, i) => i === 0 || nodeid !== 1);
  }

  private node(at: number): number {
    const nodes = this.nodes();
    return nodes[at % nodes.length] as number;
  }

  private over(): void {
    this.files = [];
    this.dirs = [];
    this.served.client.counts.clear();
  }

  /** Does the step. Errnos are ordinary. */
  async run([kind, a, b, c]: Step): Promise<void> {
    const { client, server } = this.served;
    const dir = this.node(a);
    const name = NAMES[b % NAMES.length] as string;
    const file = this.files[a % this.files.length];
    const open = this.dirs[a % this.dirs.length];
    switch (kind) {
      case 'lookup':
        return void (await client.lookupEntry(dir, name));
      case 'mkdir':
        return void (await client.mkdir(dir, name));
      case 'mknod':
        return void (await client.mknod(dir, name, 0o100644));
      case 'create': {
        const made = await client.create(dir, name);
        return void this.files.push(made);
      }
      case 'symlink':
        return void (await client.symlink(dir, name, 'target'));
      case 'link':
        return void (await client.link(this.node(c), dir, name));
      case 'unlink':
        return client.unlink(dir, name);
      case 'rmdir':
        return client.rmdir(dir, name);
      case 'rename':
        return client.rename(dir, name, this.node(c), NAMES[c % NAMES.length] as string, b % 3);
      case 'open': {
        const nodeid = this.node(a);
        return void this.files.push({ nodeid, fh: await client.open(nodeid, 2 | (c & 1 ? 0o1000 : 0)) });
      }
      case 'opendir':
        return void this.dirs.push({ nodeid: dir, fh: await client.opendir(dir) });
      case 'release':
        if (!file) return;
        this.files = this.files.filter((other) => other !== file);
        return client.release(file.nodeid, file.fh);
      case 'releasedir':
        if (!open) return;
        this.dirs = this.dirs.filter((other) => other !== open);
        return client.releasedir(open.nodeid, open.fh);
      case 'read':
        return file && void (await client.read(file.nodeid, file.fh, b * 10, c * 100));
      case 'write':
        return file && void (await client.write(file.nodeid, file.fh, b * 1000, new Uint8Array(c * 10)));
      case 'truncate':
        return void (await client.setattr(dir, { valid: 8, size: b * 100 }));
      case 'readdir':
      case 'readdirplus':
        return open && void (await client.readdir(open.nodeid, open.fh, b % 9, 300 + c * 10, kind === 'readdirplus'));
      case 'forget': {
        // Linux forgets an inode only when nothing has it open.
        const busy = [...this.files, ...this.dirs].some((other) => other.nodeid === dir);
        return dir === 1 || busy ? undefined : client.forget(dir);
      }
      case 'over-forget':
        if (dir === 1 || !client.counts.delete(dir)) return;
        this.files = this.files.filter((other) => other.nodeid !== dir);
        return client.forgetExactly(dir, 1000);
      case 'unknown-forget':
        return client.forgetExactly(1_000_000 + a, b);
      case 'revive':
        return void (await client.lookup(2 + (a % 20), b & 1 ? '.' : '..'));
      case 'getattr':
        return void (await client.getattr(dir));
      case 'fsync':
        return file && client.fsync(file.nodeid, file.fh);
      case 'drop-next-reply':
        this.dropNext = true;
        return;
      case 'init':
        await client.init();
        return this.over();
      case 'destroy':
        await client.destroy();
        await client.init();
        return this.over();
      default:
        server.reset();
        await client.init();
        return this.over();
    }
  }
}

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...KINDS.filter((kind) => !RARE.has(kind))) },
    { weight: 1, arbitrary: fc.constantFrom(...RARE) },
  ),
  fc.nat(255),
  fc.nat(255),
  fc.nat(255),
);

test('§5.1 §5.2 §5.6 after any storm the table holds what the guest holds, and after its forgets the root alone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 200 }), async (steps) => {
      let drop = false;
      const served = await serve({ placed: () => !drop });
      const { client, server, tree } = served;
      const storm = new Storm(served);
      for (const one of steps) {
        const dropped = storm.dropNext && one[0] !== 'init' && one[0] !== 'destroy' && one[0] !== 'reset';
        const before = dropped ? new Map(client.counts) : undefined;
        const open = [storm.files, storm.dirs].map((list) => list.length);
        if (dropped) {
          drop = true;
          storm.dropNext = false;
        }
        try {
          await storm.run(one);
        } catch (error) {
          if (!(error instanceof PosixError)) throw error;
        }
        drop = false;
        // The model has counted what it read in a reply that the ring never carried.
        if (before && one[0] !== 'forget' && one[0] !== 'over-forget') {
          client.counts.clear();
          for (const [nodeid, count] of before) client.counts.set(nodeid, count);
          storm.files.splice(Math.min(open[0] as number, storm.files.length));
          storm.dirs.splice(Math.min(open[1] as number, storm.dirs.length));
        }
        expect(ledger(served).sort(([a], [b]) => a - b)).toEqual(expectedLedger(client));
      }
      expect(server.session.handles.size).toBeGreaterThanOrEqual(storm.files.length + storm.dirs.length);
      for (const { nodeid, fh } of storm.files) await client.release(nodeid, fh);
      for (const { nodeid, fh } of storm.dirs) await client.releasedir(nodeid, fh);
      await client.forgetAll();
      expect(ledger(served)).toEqual([[1, 1]]);
      await client.destroy();
      expect(server.session.handles.size).toBe(0);
      for (let ino = 2; ino < 300; ino++) {
        const inode = tree.inode(ino);
        if (inode) expect([inode.holds, inode.nlink > 0]).toEqual([0, true]);
      }
      await tree.close();
    }),
    { numRuns: Number(process.env.STORM_RUNS ?? 300) },
  );
});
