// The inode's flags through IOCTL, and what IMMUTABLE and APPEND forbid: the guest's kernel does not know them here.
import { describe, expect, test } from 'vitest';
import { errnoOf } from '../../../test/fuse-client.ts';
import { type Served, serve } from '../../../test/served-tree.ts';
import { FATTR, FUSE_WRITE_FLAGS } from './abi.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const O_WRONLY = 1;
const O_RDWR = 2;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const IMMUTABLE = 0x10;
const APPEND = 0x20;
const NODUMP = 0x40;
const NOATIME = 0x80;
const GETFLAGS = [0x80046601, 0x80086601] as const;
const SETFLAGS = [0x40046602, 0x40086602] as const;
const FSGETXATTR = 0x801c581f;
const FSSETXATTR = 0x401c5820;
/** FUSE_IOCTL_32BIT, FUSE_IOCTL_DIR. */
const BITS_32 = 8;
const DIR = 0x10;

const word = (value: number): Uint8Array => {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, value, true);
  return data;
};
const fsxattr = (xflags: number, ...more: number[]): Uint8Array =>
  bytes(...word(xflags), ...more.flatMap((value) => [...word(value)]), ...new Uint8Array(24 - 4 * more.length));

/** Sets flags of a node as root, through an open of its own. */
async function setFlags({ client }: Served, nodeid: number, flags: number, directory = false): Promise<void> {
  const before = client.who;
  client.who = { uid: 0, gid: 0, pid: 1 };
  const fh = await (directory ? client.opendir(nodeid) : client.open(nodeid, 0));
  await client.ioctl(nodeid, fh, SETFLAGS[0], { flags: directory ? BITS_32 | DIR : BITS_32 }, word(flags));
  await (directory ? client.releasedir(nodeid, fh) : client.release(nodeid, fh));
  client.who = before;
}

