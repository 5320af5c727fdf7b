// The lock requests on a served tree: their bytes, their replies, and when what they grant begins and ends.
import { describe, expect, it } from 'vitest';
import { errnoOf, FuseClient, LoopExchange, loop, message, pack } from '../../../test/fuse-client.ts';
import { type Served, type ServedOptions, serve } from '../../../test/served-tree.ts';
import { F_RDLCK, F_UNLCK, F_WRLCK, OFFSET_MAX } from '../tree/lock-ranges.ts';
import type { LockLimits } from '../tree/locks.ts';
import * as abi from './abi.ts';
import { describeReply, describeRequest } from './describe.ts';
import { policyOf } from './policy.ts';
import { FuseServer } from './server.ts';
import type { Session } from './session.ts';

const { FUSE_OPCODE: OP } = abi;
const [R, W, U] = [F_RDLCK, F_WRLCK, F_UNLCK];
const policy = policyOf({ cache: 'auto', locks: true });

const served = (options: ServedOptions = {}): Promise<Served> => serve({ policy, ...options });

/** A second guest on the same tree. */
async function another(tree: Served['tree'], lockLimits: Partial<LockLimits> = {}) {
  const server = new FuseServer({ tree, policy, now: () => 0, lockLimits });
  const client = new FuseClient(loop(server));
  await client.init();
  return { server, client };
}

const text = ({ type, start, end }: { type: number; start: bigint; end: bigint }): string =>
  `${'RW-'[type]}${start}-${end === OFFSET_MAX ? 'end' : end}`;
const held = (session: Session): string[] =>
  [...session.locks.entries()].map((entry) => {
    const { kind, owner, waiting } = entry;
    return `${waiting ? '?' : ''}${kind === 'flock' ? 'flock ' : ''}${owner}:${text(entry)}`;
  });

type Values = Readonly<Record<string, number | bigint>>;

/** The bytes of a fuse_lk_in. */
function lkIn(values: Values, lk: Values): Uint8Array {
  const body = pack(abi.fuse_lk_in, values);
  Object.assign(new abi.fuse_lk_in(new DataView(body.buffer)).lk, lk);
  return body;
}

const ticks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What became of a request that may wait, as it stands. */
function watch(promise: Promise<unknown>): { state: string } {
  const seen = { state: 'waits' };
  errnoOf(promise).then((errno) => {
    seen.state = errno;
  });
  return seen;
}

