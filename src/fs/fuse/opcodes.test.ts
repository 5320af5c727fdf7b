// The opcodes for ranges of files, for files without a name, for flags and for what a Linux guest never sends over virtio.
import { describe, expect, test } from 'vitest';
import { errnoOf } from '../../../test/fuse-client.ts';
import { type Served, serve } from '../../../test/served-tree.ts';
import { checkTree } from '../tree/check-tree.ts';
import { CHUNK_SIZE } from '../tree/tree.ts';
import { FATTR, FUSE_OPCODE } from './abi.ts';
import { policyOf } from './policy.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const O_WRONLY = 1;
const O_TRUNC = 0o1000;
const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
const ZERO_RANGE = 16;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** A file of `size` bytes of value 7, open for reading and writing. */
async function filled(served: Served, name: string, size: number) {
  const file = await served.client.create(1, name);
  await served.client.write(file.nodeid, file.fh, 0, new Uint8Array(size).fill(7));
  return file;
}

describe('FALLOCATE', () => {
  test('5.14 mode 0 grows the size, KEEP_SIZE does not; what comes is zero', async () => {
    const { client, tree } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    await client.write(nodeid, fh, 0, bytes(1));
    const { blocks } = await client.getattr(nodeid);
    await client.fallocate(nodeid, fh, KEEP_SIZE, 0, 500_000);
    expect(await client.getattr(nodeid)).toMatchObject({ size: 1, blocks });
    await client.fallocate(nodeid, fh, 0, 100_000, 50_000);
    expect(await client.getattr(nodeid)).toMatchObject({ size: 150_000 });
    await client.fallocate(nodeid, fh, 0, 0, 10);
    expect((await client.getattr(nodeid)).size).toBe(150_000);
    expect(await client.read(nodeid, fh, 0, 4)).toEqual(bytes(1, 0, 0, 0));
    expect(await client.read(nodeid, fh, 149_998, 10)).toEqual(bytes(0, 0));
    expect(checkTree(tree)).toEqual([]);
  });

  test('5.14 PUNCH_HOLE frees whole chunks and zeroes the rest; ZERO_RANGE may also grow', async () => {
    const served = await serve();
    const { client, tree } = served;
    const { nodeid, fh } = await filled(served, 'f', 4 * CHUNK_SIZE);
    const whole = (await client.getattr(nodeid)).blocks;
    await client.fallocate(nodeid, fh, PUNCH_HOLE | KEEP_SIZE, 10, 2 * CHUNK_SIZE);
    const attr = await client.getattr(nodeid);
    expect(attr.size).toBe(4 * CHUNK_SIZE);
    expect(attr.blocks).toBe(whole - CHUNK_SIZE / 512);
    expect(await client.read(nodeid, fh, 8, 4)).toEqual(bytes(7, 7, 0, 0));
    expect(await client.read(nodeid, fh, 2 * CHUNK_SIZE + 8, 4)).toEqual(bytes(0, 0, 7, 7));
    await client.fallocate(nodeid, fh, ZERO_RANGE | KEEP_SIZE, 4 * CHUNK_SIZE - 2, 100);
    expect(await client.read(nodeid, fh, 4 * CHUNK_SIZE - 3, 100)).toEqual(bytes(7, 0, 0));
    await client.fallocate(nodeid, fh, ZERO_RANGE, 4 * CHUNK_SIZE - 3, 13);
    expect(await client.read(nodeid, fh, 4 * CHUNK_SIZE - 4, 100)).toEqual(bytes(7, ...new Array(13).fill(0)));
    expect(checkTree(tree)).toEqual([]);
  });

  test('5.14 a file that is punched out to its end has no blocks', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid, fh } = await filled(served, 'f', 5000);
    await client.fallocate(nodeid, fh, PUNCH_HOLE | KEEP_SIZE, 0, 5000);
    expect(await client.getattr(nodeid)).toMatchObject({ size: 5000, blocks: 0 });
    expect(await client.read(nodeid, fh, 4990, 100)).toEqual(new Uint8Array(10));
  });

  test('5.14 other modes are EOPNOTSUPP, never ENOSYS; EINVAL, EFBIG, EBADF, ENOSPC where they belong', async () => {
    const { client } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    const errno = (mode: number, offset: number, length: number, through = fh): Promise<string> =>
      errnoOf(client.fallocate(nodeid, through, mode, offset, length));
    for (const mode of [PUNCH_HOLE, 8, 8 | KEEP_SIZE, 32, 64, PUNCH_HOLE | ZERO_RANGE | KEEP_SIZE]) {
      expect(await errno(mode, 0, 4096)).toBe('EOPNOTSUPP');
    }
    expect(await errno(0, 0, 0)).toBe('EINVAL');
    expect(await errno(0, 2 ** 44 - 1, 2)).toBe('EFBIG');
    // The store says that it holds 8 GiB.
    expect(await errno(0, 0, 2 ** 34)).toBe('ENOSPC');
    expect(await errno(KEEP_SIZE, 0, 2 ** 34)).toBe('ENOSPC');
    expect(await errno(0, 2 ** 34, 4096)).toBe('ok');
    expect(await errno(0, 0, 1, await client.open(nodeid, 0))).toBe('EBADF');
    expect(await errno(0, 0, 1, 999)).toBe('EBADF');
  });

  test('5.16 it stamps mtime and ctime, in every mode', async () => {
    const { client, clock } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    await client.write(nodeid, fh, 0, bytes(1));
    for (const mode of [0, KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE, ZERO_RANGE | KEEP_SIZE]) {
      clock.s += 10;
      await client.fallocate(nodeid, fh, mode, 0, 10);
      expect(await client.getattr(nodeid)).toMatchObject({
        mtime: clock.s,
        ctime: clock.s,
        atime: 1e9,
      });
    }
  });
});