describe('IOCTL', () => {
  test('3.19 FS_IOC_GETFLAGS and SETFLAGS in their 32-bit and 64-bit numbers, on files and directories', async () => {
    const { client, clock } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    const dir = await client.mkdir(1, 'd');
    const dirFh = await client.opendir(dir.nodeid);
    for (const [node, through, flags] of [
      [nodeid, fh, BITS_32],
      [dir.nodeid, dirFh, BITS_32 | DIR],
    ] as const) {
      for (const i of [0, 1] as const) {
        clock.s += 1;
        const size = 4 + 4 * i;
        const value = NODUMP | (i ? NOATIME : IMMUTABLE | APPEND);
        const set = await client.ioctl(
          node,
          through,
          SETFLAGS[i],
          { flags },
          bytes(...word(value), ...new Uint8Array(4 * i)),
        );
        expect(set).toEqual({ result: 0, flags: 0, data: bytes() });
        expect((await client.getattr(node)).ctime).toBe(clock.s);
        // 32 bits come back whatever the number says of a long.
        expect((await client.ioctl(node, through, GETFLAGS[i], { flags, out_size: size })).data).toEqual(word(value));
      }
    }
  });

  test('3.19 struct fsxattr says the same in its own bits, and how many pieces the content has', async () => {
    const { client } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    await client.write(nodeid, fh, 10_000_000, bytes(1));
    await client.write(nodeid, fh, 0, bytes(1));
    await client.ioctl(nodeid, fh, FSSETXATTR, {}, fsxattr(0x8 | 0x40 | 0x80));
    expect((await client.ioctl(nodeid, fh, GETFLAGS[0], { out_size: 4 })).data).toEqual(
      word(IMMUTABLE | NOATIME | NODUMP),
    );
    await client.ioctl(nodeid, fh, SETFLAGS[0], {}, word(APPEND));
    expect((await client.ioctl(nodeid, fh, FSGETXATTR, { out_size: 28 })).data).toEqual(fsxattr(0x10, 0, 2));
    expect(await errnoOf(client.ioctl(nodeid, fh, FSSETXATTR, {}, fsxattr(0x2)))).toBe('EOPNOTSUPP');
    for (const more of [[4096], [0, 0, 9], [0, 0, 0, 4096]]) {
      expect(await errnoOf(client.ioctl(nodeid, fh, FSSETXATTR, {}, fsxattr(0, ...more)))).toBe('EOPNOTSUPP');
    }
  });

  test('flags that are not kept are EOPNOTSUPP', async () => {
    const { client } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    for (const flag of [0x1, 0x4, 0x8, 0x4000, 0x80000, 0x800000]) {
      expect(await errnoOf(client.ioctl(nodeid, fh, SETFLAGS[0], {}, word(flag | NODUMP)))).toBe('EOPNOTSUPP');
    }
    expect((await client.ioctl(nodeid, fh, GETFLAGS[0], { out_size: 4 })).data).toEqual(word(0));
  });

  test('IMMUTABLE and APPEND are root’s to set and to clear, the rest is the owner’s', async () => {
    const served = await serve();
    const { client } = served;
    client.who = { uid: 5, gid: 5, pid: 1 };
    const { nodeid, fh } = await client.create(1, 'f');
    const set = (flags: number): Promise<string> => errnoOf(client.ioctl(nodeid, fh, SETFLAGS[0], {}, word(flags)));
    expect(await set(NODUMP)).toBe('ok');
    expect(await set(NODUMP | IMMUTABLE)).toBe('EPERM');
    expect(await set(APPEND)).toBe('EPERM');
    await setFlags(served, nodeid, APPEND);
    expect(await set(0)).toBe('EPERM');
    expect(await set(APPEND | NOATIME)).toBe('ok');
    client.who = { uid: 6, gid: 5, pid: 1 };
    expect(await set(APPEND)).toBe('EPERM');
    expect(await errnoOf(client.ioctl(nodeid, fh, FSSETXATTR, {}, fsxattr(0x10)))).toBe('EPERM');
  });

  test('3.17 any other command is ENOTTY, never ENOSYS', async () => {
    const { client } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    // TCGETS, FIONREAD, FS_IOC_GETVERSION, FS_IOC_MEASURE_VERITY, FICLONE, FS_IOC_FIEMAP.
    for (const cmd of [0x5401, 0x541b, 0x80047601, 0xc0046686, 0x40049409, 0xc020660b, 0, 0xffffffff]) {
      for (const flags of [BITS_32, BITS_32 | 1, 2]) {
        expect(await errnoOf(client.ioctl(nodeid, fh, cmd, { flags, out_size: 64 }, bytes(1, 2)))).toBe('ENOTTY');
      }
    }
  });

  test('sizes and flags of the request are checked', async () => {
    const { client } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    const errno = (cmd: number, values: Record<string, number>, data = bytes()): Promise<string> =>
      errnoOf(client.ioctl(nodeid, fh, cmd, values, data));
    expect(await errno(GETFLAGS[0], { out_size: 0 })).toBe('EINVAL');
    expect(await errno(GETFLAGS[0], { out_size: 3 })).toBe('EINVAL');
    expect(await errno(SETFLAGS[0], {}, bytes(1, 2, 3))).toBe('EINVAL');
    expect(await errno(FSGETXATTR, { out_size: 27 })).toBe('EINVAL');
    expect(await errno(FSSETXATTR, {}, new Uint8Array(32))).toBe('EINVAL');
    // More is announced than comes.
    expect(await errno(SETFLAGS[0], { in_size: 4 })).toBe('EIO');
    // FUSE_IOCTL_RETRY is for replies only; UNRESTRICTED is served as long as the sizes are right.
    expect(await errno(GETFLAGS[0], { out_size: 4, flags: 4 })).toBe('EINVAL');
    expect(await errno(GETFLAGS[0], { out_size: 4, flags: 2 })).toBe('ok');
    expect(await errno(GETFLAGS[0], { out_size: 4, flags: DIR })).toBe('EBADF');
    expect(await errnoOf(client.ioctl(nodeid, 99, GETFLAGS[0], { out_size: 4 }))).toBe('EBADF');
  });
});