describe('5.9 the requests', () => {
  it('SETLK, GETLK and their replies, byte by byte', async () => {
    const { client, server } = await served();
    const { nodeid, fh } = await client.create(1, 'f');
    const range = { start: 2n ** 53n + 1n, end: 2n ** 63n - 1n };
    const lk = (opcode: number, owner: bigint, type: number, pid: number): Uint8Array =>
      message(opcode, nodeid, lkIn({ fh, owner }, { ...range, type, pid }));
    const request = new DataView(lk(OP.FUSE_SETLK, 7n, W, 321).buffer, 40);
    expect([request.byteLength, request.getUint32(0, true), request.getUint32(8, true)]).toEqual([48, fh, 7]);
    expect([request.getBigUint64(16, true), request.getBigUint64(24, true)]).toEqual([range.start, range.end]);
    expect([request.getUint32(32, true), request.getUint32(36, true), request.getUint32(40, true)]).toEqual([
      W,
      321,
      0,
    ]);
    const send = (request: Uint8Array, capacity: number): DataView => {
      const exchange = new LoopExchange(request, capacity, 1, [], true);
      server.handle(exchange);
      return new DataView((exchange.used as { bytes: Uint8Array }).bytes.slice().buffer);
    };
    const taken = send(lk(OP.FUSE_SETLK, 7n, W, 321), 16);
    expect([taken.byteLength, taken.getInt32(4, true)]).toEqual([16, 0]);
    const found = send(lk(OP.FUSE_GETLK, 2n ** 63n + 7n, R, 0), 40);
    expect(found.byteLength).toBe(40);
    expect(found.getBigUint64(16, true)).toBe(2n ** 53n + 1n);
    expect(found.getBigUint64(24, true)).toBe(2n ** 63n - 1n);
    expect([found.getUint32(32, true), found.getUint32(36, true)]).toEqual([W, 321]);
    const free = send(lk(OP.FUSE_GETLK, 7n, R, 5), 40);
    expect(free.getBigUint64(16, true)).toBe(2n ** 53n + 1n);
    expect(free.getBigUint64(24, true)).toBe(2n ** 63n - 1n);
    expect([free.getUint32(32, true), free.getUint32(36, true)]).toEqual([U, 5]);
  });

  it('without the policy nothing is negotiated, closes are not told, and the requests are ENOSYS', async () => {
    const { client, server } = await serve({ policy: 'auto' });
    const flags = abi.FUSE_INIT_FLAGS.FUSE_POSIX_LOCKS | abi.FUSE_INIT_FLAGS.FUSE_FLOCK_LOCKS;
    expect(server.session.negotiated.flags & flags).toBe(0);
    const { nodeid, fh, openFlags } = await client.create(1, 'f');
    expect(openFlags & abi.FOPEN.FOPEN_NOFLUSH).toBe(abi.FOPEN.FOPEN_NOFLUSH);
    expect(await errnoOf(client.setlk(nodeid, fh, { owner: 1n, type: W }))).toBe('ENOSYS');
    expect(await errnoOf(client.setlk(nodeid, fh, { owner: 1n, type: W }, { wait: true }))).toBe('ENOSYS');
    expect(await errnoOf(client.getlk(nodeid, fh, { owner: 1n, type: W }))).toBe('ENOSYS');
    const kept = await served();
    expect(kept.server.session.negotiated.flags & flags).toBe(flags);
    expect((await kept.client.create(1, 'f')).openFlags & abi.FOPEN.FOPEN_NOFLUSH).toBe(0);
  });

  it('of the two kinds a guest may want one alone', async () => {
    const { client } = await served({ init: false });
    await client.init({ flags: abi.FUSE_INIT_FLAGS.FUSE_FLOCK_LOCKS });
    const { nodeid, fh } = await client.create(1, 'f');
    expect(await errnoOf(client.setlk(nodeid, fh, { owner: 1n, type: W }))).toBe('ENOSYS');
    expect(await errnoOf(client.setlk(nodeid, fh, { owner: 1n, type: W }, { flock: true }))).toBe('ok');
  });

  it('ranges and types that are none are EINVAL; an end above 2^63 - 1 is the end of the file', async () => {
    const { client, server } = await served();
    const { nodeid, fh } = await client.create(1, 'f');
    const set = (start: bigint, end: bigint, type = W): Promise<string> =>
      errnoOf(client.setlk(nodeid, fh, { owner: 1n, type, start, end }));
    expect(await set(5n, 4n)).toBe('EINVAL');
    expect(await set(2n ** 63n, 2n ** 64n - 1n)).toBe('EINVAL');
    expect(await set(0n, 9n, 3)).toBe('EINVAL');
    expect(held(server.session)).toEqual([]);
    expect(await set(5n, 2n ** 64n - 1n)).toBe('ok');
    expect(held(server.session)).toEqual(['1:W5-end']);
  });

  it('through the right file, open for the right thing', async () => {
    const { client } = await served();
    const { nodeid, fh } = await client.create(1, 'f');
    const [reads, writes] = [await client.open(nodeid, 0), await client.open(nodeid, 1)];
    const set = (through: number, type: number, options = {}): Promise<string> =>
      errnoOf(client.setlk(nodeid, through, { owner: 1n, type }, options));
    expect([await set(reads, R), await set(reads, W), await set(reads, U)]).toEqual(['ok', 'EBADF', 'ok']);
    expect([await set(writes, W), await set(writes, R), await set(fh, R)]).toEqual(['ok', 'EBADF', 'ok']);
    expect(await set(reads, W, { flock: true })).toBe('ok');
    expect(await set(999, W)).toBe('EBADF');
    expect(await errnoOf(client.setlk(1, await client.opendir(1), { owner: 1n, type: W }))).toBe('EBADF');
    expect(await errnoOf(client.setlk(1, fh, { owner: 1n, type: W }))).toBe('EBADF');
  });

  it('conflict is EAGAIN, GETLK tells whose and where', async () => {
    const { client } = await served();
    const { nodeid, fh } = await client.create(1, 'f');
    await client.setlk(nodeid, fh, { owner: 1n, type: W, start: 10n, end: 19n, pid: 77 });
    expect(await errnoOf(client.setlk(nodeid, fh, { owner: 2n, type: R, start: 19n, end: 30n }))).toBe('EAGAIN');
    expect(await client.getlk(nodeid, fh, { owner: 2n, type: R, start: 0n, end: 30n })).toEqual({
      type: W,
      start: 10n,
      end: 19n,
      pid: 77,
    });
    expect(await client.getlk(nodeid, fh, { owner: 2n, type: W, start: 20n, end: 30n })).toEqual({
      type: U,
      start: 20n,
      end: 30n,
      pid: 0,
    });
  });

  it('reads well in the log', async () => {
    const { client } = await served();
    const { nodeid, fh } = await client.create(1, 'f');
    const words = (opcode: number, values: Record<string, number | bigint>, flags = 0): string => {
      return describeRequest(message(opcode, nodeid, lkIn({ fh, owner: 0xabcn, lk_flags: flags }, values))).text;
    };
    const who = `fh ${fh}, owner abc`;
    expect(words(OP.FUSE_SETLK, { start: 0n, end: 9n, type: W })).toBe(`fcntl write lock, bytes 0 to 9, ${who}`);
    expect(words(OP.FUSE_SETLKW, { start: 3n, end: 3n, type: R })).toBe(`wait for fcntl read lock, byte 3, ${who}`);
    expect(words(OP.FUSE_SETLK, { end: OFFSET_MAX, type: U }, 1)).toBe(`flock unlock, whole file, ${who}`);
    expect(words(OP.FUSE_GETLK, { start: 4n, end: OFFSET_MAX, type: W })).toBe(
      `who is against fcntl write lock, from byte 4 on, ${who}`,
    );
    const request = message(OP.FUSE_GETLK, nodeid, lkIn({ fh }, {}));
    const reply = new Uint8Array(40);
    const lk = new abi.fuse_file_lock(new DataView(reply.buffer), 16);
    Object.assign(lk, { start: 0n, end: 9n, type: W, pid: 5 });
    expect(describeReply(request, reply, 40)).toBe('write lock, bytes 0 to 9, pid 5');
    lk.pid = 0;
    expect(describeReply(request, reply, 40)).toBe('write lock, bytes 0 to 9, another guest');
    lk.type = U;
    expect(describeReply(request, reply, 40)).toBe('nobody');
  });
});

