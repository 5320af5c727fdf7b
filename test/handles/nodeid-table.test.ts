// Which file a guest gets, for every mode of a nodeid table, every way in which handles cannot be made, with and
// without the two mistakes that can be switched on.
import { describe, expect, it } from 'vitest';
import { errnoName, PosixError } from '../../src/base/errno.ts';
import { readerOf } from '../../src/base/iov.ts';
import { parseHandleFailure } from '../../src/fs/fuse/handle-failure.ts';
import type { HandleMode, NodeidOptions } from '../../src/fs/fuse/nodeid-table.ts';
import { FuseServer } from '../../src/fs/fuse/server.ts';
import type { Tree } from '../../src/fs/tree/tree.ts';
import { type Entry, errnoOf, FuseClient, loop } from '../fuse-client.ts';
import { ledger, type Served, serve } from '../served-tree.ts';

const ROOT_ALONE = [[1, 1]];
const owner = { uid: 0, gid: 0 };

/** Somebody else than the guest makes a file whose content is one letter. */
async function write(tree: Tree, name: string, letter: string): Promise<number> {
  const inode = tree.mknod(tree.root, name, { mode: 0o100644, ...owner });
  await tree.write(inode, 0, 1, readerOf(new TextEncoder().encode(letter)));
  return inode.ino;
}

/** The guest's kernel with its page cache: an inode is (nodeid, generation), and what was read of it is not read again. */
class Guest {
  client: FuseClient;
  private readonly pages = new Map<string, string>();

  constructor(client: FuseClient) {
    this.client = client;
  }

  /** The letter in a file, or the errno of the attempt to get it. */
  async byName(name: string): Promise<{ got: string; entry?: Entry }> {
    try {
      const entry = await this.client.lookup(1, name);
      const key = `${entry.nodeid} ${entry.generation}`;
      const got = this.pages.get(key) ?? (await this.byNodeid(entry.nodeid));
      this.pages.set(key, got);
      return { got, entry };
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      return { got: errnoName(error.errno) };
    }
  }

  /** As an open of a descriptor that was held open by its path (O_PATH), without pages in memory. */
  async byNodeid(nodeid: number): Promise<string> {
    try {
      const fh = await this.client.open(nodeid, 0);
      const bytes = await this.client.read(nodeid, fh, 0, 10);
      await this.client.release(nodeid, fh);
      return new TextDecoder().decode(bytes);
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      return errnoName(error.errno);
    }
  }

  /** As open_by_handle_at(2) does where the inode was forgotten (fs/fuse/inode.c fuse_get_dentry). */
  async byHandle({ nodeid, generation }: Entry): Promise<string> {
    try {
      const found = await this.client.lookup(nodeid, '.');
      return found.nodeid === nodeid && found.generation === generation ? this.byNodeid(nodeid) : 'ESTALE';
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      return errnoName(error.errno);
    }
  }
}

/**
 * The guest knows f with the letter A. f is removed beside it and made again with the letter B, by the same number if
 * that was free. Then: what the guest reads in f; what it reads by the nodeid that it had; and, after all was
 * forgotten, the server was started anew (handles can be made again) and there is one more file C, what a file handle
 * of the first f opens.
 */
async function replaced(nodeids: NodeidOptions, reuseInodeNumbers: boolean): Promise<[string, string, string]> {
  const served = await serve({ nodeids, treeOptions: { reuseInodeNumbers }, policy: 'always' });
  const { tree, client } = served;
  const guest = new Guest(client);
  await write(tree, 'f', 'A');
  const first = await guest.byName('f');
  if (first.entry) expect(first.got).toBe('A');
  tree.unlink(tree.root, 'f');
  await write(tree, 'f', 'B');
  const again = await guest.byName('f');
  const old = first.entry ? await guest.byNodeid(first.entry.nodeid) : '-';
  await client.forgetAll();
  expect(ledger(served)).toEqual(ROOT_ALONE);
  await client.destroy();
  const next = new FuseServer({
    tree,
    policy: served.server.session.policy,
    nodeids: { ...nodeids, failure: undefined },
  });
  guest.client = new FuseClient(loop(next));
  await guest.client.init();
  await write(tree, 'c', 'C');
  await guest.byName('f');
  await guest.byName('c');
  const handle = first.entry ? await guest.byHandle(first.entry) : '-';
  await tree.close();
  return [again.got, old, handle];
}