describe('LSEEK', () => {
  test('5.14 SEEK_DATA and SEEK_HOLE follow what is written, the end of the file is a hole', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid, fh } = await client.create(1, 'f');
    await client.write(nodeid, fh, 3 * CHUNK_SIZE + 5, bytes(1));
    await client.setattr(nodeid, { valid: FATTR.FATTR_SIZE, size: 10 * CHUNK_SIZE });
    const seek = (offset: number, whence: number): Promise<number> => client.lseek(nodeid, fh, offset, whence);
    expect(await seek(0, SEEK_DATA)).toBe(3 * CHUNK_SIZE);
    expect(await seek(3 * CHUNK_SIZE + 9, SEEK_DATA)).toBe(3 * CHUNK_SIZE + 9);
    expect(await errnoOf(seek(4 * CHUNK_SIZE, SEEK_DATA))).toBe('ENXIO');
    expect(await seek(0, SEEK_HOLE)).toBe(0);
    expect(await seek(3 * CHUNK_SIZE, SEEK_HOLE)).toBe(3 * CHUNK_SIZE + 4096);
    const full = await filled(served, 'g', 10);
    expect(await client.lseek(full.nodeid, full.fh, 3, SEEK_HOLE)).toBe(10);
    expect(await client.lseek(full.nodeid, full.fh, 3, SEEK_DATA)).toBe(3);
  });

  test('5.14 where the guest may hold back what it has written, nobody is told of holes', async () => {
    const served = await serve({ policy: policyOf({ cache: 'always', writeback: true }) });
    const { client } = served;
    const { nodeid, fh } = await filled(served, 'f', 10);
    const reader = await client.open(nodeid, 0);
    for (const one of [fh, reader]) {
      for (const whence of [SEEK_DATA, SEEK_HOLE]) {
        expect(await errnoOf(client.lseek(nodeid, one, 0, whence))).toBe('EINVAL');
      }
    }
    await client.release(nodeid, fh);
    expect(await client.lseek(nodeid, reader, 0, SEEK_DATA)).toBe(0);
    expect(await client.lseek(nodeid, reader, 0, SEEK_HOLE)).toBe(10);
  });

  test('5.14 at and behind the end it is ENXIO, and so are offsets that no file reaches', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid, fh } = await filled(served, 'f', 10);
    for (const whence of [SEEK_DATA, SEEK_HOLE]) {
      for (const offset of [10, 2 ** 44, 2 ** 52])
        expect(await errnoOf(client.lseek(nodeid, fh, offset, whence))).toBe('ENXIO');
      const negative = new Uint8Array(24).fill(0xff, 8, 16);
      negative.set([fh, 0, 0, 0, 0, 0, 0, 0]);
      negative[16] = whence;
      expect(await errnoOf(client.request(FUSE_OPCODE.FUSE_LSEEK, nodeid, negative, 8))).toBe('ENXIO');
    }
    for (const whence of [0, 1, 2, 5]) expect(await errnoOf(client.lseek(nodeid, fh, 0, whence))).toBe('EINVAL');
    expect(await errnoOf(client.lseek(nodeid, 999, 0, SEEK_DATA))).toBe('EBADF');
  });
});

