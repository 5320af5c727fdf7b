// Where QEMU's virtiofsd gives another answer than ours: errors, listings, what a host's kernel does below it.
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { cstring, errnoOf, join, LINUX_FLAGS, LINUX_FLAGS2 } from '../../../test/fuse-client.ts';
import { type Served, serve } from '../../../test/served-tree.ts';
import type { ErrnoName } from '../../base/errno.ts';
import { FATTR, FOPEN, FUSE_WRITE_FLAGS, FUSE_OPCODE as OP } from './abi.ts';
import { ext4Cookie, ext4Hash } from './like-ext4.ts';
import { negotiate } from './negotiate.ts';
import { OPS } from './ops/index.ts';
import { type CacheMode, policyOf } from './policy.ts';

const like = (cache: CacheMode = 'always', locks = false) => policyOf({ cache, locks, like: 'virtiofsd' });
const UNKNOWN = 4711;

let served: Served;
beforeEach(async () => {
  served = await serve({ policy: like() });
});

/** A request as bytes, with room for a reply of 4 KiB. */
const raw = (opcode: number, nodeid: number, ...body: Uint8Array[]): Promise<Uint8Array> =>
  served.client.request(opcode, nodeid, join(...body), 4096);
const args = (size: number): Uint8Array => new Uint8Array(size);
/** fuse_setxattr_in as it is without FUSE_SETXATTR_EXT. */
const setxattr = (nodeid: number, name: string, value: Uint8Array): Promise<Uint8Array> =>
  raw(OP.FUSE_SETXATTR, nodeid, Uint8Array.of(value.length, 0, 0, 0, 0, 0, 0, 0), cstring(name), value);

describe('what it agrees', () => {
  const { FOPEN_DIRECT_IO: DIRECT, FOPEN_KEEP_CACHE: KEEP, FOPEN_CACHE_DIR: DIR } = FOPEN;

  it.each<[CacheMode, number, number, number, number]>([
    ['never', 0x0044d039, 0, DIRECT, 0],
    ['auto', 0x0044f039, 1, 0, 0],
    ['always', 0x0044f039, 86400, KEEP, DIR],
  ])('cache %s: flags, timeouts, what an open allows', (cache, flags, valid, file, dir) => {
    const policy = like(cache);
    const agreed = negotiate(41, 131072, LINUX_FLAGS, LINUX_FLAGS2, policy);
    expect(agreed).toEqual({ minor: 36, maxReadahead: 131072, flags, flags2: 0 });
    expect([policy.entryValid, policy.attrValid, policy.negativeValid]).toEqual([valid, valid, 0]);
    expect([policy.fileFlags, policy.dirFlags]).toEqual([file, dir]);
  });

  it('the rest of INIT', async () => {
    const out = await served.client.init();
    expect([out.max_write, out.max_pages, out.max_background, out.congestion_threshold, out.time_gran]).toEqual([
      1 << 20,
      256,
      0,
      0,
      1,
    ]);
  });

  it('its minor is told whatever the guest has; one before 31 is refused', async () => {
    expect((await served.client.init({ minor: 31 })).minor).toBe(36);
    expect(await errnoOf(served.client.init({ minor: 30 }))).toBe('EPROTO');
  });

  it('5.3 absence is ENOENT, which is not cached', async () => {
    expect(await errnoOf(served.client.lookupEntry(1, 'nothing'))).toBe('ENOENT');
  });
});

describe('a nodeid that it does not know', () => {
  it.each<[string, number, Uint8Array[], ErrnoName]>([
    ['GETATTR', OP.FUSE_GETATTR, [args(16)], 'EBADF'],
    ['SETATTR', OP.FUSE_SETATTR, [args(88)], 'EBADF'],
    ['OPEN', OP.FUSE_OPEN, [args(8)], 'EBADF'],
    ['OPENDIR', OP.FUSE_OPENDIR, [args(8)], 'EBADF'],
    ['READLINK', OP.FUSE_READLINK, [], 'EBADF'],
    ['MKDIR', OP.FUSE_MKDIR, [args(8), cstring('a')], 'EBADF'],
    ['CREATE', OP.FUSE_CREATE, [args(16), cstring('a')], 'EBADF'],
    ['GETXATTR', OP.FUSE_GETXATTR, [args(8), cstring('user.a')], 'EBADF'],
    ['STATFS', OP.FUSE_STATFS, [], 'EBADF'],
    ['LOOKUP', OP.FUSE_LOOKUP, [cstring('a')], 'ENOENT'],
    ['LOOKUP of "."', OP.FUSE_LOOKUP, [cstring('.')], 'ENOENT'],
    ['UNLINK', OP.FUSE_UNLINK, [cstring('a')], 'EIO'],
    ['RMDIR', OP.FUSE_RMDIR, [cstring('a')], 'EIO'],
    ['RENAME', OP.FUSE_RENAME, [Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), cstring('a'), cstring('b')], 'EBADF'],
  ])('%s', async (_, opcode, body, errno) => {
    expect(await errnoOf(raw(opcode, UNKNOWN, ...body))).toBe(errno);
  });
});

