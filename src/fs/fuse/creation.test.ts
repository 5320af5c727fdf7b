// What is made, and what its ACL makes of it: umask, default ACLs, set-group-id directories, labels.
import { beforeEach, describe, expect, it } from 'vitest';
import { errnoOf, LINUX_FLAGS, LINUX_FLAGS2 } from '../../../test/fuse-client.ts';
import { type Served, serve } from '../../../test/served-tree.ts';
import { ACL_ACCESS, ACL_DEFAULT, type AclEntry, serializeAcl } from '../tree/acl.ts';
import { FATTR, FUSE_INIT_FLAGS, FUSE_OPCODE, FUSE_SETXATTR_FLAGS, fuse_setxattr_in } from './abi.ts';
import { policyOf } from './policy.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.of(...values);

/** `u::rwx u:5:r g::r m::rwx o::`. */
function acl(text: string): Uint8Array {
  const entries = text.split(' ').map((word): AclEntry => {
    const [tag, id, perm] = word.split(':') as [string, string, string];
    const base = { u: 1, g: 4, m: 16, o: 32 }[tag] as number;
    const bits = [...perm].reduce((sum, letter) => sum | ({ r: 4, w: 2, x: 1 }[letter] ?? 0), 0);
    return { tag: id === '' ? base : base * 2, perm: bits, id: id === '' ? 0xffffffff : Number(id) };
  });
  return serializeAcl(entries);
}

let served: Served;
beforeEach(async () => {
  served = await serve();
});
const modeOf = async (nodeid: number): Promise<string> =>
  ((await served.client.getattr(nodeid)).mode & 0o7777).toString(8);
const get = (nodeid: number, name: string): Promise<Uint8Array | string> =>
  served.client.getxattr(nodeid, name, 4096).catch((error) => errnoOf(Promise.reject(error)));

describe('5.10 creating in a directory', () => {
  it('without a default ACL the umask counts, for every kind of file but links', async () => {
    const { client } = served;
    client.umask = 0o027;
    expect(await modeOf((await client.create(1, 'f', 0o100666)).nodeid)).toBe('640');
    expect(await modeOf((await client.mkdir(1, 'd', 0o777)).nodeid)).toBe('750');
    expect(await modeOf((await client.mknod(1, 'p', 0o010777)).nodeid)).toBe('750');
    expect(await modeOf((await client.symlink(1, 'l', 'f')).nodeid)).toBe('777');
  });

  it('a guest that keeps the umask to itself has applied it', async () => {
    served = await serve({ init: false });
    const { client } = served;
    const { flags } = await client.init({ flags: LINUX_FLAGS & ~FUSE_INIT_FLAGS.FUSE_DONT_MASK });
    expect(flags & (FUSE_INIT_FLAGS.FUSE_POSIX_ACL | FUSE_INIT_FLAGS.FUSE_DONT_MASK)).toBe(0);
    client.umask = 0o777;
    expect(await modeOf((await client.create(1, 'f', 0o100640)).nodeid)).toBe('640');
  });

  it('a default ACL takes the place of the umask, and is the access ACL as far as the mode asks for it', async () => {
    const { client } = served;
    client.umask = 0o777;
    const all = acl('u::rwx u:5:rwx g::rwx m::rwx o::r');
    await client.setxattr(1, ACL_DEFAULT, all);
    const { nodeid } = await client.create(1, 'f', 0o100644);
    expect(await modeOf(nodeid)).toBe('644');
    expect(await get(nodeid, ACL_ACCESS)).toEqual(acl('u::rw u:5:rwx g::rwx m::r o::r'));
    expect(await get(nodeid, ACL_DEFAULT)).toBe('ENODATA');
    const dir = await client.mkdir(1, 'd', 0o777);
    expect(await modeOf(dir.nodeid)).toBe('774');
    expect(await get(dir.nodeid, ACL_ACCESS)).toEqual(all);
    expect(await get(dir.nodeid, ACL_DEFAULT)).toEqual(all);
    const link = await client.symlink(1, 'l', 'f');
    expect(await modeOf(link.nodeid)).toBe('777');
    expect(await get(link.nodeid, ACL_ACCESS)).toBe('EOPNOTSUPP');
  });

  it('a default ACL that a mode can say leaves files with a mode', async () => {
    const { client } = served;
    client.umask = 0o077;
    await client.setxattr(1, ACL_DEFAULT, acl('u::rwx g::rx o::'));
    const { nodeid } = await client.create(1, 'f', 0o100666);
    expect(await modeOf(nodeid)).toBe('640');
    expect(await get(nodeid, ACL_ACCESS)).toBe('ENODATA');
  });

  it('TMPFILE and MKNOD inherit too', async () => {
    const { client } = served;
    await client.setxattr(1, ACL_DEFAULT, acl('u::rwx u:5:rw g::r m::rw o::'));
    const made = await client.tmpfile(1, 0o100666);
    expect(await modeOf(made.nodeid)).toBe('660');
    expect(await get(made.nodeid, ACL_ACCESS)).toEqual(acl('u::rw u:5:rw g::r m::rw o::'));
    const node = await client.mknod(1, 'n', 0o020666, 259);
    expect(await get(node.nodeid, ACL_ACCESS)).toEqual(acl('u::rw u:5:rw g::r m::rw o::'));
  });
});