describe('5.9 SETLKW waits', () => {
  it('is answered when the lock is given back, and holds the inode meanwhile', async () => {
    const { client, server, tree } = await served();
    const { nodeid, fh } = await client.create(1, 'f');
    await client.setlk(nodeid, fh, { owner: 1n, type: W });
    const waiting = watch(client.setlk(nodeid, fh, { owner: 2n, type: W, start: 5n, end: 6n, pid: 9 }, { wait: true }));
    await client.unlink(1, 'f');
    await client.forgetAll();
    await ticks();
    expect(waiting.state).toBe('waits');
    expect(held(server.session)).toEqual(['1:W0-end', '?2:W5-6']);
    const inode = tree.inode(nodeid);
    expect(inode?.holds).toBe(2);
    await client.setlk(nodeid, fh, { owner: 1n, type: U });
    await ticks();
    expect(waiting.state).toBe('ok');
    expect(held(server.session)).toEqual(['2:W5-6']);
    expect(inode?.holds).toBe(1);
    await client.release(nodeid, fh);
    expect(tree.inode(nodeid)).toBeUndefined();
  });

  it('no more than may wait: ENOLCK, 128 where nothing else is said', async () => {
    const { client, tree } = await served();
    const { nodeid, fh } = await client.create(1, 'f');
    await client.setlk(nodeid, fh, { owner: 0n, type: W });
    const requests = Array.from({ length: 129 }, (_, i) =>
      watch(client.setlk(nodeid, fh, { owner: BigInt(i + 1), type: R }, { wait: true })),
    );
    await ticks();
    expect(requests.map(({ state }) => state)).toEqual([...new Array(128).fill('waits'), 'ENOLCK']);
    const second = await another(tree, { maxWaiting: 1 });
    await second.client.lookup(1, 'f');
    const through = await second.client.open(nodeid);
    const mine = [1n, 2n].map((owner) =>
      watch(second.client.setlk(nodeid, through, { owner, type: R }, { wait: true })),
    );
    await ticks();
    expect(mine.map(({ state }) => state)).toEqual(['waits', 'ENOLCK']);
    await client.setlk(nodeid, fh, { owner: 0n, type: U });
    await ticks();
    expect([...requests.slice(0, 128), mine[0]].every((request) => request?.state === 'ok')).toBe(true);
  });

  it('EDEADLK for the one who would close the circle', async () => {
    const { client } = await served();
    const [a, b] = [await client.create(1, 'a'), await client.create(1, 'b')];
    await client.setlk(a.nodeid, a.fh, { owner: 1n, type: W });
    await client.setlk(b.nodeid, b.fh, { owner: 2n, type: W });
    const first = watch(client.setlk(b.nodeid, b.fh, { owner: 1n, type: W }, { wait: true }));
    expect(await errnoOf(client.setlk(a.nodeid, a.fh, { owner: 2n, type: R }, { wait: true }))).toBe('EDEADLK');
    await client.flush(b.nodeid, b.fh, 2n);
    await ticks();
    expect(first.state).toBe('ok');
  });

  it('an interrupt of its unique answers EINTR; others wait on', async () => {
    const { client, server } = await served();
    const { nodeid, fh } = await client.create(1, 'f');
    await client.setlk(nodeid, fh, { owner: 1n, type: W });
    const body = lkIn({ fh, owner: 2n }, { end: 9n, type: R });
    const sent = [0x1_0001, 0x1_0002].map((high) => {
      const request = message(OP.FUSE_SETLKW, nodeid, body);
      new DataView(request.buffer).setUint32(8, 6, true);
      new DataView(request.buffer).setUint32(12, high, true);
      const exchange = new LoopExchange(request, 16, 1, [], true);
      server.handle(exchange);
      return exchange;
    });
    const interrupt = (high: number): Promise<void> =>
      client.post(OP.FUSE_INTERRUPT, 0, pack(abi.fuse_interrupt_in, { unique: high * 2 ** 32 + 6 }));
    await interrupt(0x1_0003);
    await ticks();
    expect(sent.map(({ used }) => used)).toEqual([undefined, undefined]);
    await interrupt(0x1_0001);
    await interrupt(0x1_0001);
    await ticks();
    expect(sent[1]?.used).toBeUndefined();
    const reply = new DataView((sent[0]!.used as { bytes: Uint8Array }).bytes.slice().buffer);
    expect([reply.getInt32(4, true), reply.getUint32(8, true), reply.getUint32(12, true)]).toEqual([-4, 6, 0x1_0001]);
    expect(held(server.session)).toEqual(['1:W0-end', '?2:R0-9']);
  });
});