describe('opcodes that it has not', () => {
  const ABSENT = ['ACCESS', 'BMAP', 'IOCTL', 'POLL', 'TMPFILE', 'STATX', 'SETUPMAPPING', 'REMOVEMAPPING'];
  const LOCKS = ['GETLK', 'SETLK', 'SETLKW'];

  it.each([...ABSENT, ...LOCKS])('%s is ENOSYS', async (name) => {
    const { opcode } = OPS.find((entry) => entry?.name === name) as { opcode: number };
    expect(await errnoOf(raw(opcode, 1, args(400)))).toBe('ENOSYS');
  });

  it('locks are there with the policy that has them; waiting for one is EOPNOTSUPP', async () => {
    served = await serve({ policy: like('always', true) });
    const { client } = served;
    const { nodeid, fh } = await client.create(1, 'f');
    await client.setlk(nodeid, fh, { owner: 1n, type: 1 });
    expect(await errnoOf(client.setlk(nodeid, fh, { owner: 2n, type: 1 }))).toBe('EAGAIN');
    expect(await errnoOf(client.setlk(nodeid, fh, { owner: 2n, type: 1 }, { wait: true }))).toBe('EOPNOTSUPP');
    expect((await client.getlk(nodeid, fh, { owner: 2n, type: 1 })).type).toBe(1);
  });
});

describe('names', () => {
  it('what is removed or renamed has to be in the map, else it is an I/O error', async () => {
    const { client } = served;
    const file = await client.mknod(1, 'f', 0o100644);
    expect(await errnoOf(client.unlink(1, 'nothing'))).toBe('EIO');
    expect(await errnoOf(client.rename(1, 'nothing', 1, 'b'))).toBe('EIO');
    await client.forget(file.nodeid);
    expect(await errnoOf(client.unlink(1, 'f'))).toBe('EIO');
    expect(await errnoOf(client.rmdir(1, 'f'))).toBe('EIO');
    await client.lookup(1, 'f');
    expect(await errnoOf(client.rmdir(1, 'f'))).toBe('ENOTDIR');
    await client.rename(1, 'f', 1, 'g', 1);
    await client.unlink(1, 'g');
  });

  it('empty ones are ENOENT, "." and ".." EINVAL', async () => {
    const { client } = served;
    for (const [name, errno] of [
      ['', 'ENOENT'],
      ['.', 'EINVAL'],
      ['..', 'EINVAL'],
      ['a/b', 'EINVAL'],
    ] as const) {
      expect(await errnoOf(client.mkdir(1, name))).toBe(errno);
      expect(await errnoOf(client.create(1, name))).toBe(errno);
      expect(await errnoOf(client.symlink(1, name, 'x'))).toBe(errno);
      expect(await errnoOf(client.unlink(1, name))).toBe(errno);
      expect(await errnoOf(client.rename(1, name, 1, 'x'))).toBe(errno);
    }
  });

  it('".." of the root is the root; "." of a file is looked for in no directory', async () => {
    const { client } = served;
    const { nodeid } = await client.create(1, 'f');
    expect((await client.lookup(1, '..')).nodeid).toBe(1);
    expect(await errnoOf(client.lookup(nodeid, '.'))).toBe('ENOTDIR');
    expect(await errnoOf(client.lookup(1, '/'))).toBe('EINVAL');
  });
});