describe('5.10 setting ACLs', () => {
  const full = 'u::rwx u:5:r g::r m::rx o::';

  it('an access ACL sets the mode, chmod sets the mask', async () => {
    const { client } = served;
    const { nodeid } = await client.create(1, 'f', 0o104644);
    await client.setxattr(nodeid, ACL_ACCESS, acl(full));
    expect(await modeOf(nodeid)).toBe('4750');
    await client.setattr(nodeid, { valid: FATTR.FATTR_MODE, mode: 0o624 });
    expect(await get(nodeid, ACL_ACCESS)).toEqual(acl('u::rw u:5:r g::r m::w o::r'));
    expect(await modeOf(nodeid)).toBe('624');
    expect(new TextDecoder().decode(await client.listxattr(nodeid, 100))).toBe(`${ACL_ACCESS}\0`);
  });

  it('one that a mode can say is not kept', async () => {
    const { client } = served;
    const { nodeid } = await client.create(1, 'f', 0o100600);
    await client.setxattr(nodeid, ACL_ACCESS, acl(full));
    await client.setxattr(nodeid, ACL_ACCESS, acl('u::rw g::rx o::x'));
    expect(await modeOf(nodeid)).toBe('651');
    expect(await get(nodeid, ACL_ACCESS)).toBe('ENODATA');
    expect(await client.listxattr(nodeid, 100)).toHaveLength(0);
  });

  it('is taken away by REMOVEXATTR, also where there is none, and by a value without entries', async () => {
    const { client } = served;
    const { nodeid } = await client.create(1, 'f', 0o100600);
    await client.setxattr(nodeid, ACL_ACCESS, acl(full));
    await client.removexattr(nodeid, ACL_ACCESS);
    expect(await modeOf(nodeid)).toBe('750');
    await client.removexattr(nodeid, ACL_ACCESS);
    expect(await get(nodeid, ACL_ACCESS)).toBe('ENODATA');
    await client.setxattr(nodeid, ACL_ACCESS, acl(full));
    await client.setxattr(nodeid, ACL_ACCESS, new Uint8Array(0));
    expect(await get(nodeid, ACL_ACCESS)).toBe('ENODATA');
  });

  it('EACCES for a default ACL of a file, EOPNOTSUPP for a link, EPERM for who is not the owner, EINVAL for junk', async () => {
    const { client } = served;
    const { nodeid } = await client.create(1, 'f');
    const link = await client.symlink(1, 'l', 'f');
    expect(await errnoOf(client.setxattr(nodeid, ACL_DEFAULT, acl(full)))).toBe('EACCES');
    expect(await errnoOf(client.setxattr(link.nodeid, ACL_ACCESS, acl(full)))).toBe('EOPNOTSUPP');
    expect(await errnoOf(client.setxattr(nodeid, ACL_ACCESS, acl('u::rwx g::r')))).toBe('EINVAL');
    expect(await errnoOf(client.setxattr(nodeid, ACL_ACCESS, bytes(2, 0, 0, 0, 1)))).toBe('EINVAL');
    client.who = { uid: 7, gid: 7, pid: 1 };
    expect(await errnoOf(client.setxattr(nodeid, ACL_ACCESS, acl(full)))).toBe('EPERM');
    expect(await errnoOf(client.removexattr(nodeid, ACL_ACCESS))).toBe('EPERM');
    const own = await client.create(1, 'g');
    await client.setxattr(own.nodeid, ACL_ACCESS, acl(full));
    expect(await get(own.nodeid, ACL_ACCESS)).toEqual(acl(full));
  });

  it('FUSE_SETXATTR_ACL_KILL_SGID takes the set-group-id bit', async () => {
    const { client } = served;
    const { nodeid } = await client.create(1, 'f', 0o102770);
    const value = acl(full);
    const set = async (setxattr_flags: number): Promise<string> => {
      const args = new Uint8Array(fuse_setxattr_in.size);
      Object.assign(new fuse_setxattr_in(new DataView(args.buffer)), { size: value.length, setxattr_flags });
      const body = Buffer.concat([args, Buffer.from(`${ACL_ACCESS}\0`), value]);
      await client.request(FUSE_OPCODE.FUSE_SETXATTR, nodeid, new Uint8Array(body), 0);
      return modeOf(nodeid);
    };
    expect(await set(0)).toBe('2750');
    expect(await set(FUSE_SETXATTR_FLAGS.FUSE_SETXATTR_ACL_KILL_SGID)).toBe('750');
  });
});