describe('COPY_FILE_RANGE', () => {
  test('5.15 bytes, size, mtime and ctime of the target; short where the source ends', async () => {
    const served = await serve();
    const { client, clock } = served;
    const from = await filled(served, 'a', 100);
    const to = await client.create(1, 'b');
    clock.s += 5;
    expect(await client.copyFileRange([from.nodeid, from.fh, 90], [to.nodeid, to.fh, 4], 50)).toBe(10);
    expect(await client.getattr(to.nodeid)).toMatchObject({ size: 14, mtime: clock.s, ctime: clock.s });
    expect((await client.getattr(from.nodeid)).mtime).toBe(clock.s - 5);
    expect(await client.read(to.nodeid, to.fh, 0, 20)).toEqual(bytes(0, 0, 0, 0, ...new Array(10).fill(7)));
    clock.s += 5;
    expect(await client.copyFileRange([from.nodeid, from.fh, 100], [to.nodeid, to.fh, 0], 50)).toBe(0);
    expect((await client.getattr(to.nodeid)).mtime).toBe(clock.s - 5);
  });

  test('5.15 within one file: EINVAL where the ranges overlap, else as between two', async () => {
    const served = await serve();
    const { client } = served;
    const { nodeid, fh } = await client.create(1, 'f');
    await client.write(nodeid, fh, 0, bytes(1, 2, 3, 4, 5, 6));
    const copy = (from: number, to: number, length: number): Promise<number> =>
      client.copyFileRange([nodeid, fh, from], [nodeid, fh, to], length);
    expect(await errnoOf(copy(0, 2, 3))).toBe('EINVAL');
    expect(await errnoOf(copy(2, 0, 3))).toBe('EINVAL');
    expect(await errnoOf(copy(1, 1, 1))).toBe('EINVAL');
    // Cut at the end of the file first: then these are two ranges.
    expect(await copy(3, 6, 9)).toBe(3);
    await client.setattr(nodeid, { valid: FATTR.FATTR_SIZE, size: 6 });
    expect(await copy(0, 3, 3)).toBe(3);
    expect(await copy(1, 6, 2)).toBe(2);
    expect(await client.read(nodeid, fh, 0, 9)).toEqual(bytes(1, 2, 3, 1, 2, 3, 2, 3));
  });

  test('5.14 holes stay holes', async () => {
    const { client, tree } = await serve();
    const from = await client.create(1, 'a');
    await client.write(from.nodeid, from.fh, 5 * CHUNK_SIZE, bytes(9));
    await client.setattr(from.nodeid, { valid: FATTR.FATTR_SIZE, size: 100 * CHUNK_SIZE });
    const to = await client.create(1, 'b');
    await client.write(to.nodeid, to.fh, 50 * CHUNK_SIZE, bytes(8));
    const length = 100 * CHUNK_SIZE;
    expect(await client.copyFileRange([from.nodeid, from.fh, 0], [to.nodeid, to.fh, 0], length)).toBe(length);
    const [a, b] = [await client.getattr(from.nodeid), await client.getattr(to.nodeid)];
    expect([b.size, b.blocks]).toEqual([a.size, a.blocks]);
    expect(await client.lseek(to.nodeid, to.fh, 0, SEEK_DATA)).toBe(5 * CHUNK_SIZE);
    expect(await client.read(to.nodeid, to.fh, 50 * CHUNK_SIZE, 1)).toEqual(bytes(0));
    expect(checkTree(tree)).toEqual([]);
  });

  test('5.15 a length that the reply could not tell is cut', async () => {
    const { client } = await serve();
    const from = await client.create(1, 'a');
    await client.setattr(from.nodeid, { valid: FATTR.FATTR_SIZE, size: 2 ** 40 });
    const to = await client.create(1, 'b');
    const copied = await client.copyFileRange([from.nodeid, from.fh, 0], [to.nodeid, to.fh, 0], 2 ** 40);
    expect(copied).toBe(0xffff_f000);
    expect((await client.getattr(to.nodeid)).size).toBe(copied);
  });

  test('5.15 what it refuses', async () => {
    const served = await serve();
    const { client } = served;
    const a = await filled(served, 'a', 10);
    const b = await client.create(1, 'b');
    const reader = await client.open(b.nodeid, 0);
    const writer = await client.open(a.nodeid, O_WRONLY);
    const from = [a.nodeid, a.fh, 0] as const;
    const to = [b.nodeid, b.fh, 0] as const;
    expect(await errnoOf(client.copyFileRange([a.nodeid, writer, 0], to, 1))).toBe('EBADF');
    expect(await errnoOf(client.copyFileRange(from, [b.nodeid, reader, 0], 1))).toBe('EBADF');
    expect(await errnoOf(client.copyFileRange(from, [a.nodeid, b.fh, 0], 1))).toBe('EBADF');
    expect(await errnoOf(client.copyFileRange(from, [77, b.fh, 0], 1))).toBe('ESTALE');
    expect(await errnoOf(client.copyFileRange(from, to, 1, 1))).toBe('EINVAL');
    expect(await errnoOf(client.copyFileRange(from, [b.nodeid, b.fh, 2 ** 44 - 5], 10))).toBe('EFBIG');
    expect(await client.copyFileRange(from, to, 0xffff_f000)).toBe(10);
  });
});

