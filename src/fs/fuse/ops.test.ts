// What the operations do, through the protocol: the rules of the cookbook that belong to no other file.
import { describe, expect, test } from 'vitest';
import { errnoOf } from '../../../test/fuse-client.ts';
import { serve } from '../../../test/served-tree.ts';
import { FATTR, FUSE_INIT_FLAGS, FUSE_OPEN_FLAGS, FUSE_WRITE_FLAGS } from './abi.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const O_APPEND = 0o2000;
const O_TRUNC = 0o1000;
const O_EXCL = 0o200;

describe('§5.7 names', () => {
  test('UNLINK and RMDIR', async () => {
    const { client } = await serve();
    const dir = await client.mkdir(1, 'd');
    await client.mknod(dir.nodeid, 'f', 0o100644);
    expect(await errnoOf(client.rmdir(1, 'd'))).toBe('ENOTEMPTY');
    expect(await errnoOf(client.unlink(1, 'd'))).toBe('EISDIR');
    expect(await errnoOf(client.rmdir(dir.nodeid, 'f'))).toBe('ENOTDIR');
    expect(await errnoOf(client.unlink(1, 'x'))).toBe('ENOENT');
    await client.unlink(dir.nodeid, 'f');
    await client.rmdir(1, 'd');
    expect(await errnoOf(client.lookup(1, 'd'))).toBe('ENOENT');
  });

  test('RENAME and RENAME2', async () => {
    const { client } = await serve();
    const a = await client.mknod(1, 'a', 0o100644);
    const b = await client.mknod(1, 'b', 0o100644);
    const dir = await client.mkdir(1, 'd');
    expect(await errnoOf(client.rename(1, 'a', 1, 'b', 1))).toBe('EEXIST');
    await client.rename(1, 'a', 1, 'b', 2);
    expect((await client.lookup(1, 'a')).nodeid).toBe(b.nodeid);
    await client.rename(1, 'b', dir.nodeid, 'c');
    expect((await client.lookup(dir.nodeid, 'c')).nodeid).toBe(a.nodeid);
    expect(await errnoOf(client.rename(1, 'd', dir.nodeid, 'e'))).toBe('EINVAL');
    expect(await errnoOf(client.rename(1, 'd', 1, 'a'))).toBe('ENOTDIR');
    expect(await errnoOf(client.rename(1, 'a', 1, 'd'))).toBe('EISDIR');
    expect(await errnoOf(client.rename(1, 'a', 1, 'b', 8))).toBe('EINVAL');
    expect(await errnoOf(client.rename(1, 'a', 1, 'b', 3))).toBe('EINVAL');
    await client.rename(1, 'a', 1, 'z', 4);
    expect(await client.lookup(1, 'a')).toMatchObject({ attr: expect.objectContaining({ mode: 0o020000, rdev: 0 }) });
  });

  test('a rename onto another name of the same file changes nothing', async () => {
    const { client } = await serve();
    const a = await client.mknod(1, 'a', 0o100644);
    await client.link(a.nodeid, 1, 'b');
    await client.rename(1, 'a', 1, 'b');
    expect((await client.lookup(1, 'a')).attr.nlink).toBe(2);
  });

  test('LINK counts, READLINK gives the bytes without a NUL', async () => {
    const { client } = await serve();
    const a = await client.mknod(1, 'a', 0o100644);
    expect((await client.link(a.nodeid, 1, 'b')).attr.nlink).toBe(2);
    const link = await client.symlink(1, 'l', 'to/\xe9');
    expect(link.attr).toMatchObject({ mode: 0o120777, size: 4 });
    expect(await client.readlink(link.nodeid)).toBe('to/\xe9');
    expect(await errnoOf(client.readlink(a.nodeid))).toBe('EINVAL');
    expect(await errnoOf(client.symlink(1, 'm', ''))).toBe('ENOENT');
    expect(await errnoOf(client.symlink(1, 'm', 'x'.repeat(4096)))).toBe('ENAMETOOLONG');
  });

  test('MKNOD keeps type, permissions, owner and device number', async () => {
    const { client } = await serve();
    client.who = { uid: 1000, gid: 100, pid: 9 };
    expect((await client.mknod(1, 'n', 0o020640, 0x1234)).attr).toMatchObject({
      mode: 0o020640,
      rdev: 0x1234,
      uid: 1000,
      gid: 100,
      nlink: 1,
    });
    expect((await client.mknod(1, 's', 0o140600)).attr.mode).toBe(0o140600);
    expect(await errnoOf(client.mknod(1, 'd', 0o040755))).toBe('EPERM');
  });

  test('CREATE opens what is there, unless O_EXCL', async () => {
    const { client } = await serve();
    const first = await client.create(1, 'f');
    await client.write(first.nodeid, first.fh, 0, bytes(1, 2, 3));
    expect((await client.create(1, 'f')).attr.size).toBe(3);
    expect(await errnoOf(client.create(1, 'f', 0o100644, 2 | O_EXCL))).toBe('EEXIST');
    expect((await client.create(1, 'f', 0o100644, 2 | O_TRUNC)).attr.size).toBe(0);
    await client.symlink(1, 'l', 'f');
    expect(await errnoOf(client.create(1, 'l'))).toBe('ELOOP');
  });
});