describe('5.13 IMMUTABLE: EPERM, for root too', () => {
  test('content: no open for writing, no write, no truncate, no allocation', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid, fh } = await client.create(1, 'f');
    await client.write(nodeid, fh, 0, bytes(1, 2, 3));
    const other = await client.create(1, 'g');
    await setFlags(served, nodeid, IMMUTABLE);
    for (const flags of [O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_TRUNC]) {
      expect(await errnoOf(client.open(nodeid, flags))).toBe('EPERM');
    }
    expect(await errnoOf(client.create(1, 'f'))).toBe('EPERM');
    expect(await errnoOf(client.write(nodeid, fh, 9, bytes(4)))).toBe('EPERM');
    const cached = { write_flags: FUSE_WRITE_FLAGS.FUSE_WRITE_CACHE };
    expect(await errnoOf(client.write(nodeid, fh, 9, bytes(4), cached))).toBe('EPERM');
    expect(await errnoOf(client.setattr(nodeid, { valid: FATTR.FATTR_SIZE, size: 1 }))).toBe('EPERM');
    expect(await errnoOf(client.fallocate(nodeid, fh, 0, 0, 10))).toBe('EPERM');
    expect(await errnoOf(client.copyFileRange([other.nodeid, other.fh, 0], [nodeid, fh, 9], 1))).toBe('EPERM');
    expect(await client.read(nodeid, await client.open(nodeid, 0), 0, 9)).toEqual(bytes(1, 2, 3));
    await setFlags(served, nodeid, 0);
    expect(await client.write(nodeid, fh, 9, bytes(4))).toBe(1);
  });

  test('attributes: no chmod, chown, times, xattr; 5.8 set-id bits stay', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid, attr } = await client.mknod(1, 'f', 0o104755);
    await client.setxattr(nodeid, 'user.a', bytes(1));
    await setFlags(served, nodeid, IMMUTABLE);
    const { FATTR_MODE, FATTR_UID, FATTR_GID, FATTR_ATIME, FATTR_ATIME_NOW, FATTR_MTIME, FATTR_MTIME_NOW } = FATTR;
    for (const valid of [
      FATTR_MODE,
      FATTR_UID,
      FATTR_GID,
      FATTR_ATIME,
      FATTR_MTIME,
      FATTR_ATIME | FATTR_ATIME_NOW | FATTR_MTIME | FATTR_MTIME_NOW,
    ]) {
      expect(await errnoOf(client.setattr(nodeid, { valid }))).toBe('EPERM');
    }
    expect(await errnoOf(client.setxattr(nodeid, 'user.b', bytes(1)))).toBe('EPERM');
    expect(await errnoOf(client.removexattr(nodeid, 'user.a'))).toBe('EPERM');
    // An ACL that is not there cannot be taken away either.
    expect(await errnoOf(client.removexattr(nodeid, 'system.posix_acl_access'))).toBe('EPERM');
    expect(await client.getxattr(nodeid, 'user.a', 9)).toEqual(bytes(1));
    expect((await client.getattr(nodeid)).mode).toBe(attr.mode);
    expect(await errnoOf(client.setattr(nodeid, { valid: 0 }))).toBe('ok');
  });

  test('5.16 the times that a write-back cache kept of earlier writes are still told', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid, fh } = await client.create(1, 'f');
    await setFlags(served, nodeid, IMMUTABLE);
    const times = FATTR.FATTR_MTIME | FATTR.FATTR_CTIME;
    const flush = { valid: times | FATTR.FATTR_FH, fh, mtime: 70, ctime: 71 };
    expect(await client.setattr(nodeid, flush)).toMatchObject({ mtime: 70, ctime: 71 });
    expect(await errnoOf(client.setattr(nodeid, { ...flush, valid: flush.valid | FATTR.FATTR_MODE }))).toBe('EPERM');
    // A change of names or xattrs, told when nobody has the file open; but no time that somebody chose (touch -m -d).
    const { mtime, mtimensec } = await client.getattr(nodeid);
    expect(await client.setattr(nodeid, { valid: times, mtime, mtimensec, ctime: 72 })).toMatchObject({ ctime: 72 });
    expect(await errnoOf(client.setattr(nodeid, { valid: times, mtime: 80, ctime: 73 }))).toBe('EPERM');
  });

  test('names of it: no link, unlink, rename from or onto', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid } = await client.mknod(1, 'f', 0o100644);
    await client.mknod(1, 'g', 0o100644);
    await setFlags(served, nodeid, IMMUTABLE);
    expect(await errnoOf(client.link(nodeid, 1, 'h'))).toBe('EPERM');
    expect(await errnoOf(client.unlink(1, 'f'))).toBe('EPERM');
    expect(await errnoOf(client.rename(1, 'f', 1, 'h'))).toBe('EPERM');
    expect(await errnoOf(client.rename(1, 'g', 1, 'f'))).toBe('EPERM');
    expect(await errnoOf(client.rename(1, 'g', 1, 'f', 2))).toBe('EPERM');
    expect(await errnoOf(client.rename(1, 'f', 1, 'h', 4))).toBe('EPERM');
    const dir = await client.mkdir(1, 'd');
    await setFlags(served, dir.nodeid, IMMUTABLE, true);
    expect(await errnoOf(client.rmdir(1, 'd'))).toBe('EPERM');
  });

  test('names in it: none is made, removed, moved in or out', async () => {
    const served = await serve();
    const { client } = served;
    const dir = await client.mkdir(1, 'd');
    const inner = await client.mknod(dir.nodeid, 'f', 0o100644);
    const outer = await client.mknod(1, 'o', 0o100644);
    await setFlags(served, dir.nodeid, IMMUTABLE, true);
    const attempts = [
      () => client.mknod(dir.nodeid, 'n', 0o100644),
      () => client.mkdir(dir.nodeid, 'n'),
      () => client.symlink(dir.nodeid, 'n', 'x'),
      () => client.create(dir.nodeid, 'n'),
      () => client.tmpfile(dir.nodeid),
      () => client.link(outer.nodeid, dir.nodeid, 'n'),
      () => client.unlink(dir.nodeid, 'f'),
      () => client.rename(dir.nodeid, 'f', 1, 'n'),
      () => client.rename(1, 'o', dir.nodeid, 'n'),
      () => client.rename(1, 'o', dir.nodeid, 'f'),
      () => client.setattr(dir.nodeid, { valid: FATTR.FATTR_MODE, mode: 0o700 }),
    ];
    for (const attempt of attempts) expect(await errnoOf(attempt())).toBe('EPERM');
    // What is in it is not protected itself.
    const fh = await client.open(inner.nodeid, O_RDWR);
    expect(await client.write(inner.nodeid, fh, 0, bytes(1))).toBe(1);
    expect((await client.list(dir.nodeid)).map(({ name }) => name)).toEqual(['.', '..', 'f']);
  });
});

