// Extended attributes by the protocol: name spaces, limits, flags, and who sees which. ACLs have tests of their own.
import { describe, expect, test } from 'vitest';
import { errnoOf } from '../../../test/fuse-client.ts';
import { serve } from '../../../test/served-tree.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const CREATE = 1;
const REPLACE = 2;

describe('5.11 extended attributes', () => {
  test('5.11 user., trusted. and security. are kept; other name spaces are EOPNOTSUPP', async () => {
    const { client } = await serve();
    const { nodeid } = await client.mknod(1, 'f', 0o100644);
    for (const name of ['user.a', 'trusted.overlay.opaque', 'security.capability']) {
      await client.setxattr(nodeid, name, bytes(1, 2));
      expect(await client.getxattr(nodeid, name, 9)).toEqual(bytes(1, 2));
    }
    for (const name of ['a', 'users.a', 'system.a', 'system.nfs4_acl', 'btrfs.compression', '.']) {
      expect(await errnoOf(client.setxattr(nodeid, name, bytes(1)))).toBe('EOPNOTSUPP');
      expect(await errnoOf(client.getxattr(nodeid, name, 0))).toBe('EOPNOTSUPP');
      expect(await errnoOf(client.removexattr(nodeid, name))).toBe('EOPNOTSUPP');
    }
    for (const name of ['user.', 'trusted.', 'security.']) {
      expect(await errnoOf(client.setxattr(nodeid, name, bytes(1)))).toBe('EINVAL');
    }
  });

  test('5.11 what is trusted is listed to root alone', async () => {
    const { client } = await serve();
    client.who = { uid: 5, gid: 5, pid: 1 };
    const { nodeid } = await client.mknod(1, 'f', 0o100644);
    await client.setxattr(nodeid, 'trusted.t', bytes(1));
    await client.setxattr(nodeid, 'user.u', bytes(1));
    expect(await client.listxattr(nodeid, 99)).toEqual(text('user.u\0'));
    expect((await client.listxattr(nodeid, 0))[0]).toBe(7);
    client.who = { uid: 0, gid: 0, pid: 1 };
    expect(await client.listxattr(nodeid, 99)).toEqual(text('trusted.t\0user.u\0'));
  });

  test('5.11 on every type of file, as far as the server is concerned', async () => {
    const { client } = await serve();
    const nodes = [
      await client.mknod(1, 'fifo', 0o010644),
      await client.mknod(1, 'device', 0o020644),
      await client.mkdir(1, 'dir'),
      await client.symlink(1, 'link', 'x'),
    ];
    for (const { nodeid } of nodes) {
      await client.setxattr(nodeid, 'trusted.t', bytes(7));
      expect(await client.getxattr(nodeid, 'trusted.t', 1)).toEqual(bytes(7));
    }
  });

  test('5.11 XATTR_CREATE is EEXIST, XATTR_REPLACE is ENODATA, both at once one of the two', async () => {
    const { client } = await serve();
    const set = (flags: number, ...value: number[]): Promise<string> =>
      errnoOf(client.setxattr(1, 'user.a', bytes(...value), flags));
    expect(await set(REPLACE, 1)).toBe('ENODATA');
    expect(await set(CREATE | REPLACE, 1)).toBe('ENODATA');
    expect(await set(CREATE, 1)).toBe('ok');
    expect(await set(CREATE, 2)).toBe('EEXIST');
    expect(await set(CREATE | REPLACE, 2)).toBe('EEXIST');
    expect(await set(REPLACE, 3)).toBe('ok');
    expect(await set(0, 4)).toBe('ok');
    expect(await client.getxattr(1, 'user.a', 9)).toEqual(bytes(4));
  });

  test('5.11 the largest value and the longest name come back, one byte more is refused', async () => {
    const { client } = await serve();
    const name = `user.${'n'.repeat(250)}`;
    const value = new Uint8Array(65_536).map((_, i) => i * 7);
    await client.setxattr(1, name, value);
    expect(await client.getxattr(1, name, 0)).toEqual(bytes(0, 0, 1, 0, 0, 0, 0, 0));
    expect(await client.getxattr(1, name, 65_536)).toEqual(value);
    expect(await errnoOf(client.getxattr(1, name, 65_535))).toBe('ERANGE');
    expect(await errnoOf(client.setxattr(1, 'user.a', new Uint8Array(65_537)))).toBe('E2BIG');
    expect(await errnoOf(client.setxattr(1, `${name}n`, bytes(1)))).toBe('ERANGE');
    expect(await errnoOf(client.getxattr(1, `${name}n`, 0))).toBe('ERANGE');
  });

  test('5.11 an empty value is a value; its size is 0', async () => {
    const { client } = await serve();
    await client.setxattr(1, 'user.a', bytes());
    expect(await client.getxattr(1, 'user.a', 0)).toEqual(new Uint8Array(8));
    expect(await client.getxattr(1, 'user.a', 1)).toEqual(bytes());
    expect(await errnoOf(client.getxattr(1, 'user.b', 1))).toBe('ENODATA');
  });

  test('5.11 a list is at most 65,536 bytes: ENOSPC for the name that would make it longer', async () => {
    const { client } = await serve();
    const name = (i: number): string => `user.${String(i).padStart(250, '0')}`;
    for (let i = 0; i < 256; i++) await client.setxattr(1, name(i), bytes());
    expect((await client.listxattr(1, 0)).slice(0, 4)).toEqual(bytes(0, 0, 1, 0));
    expect((await client.listxattr(1, 65_536)).length).toBe(65_536);
    expect(await errnoOf(client.setxattr(1, 'user.a', bytes()))).toBe('ENOSPC');
    await client.setxattr(1, name(3), bytes(1));
    await client.removexattr(1, name(3));
    expect(await errnoOf(client.setxattr(1, 'user.a', bytes()))).toBe('ok');
    expect(await errnoOf(client.listxattr(1, 100))).toBe('ERANGE');
  });

  test('5.11 all of one file are at most 1 MiB: ENOSPC for the value that would be too much', async () => {
    const { client } = await serve();
    const full = new Uint8Array(65_536);
    for (let i = 0; i < 15; i++) await client.setxattr(1, `user.${i}`, full);
    await client.setxattr(1, 'user.last', full.subarray(0, 65_000));
    expect(await errnoOf(client.setxattr(1, 'user.more', full))).toBe('ENOSPC');
    expect(await errnoOf(client.setxattr(1, 'user.last', full))).toBe('ENOSPC');
    expect((await client.getxattr(1, 'user.last', 65_536)).length).toBe(65_000);
    await client.setxattr(1, 'user.3', bytes());
    expect(await errnoOf(client.setxattr(1, 'user.last', full))).toBe('ok');
  });

  test('5.11 5.16 ctime changes with set and remove, not with what fails, and mtime never', async () => {
    const { client, clock } = await serve();
    const { nodeid, attr } = await client.mknod(1, 'f', 0o100644);
    clock.s += 1;
    await client.setxattr(nodeid, 'user.a', bytes(1));
    expect(await client.getattr(nodeid)).toMatchObject({ ctime: clock.s, mtime: attr.mtime });
    clock.s += 1;
    expect(await errnoOf(client.setxattr(nodeid, 'user.a', bytes(1), CREATE))).toBe('EEXIST');
    await client.getxattr(nodeid, 'user.a', 9);
    await client.listxattr(nodeid, 99);
    expect((await client.getattr(nodeid)).ctime).toBe(clock.s - 1);
    await client.removexattr(nodeid, 'user.a');
    expect(await client.getattr(nodeid)).toMatchObject({ ctime: clock.s, mtime: attr.mtime });
  });
});