describe('5.8 set-id bits under changes that carry no flag for it', () => {
  const state = async ({ client }: Served, nodeid: number): Promise<[number, string]> => [
    (await client.getattr(nodeid)).mode & 0o7777,
    await errnoOf(client.getxattr(nodeid, 'security.capability', 0)),
  ];
  const prepare = async (served: Served) => {
    const file = await filled(served, 'f', 10);
    await served.client.setattr(file.nodeid, { valid: FATTR.FATTR_MODE, mode: 0o6755 });
    await served.client.setxattr(file.nodeid, 'security.capability', bytes(1));
    return file;
  };

  test.each([
    [0, 0o6755],
    [1000, 0o755],
  ])('5.15 FALLOCATE by uid %i leaves %o', async (uid, mode) => {
    const served = await serve();
    const { nodeid, fh } = await prepare(served);
    served.client.who = { uid, gid: 1, pid: 1 };
    await served.client.fallocate(nodeid, fh, KEEP_SIZE, 0, 1);
    expect(await state(served, nodeid)).toEqual([mode, 'ENODATA']);
  });

  test.each([
    [0, 0o6755],
    [1000, 0o755],
  ])('5.15 COPY_FILE_RANGE by uid %i leaves %o', async (uid, mode) => {
    const served = await serve();
    const { nodeid, fh } = await prepare(served);
    const source = await filled(served, 'source', 5);
    served.client.who = { uid, gid: 1, pid: 1 };
    await served.client.copyFileRange([source.nodeid, source.fh, 0], [nodeid, fh, 0], 5);
    expect(await state(served, nodeid)).toEqual([mode, 'ENODATA']);
  });

  test('5.8 what fails clears nothing', async () => {
    const served = await serve();
    const { nodeid, fh } = await prepare(served);
    served.client.who = { uid: 1000, gid: 1, pid: 1 };
    expect(await errnoOf(served.client.fallocate(nodeid, fh, 8, 0, 1))).toBe('EOPNOTSUPP');
    expect(await errnoOf(served.client.write(nodeid, fh, 2 ** 44, bytes(1)))).toBe('EFBIG');
    expect(await state(served, nodeid)).toEqual([0o6755, 'ok']);
  });

  test('5.15 the SETATTR with valid = 0 that Linux sends before is answered and changes nothing', async () => {
    const served = await serve();
    const { nodeid } = await prepare(served);
    served.client.who = { uid: 1000, gid: 1, pid: 1 };
    expect((await served.client.setattr(nodeid, { valid: 0 })).mode & 0o7777).toBe(0o6755);
    expect(await state(served, nodeid)).toEqual([0o6755, 'ok']);
  });

  test('5.8 CREATE of a file that is there, with O_TRUNC and the flag', async () => {
    const served = await serve();
    const { nodeid } = await prepare(served);
    const args = new Uint8Array(16);
    new DataView(args.buffer).setUint32(0, O_WRONLY | O_TRUNC, true);
    new DataView(args.buffer).setUint32(4, 0o100644, true);
    args[12] = 1;
    await served.client.request(FUSE_OPCODE.FUSE_CREATE, 1, Uint8Array.of(...args, 0x66, 0), 144);
    expect(await state(served, nodeid)).toEqual([0o755, 'ENODATA']);
  });
});