describe("what is made is made with the caller's user and group alone", () => {
  it('EACCES where those may not write in the directory, although the guest let it through', async () => {
    const { client } = served;
    const dir = await client.mkdir(1, 'd', 0o770);
    await client.setattr(dir.nodeid, { valid: FATTR.FATTR_GID, gid: 50 });
    client.who = { uid: 7, gid: 7, pid: 1 };
    for (const make of [
      () => client.mkdir(dir.nodeid, 'a'),
      () => client.mknod(dir.nodeid, 'a', 0o100644),
      () => client.symlink(dir.nodeid, 'a', 'x'),
      () => client.create(dir.nodeid, 'a'),
    ]) {
      client.who = { uid: 7, gid: 7, pid: 1 };
      expect(await errnoOf(make())).toBe('EACCES');
      client.who = { uid: 7, gid: 50, pid: 1 };
      expect(await errnoOf(make())).not.toBe('EACCES');
      client.who = { uid: 0, gid: 0, pid: 1 };
      if ((await errnoOf(client.lookup(dir.nodeid, 'a'))) !== 'ENOENT') {
        await errnoOf(client.unlink(dir.nodeid, 'a'));
        await errnoOf(client.rmdir(dir.nodeid, 'a'));
      }
    }
  });
});

describe('handles', () => {
  it('only files and directories are opened, or cut', async () => {
    const { client } = served;
    const fifo = await client.mknod(1, 'p', 0o010644);
    const link = await client.symlink(1, 'l', 'x');
    expect(await errnoOf(client.open(fifo.nodeid))).toBe('EBADF');
    expect(await errnoOf(client.open(link.nodeid))).toBe('EBADF');
    const cut = { valid: FATTR.FATTR_SIZE, size: 0 };
    expect(await errnoOf(client.setattr(fifo.nodeid, cut))).toBe('EBADF');
    expect(await errnoOf(client.setattr(1, cut))).toBe('EISDIR');
  });

  it('closing what is not open is no error for a file', async () => {
    const { client } = served;
    const { nodeid } = await client.create(1, 'f');
    await client.release(nodeid, 999);
    expect(await errnoOf(raw(OP.FUSE_RELEASEDIR, 1, Uint8Array.of(99, ...args(23))))).toBe('EBADF');
  });

  it('5.8 a write of an ordinary user, and any chown, take set-id bits: the host does it', async () => {
    const { client } = served;
    const { nodeid, fh } = await client.create(1, 'f', 0o106755);
    await client.write(nodeid, fh, 0, Uint8Array.of(1));
    expect((await client.getattr(nodeid)).mode & 0o7777).toBe(0o6755);
    await client.write(nodeid, fh, 0, Uint8Array.of(1), { write_flags: FUSE_WRITE_FLAGS.FUSE_WRITE_KILL_SUIDGID });
    expect((await client.getattr(nodeid)).mode & 0o7777).toBe(0o755);
    await client.setattr(nodeid, { valid: FATTR.FATTR_MODE, mode: 0o6755 });
    await client.setattr(nodeid, { valid: FATTR.FATTR_UID, uid: 5 });
    expect((await client.getattr(nodeid)).mode & 0o7777).toBe(0o755);
  });
});

describe('xattrs, with CAP_SETFCAP and without CAP_SYS_ADMIN', () => {
  it('trusted ones are not there and cannot be set, of security only capabilities can', async () => {
    const value = Uint8Array.of(1);
    await setxattr(1, 'user.a', value);
    await setxattr(1, 'security.capability', value);
    expect(await errnoOf(setxattr(1, 'trusted.a', value))).toBe('EPERM');
    expect(await errnoOf(setxattr(1, 'security.selinux', value))).toBe('EPERM');
    expect(await errnoOf(served.client.getxattr(1, 'trusted.a', 10))).toBe('ENODATA');
    expect(await errnoOf(served.client.getxattr(1, 'security.selinux', 10))).toBe('ENODATA');
    expect(await errnoOf(served.client.removexattr(1, 'trusted.a'))).toBe('EPERM');
  });

  it('5.10 ACLs go to the host, which keeps them; the guest has applied the umask', async () => {
    const { client } = served;
    const name = 'system.posix_acl_default';
    expect(await errnoOf(client.getxattr(1, name, 100))).toBe('ENODATA');
    // version | u::rwx | g::r-x | o::---
    const value = Uint8Array.of(
      2,
      0,
      0,
      0,
      ...[
        [1, 7],
        [4, 5],
        [32, 0],
      ].flatMap(([tag, perm]) => [tag, 0, perm, 0, 255, 255, 255, 255] as number[]),
    );
    await setxattr(1, name, value);
    client.umask = 0o777;
    const { attr } = await client.create(1, 'f', 0o100666);
    expect(attr.mode & 0o777).toBe(0o640);
  });
});