describe('§5.8 set-id bits and file capabilities', () => {
  const prepare = async (mode: number) => {
    const served = await serve();
    const file = await served.client.create(1, 'f', 0o100000 | mode);
    await served.client.setattr(file.nodeid, { valid: FATTR.FATTR_MODE, mode });
    await served.client.setxattr(file.nodeid, 'security.capability', bytes(1));
    const state = async () => [
      (await served.client.getattr(file.nodeid)).mode & 0o7777,
      await errnoOf(served.client.getxattr(file.nodeid, 'security.capability', 0)),
    ];
    return { ...served, file, state };
  };
  const KILL = FUSE_WRITE_FLAGS.FUSE_WRITE_KILL_SUIDGID;

  test('WRITE clears them when told so, the capability always', async () => {
    const { client, file, state } = await prepare(0o6755);
    await client.write(file.nodeid, file.fh, 0, bytes(1));
    expect(await state()).toEqual([0o6755, 'ENODATA']);
    await client.write(file.nodeid, file.fh, 0, bytes(1), { write_flags: KILL });
    expect(await state()).toEqual([0o755, 'ENODATA']);
  });

  test('set-group-id stays where the group may not execute', async () => {
    const { client, file, state } = await prepare(0o6744);
    await client.write(file.nodeid, file.fh, 0, bytes(1), { write_flags: KILL });
    expect(await state()).toEqual([0o2744, 'ENODATA']);
  });

  test('truncate, by size and by O_TRUNC', async () => {
    const one = await prepare(0o6755);
    await one.client.setattr(one.file.nodeid, { valid: FATTR.FATTR_SIZE | FATTR.FATTR_KILL_SUIDGID, size: 0 });
    expect(await one.state()).toEqual([0o755, 'ENODATA']);
    const two = await prepare(0o6755);
    await two.client.openOut(two.file.nodeid, 1 | O_TRUNC, FUSE_OPEN_FLAGS.FUSE_OPEN_KILL_SUIDGID);
    expect(await two.state()).toEqual([0o755, 'ENODATA']);
    const three = await prepare(0o6755);
    await three.client.openOut(three.file.nodeid, 1 | O_TRUNC);
    expect(await three.state()).toEqual([0o6755, 'ENODATA']);
  });

  test('chown clears them always, chmod never', async () => {
    const one = await prepare(0o6755);
    await one.client.setattr(one.file.nodeid, { valid: FATTR.FATTR_UID, uid: 7 });
    expect(await one.state()).toEqual([0o755, 'ENODATA']);
    const two = await prepare(0o755);
    await two.client.setattr(two.file.nodeid, { valid: FATTR.FATTR_MODE, mode: 0o4711 });
    expect(await two.state()).toEqual([0o4711, 'ok']);
  });

  test('directories keep theirs', async () => {
    const { client } = await serve();
    const dir = await client.mkdir(1, 'd', 0o2775);
    await client.setattr(dir.nodeid, { valid: FATTR.FATTR_GID | FATTR.FATTR_KILL_SUIDGID, gid: 5 });
    expect((await client.getattr(dir.nodeid)).mode & 0o7777).toBe(0o2775);
  });

  test('nothing of it where it was not negotiated', async () => {
    const { client } = await serve({ init: false });
    await client.init({ flags: FUSE_INIT_FLAGS.FUSE_SETXATTR_EXT });
    const file = await client.create(1, 'f', 0o104755);
    await client.setattr(file.nodeid, { valid: FATTR.FATTR_MODE, mode: 0o4755 });
    await client.write(file.nodeid, file.fh, 0, bytes(1), { write_flags: KILL });
    expect((await client.getattr(file.nodeid)).mode & 0o7777).toBe(0o4755);
  });

  test('a set-group-id directory gives its group, and the bit to directories', async () => {
    const { client } = await serve();
    const dir = await client.mkdir(1, 'd');
    await client.setattr(dir.nodeid, { valid: FATTR.FATTR_GID | FATTR.FATTR_MODE, gid: 50, mode: 0o2775 });
    client.who = { uid: 1, gid: 1, pid: 1 };
    expect((await client.create(dir.nodeid, 'f')).attr).toMatchObject({ gid: 50, mode: 0o100644 });
    expect((await client.mkdir(dir.nodeid, 's')).attr).toMatchObject({ gid: 50, mode: 0o042755 });
  });
});