describe('5.8 creating in a set-group-id directory', () => {
  const group = (gid: number): Uint8Array => bytes(16, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, gid, 0, 0, 0);

  it('the group is inherited, and by directories the bit', async () => {
    const { client } = served;
    const dir = await client.mkdir(1, 'd', 0o777);
    await client.setattr(dir.nodeid, { valid: FATTR.FATTR_MODE | FATTR.FATTR_GID, mode: 0o2777, gid: 50 });
    client.who = { uid: 7, gid: 7, pid: 1 };
    const file = await client.create(dir.nodeid, 'f', 0o100644);
    const sub = await client.mkdir(dir.nodeid, 's', 0o755);
    expect([file.attr.gid, sub.attr.gid]).toEqual([50, 50]);
    expect([file.attr.mode & 0o7777, sub.attr.mode & 0o7777]).toEqual([0o644, 0o2755]);
  });

  it.each<[string, number, number, Uint8Array | undefined, string]>([
    ['of a stranger loses it', 0o102755, 7, undefined, '755'],
    ['of a member keeps it', 0o102755, 50, undefined, '2755'],
    ['of a member by a supplementary group keeps it (FUSE_CREATE_SUPP_GROUP)', 0o102755, 7, group(50), '2755'],
    ['of somebody in another group loses it', 0o102755, 7, group(51), '755'],
    ['keeps it where it means locking', 0o102745, 7, undefined, '2745'],
  ])('the bit of a program %s', async (_, mode, gid, extensions, expected) => {
    const { client } = served;
    const dir = await client.mkdir(1, 'd', 0o777);
    await client.setattr(dir.nodeid, { valid: FATTR.FATTR_MODE | FATTR.FATTR_GID, mode: 0o2777, gid: 50 });
    client.who = { uid: 7, gid, pid: 1 };
    client.extensions = extensions ?? new Uint8Array(0);
    const { attr } = await client.create(dir.nodeid, 'f', mode);
    expect((attr.mode & 0o7777).toString(8)).toBe(expected);
  });
});

describe('labels (FUSE_SECURITY_CTX)', () => {
  // fuse_secctx_header: 32 bytes, one label | fuse_secctx: 3 bytes | its name | its value, padded to 8.
  const label = bytes(32, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, ...Buffer.from('security.x\0'), 1, 2, 3, 0, 0);
  const none = bytes(8, 0, 0, 0, 0, 0, 0, 0);

  it('are there with the inode', async () => {
    served = await serve({ policy: policyOf({ cache: 'auto', labels: true }) });
    const { client } = served;
    expect((await client.init()).flags2 & LINUX_FLAGS2 & 1).toBe(1);
    client.extensions = label;
    const made = [
      await client.create(1, 'f'),
      await client.mkdir(1, 'd'),
      await client.mknod(1, 'n', 0o010600),
      await client.symlink(1, 'l', 'f'),
      await client.tmpfile(1),
    ];
    client.extensions = new Uint8Array(0);
    for (const { nodeid } of made) expect(await get(nodeid, 'security.x')).toEqual(bytes(1, 2, 3));
  });

  it('a request without their header is EINVAL and makes nothing; with an empty one it makes a file without', async () => {
    served = await serve({ policy: policyOf({ cache: 'auto', labels: true }) });
    const { client } = served;
    expect(await errnoOf(client.create(1, 'f'))).toBe('EINVAL');
    expect(await errnoOf(client.lookup(1, 'f'))).toBe('ENOENT');
    client.extensions = none;
    const { nodeid } = await client.create(1, 'f');
    client.extensions = new Uint8Array(0);
    expect(await client.listxattr(nodeid, 100)).toHaveLength(0);
  });

  it('are refused where they were not agreed', async () => {
    const { client } = served;
    client.extensions = label;
    expect(await errnoOf(client.create(1, 'f'))).toBe('EINVAL');
  });
});
