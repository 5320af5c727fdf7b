// Look-up counts and handles: what a reply gives, and when.
import { describe, expect, test, vi } from 'vitest';
import { cstring, errnoOf, join, LoopExchange, message, pack } from '../../../test/fuse-client.ts';
import { expectedLedger, ledger, type Served, serve } from '../../../test/served-tree.ts';
import { PosixError } from '../../base/errno.ts';
import { FUSE_OPCODE, fuse_create_in } from './abi.ts';
import { Call } from './call.ts';

const sorted = (served: Served): [number, number][] => ledger(served).sort(([a], [b]) => a - b);
const ROOT_ALONE = [[1, 1]];
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('§5.1 the ledger rule', () => {
  test('every reply with a nodeid counts once: LOOKUP CREATE MKNOD MKDIR SYMLINK LINK', async () => {
    const served = await serve();
    const { client } = served;
    const dir = await client.mkdir(1, 'd');
    const file = await client.create(dir.nodeid, 'f');
    await client.mknod(1, 'p', 0o010644);
    await client.symlink(1, 's', 'f');
    await client.link(file.nodeid, 1, 'g');
    await client.lookup(1, 'g');
    expect(client.counts.get(file.nodeid)).toBe(3);
    expect(sorted(served)).toEqual(expectedLedger(client));
    await client.release(file.nodeid, file.fh);
    await client.forgetAll();
    expect(ledger(served)).toEqual(ROOT_ALONE);
    expect(served.server.session.handles.size).toBe(0);
  });

  test('a reply that is not placed grants nothing: the file of a CREATE stays, without count and handle', async () => {
    let drop = false;
    const served = await serve({ placed: () => !drop });
    drop = true;
    await served.client.create(1, 'f');
    drop = false;
    expect(ledger(served)).toEqual(ROOT_ALONE);
    expect(served.server.session.handles.size).toBe(0);
    served.client.counts.clear();
    const found = await served.client.lookup(1, 'f');
    expect(ledger(served)).toEqual([...ROOT_ALONE, [found.nodeid, 1]]);
  });

  test('an operation that fails grants nothing', async () => {
    const served = await serve();
    const dir = await served.client.mkdir(1, 'd');
    expect(await errnoOf(served.client.create(1, 'd'))).toBe('EISDIR');
    expect(await errnoOf(served.client.mkdir(1, 'd'))).toBe('EEXIST');
    expect(await errnoOf(served.client.link(dir.nodeid, 1, 'e'))).toBe('EPERM');
    expect(await errnoOf(served.client.open(dir.nodeid))).toBe('EISDIR');
    expect(ledger(served)).toEqual([...ROOT_ALONE, [dir.nodeid, 1]]);
    expect(served.server.session.handles.size).toBe(0);
  });

  test('a reply for which there is no room does nothing at all', async () => {
    const { server, client } = await serve();
    const body = join(pack(fuse_create_in as never, { flags: 2, mode: 0o100644 }), cstring('f'));
    const exchange = new LoopExchange(message(FUSE_OPCODE.FUSE_CREATE, 1, body), 16 + 128 + 15, 1, [], true);
    server.handle(exchange);
    expect(exchange.used?.length).toBe(16);
    expect(new DataView(exchange.used!.bytes.buffer).getInt32(4, true)).toBe(-5);
    expect(await errnoOf(client.lookup(1, 'f'))).toBe('ENOENT');
  });
});

describe('§5.1 failures half way', () => {
  test('a READDIRPLUS that fails after some entries grants none of them', async () => {
    const served = await serve();
    await served.client.mknod(1, 'f', 0o100644);
    await served.client.forgetAll();
    const [entry] = served.tree.readdir(served.tree.root, 0);
    vi.spyOn(served.tree, 'readdir').mockImplementation(function* () {
      yield entry!;
      throw new PosixError('EIO');
    } as never);
    const fh = await served.client.opendir(1);
    expect(await errnoOf(served.client.readdir(1, fh, 0, 4096, true))).toBe('EIO');
    expect(ledger(served)).toEqual(ROOT_ALONE);
    vi.restoreAllMocks();
  });

  test('what a reply of an older session grants is nothing', async () => {
    const { server, tree } = await serve();
    const { session } = server;
    const call = new Call(session);
    call.start(new LoopExchange(new Uint8Array(0), 200, 1, [], true));
    call.putEntry(tree.mkdir(tree.root, 'd', { mode: 0o755, uid: 0, gid: 0 }));
    call.putOpened(session.handles.make(tree.root, 0, true));
    session.end();
    call.take();
    expect([...session.lookups()].map(({ nodeid }) => nodeid)).toEqual([1]);
    expect(session.handles.size).toBe(0);
  });
});