const FAILURES = ['none', 'once:1', 'once:2', 'from:1', 'from:2', 'first:1', 'first:2'] as const;
type Failure = (typeof FAILURES)[number];
const MISTAKES = ['none', 'ids without pin', 'constant generation', 'both'] as const;
type Mistake = (typeof MISTAKES)[number];

const optionsOf = (mode: HandleMode | undefined, failure: Failure, mistake: Mistake): NodeidOptions => ({
  mode,
  failure: failure === 'none' ? undefined : parseHandleFailure(failure),
  idsWithoutPin: mistake === 'ids without pin' || mistake === 'both',
  constantGeneration: mistake === 'constant generation' || mistake === 'both',
});

/**
 * [f, the old nodeid, the old handle]. Right are: B; A, which a pin keeps, or ESTALE; ESTALE. "-" where the first
 * look-up was refused, so that there is no nodeid to come back with.
 */
type Outcome = [string, string, string];
const EXPECTED: Record<'stable' | HandleMode, Partial<Record<Failure | 'any', Record<Mistake, Outcome>>>> = {
  // What is looked up is pinned. The old handle meets C by its number.
  stable: {
    any: {
      none: ['B', 'A', 'ESTALE'],
      'ids without pin': ['B', 'A', 'ESTALE'],
      'constant generation': ['B', 'A', 'C'],
      both: ['B', 'A', 'C'],
    },
  },
  // As above; the old handle meets f by its nodeid, because the new server counts from 2 again.
  never: {
    any: {
      none: ['B', 'A', 'ESTALE'],
      'ids without pin': ['B', 'A', 'ESTALE'],
      'constant generation': ['B', 'A', 'B'],
      both: ['B', 'A', 'B'],
    },
  },
  prefer: {
    none: {
      none: ['B', 'ESTALE', 'ESTALE'],
      'ids without pin': ['B', 'ESTALE', 'ESTALE'],
      'constant generation': ['A', 'B', 'B'],
      both: ['A', 'B', 'B'],
    },
    // The first look-up pins A, so B has another number, and a pin or a handle of its own.
    'once:1': {
      none: ['B', 'A', 'ESTALE'],
      'ids without pin': ['B', 'A', 'ESTALE'],
      'constant generation': ['B', 'A', 'B'],
      both: ['B', 'A', 'B'],
    },
    // The thread's case: A has a handle, its number is B's when none can be made.
    'once:2': {
      none: ['B', 'ESTALE', 'ESTALE'],
      'ids without pin': ['A', 'ESTALE', 'ESTALE'],
      'constant generation': ['B', 'B', 'B'],
      both: ['A', 'B', 'B'],
    },
    'from:1': {
      none: ['B', 'A', 'ESTALE'],
      'ids without pin': ['B', 'A', 'ESTALE'],
      'constant generation': ['B', 'A', 'B'],
      both: ['B', 'A', 'B'],
    },
    'from:2': {
      none: ['B', 'ESTALE', 'ESTALE'],
      'ids without pin': ['A', 'ESTALE', 'ESTALE'],
      'constant generation': ['B', 'B', 'B'],
      both: ['A', 'B', 'B'],
    },
    'first:1': {
      none: ['B', 'A', 'ESTALE'],
      'ids without pin': ['B', 'A', 'ESTALE'],
      'constant generation': ['B', 'A', 'B'],
      both: ['B', 'A', 'B'],
    },
    'first:2': {
      none: ['B', 'A', 'ESTALE'],
      'ids without pin': ['B', 'A', 'ESTALE'],
      'constant generation': ['B', 'A', 'B'],
      both: ['B', 'A', 'B'],
    },
  },
  mandatory: {
    none: {
      none: ['B', 'ESTALE', 'ESTALE'],
      'ids without pin': ['B', 'ESTALE', 'ESTALE'],
      'constant generation': ['A', 'B', 'B'],
      both: ['A', 'B', 'B'],
    },
    'once:1': {
      none: ['B', '-', '-'],
      'ids without pin': ['B', '-', '-'],
      'constant generation': ['B', '-', '-'],
      both: ['B', '-', '-'],
    },
    'once:2': {
      none: ['EOPNOTSUPP', 'ESTALE', 'ESTALE'],
      'ids without pin': ['EOPNOTSUPP', 'ESTALE', 'ESTALE'],
      'constant generation': ['EOPNOTSUPP', 'B', 'B'],
      both: ['EOPNOTSUPP', 'B', 'B'],
    },
    'from:1': {
      none: ['EOPNOTSUPP', '-', '-'],
      'ids without pin': ['EOPNOTSUPP', '-', '-'],
      'constant generation': ['EOPNOTSUPP', '-', '-'],
      both: ['EOPNOTSUPP', '-', '-'],
    },
    'from:2': {
      none: ['EOPNOTSUPP', 'ESTALE', 'ESTALE'],
      'ids without pin': ['EOPNOTSUPP', 'ESTALE', 'ESTALE'],
      'constant generation': ['EOPNOTSUPP', 'B', 'B'],
      both: ['EOPNOTSUPP', 'B', 'B'],
    },
    'first:1': {
      none: ['B', '-', '-'],
      'ids without pin': ['B', '-', '-'],
      'constant generation': ['B', '-', '-'],
      both: ['B', '-', '-'],
    },
    'first:2': {
      none: ['EOPNOTSUPP', '-', '-'],
      'ids without pin': ['EOPNOTSUPP', '-', '-'],
      'constant generation': ['EOPNOTSUPP', '-', '-'],
      both: ['EOPNOTSUPP', '-', '-'],
    },
  },
};
const MODES = ['stable', 'never', 'prefer', 'mandatory'] as const;
const modeOf = (name: (typeof MODES)[number]): HandleMode | undefined => (name === 'stable' ? undefined : name);