describe('§5.11 extended attributes', () => {
  test('sizes, errors, list', async () => {
    const { client } = await serve();
    const { nodeid } = await client.mknod(1, 'f', 0o100644);
    expect(await errnoOf(client.getxattr(nodeid, 'user.a', 0))).toBe('ENODATA');
    expect(await errnoOf(client.setxattr(nodeid, 'user.a', bytes(1), 2))).toBe('ENODATA');
    await client.setxattr(nodeid, 'user.a', bytes(1, 2, 3), 1);
    expect(await errnoOf(client.setxattr(nodeid, 'user.a', bytes(1), 1))).toBe('EEXIST');
    expect(await client.getxattr(nodeid, 'user.a', 0)).toEqual(bytes(3, 0, 0, 0, 0, 0, 0, 0));
    expect(await errnoOf(client.getxattr(nodeid, 'user.a', 2))).toBe('ERANGE');
    expect(await client.getxattr(nodeid, 'user.a', 3)).toEqual(bytes(1, 2, 3));
    await client.setxattr(nodeid, 'trusted.b', new Uint8Array(0));
    expect(await client.listxattr(nodeid, 100)).toEqual(text('user.a\0trusted.b\0'));
    expect(await client.listxattr(nodeid, 0)).toEqual(bytes(17, 0, 0, 0, 0, 0, 0, 0));
    expect(await errnoOf(client.listxattr(nodeid, 16))).toBe('ERANGE');
    await client.removexattr(nodeid, 'user.a');
    expect(await errnoOf(client.removexattr(nodeid, 'user.a'))).toBe('ENODATA');
  });

  test('limits', async () => {
    const { client } = await serve();
    expect(await errnoOf(client.setxattr(1, `user.${'n'.repeat(251)}`, bytes(1)))).toBe('ERANGE');
    await client.setxattr(1, `user.${'n'.repeat(250)}`, new Uint8Array(65536));
    expect(await errnoOf(client.setxattr(1, 'user.a', new Uint8Array(65537)))).toBe('E2BIG');
    expect(await errnoOf(client.setxattr(1, '', bytes(1)))).toBe('EINVAL');
    expect(await errnoOf(client.setxattr(1, 'user.a', bytes(1), 4))).toBe('EINVAL');
  });

  test('the struct of before SETXATTR_EXT', async () => {
    const { client } = await serve({ init: false });
    await client.init({ flags: 0 });
    const old = new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, ...text('user.a\0'), 8, 9]);
    await client.request(21, 1, old, 0);
    expect(await client.getxattr(1, 'user.a', 2)).toEqual(bytes(8, 9));
  });
});

describe('§5.16 SETATTR and times', () => {
  test('valid = 0 answers the attributes and changes nothing', async () => {
    const { client, clock } = await serve();
    const { nodeid, attr } = await client.mknod(1, 'f', 0o104755);
    clock.s += 10;
    expect((await client.setattr(nodeid, { valid: 0 })).ctime).toBe(attr.ctime);
  });

  test('times before 1970 and to the nanosecond; ctime follows', async () => {
    const { client, clock } = await serve();
    const { nodeid } = await client.mknod(1, 'f', 0o100644);
    clock.s += 10;
    const valid = FATTR.FATTR_ATIME | FATTR.FATTR_MTIME;
    await client.setattr(nodeid, { valid, atime: -5, atimensec: 1, mtime: -1e10, mtimensec: 999_999_999 });
    expect(await client.getattr(nodeid)).toMatchObject({
      atime: -5,
      atimensec: 1,
      mtime: -1e10,
      mtimensec: 999_999_999,
      ctime: clock.s,
      ctimensec: clock.ns,
    });
    const now = { valid: valid | FATTR.FATTR_ATIME_NOW | FATTR.FATTR_MTIME_NOW, atime: 1, mtime: 1 };
    expect(await client.setattr(nodeid, now)).toMatchObject({ atime: clock.s, mtime: clock.s });
    expect(await errnoOf(client.setattr(nodeid, { valid, atimensec: 1_000_000_000 }))).toBe('EINVAL');
  });

  test('ctime is what the guest says where it keeps it (writeback)', async () => {
    const { client } = await serve();
    const { nodeid } = await client.mknod(1, 'f', 0o100644);
    const set = { valid: FATTR.FATTR_CTIME | FATTR.FATTR_MTIME, ctime: 77, ctimensec: 8, mtime: 76 };
    expect(await client.setattr(nodeid, set)).toMatchObject({ ctime: 77, ctimensec: 8, mtime: 76 });
  });

  test('a size through an open file, and sizes that cannot be', async () => {
    const { client } = await serve();
    const file = await client.create(1, 'f');
    const through = { valid: FATTR.FATTR_SIZE | FATTR.FATTR_FH, fh: file.fh };
    await client.unlink(1, 'f');
    expect((await client.setattr(file.nodeid, { ...through, size: 10 })).size).toBe(10);
    expect(await client.read(file.nodeid, file.fh, 0, 20)).toEqual(new Uint8Array(10));
    expect(await errnoOf(client.setattr(file.nodeid, { ...through, fh: 999 }))).toBe('EBADF');
    expect(await errnoOf(client.setattr(1, { valid: FATTR.FATTR_SIZE }))).toBe('EISDIR');
  });

  test('chmod keeps the type', async () => {
    const { client } = await serve();
    const { nodeid } = await client.mkdir(1, 'd');
    expect((await client.setattr(nodeid, { valid: FATTR.FATTR_MODE, mode: 0o100700 })).mode).toBe(0o040700);
  });
});