describe('§5.2 READDIRPLUS', () => {
  test('counts the entries that are packed, not those cut by the size, and neither "." nor ".."', async () => {
    const served = await serve();
    const { client } = served;
    for (let i = 0; i < 10; i++) await client.mknod(1, `file-${i}`, 0o100644);
    await client.forgetAll();
    const fh = await client.opendir(1);
    const first = await client.readdir(1, fh, 0, 160 * 4, true);
    expect(first.map((entry) => [entry.name, entry.nodeid !== 0])).toEqual([
      ['.', false],
      ['..', false],
      ['file-0', true],
      ['file-1', true],
    ]);
    expect(sorted(served)).toEqual(expectedLedger(client));
    expect(client.counts.size).toBe(2);
    const rest = await client.readdir(1, fh, first.at(-1)!.cookie, 4096, true);
    expect(rest.map((entry) => entry.name)).toEqual(Array.from({ length: 8 }, (_, i) => `file-${i + 2}`));
    expect(await client.readdir(1, fh, rest.at(-1)!.cookie, 4096, true)).toEqual([]);
    await client.releasedir(1, fh);
    await client.forgetAll();
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });

  test.each([false, true])('the first entry does not fit: EINVAL (plus: %s)', async (plus) => {
    const { client } = await serve();
    const fh = await client.opendir(1);
    expect(await errnoOf(client.readdir(1, fh, 0, 24, plus))).toBe('EINVAL');
  });

  test('READDIR counts nothing', async () => {
    const served = await serve();
    await served.client.mknod(1, 'f', 0o100644);
    await served.client.forgetAll();
    expect((await served.client.list(1)).map((entry) => entry.name)).toEqual(['.', '..', 'f']);
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });
});

describe('§5.3 absence', () => {
  test.each([
    ['never', 'ENOENT'],
    ['metadata', 'ENOENT'],
  ] as const)('policy %s answers %s', async (policy, errno) => {
    const { client } = await serve({ policy });
    expect(await errnoOf(client.lookupEntry(1, 'nothing'))).toBe(errno);
  });

  test.each([
    ['auto', 1],
    ['always', 86400],
  ] as const)('policy %s lets it be believed for %s s', async (policy, entryValid) => {
    const served = await serve({ policy });
    expect(await served.client.lookupEntry(1, 'nothing')).toMatchObject({ nodeid: 0, entryValid });
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });
});

describe('§5.4 forgotten and dead nodeids', () => {
  test('"." and ".." of a forgotten nodeid give the inode back, with its generation', async () => {
    const served = await serve();
    const { client } = served;
    const dir = await client.mkdir(1, 'd');
    const file = await client.mknod(dir.nodeid, 'f', 0o100644);
    await client.forgetAll();
    expect(await client.lookup(file.nodeid, '.')).toMatchObject({ nodeid: file.nodeid, generation: file.generation });
    expect(await client.lookup(dir.nodeid, '..')).toMatchObject({ nodeid: 1, generation: 0 });
    expect(file.generation).toBeGreaterThan(0);
    expect(sorted(served)).toEqual(expectedLedger(client));
    await client.forgetAll();
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });

  test('"/" asks of what came by a handle whether it is still good: counted like a look-up, ESTALE when forgotten', async () => {
    const served = await serve();
    const { client } = served;
    const file = await client.mknod(1, 'f', 0o100644);
    await client.forgetAll();
    expect(await errnoOf(client.lookup(file.nodeid, '/'))).toBe('ESTALE');
    await client.lookup(file.nodeid, '.');
    expect(await client.lookup(file.nodeid, '/')).toMatchObject({ nodeid: file.nodeid, generation: file.generation });
    expect(sorted(served)).toEqual(expectedLedger(client));
    expect(ledger(served)).toContainEqual([file.nodeid, 2]);
    expect(await errnoOf(client.lookup(1, 'a/b'))).toBe('EINVAL');
    expect(await errnoOf(client.mkdir(1, '/'))).toBe('EINVAL');
    await client.forgetAll();
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });

  test('a deleted one is ESTALE; so is everything but "." and ".." on a forgotten one', async () => {
    const { client } = await serve();
    const file = await client.mknod(1, 'f', 0o100644);
    await client.forgetAll();
    expect(await errnoOf(client.getattr(file.nodeid))).toBe('ESTALE');
    expect(await errnoOf(client.open(file.nodeid))).toBe('ESTALE');
    expect(await errnoOf(client.lookup(file.nodeid, 'x'))).toBe('ESTALE');
    await client.unlink(1, 'f');
    expect(await errnoOf(client.lookup(file.nodeid, '.'))).toBe('ESTALE');
    expect(await errnoOf(client.lookup(999_999, '.'))).toBe('ESTALE');
    expect(await errnoOf(client.lookup(2 ** 40 + 1, '.'))).toBe('ESTALE');
    expect(await errnoOf(client.lookup(0, '.'))).toBe('ESTALE');
  });

  test('a number that is given out again has another generation', async () => {
    const { client } = await serve({ treeOptions: { reuseInodeNumbers: true } });
    const seen = new Map<number, Set<number>>();
    for (let i = 0; i < 50; i++) {
      const file = await client.mknod(1, 'f', 0o100644);
      const generations = seen.get(file.nodeid) ?? new Set();
      expect(generations.has(file.generation)).toBe(false);
      seen.set(file.nodeid, generations.add(file.generation));
      await client.unlink(1, 'f');
      await client.forgetAll();
    }
  });
});

