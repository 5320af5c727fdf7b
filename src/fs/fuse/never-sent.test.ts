// The seven opcodes that Linux 6.12 never sends over virtio, by a synthetic driver: ACCESS, INTERRUPT, BMAP, NOTIFY_REPLY,
// BATCH_FORGET, SETUPMAPPING, REMOVEMAPPING.
import { describe, expect, test } from 'vitest';
import { errnoOf, pack } from '../../../test/fuse-client.ts';
import { ledger, serve } from '../../../test/served-tree.ts';
import { FATTR, FUSE_OPCODE, fuse_batch_forget_in, fuse_forget_one, fuse_removemapping_in } from './abi.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('ACCESS', () => {
  const R = 4;
  const W = 2;
  const X = 1;

  test('3.20 by owner, group and others', async () => {
    const { client } = await serve();
    client.who = { uid: 10, gid: 20, pid: 1 };
    const { nodeid } = await client.mknod(1, 'f', 0o100640);
    const may = async (uid: number, gid: number): Promise<string[]> => {
      client.who = { uid, gid, pid: 1 };
      return Promise.all([0, R, W, X, R | W].map((mask) => errnoOf(client.access(nodeid, mask))));
    };
    expect(await may(10, 99)).toEqual(['ok', 'ok', 'ok', 'EACCES', 'ok']);
    expect(await may(11, 20)).toEqual(['ok', 'ok', 'EACCES', 'EACCES', 'EACCES']);
    expect(await may(11, 21)).toEqual(['ok', 'EACCES', 'EACCES', 'EACCES', 'EACCES']);
    // The owner's bits count for the owner, also where others could do more.
    client.who = { uid: 10, gid: 20, pid: 1 };
    await client.setattr(nodeid, { valid: FATTR.FATTR_MODE, mode: 0o077 });
    expect(await may(10, 20)).toEqual(['ok', 'EACCES', 'EACCES', 'EACCES', 'EACCES']);
    expect(await may(11, 21)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
  });

  test('3.20 root reads and writes everything, and executes what somebody may', async () => {
    const { client } = await serve();
    client.who = { uid: 10, gid: 20, pid: 1 };
    const { nodeid } = await client.mknod(1, 'f', 0o100000);
    const dir = await client.mkdir(1, 'd', 0);
    client.who = { uid: 0, gid: 0, pid: 1 };
    expect(await errnoOf(client.access(nodeid, R | W))).toBe('ok');
    expect(await errnoOf(client.access(nodeid, X))).toBe('EACCES');
    expect(await errnoOf(client.access(dir.nodeid, R | W | X))).toBe('ok');
    await client.setattr(nodeid, { valid: FATTR.FATTR_MODE, mode: 0o001 });
    expect(await errnoOf(client.access(nodeid, X))).toBe('ok');
  });

  test('5.10 by its ACL, where it has one', async () => {
    const { client } = await serve();
    client.who = { uid: 10, gid: 20, pid: 1 };
    const { nodeid } = await client.mknod(1, 'f', 0o100600);
    // user::rw-, user:11:rw-, group::---, mask::r--, other::---
    const acl = [
      [1, 6, -1],
      [2, 6, 11],
      [4, 0, -1],
      [16, 4, -1],
      [32, 0, -1],
    ] as const;
    const value = new DataView(new ArrayBuffer(4 + 8 * acl.length));
    value.setUint32(0, 2, true);
    for (const [i, [tag, perm, id]] of acl.entries()) {
      value.setUint16(4 + 8 * i, tag, true);
      value.setUint16(6 + 8 * i, perm, true);
      value.setInt32(8 + 8 * i, id, true);
    }
    await client.setxattr(nodeid, 'system.posix_acl_access', new Uint8Array(value.buffer));
    client.who = { uid: 11, gid: 21, pid: 1 };
    expect(await errnoOf(client.access(nodeid, R))).toBe('ok');
    expect(await errnoOf(client.access(nodeid, W))).toBe('EACCES');
    client.who = { uid: 12, gid: 20, pid: 1 };
    expect(await errnoOf(client.access(nodeid, R))).toBe('EACCES');
  });

  test('5.13 what is immutable is not writable; 5.19 a mask and a nodeid that mean nothing', async () => {
    const { client } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    await client.ioctl(nodeid, fh, 0x40046602, {}, bytes(0x10, 0, 0, 0));
    expect(await errnoOf(client.access(nodeid, W))).toBe('EPERM');
    expect(await errnoOf(client.access(nodeid, R))).toBe('ok');
    expect(await errnoOf(client.access(nodeid, 8))).toBe('EINVAL');
    expect(await errnoOf(client.access(77, R))).toBe('ESTALE');
  });
});

describe('INTERRUPT', () => {
  test('where nothing waits: no answer, and nothing wrong', async () => {
    const { client, answers } = await serve();
    await client.interrupt(2);
    await client.interrupt(2 ** 53 - 2);
    expect(answers.slice(-2)).toMatchObject([
      { opcode: FUSE_OPCODE.FUSE_INTERRUPT, error: undefined, outsize: 0, violation: undefined },
      { opcode: FUSE_OPCODE.FUSE_INTERRUPT, error: undefined, outsize: 0, violation: undefined },
    ]);
  });

  test('5.19 one that is cut shows', async () => {
    const { client, answers } = await serve();
    await client.post(FUSE_OPCODE.FUSE_INTERRUPT, 0, new Uint8Array(7));
    expect(answers.at(-1)?.violation).toMatch('too short');
  });
});