describe('TMPFILE', () => {
  test('5.12 the name "/" is no name: nlink 0, a look-up and a handle', async () => {
    const served = await serve();
    const { client, tree } = served;
    client.who = { uid: 5, gid: 6, pid: 7 };
    const file = await client.tmpfile(1, 0o100640);
    expect(file.attr).toMatchObject({ nlink: 0, size: 0, mode: 0o100640, uid: 5, gid: 6 });
    expect(await client.write(file.nodeid, file.fh, 0, bytes(1, 2))).toBe(2);
    expect((await client.list(1)).map(({ name }) => name)).toEqual(['.', '..']);
    expect((await client.getattr(file.nodeid)).size).toBe(2);
    expect(served.answers.find(({ opcode }) => opcode === FUSE_OPCODE.FUSE_TMPFILE)?.nlookup).toBe(1);
    expect(checkTree(tree)).toEqual([]);
  });

  test('5.12 it dies with its last hold: look-up and handle, in either order', async () => {
    for (const releaseFirst of [true, false]) {
      const { client, tree } = await serve();
      const file = await client.tmpfile(1);
      if (releaseFirst) await client.release(file.nodeid, file.fh);
      await client.forget(file.nodeid);
      if (!releaseFirst) await client.release(file.nodeid, file.fh);
      expect([...tree.inodes()]).toEqual([tree.root]);
    }
  });

  test('5.12 LINK gives it a name, 5.7 once: what was unlinked stays so', async () => {
    const { client, tree, clock } = await serve();
    const file = await client.tmpfile(1);
    clock.s += 1;
    const linked = await client.link(file.nodeid, 1, 'f');
    expect(linked).toMatchObject({ nodeid: file.nodeid });
    expect(linked.attr).toMatchObject({ nlink: 1, ctime: clock.s });
    expect((await client.link(file.nodeid, 1, 'g')).attr.nlink).toBe(2);
    await client.unlink(1, 'f');
    await client.unlink(1, 'g');
    expect((await client.getattr(file.nodeid)).nlink).toBe(0);
    expect(await errnoOf(client.link(file.nodeid, 1, 'h'))).toBe('ENOENT');
    await client.release(file.nodeid, file.fh);
    await client.forgetAll();
    expect([...tree.inodes()]).toEqual([tree.root]);
  });

  test('5.1 a reply that does not reach the ring leaves nothing behind', async () => {
    const { client, tree, server } = await serve({ placed: (request) => request[4] !== FUSE_OPCODE.FUSE_TMPFILE });
    await client.tmpfile(1);
    expect([...tree.inodes()]).toEqual([tree.root]);
    expect(server.session.handles.size).toBe(0);
    expect(server.session.nodes.size).toBe(1);
  });

  test('5.6 the end of the session takes it', async () => {
    const { client, tree } = await serve();
    await client.tmpfile(1);
    await client.destroy();
    expect([...tree.inodes()]).toEqual([tree.root]);
  });

  test('5.12 only a regular file, only in a directory that is there', async () => {
    const { client } = await serve();
    expect(await errnoOf(client.tmpfile(1, 0o020600))).toBe('EINVAL');
    const file = await client.mknod(1, 'f', 0o100644);
    expect(await errnoOf(client.tmpfile(file.nodeid))).toBe('ENOTDIR');
    const dir = await client.mkdir(1, 'd');
    await client.rmdir(1, 'd');
    expect(await errnoOf(client.tmpfile(dir.nodeid))).toBe('ENOENT');
  });
});