describe('5.9 release', () => {
  const lockAll = async ({ client }: Pick<Served, 'client'>) => {
    const a = await client.create(1, 'a');
    const b = await client.create(1, 'b');
    await client.setlk(a.nodeid, a.fh, { owner: 1n, type: W, end: 9n });
    await client.setlk(a.nodeid, a.fh, { owner: 2n, type: W, start: 10n, end: 19n });
    await client.setlk(b.nodeid, b.fh, { owner: 1n, type: W });
    await client.setlk(a.nodeid, a.fh, { owner: 1n, type: W }, { flock: true });
    return { a, b };
  };

  it("FLUSH: the POSIX locks of its owner on its inode, and nothing else's", async () => {
    const one = await served();
    const { a } = await lockAll(one);
    const waiting = watch(one.client.setlk(a.nodeid, a.fh, { owner: 3n, type: R, end: 0n }, { wait: true }));
    await one.client.flush(a.nodeid, a.fh, 9n);
    expect(held(one.server.session)).toHaveLength(5);
    await one.client.flush(a.nodeid, a.fh, 1n);
    await ticks();
    expect(waiting.state).toBe('ok');
    expect(held(one.server.session).sort()).toEqual(['1:W0-end', '2:W10-19', '3:R0-0', 'flock 1:W0-end']);
  });

  it('RELEASE with FUSE_RELEASE_FLOCK_UNLOCK: the flock of its owner, whoever took it', async () => {
    const one = await served();
    const { client, server } = one;
    const { a } = await lockAll(one);
    const second = await client.open(a.nodeid);
    await client.release(a.nodeid, second);
    expect(held(server.session)).toContain('flock 1:W0-end');
    const third = await client.open(a.nodeid);
    await client.release(a.nodeid, third, { release_flags: 2, lock_owner: 1n });
    expect(held(server.session).sort()).toEqual(['1:W0-9', '1:W0-end', '2:W10-19']);
  });

  it('RELEASE: also what nobody gave back that was locked through that open file', async () => {
    const one = await served();
    const { client, server } = one;
    const { a } = await lockAll(one);
    const other = await client.open(a.nodeid);
    const waiting = watch(client.setlk(a.nodeid, other, { owner: 3n, type: W }, { wait: true }));
    await client.release(a.nodeid, a.fh);
    await ticks();
    expect(waiting.state).toBe('ok');
    expect(held(server.session).sort()).toEqual(['1:W0-end', '3:W0-end']);
  });

  const ends: [string, (one: Served) => unknown, string][] = [
    ['DESTROY', (one) => one.client.destroy(), 'ENOTCONN'],
    ['a second INIT', (one) => one.client.init(), 'ENOTCONN'],
  ];
  it.each(ends)(
    'the end of the session by %s: all its locks, and its requests that wait are refused',
    async (_, end, errno) => {
      const one = await served();
      const { a } = await lockAll(one);
      const { client } = await another(one.tree);
      await client.lookup(1, 'a');
      const fh = await client.open(a.nodeid);
      const theirs = watch(client.setlk(a.nodeid, fh, { owner: 1n, type: W }, { wait: true }));
      const mine = watch(one.client.setlk(a.nodeid, a.fh, { owner: 2n, type: R, end: 9n }, { wait: true }));
      await end(one);
      await ticks();
      expect([mine.state, theirs.state]).toEqual([errno, 'ok']);
      expect(held(one.server.session)).toEqual([]);
      expect([one.server.session.locks.count, one.server.session.locks.waiting]).toEqual([0, 0]);
    },
  );

  it('a reset: what waits is dropped without an answer and without a lock, and lets its inode go', async () => {
    const { client, server, tree } = await served();
    const { nodeid, fh } = await client.create(1, 'f');
    await client.setlk(nodeid, fh, { owner: 1n, type: W });
    await client.unlink(1, 'f');
    const body = lkIn({ fh, owner: 2n }, { end: 9n, type: R });
    const exchange = new LoopExchange(message(OP.FUSE_SETLKW, nodeid, body), 16, 1, [], true);
    server.handle(exchange);
    expect(exchange.used).toBeUndefined();
    exchange.live = false;
    server.reset();
    await ticks();
    expect([exchange.completions, exchange.used?.length, server.droppedReplies]).toEqual([1, 0, 1]);
    expect(held(server.session)).toEqual([]);
    expect(tree.locks.size).toBe(0);
    expect(tree.inode(nodeid)).toBeUndefined();
  });

  it.each([false, true])('5.1 a reply that is not placed grants no lock (SETLKW %s)', async (wait) => {
    let drop = false;
    const { client, server } = await served({ placed: () => !drop });
    const { nodeid, fh } = await client.create(1, 'f');
    await client.setlk(nodeid, fh, { owner: 1n, type: R });
    drop = true;
    await client.setlk(nodeid, fh, { owner: 2n, type: R }, { wait });
    await client.setlk(nodeid, fh, { owner: 1n, type: R }, { wait, flock: true });
    expect(held(server.session)).toEqual(['1:R0-end']);
    drop = false;
    expect(await errnoOf(client.setlk(nodeid, fh, { owner: 1n, type: W }))).toBe('ok');
  });

  it('5.1 a lock that was waited for, and whose queue is gone when it comes, goes to the next', async () => {
    const { client, server } = await served();
    const { nodeid, fh } = await client.create(1, 'f');
    await client.setlk(nodeid, fh, { owner: 1n, type: W });
    const body = lkIn({ fh, owner: 2n }, { end: OFFSET_MAX, type: W });
    const exchange = new LoopExchange(message(OP.FUSE_SETLKW, nodeid, body), 16, 1, [], true);
    server.handle(exchange);
    const next = watch(client.setlk(nodeid, fh, { owner: 3n, type: W }, { wait: true }));
    exchange.live = false;
    await client.setlk(nodeid, fh, { owner: 1n, type: U });
    await ticks();
    expect(next.state).toBe('ok');
    expect(held(server.session)).toEqual(['3:W0-end']);
  });
});

