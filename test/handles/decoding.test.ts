// How a guest's kernel decodes a file handle of which it has forgotten the inode: fs/fuse/inode.c fuse_fh_to_dentry and
// fuse_get_parent, which look up "." and ".." and compare nodeid and generation.
import { describe, expect, it } from 'vitest';
import { CONSTANT_GENERATION } from '../../src/fs/fuse/node-table.ts';
import { type Entry, errnoOf, type FuseClient } from '../fuse-client.ts';
import { expectedLedger, ledger, type Served, serve } from '../served-tree.ts';

const ROOT_ALONE = [[1, 1]];
const again = (options: Parameters<typeof serve>[0] = {}): Promise<Served> =>
  serve({ treeOptions: { reuseInodeNumbers: true }, ...options });

/** What the kernel makes of a handle: the nodeid, or ESTALE. */
async function decode(client: FuseClient, { nodeid, generation }: Entry): Promise<number | string> {
  let found: Entry;
  try {
    found = await client.lookup(nodeid, '.');
  } catch {
    return 'ESTALE';
  }
  return found.nodeid === nodeid && found.generation === generation ? nodeid : 'ESTALE';
}

describe('5.4 look-ups of "." and ".." by nodeid', () => {
  it('5.4 find every type of file, forgotten or not, and count like any other', async () => {
    const served = await again();
    const { client } = served;
    const entries = [
      await client.mkdir(1, 'd'),
      await client.mknod(1, 'f', 0o100644),
      await client.mknod(1, 'p', 0o010644),
      await client.symlink(1, 's', 'f'),
    ];
    for (const entry of entries) expect(await decode(client, entry)).toBe(entry.nodeid);
    await client.forgetAll();
    for (const entry of entries) expect(await decode(client, entry)).toBe(entry.nodeid);
    expect(ledger(served).sort(([a], [b]) => a - b)).toEqual(expectedLedger(client));
    await client.forgetAll();
    expect(ledger(served)).toEqual(ROOT_ALONE);
  });

  it('5.4 ".." is the parent of a directory, the root of the root, ENOTDIR of anything else', async () => {
    const { client } = await again();
    const outer = await client.mkdir(1, 'outer');
    const inner = await client.mkdir(outer.nodeid, 'inner');
    const file = await client.mknod(inner.nodeid, 'f', 0o100644);
    await client.forgetAll();
    expect((await client.lookup(inner.nodeid, '..')).nodeid).toBe(outer.nodeid);
    expect((await client.lookup(outer.nodeid, '..')).nodeid).toBe(1);
    expect(await client.lookup(1, '..')).toMatchObject({ nodeid: 1, generation: 0 });
    expect(await client.lookup(1, '.')).toMatchObject({ nodeid: 1, generation: 0 });
    await client.forgetAll();
    expect(await errnoOf(client.lookup(file.nodeid, '..'))).toBe('ENOTDIR');
    await client.rename(1, 'outer', 1, 'moved');
    expect((await client.lookup(inner.nodeid, '..')).nodeid).toBe(outer.nodeid);
  });

  it('5.4 of a removed directory they are ESTALE, also while it is known', async () => {
    const { client } = await again();
    const dir = await client.mkdir(1, 'd');
    await client.rmdir(1, 'd');
    expect(await errnoOf(client.lookup(dir.nodeid, '..'))).toBe('ESTALE');
    await client.forgetAll();
    expect(await errnoOf(client.lookup(dir.nodeid, '..'))).toBe('ESTALE');
    expect(await errnoOf(client.lookup(dir.nodeid, '.'))).toBe('ESTALE');
  });

  it('5.4 nothing but them revives: every other request on a forgotten nodeid is ESTALE', async () => {
    const { client } = await again();
    const dir = await client.mkdir(1, 'd');
    const file = await client.mknod(dir.nodeid, 'f', 0o100644);
    await client.forgetAll();
    const { nodeid } = file;
    const requests: Promise<unknown>[] = [
      client.lookup(dir.nodeid, 'f'),
      client.getattr(nodeid),
      client.setattr(nodeid, { valid: 1, mode: 0o100600 }),
      client.open(nodeid),
      client.opendir(dir.nodeid),
      client.readlink(nodeid),
      client.mknod(dir.nodeid, 'g', 0o100644),
      client.mkdir(dir.nodeid, 'g'),
      client.symlink(dir.nodeid, 'g', 'f'),
      client.create(dir.nodeid, 'g'),
      client.tmpfile(dir.nodeid),
      client.link(nodeid, 1, 'g'),
      client.unlink(dir.nodeid, 'f'),
      client.rmdir(dir.nodeid, 'f'),
      client.rename(dir.nodeid, 'f', 1, 'g'),
      client.rename(1, 'd', dir.nodeid, 'g'),
      client.getxattr(nodeid, 'user.a', 0),
      client.setxattr(nodeid, 'user.a', new Uint8Array(1)),
      client.listxattr(nodeid, 0),
      client.removexattr(nodeid, 'user.a'),
      client.read(nodeid, 1, 0, 1),
      client.write(nodeid, 1, 0, new Uint8Array(1)),
      client.readdir(dir.nodeid, 1, 0),
    ];
    for (const request of requests) expect(await errnoOf(request)).toBe('ESTALE');
  });
});