describe('files', () => {
  test('§5.14 blocks follow what is allocated, holes read as zeroes', async () => {
    const { client } = await serve();
    const file = await client.create(1, 'f');
    await client.write(file.nodeid, file.fh, 10_000_000, bytes(1));
    const attr = await client.getattr(file.nodeid);
    expect(attr.size).toBe(10_000_001);
    expect(attr.blocks * 512).toBeLessThan(1_000_000);
    expect(attr.blocks).toBeGreaterThan(0);
    expect(await client.read(file.nodeid, file.fh, 9_999_990, 100)).toEqual(bytes(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1));
    expect(await client.read(file.nodeid, file.fh, 10_000_001, 10)).toEqual(bytes());
  });

  test('§3.18 O_APPEND writes go to the end, but not those from the page cache', async () => {
    const { client } = await serve();
    const file = await client.create(1, 'f', 0o100644, 1 | O_APPEND);
    await client.write(file.nodeid, file.fh, 0, bytes(1, 2), { flags: 1 | O_APPEND });
    await client.write(file.nodeid, file.fh, 0, bytes(3), { flags: 1 | O_APPEND });
    const cached = { flags: 1 | O_APPEND, write_flags: FUSE_WRITE_FLAGS.FUSE_WRITE_CACHE };
    await client.write(file.nodeid, file.fh, 0, bytes(9), cached);
    expect(await client.read(file.nodeid, file.fh, 0, 9)).toEqual(bytes(9, 2, 3));
  });

  test('a file opened for reading is not written, but the page cache may use its fh', async () => {
    const { client } = await serve();
    const { nodeid } = await client.mknod(1, 'f', 0o100644);
    const fh = await client.open(nodeid, 0);
    expect(await errnoOf(client.write(nodeid, fh, 0, bytes(1)))).toBe('EBADF');
    expect(await client.write(nodeid, fh, 0, bytes(1), { write_flags: FUSE_WRITE_FLAGS.FUSE_WRITE_CACHE })).toBe(1);
  });

  test.each([
    [2 ** 63, 'EINVAL'],
    [2 ** 62, 'EFBIG'],
  ])('an offset of %s is %s', async (offset, errno) => {
    const { client } = await serve();
    const file = await client.create(1, 'f');
    const body = (size: number): Uint8Array => {
      const out = new Uint8Array(40 + size);
      const view = new DataView(out.buffer);
      view.setUint32(0, file.fh, true);
      view.setBigUint64(8, BigInt(offset), true);
      view.setUint32(16, size, true);
      return out;
    };
    expect(await errnoOf(client.request(16, file.nodeid, body(1), 8))).toBe(errno);
    expect(await errnoOf(client.request(15, file.nodeid, body(0), 8))).toBe(errno);
  });

  test('a WRITE of more than it carries is EIO, one of nothing is 0', async () => {
    const { client } = await serve();
    const file = await client.create(1, 'f');
    expect(await errnoOf(client.write(file.nodeid, file.fh, 0, bytes(1), { size: 2 }))).toBe('EIO');
    expect(await client.write(file.nodeid, file.fh, 0, bytes())).toBe(0);
  });

  test('a device node is not opened here', async () => {
    const { client } = await serve();
    const { nodeid } = await client.mknod(1, 'n', 0o020644);
    expect(await errnoOf(client.open(nodeid))).toBe('ENXIO');
  });

  test('FSYNC, FSYNCDIR and SYNCFS are answered when nothing is unsaved', async () => {
    const { client, tree } = await serve();
    const file = await client.create(1, 'f');
    await client.write(file.nodeid, file.fh, 0, bytes(1));
    await client.fsync(file.nodeid, file.fh);
    expect(tree.dirtyBytes).toBe(0);
    const dir = await client.opendir(1);
    await client.mkdir(1, 'd');
    await client.fsyncdir(1, dir);
    expect(tree.dirtyBytes).toBe(0);
    await client.mkdir(1, 'e');
    await client.syncfs();
    expect(tree.dirtyBytes).toBe(0);
  });

  test('STATFS', async () => {
    const { client } = await serve();
    const { st } = await client.statfs();
    expect(st).toMatchObject({ namelen: 255 });
    expect(st.bsize).toBe(st.frsize);
    expect(st.bfree).toBeLessThanOrEqual(st.blocks);
  });
});