describe('listings', () => {
  it("are in the order of ext4: that of the reference's host", () => {
    const log = new URL('../../../test/parity/reference/virtiofsd/none/p05-readdir.jsonl', import.meta.url);
    const requests = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { op: string; name?: string });
    const first = requests.findIndex(({ op }) => op === 'READDIR');
    const end = requests.findIndex(({ op }, i) => i > first && op === 'RELEASEDIR');
    const names = requests.slice(first, end).flatMap(({ op, name }) => (op === 'LOOKUP' && name ? [name] : []));
    expect(names).toHaveLength(200);
    const cookies = names.map(ext4Cookie);
    expect(cookies).toEqual([...cookies].sort((a, b) => a - b));
    expect(new Set(cookies).size).toBe(200);
  });

  // Made by another program of the same hash; the second of them of two blocks, the third with bytes above 127.
  it.each([
    ['f', 2303272714, 2022849573],
    ['x'.repeat(255), 715593374, 1700765084],
    ['\xe4\xff\x80abc', 4227691498, 510401608],
  ])('the hash of a name (%#)', (name, major, minor) => {
    expect(ext4Hash(name)).toEqual([major, minor]);
  });

  const made = async (from: number, to: number): Promise<string[]> => {
    const names: string[] = [];
    for (let i = from; i < to; i++) names.push(`f${i}`);
    for (const name of names) await served.client.mknod(1, name, 0o100644);
    return names;
  };

  it('of one block have "." and ".." among the names, of several at the start', async () => {
    const { client } = served;
    const names = await made(0, 30);
    const order = (all: string[]): string[] => all.sort((a, b) => ext4Cookie(a) - ext4Cookie(b));
    const small = await client.list(1);
    expect(small.map(({ name }) => name)).toEqual(order([...names, '.', '..']));
    expect((await client.getattr(1)).size).toBe(4096);
    const many = order([...names, ...(await made(30, 430))]);
    const large = await client.list(1);
    expect(large.map(({ name }) => name)).toEqual(['.', '..', ...many]);
    const { size } = await client.getattr(1);
    expect(size).toBeGreaterThan(4096);
    // It stays so when names go.
    for (const name of many.slice(2)) await client.unlink(1, name);
    expect((await client.list(1)).map(({ name }) => name)).toEqual(['.', '..', ...many.slice(0, 2)]);
    expect((await client.getattr(1)).size).toBe(size);
  });

  it('tell what was read ahead, and look it up as it is', async () => {
    const { client } = served;
    await made(0, 60);
    const names = (await client.list(1)).map(({ name }) => name);
    for (const plus of [false, true]) {
      const fh = await client.opendir(1);
      const first = await client.readdir(1, fh, 0, 1024, plus);
      const at = first.at(-1)?.cookie as number;
      const gone = names[first.length] as string;
      expect(gone).toMatch(/^f/);
      await client.lookup(1, gone);
      await client.unlink(1, gone);
      const next = client.readdir(1, fh, at, 4096, plus);
      if (plus) expect(await errnoOf(next)).toBe('ENOENT');
      else expect((await next)[0]?.name).toBe(gone);
      names.splice(names.indexOf(gone), 1);
    }
  });

  it('see names that came meanwhile where they are read again', async () => {
    const { client } = served;
    await made(0, 60);
    const fh = await client.opendir(1);
    await client.readdir(1, fh, 0, 1024);
    await made(60, 62);
    const whole = await client.readdir(1, fh, 0);
    expect(whole.map(({ name }) => name)).toEqual(expect.arrayContaining(['f60', 'f61']));
  });

  it('5.2 a first entry that does not fit looks like the end', async () => {
    const fh = await served.client.opendir(1);
    expect(await served.client.readdir(1, fh, 0, 10, true)).toEqual([]);
  });
});
