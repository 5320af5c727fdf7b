// Storms of lock requests from two guests on one tree, with replies that are lost and sessions that end in between.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FuseClient, type Lock, loop } from '../../../test/fuse-client.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { errnoName, PosixError } from '../../base/errno.ts';
import { F_WRLCK } from '../tree/lock-ranges.ts';
import { Tree } from '../tree/tree.ts';
import { policyOf } from './policy.ts';
import { FuseServer } from './server.ts';

const FILES = ['a', 'b'];
const ORDINARY = new Set(['EAGAIN', 'EDEADLK', 'ENOLCK', 'EBADF', 'EINTR', 'ENOTCONN', 'EIO']);

class Guest {
  readonly server: FuseServer;
  readonly client: FuseClient;
  readonly open: { nodeid: number; fh: number }[] = [];
  /** Requests that were sent, and answers that came. */
  sent = 0;
  answered = 0;
  drop = false;

  constructor(tree: Tree) {
    const policy = policyOf({ cache: 'never', locks: true });
    this.server = new FuseServer({ tree, policy, now: () => 0, lockLimits: { maxWaiting: 4, maxLocks: 12 } });
    this.client = new FuseClient(loop(this.server, { placed: () => !this.drop }));
  }

  async begin(): Promise<void> {
    await this.client.init();
    this.open.length = 0;
    for (const name of FILES) {
      const { nodeid } = await this.client.lookup(1, name);
      for (let i = 0; i < 2; i++) this.open.push({ nodeid, fh: await this.client.open(nodeid) });
    }
  }

  /** A request whose answer may be long in coming; errnos that locks have are ordinary. */
  send(promise: Promise<unknown>): void {
    this.sent++;
    const done = (): void => void this.answered++;
    promise.then(done, (error) => {
      if (!(error instanceof PosixError) || !ORDINARY.has(errnoName(error.errno))) throw error;
      done();
    });
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const KINDS = ['set', 'set', 'set', 'wait', 'wait', 'wait', 'get', 'flush', 'release', 'interrupt', 'drop'] as const;
const RARE = ['init', 'destroy', 'reset'] as const;
const step = fc.record({
  guest: fc.nat(1),
  kind: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom<(typeof KINDS)[number] | (typeof RARE)[number]>(...KINDS) },
    { weight: 1, arbitrary: fc.constantFrom<(typeof KINDS)[number] | (typeof RARE)[number]>(...RARE) },
  ),
  file: fc.nat(3),
  owner: fc.bigInt({ min: 1n, max: 3n }),
  type: fc.constantFrom(0, 1, 1, 2),
  start: fc.bigInt({ min: 0n, max: 7n }),
  length: fc.bigInt({ min: 0n, max: 7n }),
  flock: fc.boolean(),
});

/** No two locks that are held conflict, and all of them are through a file that is open. */
function expectSound(guests: readonly Guest[]): void {
  const all = guests.flatMap(({ server: { session } }, guest) =>
    [...session.locks.entries()].map((entry) => {
      expect(session.handles.get(entry.file)?.inode).toBe(entry.inode);
      return { ...entry, who: `${guest} ${entry.owner}` };
    }),
  );
  const held = all.filter(({ waiting }) => !waiting);
  const conflicts = (a: (typeof all)[number], b: (typeof all)[number]): boolean =>
    a.who !== b.who &&
    a.inode === b.inode &&
    a.kind === b.kind &&
    (a.type === F_WRLCK || b.type === F_WRLCK) &&
    a.start <= b.end &&
    b.start <= a.end;
  for (const a of held) expect(held.filter((b) => conflicts(a, b))).toEqual([]);
  for (const a of all) if (a.waiting) expect(held.some((b) => conflicts(a, b))).toBe(true);
}

test('5.9 after any storm each request was answered once, no lock is left, and no inode is kept', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
      const tree = await Tree.open(new MemoryStore(), { clock: () => ({ s: 1, ns: 0 }), random: () => 0.5 });
      const owner = { mode: 0o100644, uid: 0, gid: 0, rdev: 0 };
      const inodes = FILES.map((name) => tree.mknod(tree.root, name, owner));
      const guests = [new Guest(tree), new Guest(tree)];
      for (const guest of guests) await guest.begin();
      for (const { guest: index, kind, file, owner, type, start, length, flock } of steps) {
        const guest = guests[index] as Guest;
        const { client, server, open } = guest;
        const at = open[file % Math.max(1, open.length)] ?? { nodeid: 1, fh: 0 };
        const lock: Lock = { owner, type, start, end: start + length, pid: 7 };
        if (kind === 'drop') guest.drop = true;
        else if (kind === 'set') guest.send(client.setlk(at.nodeid, at.fh, lock, { flock }));
        else if (kind === 'wait') guest.send(client.setlk(at.nodeid, at.fh, lock, { flock, wait: true }));
        else if (kind === 'get') guest.send(client.getlk(at.nodeid, at.fh, lock));
        else if (kind === 'flush') guest.send(client.flush(at.nodeid, at.fh, owner));
        else if (kind === 'interrupt') server.session.interrupt(2 * (guest.sent - file), 0);
        else if (kind === 'release') {
          open.splice(open.indexOf(at), open.includes(at) ? 1 : 0);
          guest.send(client.release(at.nodeid, at.fh, { release_flags: flock ? 2 : 0, lock_owner: owner }));
        } else {
          if (kind === 'destroy') await client.destroy();
          if (kind === 'reset') server.reset();
          guest.drop = false;
          await guest.begin();
        }
        if (kind !== 'drop') guest.drop = false;
        await settled();
        expectSound(guests);
      }
      for (const { client } of guests) await client.destroy();
      await settled();
      for (const { sent, answered, server } of guests) {
        expect(answered).toBe(sent);
        expect([server.session.locks.count, server.session.locks.waiting]).toEqual([0, 0]);
      }
      expect(tree.locks.size).toBe(0);
      expect(inodes.map(({ holds }) => holds)).toEqual([0, 0]);
    }),
  );
});
