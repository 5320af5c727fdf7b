// Which request stamps which times of which inodes.
import { describe, expect, test } from 'vitest';
import { type Served, serve } from '../../../test/served-tree.ts';
import { FATTR } from './abi.ts';

interface Scene extends Served {
  file: { nodeid: number; fh: number };
  dir: number;
  other: number;
  victim: number;
}

async function scene(): Promise<Scene> {
  const served = await serve();
  const { client } = served;
  const dir = (await client.mkdir(1, 'dir')).nodeid;
  const other = (await client.mkdir(1, 'other')).nodeid;
  const { nodeid, fh } = await client.create(dir, 'file');
  await client.write(nodeid, fh, 0, Uint8Array.of(1, 2, 3));
  const victim = (await client.mknod(other, 'victim', 0o100644)).nodeid;
  await client.link(victim, other, 'twin');
  await client.setxattr(nodeid, 'user.a', Uint8Array.of(1));
  return { ...served, file: { nodeid, fh }, dir, other, victim };
}

type Act = (scene: Scene) => Promise<unknown>;
const M = 'mtime ctime';
const C = 'ctime';

/** What is done, and what of it is stamped: the file, the directory that it is in, another one, and a file in that. */
const CASES: [string, Act, Partial<Record<'file' | 'dir' | 'other' | 'victim', string>>][] = [
  ['WRITE', ({ client, file }) => client.write(file.nodeid, file.fh, 1, Uint8Array.of(9)), { file: M }],
  ['WRITE of nothing', ({ client, file }) => client.write(file.nodeid, file.fh, 1, new Uint8Array(0)), {}],
  ['READ', ({ client, file }) => client.read(file.nodeid, file.fh, 0, 9), {}],
  ['truncate', ({ client, file }) => client.setattr(file.nodeid, { valid: FATTR.FATTR_SIZE, size: 1 }), { file: M }],
  [
    'truncate to its size',
    ({ client, file }) => client.setattr(file.nodeid, { valid: FATTR.FATTR_SIZE, size: 3 }),
    { file: M },
  ],
  ['OPEN with O_TRUNC', ({ client, file }) => client.open(file.nodeid, 0o1001), { file: M }],
  ['FALLOCATE', ({ client, file }) => client.fallocate(file.nodeid, file.fh, 0, 0, 99), { file: M }],
  ['chmod', ({ client, file }) => client.setattr(file.nodeid, { valid: FATTR.FATTR_MODE, mode: 0o600 }), { file: C }],
  ['chown', ({ client, file }) => client.setattr(file.nodeid, { valid: FATTR.FATTR_UID, uid: 4 }), { file: C }],
  ['SETATTR of nothing', ({ client, file }) => client.setattr(file.nodeid, { valid: 0 }), {}],
  ['SETXATTR', ({ client, file }) => client.setxattr(file.nodeid, 'user.a', Uint8Array.of(2)), { file: C }],
  ['REMOVEXATTR', ({ client, file }) => client.removexattr(file.nodeid, 'user.a'), { file: C }],
  [
    'IOCTL',
    ({ client, file }) => client.ioctl(file.nodeid, file.fh, 0x40046602, {}, Uint8Array.of(64, 0, 0, 0)),
    { file: C },
  ],
  ['LINK', ({ client, file, other }) => client.link(file.nodeid, other, 'l'), { file: C, other: M }],
  ['UNLINK', ({ client, other }) => client.unlink(other, 'victim'), { other: M, victim: C }],
  ['MKNOD', ({ client, dir }) => client.mknod(dir, 'n', 0o100644), { dir: M }],
  ['MKDIR', ({ client, dir }) => client.mkdir(dir, 'n'), { dir: M }],
  ['SYMLINK', ({ client, dir }) => client.symlink(dir, 'n', 'x'), { dir: M }],
  ['CREATE', ({ client, dir }) => client.create(dir, 'n'), { dir: M }],
  ['CREATE of what is there', ({ client, dir }) => client.create(dir, 'file'), {}],
  ['TMPFILE', ({ client, dir }) => client.tmpfile(dir), {}],
  ['RMDIR', async ({ client }) => client.rmdir(1, 'other').catch(() => {}), {}],
  ['RENAME within', ({ client, dir }) => client.rename(dir, 'file', dir, 'n'), { file: C, dir: M }],
  [
    'RENAME over',
    ({ client, dir, other }) => client.rename(dir, 'file', other, 'victim'),
    { file: C, dir: M, other: M, victim: C },
  ],
  [
    'RENAME2 exchange',
    ({ client, dir, other }) => client.rename(dir, 'file', other, 'victim', 2),
    { file: C, dir: M, other: M, victim: C },
  ],
  ['RENAME onto its twin', ({ client, other }) => client.rename(other, 'victim', other, 'twin'), {}],
  [
    'READDIR, LOOKUP, READLINK, ACCESS',
    async ({ client, dir, file }) => {
      await client.list(dir);
      await client.lookup(dir, 'file');
      await client.access(file.nodeid, 4);
    },
    {},
  ],
];

describe('5.16 what stamps what', () => {
  test.each(CASES)('5.16 %s', async (_, act, stamped) => {
    const all = await scene();
    const { client, clock } = all;
    const nodes = { file: all.file.nodeid, dir: all.dir, other: all.other, victim: all.victim };
    const before = clock.s;
    clock.s += 100;
    await act(all);
    const found: Record<string, string> = {};
    for (const [name, nodeid] of Object.entries(nodes)) {
      const { atime, mtime, ctime } = await client.getattr(nodeid);
      expect(atime).toBe(before);
      const words = [mtime === clock.s ? 'mtime' : '', ctime === clock.s ? 'ctime' : ''].filter((word) => word !== '');
      if (words.length > 0) found[name] = words.join(' ');
    }
    expect(found).toEqual(stamped);
  });

  test('5.16 what is made has one time for all, of birth too, and its directory has the same', async () => {
    const { client, clock } = await serve();
    const { nodeid } = await client.mknod(1, 'f', 0o100644);
    const { stat } = await client.statx(nodeid);
    for (const time of [stat.atime, stat.mtime, stat.ctime, stat.btime]) {
      expect([time.tv_sec, time.tv_nsec]).toEqual([clock.s, clock.ns]);
    }
    expect(await client.getattr(1)).toMatchObject({ mtime: clock.s, mtimensec: clock.ns, ctime: clock.s });
  });
});