describe('5.13 APPEND: what is there stays', () => {
  test('opened for writing only with O_APPEND, written only behind the end, never made shorter or zero', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid, fh } = await client.create(1, 'f');
    await client.write(nodeid, fh, 0, bytes(1, 2, 3));
    await setFlags(served, nodeid, APPEND);
    for (const flags of [O_WRONLY, O_RDWR, O_WRONLY | O_APPEND | O_TRUNC, O_TRUNC]) {
      expect(await errnoOf(client.open(nodeid, flags))).toBe('EPERM');
    }
    const appending = await client.open(nodeid, O_WRONLY | O_APPEND);
    const flags = { flags: O_WRONLY | O_APPEND };
    expect(await client.write(nodeid, appending, 0, bytes(4), flags)).toBe(1);
    expect(await errnoOf(client.write(nodeid, fh, 3, bytes(9)))).toBe('EPERM');
    expect(await client.write(nodeid, fh, 4, bytes(5))).toBe(1);
    expect(await errnoOf(client.setattr(nodeid, { valid: FATTR.FATTR_SIZE, size: 1 }))).toBe('EPERM');
    expect(await errnoOf(client.setattr(nodeid, { valid: FATTR.FATTR_SIZE, size: 100 }))).toBe('EPERM');
    expect(await errnoOf(client.fallocate(nodeid, fh, 3, 0, 1))).toBe('EPERM');
    expect(await errnoOf(client.fallocate(nodeid, fh, 16, 0, 1))).toBe('EPERM');
    expect(await errnoOf(client.fallocate(nodeid, fh, 0, 0, 7))).toBe('ok');
    expect(await client.read(nodeid, await client.open(nodeid, 0), 0, 99)).toEqual(bytes(1, 2, 3, 4, 5, 0, 0));
  });

  test('a page of the guest’s cache adds what lies behind the end, and changes nothing before it', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid, fh } = await client.create(1, 'f');
    await client.write(nodeid, fh, 0, bytes(1, 2, 3));
    await setFlags(served, nodeid, APPEND);
    const cached = { write_flags: FUSE_WRITE_FLAGS.FUSE_WRITE_CACHE };
    expect(await client.write(nodeid, fh, 0, bytes(9, 9, 9, 4, 5), cached)).toBe(5);
    expect(await errnoOf(client.write(nodeid, fh, 0, bytes(9, 9), cached))).toBe('EPERM');
    expect(await client.read(nodeid, fh, 0, 99)).toEqual(bytes(1, 2, 3, 4, 5));
  });

  test('times of now, not others; no chmod, xattr, link, unlink, rename', async () => {
    const served = await serve();
    const { client, clock } = served;
    const { nodeid } = await client.mknod(1, 'f', 0o100644);
    await client.mknod(1, 'g', 0o100644);
    await setFlags(served, nodeid, APPEND);
    const { FATTR_ATIME, FATTR_ATIME_NOW, FATTR_MTIME, FATTR_MTIME_NOW, FATTR_CTIME } = FATTR;
    clock.s += 9;
    const now = FATTR_ATIME | FATTR_ATIME_NOW | FATTR_MTIME | FATTR_MTIME_NOW;
    expect(await client.setattr(nodeid, { valid: now })).toMatchObject({ atime: clock.s, mtime: clock.s });
    // touch, as a guest with a write-back cache sends it.
    const own = { valid: FATTR_ATIME | FATTR_ATIME_NOW | FATTR_MTIME | FATTR_CTIME, mtime: 8, ctime: 8 };
    expect(await client.setattr(nodeid, own)).toMatchObject({ mtime: 8 });
    for (const valid of [
      FATTR_ATIME,
      FATTR_MTIME,
      FATTR_ATIME | FATTR_MTIME | FATTR_CTIME,
      FATTR_ATIME | FATTR_ATIME_NOW,
      FATTR_MTIME | FATTR_MTIME_NOW,
      FATTR.FATTR_MODE,
    ]) {
      expect(await errnoOf(client.setattr(nodeid, { valid }))).toBe('EPERM');
    }
    expect(await errnoOf(client.setxattr(nodeid, 'user.a', bytes(1)))).toBe('EPERM');
    expect(await errnoOf(client.link(nodeid, 1, 'h'))).toBe('EPERM');
    expect(await errnoOf(client.unlink(1, 'f'))).toBe('EPERM');
    expect(await errnoOf(client.rename(1, 'f', 1, 'h'))).toBe('EPERM');
    expect(await errnoOf(client.rename(1, 'g', 1, 'f'))).toBe('EPERM');
  });

  test('5.8 appending ends set-id bits all the same', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid } = await client.mknod(1, 'f', 0o106755);
    await client.setattr(nodeid, { valid: FATTR.FATTR_MODE, mode: 0o6755 });
    await client.setxattr(nodeid, 'security.capability', bytes(1));
    await setFlags(served, nodeid, APPEND);
    const fh = await client.open(nodeid, O_WRONLY | O_APPEND);
    await client.write(nodeid, fh, 0, bytes(1), { write_flags: FUSE_WRITE_FLAGS.FUSE_WRITE_KILL_SUIDGID });
    expect((await client.getattr(nodeid)).mode & 0o7777).toBe(0o755);
    expect(await errnoOf(client.getxattr(nodeid, 'security.capability', 0))).toBe('ENODATA');
  });

  test('in a directory names are made, and neither removed nor moved', async () => {
    const served = await serve();
    const { client } = served;
    const dir = await client.mkdir(1, 'd');
    await client.mknod(dir.nodeid, 'f', 0o100644);
    await client.mknod(1, 'o', 0o100644);
    await setFlags(served, dir.nodeid, APPEND, true);
    await client.mknod(dir.nodeid, 'n', 0o100644);
    await client.mkdir(dir.nodeid, 'm');
    await client.rename(1, 'o', dir.nodeid, 'o');
    expect(await errnoOf(client.unlink(dir.nodeid, 'f'))).toBe('EPERM');
    expect(await errnoOf(client.rmdir(dir.nodeid, 'm'))).toBe('EPERM');
    expect(await errnoOf(client.rename(dir.nodeid, 'f', 1, 'f'))).toBe('EPERM');
    expect(await errnoOf(client.rename(dir.nodeid, 'f', dir.nodeid, 'n'))).toBe('EPERM');
    expect(await errnoOf(client.rmdir(1, 'd'))).toBe('EPERM');
  });
});