describe('5.5 generations', () => {
  it('5.5 a number that comes back names another inode by another generation: its old handle is ESTALE', async () => {
    const { client } = await again();
    const seen = new Set<string>();
    const handles: Entry[] = [];
    for (let i = 0; i < 50; i++) {
      const file = await client.mknod(1, 'f', 0o100644);
      expect(file.nodeid).toBe(2);
      expect(file.generation).toBeGreaterThan(0);
      expect(file.generation).toBeLessThan(2 ** 31);
      seen.add(`${file.nodeid} ${file.generation}`);
      for (const handle of handles) expect(await decode(client, handle)).toBe('ESTALE');
      expect(await decode(client, file)).toBe(2);
      handles.push(file);
      await client.unlink(1, 'f');
      await client.forgetAll();
    }
    expect(seen.size).toBe(50);
  });

  it('5.5 with a constant generation, which is wrong, the old handle opens the new file', async () => {
    const { client } = await again({ nodeids: { constantGeneration: true } });
    const first = await client.mknod(1, 'f', 0o100644);
    expect(first.generation).toBe(CONSTANT_GENERATION);
    await client.unlink(1, 'f');
    await client.forgetAll();
    const second = await client.mknod(1, 'g', 0o100644);
    expect(second.nodeid).toBe(first.nodeid);
    expect(await decode(client, first)).toBe(second.nodeid);
  });

  it('5.5 handles of before a renewal are ESTALE, those of after are good, the root is always', async () => {
    const served = await again();
    const { client, tree, server } = served;
    const root = await client.lookup(1, '.');
    const before = await client.mknod(1, 'f', 0o100644);
    server.reset();
    await tree.renewGenerations();
    await client.init();
    expect(await decode(client, before)).toBe('ESTALE');
    expect(await decode(client, await client.lookup(1, 'f'))).toBe(before.nodeid);
    expect(await decode(client, root)).toBe(1);
  });
});

describe('5.6 the death of an inode', () => {
  it('5.6 its number is free when names, look-ups and handles are all gone, and not before', async () => {
    const { client, tree } = await again();
    const next = async (): Promise<number> =>
      (await client.mknod(1, `${Math.max(...client.counts.keys())}`, 0o100644)).nodeid;
    const file = await client.create(1, 'f');
    await client.link(file.nodeid, 1, 'g');
    await client.unlink(1, 'f');
    expect(await next()).not.toBe(file.nodeid);
    await client.unlink(1, 'g');
    expect(await next()).not.toBe(file.nodeid);
    await client.release(file.nodeid, file.fh);
    expect(await next()).not.toBe(file.nodeid);
    expect(tree.inode(file.nodeid)).toBeDefined();
    await client.forget(file.nodeid);
    expect(tree.inode(file.nodeid)).toBeUndefined();
    expect(await next()).toBe(file.nodeid);
    expect(await decode(client, file)).toBe('ESTALE');
  });

  it('5.6 without re-use a number stays away, and its handle is ESTALE likewise', async () => {
    const { client } = await serve();
    const numbers = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const file = await client.mknod(1, 'f', 0o100644);
      numbers.add(file.nodeid);
      await client.unlink(1, 'f');
      await client.forgetAll();
      expect(await decode(client, file)).toBe('ESTALE');
    }
    expect(numbers.size).toBe(20);
  });
});