describe('FORGET', () => {
  test('an over-count takes what there is and shows as a violation', async () => {
    const served = await serve();
    const file = await served.client.mknod(1, 'f', 0o100644);
    await served.client.forgetExactly(file.nodeid, 5);
    expect(ledger(served)).toEqual(ROOT_ALONE);
    expect(served.answers.at(-1)).toMatchObject({ nlookup: -1, error: undefined, path: '/f' });
    expect(served.answers.at(-1)?.violation).toContain('5 times');
  });

  test.each([
    ['2^64 - 1', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['2^63', [0, 0, 0, 0, 0, 0, 0, 0x80]],
    ['2^53 + 1', [1, 0, 0, 0, 0, 0, 0x20, 0]],
    ['2^32', [0, 0, 0, 0, 1, 0, 0, 0]],
  ])('a count of %s does not wrap', async (_, count) => {
    for (const nodeids of [{}, { mode: 'never' }, { mode: 'prefer' }] as const) {
      const served = await serve({ nodeids });
      const { client } = served;
      const file = await client.mknod(1, 'f', 0o100644);
      await client.lookup(1, 'f');
      await client.post(FUSE_OPCODE.FUSE_FORGET, file.nodeid, Uint8Array.from(count));
      expect(served.answers.at(-1)).toMatchObject({ nlookup: -2, error: undefined, bug: false });
      expect(served.answers.at(-1)?.violation).toBeDefined();
      expect(ledger(served)).toEqual(ROOT_ALONE);
      await client.post(FUSE_OPCODE.FUSE_FORGET, 1, Uint8Array.from(count));
      expect(served.answers.at(-1)?.violation).toBeDefined();
      expect(ledger(served)).toEqual(ROOT_ALONE);
      expect(await errnoOf(client.getattr(1))).toBe('ok');
    }
  });

  test('an unknown nodeid changes nothing and shows as a violation', async () => {
    const served = await serve();
    await served.client.forgetExactly(77, 1);
    expect(served.answers.at(-1)?.violation).toContain('77');
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });

  test('the root stays, whatever is forgotten', async () => {
    const served = await serve();
    await served.client.forgetExactly(1, 3);
    expect(ledger(served)).toEqual(ROOT_ALONE);
    expect(served.answers.at(-1)?.violation).toBeDefined();
    await served.client.getattr(1);
  });

  test.each([0, 1])('is taken on queue %s', async (queue) => {
    const served = await serve();
    const file = await served.client.mknod(1, 'f', 0o100644);
    await served.client.forgetExactly(file.nodeid, 1, queue);
    expect(served.answers.at(-1)?.violation).toBeUndefined();
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });

  test('BATCH_FORGET takes each of its list', async () => {
    const served = await serve();
    const a = await served.client.mknod(1, 'a', 0o100644);
    const b = await served.client.mknod(1, 'b', 0o100644);
    await served.client.lookup(1, 'b');
    await served.client.batchForget([
      [a.nodeid, 1],
      [b.nodeid, 2],
    ]);
    expect(served.answers.at(-1)?.nlookup).toBe(-3);
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });
});

describe('§5.6 and §5.7 death of an inode', () => {
  test("an unlinked open file is read, written and stat'ed until its last handle and look-up go", async () => {
    const { client, tree } = await serve();
    const file = await client.create(1, 'f');
    await client.write(file.nodeid, file.fh, 0, bytes(1, 2, 3));
    await client.unlink(1, 'f');
    expect((await client.getattr(file.nodeid)).nlink).toBe(0);
    expect(await client.read(file.nodeid, file.fh, 0, 10)).toEqual(bytes(1, 2, 3));
    await client.forgetAll();
    await client.write(file.nodeid, file.fh, 3, bytes(4));
    expect(await client.read(file.nodeid, file.fh, 0, 10)).toEqual(bytes(1, 2, 3, 4));
    expect(tree.inode(file.nodeid)).toBeDefined();
    await client.release(file.nodeid, file.fh);
    expect(tree.inode(file.nodeid)).toBeUndefined();
  });

  test('a renamed-over file lives on in its handle', async () => {
    const { client } = await serve();
    const old = await client.create(1, 'a');
    await client.write(old.nodeid, old.fh, 0, bytes(1));
    await client.mknod(1, 'b', 0o100644);
    await client.rename(1, 'b', 1, 'a');
    expect(await client.read(old.nodeid, old.fh, 0, 10)).toEqual(bytes(1));
    expect((await client.getattr(old.nodeid)).nlink).toBe(0);
  });

  test('a removed directory lists nothing and takes nothing', async () => {
    const { client } = await serve();
    const dir = await client.mkdir(1, 'd');
    const fh = await client.opendir(dir.nodeid);
    await client.rmdir(1, 'd');
    expect(await client.readdir(dir.nodeid, fh, 0)).toEqual([]);
    expect(await errnoOf(client.mknod(dir.nodeid, 'x', 0o100644))).toBe('ENOENT');
  });
});

describe('§5.18 the end of a session', () => {
  const fill = async (served: Served): Promise<void> => {
    const { client } = served;
    const file = await client.create(1, 'orphan');
    await client.mkdir(1, 'd');
    await client.unlink(1, 'orphan');
    expect(served.tree.inode(file.nodeid)).toBeDefined();
  };
  const ends: [string, (served: Served) => Promise<void>][] = [
    ['DESTROY', (served) => served.client.destroy()],
    ['a device reset', async (served) => served.server.reset()],
    ['a second INIT', async (served) => void (await served.client.init())],
  ];

  test.each(ends)('%s drops every look-up and handle, and what they alone kept', async (_, end) => {
    const served = await serve();
    await fill(served);
    const orphan = [...served.server.session.handles.entries()][0]!.inode.ino;
    await end(served);
    expect(ledger(served)).toEqual(ROOT_ALONE);
    expect(served.server.session.handles.size).toBe(0);
    expect(served.tree.inode(orphan)).toBeUndefined();
  });

  test('DESTROY is answered when everything is in the store', async () => {
    const { client, tree } = await serve();
    await client.mkdir(1, 'd');
    expect(tree.dirtyBytes).toBeGreaterThan(0);
    await client.destroy();
    expect(tree.dirtyBytes).toBe(0);
    expect(await errnoOf(client.getattr(1))).toBe('EIO');
  });
});

describe('handles', () => {
  test('a fh is good for its inode and its kind only, and never given twice', async () => {
    const { client } = await serve();
    const a = await client.create(1, 'a');
    const b = await client.create(1, 'b');
    const dir = await client.opendir(1);
    expect(new Set([a.fh, b.fh, dir]).size).toBe(3);
    expect(await errnoOf(client.read(b.nodeid, a.fh, 0, 1))).toBe('EBADF');
    expect(await errnoOf(client.readdir(1, a.fh, 0))).toBe('EBADF');
    expect(await errnoOf(client.read(1, dir, 0, 1))).toBe('EBADF');
    await client.release(a.nodeid, a.fh);
    expect(await errnoOf(client.release(a.nodeid, a.fh))).toBe('EBADF');
    expect(await client.open(a.nodeid)).not.toBe(a.fh);
  });
});