describe.each(MODES)('a file replaced by another of the same number, nodeids %s', (mode) => {
  describe.each(FAILURES)('handles fail: %s', (failure) => {
    it.each(MISTAKES)('mistake: %s', async (mistake) => {
      const row = EXPECTED[mode].any ?? EXPECTED[mode][failure];
      expect(await replaced(optionsOf(modeOf(mode), failure, mistake), true)).toEqual(row?.[mistake]);
    });
  });
});

describe('without the mistakes no guest gets a wrong file, and without re-use of numbers not even with the first', () => {
  const right = ([name, nodeid, handle]: Outcome): boolean =>
    ['B', 'EOPNOTSUPP'].includes(name) && ['A', 'ESTALE', '-'].includes(nodeid) && ['ESTALE', '-'].includes(handle);

  it.each(MODES)('nodeids %s', async (mode) => {
    for (const failure of FAILURES) {
      for (const reuse of [false, true]) {
        expect(right(await replaced(optionsOf(modeOf(mode), failure, 'none'), reuse))).toBe(true);
      }
      expect(right(await replaced(optionsOf(modeOf(mode), failure, 'ids without pin'), false))).toBe(true);
    }
  });
});

describe('an entry of the table', () => {
  const table = (nodeids: NodeidOptions): Promise<Served> =>
    serve({ nodeids, treeOptions: { reuseInodeNumbers: true } });

  it('with a pin keeps an unlinked file, with a handle it does not', async () => {
    for (const mode of ['never', 'prefer', 'mandatory'] as const) {
      const { client, tree } = await table({ mode });
      const file = await client.mknod(1, 'f', 0o100644);
      await client.unlink(1, 'f');
      expect(await errnoOf(client.getattr(file.nodeid))).toBe(mode === 'never' ? 'ok' : 'ESTALE');
      expect(tree.inode(file.attr.ino) !== undefined).toBe(mode === 'never');
      await client.forgetAll();
      expect(tree.inode(file.attr.ino)).toBeUndefined();
    }
  });

  it('an open file is kept by its fh, and found by the nodeid that it was opened with', async () => {
    const served = await table({ mode: 'mandatory' });
    const { client, tree } = served;
    const file = await client.create(1, 'f');
    await client.write(file.nodeid, file.fh, 0, new TextEncoder().encode('A'));
    await client.unlink(1, 'f');
    expect(await client.getattr(file.nodeid)).toMatchObject({ nlink: 0, size: 1 });
    expect(await client.read(file.nodeid, file.fh, 0, 10)).toEqual(new TextEncoder().encode('A'));
    expect((await client.mknod(1, 'g', 0o100644)).attr.ino).not.toBe(file.attr.ino);
    await client.release(file.nodeid, file.fh);
    expect(tree.inode(file.attr.ino)).toBeUndefined();
    expect(await errnoOf(client.getattr(file.nodeid))).toBe('ESTALE');
    expect(await errnoOf(client.open(file.nodeid))).toBe('ESTALE');
    const next = await client.mknod(1, 'h', 0o100644);
    expect(next.attr.ino).toBe(file.attr.ino);
    expect(next.nodeid).not.toBe(file.nodeid);
    expect(await errnoOf(client.getattr(file.nodeid))).toBe('ESTALE');
    await client.forgetAll();
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });

  it('that got a pin because no handle could be made is found again when one can', async () => {
    const { client } = await table({ mode: 'prefer', failure: { when: 'first', at: 1 } });
    const first = await client.mknod(1, 'f', 0o100644);
    expect((await client.lookup(1, 'f')).nodeid).toBe(first.nodeid);
    expect(client.counts.get(first.nodeid)).toBe(2);
  });

  it('that has a handle is not found when none can be made: the inode gets a second nodeid, with a pin', async () => {
    const served = await table({ mode: 'prefer', failure: { when: 'once', at: 2 } });
    const { client } = served;
    const first = await client.mknod(1, 'f', 0o100644);
    const second = await client.lookup(1, 'f');
    const third = await client.lookup(1, 'f');
    expect([second.nodeid, third.nodeid]).toEqual([first.nodeid + 1, first.nodeid]);
    expect(second.generation).toBe(first.generation);
    for (const { nodeid } of [first, second]) expect((await client.getattr(nodeid)).ino).toBe(first.attr.ino);
    // The pin of the one keeps the file for both.
    await client.unlink(1, 'f');
    for (const { nodeid } of [first, second]) expect((await client.getattr(nodeid)).nlink).toBe(0);
    await client.forget(second.nodeid);
    expect(await errnoOf(client.getattr(first.nodeid))).toBe('ESTALE');
    await client.forgetAll();
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });

  it('mandatory: the look-up fails with the errno of the attempt, and grants nothing', async () => {
    const served = await table({ mode: 'mandatory', failure: { when: 'from', at: 2, errno: 'EOVERFLOW' } });
    const { client } = served;
    const file = await client.create(1, 'f');
    expect(await errnoOf(client.lookup(1, 'f'))).toBe('EOVERFLOW');
    expect(await errnoOf(client.link(file.nodeid, 1, 'g'))).toBe('EOVERFLOW');
    expect(ledger(served)).toEqual([...ROOT_ALONE, [file.nodeid, 1]]);
    await client.release(file.nodeid, file.fh);
    await client.forgetAll();
    expect(await errnoOf(client.create(1, 'f'))).toBe('EOVERFLOW');
    expect(served.server.session.handles.size).toBe(0);
    expect(ledger(served)).toEqual(ROOT_ALONE);
    // What the LINK made stays.
    expect((await client.list(1)).map(({ name }) => name)).toEqual(['.', '..', 'f', 'g']);
  });

  it('mandatory: a CREATE whose look-up fails has not emptied the file that is there', async () => {
    const served = await table({ mode: 'mandatory', failure: { when: 'from', at: 1 } });
    const ino = await write(served.tree, 'f', 'A');
    const O_RDWR_TRUNC = 0o1002;
    expect(await errnoOf(served.client.create(1, 'f', 0o100644, O_RDWR_TRUNC))).toBe('EOPNOTSUPP');
    expect(served.tree.inode(ino)).toMatchObject({ size: 1, holds: 0 });
    expect(served.server.session.handles.size).toBe(0);
  });

  it('5.2 mandatory: READDIRPLUS lists what it may not name, without a nodeid', async () => {
    const served = await table({ mode: 'mandatory', failure: { when: 'from', at: 1, of: ({ ino }) => ino === 3 } });
    const { client, tree } = served;
    for (const name of ['a', 'b', 'c']) tree.mknod(tree.root, name, { mode: 0o100644, ...owner });
    const listed = await client.list(1, 4096, true);
    expect(listed.map(({ name, nodeid }) => [name, nodeid !== 0])).toEqual([
      ['.', false],
      ['..', false],
      ['a', true],
      ['b', false],
      ['c', true],
    ]);
    expect(served.server.session.nodes.size).toBe(3);
    await client.forgetAll();
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });

  it('two names of one file in one listing have one nodeid', async () => {
    const served = await table({ mode: 'prefer' });
    const { client, tree } = served;
    const inode = tree.mknod(tree.root, 'a', { mode: 0o100644, ...owner });
    tree.link(inode, tree.root, 'b');
    const [, , a, b] = await client.list(1, 4096, true);
    expect(a?.nodeid).toBe(b?.nodeid);
    expect(client.counts.get(a?.nodeid ?? 0)).toBe(2);
    await client.forgetAll();
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });

  it('5.1 a reply that is not placed leaves no entry and no pin', async () => {
    let drop = false;
    for (const mode of ['never', 'prefer'] as const) {
      const served = await serve({ placed: () => !drop, nodeids: { mode } });
      const { client, tree, server } = served;
      drop = true;
      const file = await client.create(1, 'f');
      drop = false;
      client.counts.clear();
      expect(server.session.nodes.get(file.nodeid)).toBeUndefined();
      expect(ledger(served)).toEqual(ROOT_ALONE);
      expect(tree.lookup(tree.root, 'f')?.holds).toBe(0);
      expect(await errnoOf(client.getattr(file.nodeid))).toBe('ESTALE');
    }
  });

  it('nodeids count up and do not come back, not with a new session either', async () => {
    const served = await table({ mode: 'prefer' });
    const { client } = served;
    const seen: number[] = [];
    for (let i = 0; i < 3; i++) {
      for (const name of ['a', 'b']) seen.push((await client.mknod(1, `${name}${i}`, 0o100644)).nodeid);
      if (i === 0) await client.forgetAll();
      else await client.init();
    }
    expect(seen).toEqual([2, 3, 4, 5, 6, 7]);
    expect(await errnoOf(client.getattr(2))).toBe('ESTALE');
    expect(await errnoOf(client.lookup(2, '.'))).toBe('ESTALE');
  });

  it('".." of a directory that is known gives the parent an entry; the root has nodeid 1', async () => {
    const served = await table({ mode: 'prefer' });
    const { client } = served;
    const outer = await client.mkdir(1, 'outer');
    const inner = await client.mkdir(outer.nodeid, 'inner');
    expect((await client.lookup(inner.nodeid, '..')).nodeid).toBe(outer.nodeid);
    expect(await client.lookup(outer.nodeid, '..')).toMatchObject({ nodeid: 1, generation: 0 });
    expect(await client.lookup(1, '..')).toMatchObject({ nodeid: 1, generation: 0 });
    await client.forgetAll();
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });
});

describe('what is told to fail', () => {
  it.each([
    ['once:2', { when: 'once', at: 2, errno: 'EOPNOTSUPP' }],
    ['from:1:EPERM', { when: 'from', at: 1, errno: 'EPERM' }],
    ['first:30', { when: 'first', at: 30, errno: 'EOPNOTSUPP' }],
    ['once:0', undefined],
    ['later:1', undefined],
    ['once:1:EWHAT', undefined],
    ['', undefined],
  ])('%s', (text, failure) => {
    expect(parseHandleFailure(text)).toEqual(failure);
  });
});