describe('§5.17 listings', () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `entry-${i}`);

  test.each([false, true])('every entry once, in parts of any size (plus: %s)', async (plus) => {
    const { client } = await serve();
    for (const name of names(100)) await client.mknod(1, name, 0o100644);
    for (const size of [200, 1000, 4096]) {
      const list = await client.list(1, size, plus);
      expect(list.map((entry) => entry.name)).toEqual(['.', '..', ...names(100)]);
      expect(list.slice(0, 3).map((entry) => entry.type)).toEqual([4, 4, 8]);
      const cookies = list.map((entry) => entry.cookie);
      expect(cookies).toEqual([...new Set(cookies)].sort((a, b) => a - b));
      expect(cookies[0]).toBeGreaterThan(0);
      expect(cookies.at(-1)).toBeLessThan(2 ** 31);
    }
  });

  test('no entry is skipped or doubled by changes between the parts, and cookies outlive the handle', async () => {
    const { client } = await serve();
    for (const name of names(40)) await client.mknod(1, name, 0o100644);
    const first = await client.opendir(1);
    const head = await client.readdir(1, first, 0, 32 * 12);
    await client.releasedir(1, first);
    for (let i = 0; i < 40; i += 3) await client.unlink(1, `entry-${i}`);
    await client.mknod(1, 'late', 0o100644);
    const second = await client.opendir(1);
    const rest = await client.readdir(1, second, head.at(-1)!.cookie, 32768);
    const seen = [...head, ...rest].map((entry) => entry.name);
    expect(new Set(seen).size).toBe(seen.length);
    for (let i = 0; i < 40; i++) if (i % 3 !== 0) expect(seen).toContain(`entry-${i}`);
  });

  test('a listing ends although every entry is renamed while it runs', async () => {
    const { client } = await serve();
    for (const name of names(30)) await client.mknod(1, name, 0o100644);
    const fh = await client.opendir(1);
    let parts = 0;
    for (let cookie = 0; ; parts++) {
      const part = await client.readdir(1, fh, cookie, 32 * 4);
      if (part.length === 0) break;
      for (const { name } of part) if (!name.startsWith('.')) await client.rename(1, name, 1, `${name}x`);
      cookie = part.at(-1)!.cookie;
    }
    expect(parts).toBeLessThan(20);
  });
});

describe('the table', () => {
  test('every opcode of 1 to 52 has an entry, but for the two numbers that Linux leaves out', async () => {
    const { OPS } = await import('./ops/index.ts');
    const { FUSE_OPCODE } = await import('./abi.ts');
    const missing = Array.from({ length: 52 }, (_, i) => i + 1).filter((opcode) => !OPS[opcode]);
    expect(missing).toEqual([7, 19]);
    for (const entry of OPS) if (entry) expect(FUSE_OPCODE).toHaveProperty(`FUSE_${entry.name}`, entry.opcode);
  });
});

describe('the log', () => {
  test('says where each request pointed and what it counted', async () => {
    const { client, answers } = await serve();
    const dir = await client.mkdir(1, 'd');
    await client.create(dir.nodeid, 'f');
    await client.getattr(dir.nodeid);
    await client.rmdir(1, 'd').catch(() => {});
    expect(answers.map(({ opcode, path, nlookup, error }) => [opcode, path, nlookup, error])).toEqual([
      [26, undefined, 0, 0],
      [9, '/d', 1, 0],
      [35, '/d/f', 1, 0],
      [3, '/d', 0, 0],
      [11, '/d', 0, -39],
    ]);
  });
});