describe('POLL', () => {
  test('a regular file is ready for what is asked of reading and writing, and for nothing else', async () => {
    const { client } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    expect(await client.poll(nodeid, fh, 0x145)).toBe(0x145);
    expect(await client.poll(nodeid, fh, 0x3ff)).toBe(0x145);
    expect(await client.poll(nodeid, fh, 0x1, { kh: 5n, flags: 1 })).toBe(0x1);
    expect(await client.poll(nodeid, fh, 0x2)).toBe(0);
    expect(await errnoOf(client.poll(nodeid, 99, 1))).toBe('EBADF');
  });
});

describe('STATX', () => {
  test('5.13 what GETATTR tells, birth time and a mask of what is filled', async () => {
    const { client, clock } = await serve();
    const born = { ...clock };
    const { nodeid } = await client.mknod(1, 'n', 0o020640, 0x1234_5678);
    clock.s += 100;
    await client.setattr(nodeid, { valid: FATTR.FATTR_ATIME | FATTR.FATTR_MTIME, atime: -9, mtime: 44, mtimensec: 3 });
    const attr = await client.getattr(nodeid);
    const { stat, attr_valid } = await client.statx(nodeid, { sx_mask: 0xfff });
    expect(attr_valid).toBe(1);
    expect(stat).toMatchObject({
      mask: 0xfff,
      blksize: attr.blksize,
      nlink: 1,
      uid: attr.uid,
      gid: attr.gid,
      mode: 0o020640,
      ino: attr.ino,
      size: attr.size,
      blocks: attr.blocks,
      rdev_major: 0x456,
      rdev_minor: 0x12378,
      dev_major: 0,
    });
    const time = ({ tv_sec, tv_nsec }: { tv_sec: number; tv_nsec: number }): number[] => [tv_sec, tv_nsec];
    expect(time(stat.btime)).toEqual([born.s, born.ns]);
    expect(time(stat.ctime)).toEqual([clock.s, clock.ns]);
    expect(time(stat.atime)).toEqual([-9, 0]);
    expect(time(stat.mtime)).toEqual([44, 3]);
    expect(await errnoOf(client.statx(77))).toBe('ESTALE');
  });

  test('5.13 the attributes are the flags of IOCTL, also of a directory', async () => {
    const { client } = await serve();
    const dir = await client.mkdir(1, 'd');
    const fh = await client.opendir(dir.nodeid);
    const flags = bytes(0xf0, 0, 0, 0);
    await client.ioctl(dir.nodeid, fh, 0x40046602, { flags: 0x18 }, flags);
    const { stat } = await client.statx(dir.nodeid);
    expect([stat.attributes, stat.attributes_mask]).toEqual([0x70, 0x70]);
    expect((await client.getattr(dir.nodeid)).flags).toBe(0);
    await client.ioctl(dir.nodeid, fh, 0x40046602, { flags: 0x18 }, bytes(0x80, 0, 0, 0));
    expect((await client.statx(dir.nodeid)).stat.attributes).toBe(0);
  });
});