describe('BMAP', () => {
  test('decoded, and refused: there is no block device', async () => {
    const { client } = await serve();
    const { nodeid } = await client.mknod(1, 'f', 0o100644);
    expect(await errnoOf(client.bmap(nodeid, 0, 512))).toBe('ENOSYS');
    expect(await errnoOf(client.bmap(77, 0, 512))).toBe('ESTALE');
    expect(await errnoOf(client.request(FUSE_OPCODE.FUSE_BMAP, nodeid, new Uint8Array(15), 8))).toBe('EIO');
  });
});

describe('NOTIFY_REPLY', () => {
  test('ignored, and shown as what it is: nothing was asked', async () => {
    const { client, answers } = await serve();
    await client.notifyReply(1, 4096, bytes(1, 2, 3));
    expect(answers.at(-1)).toMatchObject({ error: undefined, violation: 'answers a notification that was never sent' });
  });

  test('5.19 one with less data than it says', async () => {
    const { client, answers } = await serve();
    const cut = new Uint8Array(48);
    cut[16] = 9;
    await client.post(FUSE_OPCODE.FUSE_NOTIFY_REPLY, 1, cut, 1);
    expect(answers.at(-1)?.violation).toMatch('too short');
  });
});

describe('BATCH_FORGET', () => {
  const prepare = async () => {
    const served = await serve();
    const a = await served.client.mknod(1, 'a', 0o100644);
    const b = await served.client.mknod(1, 'b', 0o100644);
    await served.client.lookup(1, 'b');
    return { ...served, served, a: a.nodeid, b: b.nodeid };
  };

  test('5.1 takes from each what it says, and answers nothing', async () => {
    const { client, served, answers, a, b } = await prepare();
    await client.batchForget([
      [a, 1],
      [b, 1],
    ]);
    expect(ledger(served)).toEqual([
      [1, 1],
      [b, 1],
    ]);
    expect(answers.at(-1)).toMatchObject({ error: undefined, nlookup: -2, violation: undefined });
    await client.batchForget([]);
    expect(answers.at(-1)).toMatchObject({ nlookup: 0, violation: undefined });
  });

  test('each wrong entry is told, and the others count', async () => {
    const { client, served, answers, a, b } = await prepare();
    await client.batchForget([
      [999, 1],
      [a, 2 ** 52],
      [b, 1],
      [1, 1],
    ]);
    expect(ledger(served)).toEqual([
      [1, 1],
      [b, 1],
    ]);
    expect(answers.at(-1)?.violation).toBe(
      'forgets nodeid 999, which is not known; ' +
        `forgets nodeid ${a} ${2 ** 52} times, it was looked up 1 times; ` +
        'forgets nodeid 1 1 times, it was looked up 0 times',
    );
    await client.batchForget([5, 6, 7, 8, 9].map((i) => [1000 + i, 1]));
    expect(answers.at(-1)?.violation).toMatch(/1005.*1006.*1007.*and 2 more$/);
  });

  test.each([2, 3, 0xffff_ffff])('5.19 a list of one that says %i gives nothing back', async (count) => {
    const { client, served, answers, a } = await prepare();
    const before = ledger(served);
    const list = pack(fuse_forget_one, { nodeid: a, nlookup: 1 });
    const body = Uint8Array.of(...pack(fuse_batch_forget_in, { count }), ...list);
    await client.post(FUSE_OPCODE.FUSE_BATCH_FORGET, 0, body);
    expect(ledger(served)).toEqual(before);
    expect(answers.at(-1)?.violation).toMatch('too short');
  });
});

describe('SETUPMAPPING, REMOVEMAPPING', () => {
  test('3.10 decoded, and refused: there is no DAX window', async () => {
    const { client } = await serve();
    const { nodeid, fh } = await client.create(1, 'f');
    const mapping = { fh, foffset: 0, len: 2 ** 21, moffset: 2 ** 30, flags: 3 };
    expect(await errnoOf(client.setupmapping(nodeid, mapping))).toBe('ENOSYS');
    expect(await errnoOf(client.removemapping(nodeid, []))).toBe('ENOSYS');
    expect(
      await errnoOf(
        client.removemapping(nodeid, [
          [0, 4096],
          [2 ** 40, 2 ** 40],
        ]),
      ),
    ).toBe('ENOSYS');
    expect(await errnoOf(client.setupmapping(77, mapping))).toBe('ESTALE');
  });

  test.each([2, 0xffff_ffff])('5.19 a list of one that says %i is EIO', async (count) => {
    const { client } = await serve();
    const body = Uint8Array.of(...pack(fuse_removemapping_in, { count }), ...new Uint8Array(16));
    expect(await errnoOf(client.request(FUSE_OPCODE.FUSE_REMOVEMAPPING, 1, body, 0))).toBe('EIO');
    expect(await errnoOf(client.request(FUSE_OPCODE.FUSE_SETUPMAPPING, 1, new Uint8Array(39), 0))).toBe('EIO');
  });
});