describe('5.9 two guests on one tree', () => {
  it('see each other as pid 0, exclude each other, and serve each other in turn', async () => {
    const one = await served();
    const two = await another(one.tree);
    const { nodeid, fh } = await one.client.create(1, 'f');
    await two.client.lookup(1, 'f');
    const theirs = await two.client.open(nodeid);
    await one.client.setlk(nodeid, fh, { owner: 1n, type: W, end: 9n, pid: 5 });
    expect(await errnoOf(two.client.setlk(nodeid, theirs, { owner: 1n, type: R }))).toBe('EAGAIN');
    expect(await two.client.getlk(nodeid, theirs, { owner: 1n, type: R })).toEqual({
      type: W,
      start: 0n,
      end: 9n,
      pid: 0,
    });
    const waiting = watch(two.client.setlk(nodeid, theirs, { owner: 1n, type: R }, { wait: true }));
    await two.client.flush(nodeid, theirs, 2n);
    await one.client.flush(nodeid, fh, 1n);
    await ticks();
    expect(waiting.state).toBe('ok');
    expect([held(one.server.session), held(two.server.session)]).toEqual([[], ['1:R0-end']]);
  });

  it('a deadlock between guests is one', async () => {
    const one = await served();
    const two = await another(one.tree);
    const { nodeid, fh } = await one.client.create(1, 'f');
    await two.client.lookup(1, 'f');
    const theirs = await two.client.open(nodeid);
    await one.client.setlk(nodeid, fh, { owner: 1n, type: W, end: 0n });
    await two.client.setlk(nodeid, theirs, { owner: 1n, type: W, start: 1n, end: 1n });
    watch(one.client.setlk(nodeid, fh, { owner: 1n, type: W, start: 1n, end: 1n }, { wait: true }));
    const error = errnoOf(two.client.setlk(nodeid, theirs, { owner: 1n, type: W, end: 0n }, { wait: true }));
    expect(await error).toBe('EDEADLK');
  });
});
