// What every request is held to, whatever its opcode: lengths, headers, errnos, sessions.
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import {
  cstring,
  errnoOf,
  join,
  LINUX_FLAGS,
  LINUX_FLAGS2,
  LoopExchange,
  message,
  pack,
} from '../../../test/fuse-client.ts';
import { type Served, serve } from '../../../test/served-tree.ts';
import type { Struct } from '../../base/struct.ts';
import * as abi from './abi.ts';
import { OPS } from './ops/index.ts';

const { FUSE_OPCODE: OP } = abi;
const packed = (type: unknown, values: Record<string, number | bigint> = {}): Uint8Array =>
  pack(type as Struct<object>, values);

function send(served: Served, request: Uint8Array, capacity = 4096): LoopExchange {
  const exchange = new LoopExchange(request, capacity, 1, [], true);
  served.server.handle(exchange);
  return exchange;
}

/** The error of a reply, which must be the whole of it. */
function errorOf(exchange: LoopExchange): number {
  const { length, bytes } = exchange.used!;
  expect(length).toBe(16);
  const header = new abi.fuse_out_header(new DataView(bytes.buffer));
  expect(header.len).toBe(16);
  return header.error;
}

const patch = (request: Uint8Array, at: number, value: number): Uint8Array => {
  new DataView(request.buffer).setUint32(at, value, true);
  return request;
};

describe('§5.19 replies and malformed requests', () => {
  test.each(Array.from({ length: 40 }, (_, i) => i))('%i readable bytes are no header: EIO', async (length) => {
    const served = await serve();
    expect(errorOf(send(served, new Uint8Array(length)))).toBe(-5);
    expect(served.answers.at(-1)?.violation).toContain('too short');
  });

  test('len longer than the readable part, or shorter than a header: EIO', async () => {
    const served = await serve();
    const request = message(OP.FUSE_GETATTR, 1, packed(abi.fuse_getattr_in));
    expect(errorOf(send(served, patch(request.slice(), 0, request.length + 1)))).toBe(-5);
    expect(errorOf(send(served, patch(request.slice(), 0, 39)))).toBe(-5);
  });

  test('what lies behind len is not read', async () => {
    const served = await serve();
    const request = join(message(OP.FUSE_LOOKUP, 1, Uint8Array.of(0x61)), cstring(''));
    expect(errorOf(send(served, request))).toBe(-5);
  });

  test('extensions are not arguments', async () => {
    const served = await serve();
    // fuse_ext_header of FUSE_EXT_GROUPS, fuse_supp_groups with group 5.
    const group = Uint8Array.of(16, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0);
    const request = message(OP.FUSE_MKDIR, 1, join(packed(abi.fuse_mkdir_in), cstring('a'), group));
    new DataView(request.buffer).setUint16(36, 2, true);
    expect(send(served, request).used?.length).toBe(144);
    new DataView(request.buffer).setUint16(36, 0xffff, true);
    expect(errorOf(send(served, request))).toBe(-5);
  });

  test('an opcode without an entry is ENOSYS, which the kernel keeps', async () => {
    const served = await serve();
    for (const opcode of [0, 7, 19, 53, 4096, 0xffffffff]) {
      expect(errorOf(send(served, message(opcode, 1, new Uint8Array(64))))).toBe(-38);
    }
  });

  test.each(OPS.filter((entry) => entry !== undefined && entry.reply !== 'none').map((entry) => [entry!.name, entry!]))(
    '%s with arguments that are cut anywhere is EIO or what it is refused with, never another ENOSYS',
    async (_, entry) => {
      const served = await serve();
      const body = new Uint8Array(96).fill(1);
      const wanted = Array.isArray(entry.request)
        ? entry.request.reduce((n: number, p) => n + (p.kind === 'struct' ? p.type.size : p.kind === 'name' ? 1 : 0), 0)
        : 9;
      vi.spyOn(console, 'error').mockImplementation(() => {
        throw new Error('a bug was logged');
      });
      for (let length = 0; length < wanted; length++) {
        if (entry.opcode === OP.FUSE_INIT && length >= 16) continue;
        const error = errorOf(send(served, message(entry.opcode, 1, body.subarray(0, length))));
        if (entry.refused) expect(error).toBeLessThan(0);
        else expect(error).toBe(-5);
      }
      vi.restoreAllMocks();
    },
  );

  test('every bit of unique comes back', async () => {
    const served = await serve();
    const request = message(OP.FUSE_GETATTR, 1, packed(abi.fuse_getattr_in));
    new DataView(request.buffer).setBigUint64(8, 0x8123456789abcdefn, true);
    const { bytes } = send(served, request).used!;
    expect(new DataView(bytes.buffer).getBigUint64(8, true)).toBe(0x8123456789abcdefn);
  });

  test('a writable part without room for the reply: EIO in 16 bytes, or nothing below 16', async () => {
    const served = await serve();
    const request = message(OP.FUSE_GETATTR, 1, packed(abi.fuse_getattr_in));
    for (let capacity = 0; capacity < 16; capacity++) {
      const exchange = send(served, request, capacity);
      expect(exchange.used?.length).toBe(0);
      expect([...exchange.untouched].every((byte) => byte === 0xcc)).toBe(true);
    }
    for (let capacity = 16; capacity < 16 + 104; capacity++) expect(errorOf(send(served, request, capacity))).toBe(-5);
    expect(send(served, request, 16 + 104).used?.length).toBe(120);
  });

  test('a READ or READDIR never writes more than its size, and no READ more than there is room', async () => {
    const served = await serve();
    const file = await served.client.create(1, 'f');
    await served.client.write(file.nodeid, file.fh, 0, new Uint8Array(100).fill(7));
    const read = packed(abi.fuse_read_in, { fh: file.fh, size: 50 });
    expect(send(served, message(OP.FUSE_READ, file.nodeid, read), 4096).used?.length).toBe(66);
    expect(errorOf(send(served, message(OP.FUSE_READ, file.nodeid, read), 65))).toBe(-5);
  });

  test('fixed replies are written whole, nothing of the guest is left in them', async () => {
    const served = await serve();
    const { bytes } = send(served, message(OP.FUSE_STATFS, 1, new Uint8Array(0))).used!;
    expect(bytes.length).toBe(96);
    expect([...bytes.subarray(16 + 52)].every((byte) => byte === 0)).toBe(true);
  });

  test('an error of ours is EIO, logged, and flagged', async () => {
    const served = await serve();
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    vi.spyOn(served.tree, 'statfs').mockImplementation(() => {
      throw new TypeError('not foreseen');
    });
    expect(errorOf(send(served, message(OP.FUSE_STATFS, 1, new Uint8Array(0))))).toBe(-5);
    expect(served.answers.at(-1)).toMatchObject({ bug: true, error: -5 });
    expect(error).toHaveBeenCalledOnce();
    vi.restoreAllMocks();
  });
});

describe('§5.19 names', () => {
  const long = 'n'.repeat(256);
  const cases: [string, string, string][] = [
    ['CREATE', '', 'EINVAL'],
    ['CREATE', '.', 'EINVAL'],
    ['CREATE', '..', 'EINVAL'],
    ['CREATE', 'a/b', 'EINVAL'],
    ['CREATE', long, 'ENAMETOOLONG'],
    ['CREATE', long.slice(1), 'ok'],
    ['MKDIR', '..', 'EINVAL'],
    ['MKDIR', long, 'ENAMETOOLONG'],
    ['MKNOD', '/', 'EINVAL'],
    ['SYMLINK', '.', 'EINVAL'],
    ['LOOKUP', '', 'EINVAL'],
    ['LOOKUP', 'a/b', 'EINVAL'],
    ['LOOKUP', long, 'ENAMETOOLONG'],
    ['LOOKUP', '\xff\xfe', 'ENOENT'],
    ['UNLINK', '.', 'EINVAL'],
    ['RMDIR', '..', 'EINVAL'],
    ['RENAME', '.', 'EINVAL'],
    ['RENAME', long, 'ENAMETOOLONG'],
  ];
  test.each(cases)('%s %j: %s', async (operation, name, errno) => {
    const { client } = await serve();
    const run: Record<string, () => Promise<unknown>> = {
      CREATE: () => client.create(1, name),
      MKDIR: () => client.mkdir(1, name),
      MKNOD: () => client.mknod(1, name, 0o100644),
      SYMLINK: () => client.symlink(1, name, 'target'),
      LOOKUP: () => client.lookup(1, name),
      UNLINK: () => client.unlink(1, name),
      RMDIR: () => client.rmdir(1, name),
      RENAME: () => client.rename(1, 'a', 1, name),
    };
    expect(await errnoOf(run[operation]!())).toBe(errno);
  });

  test('a name of any bytes is kept', async () => {
    const { client } = await serve();
    const name = String.fromCharCode(...Array.from({ length: 255 }, (_, i) => i + 1)).replace('/', '');
    await client.mkdir(1, name);
    expect((await client.list(1)).map((entry) => entry.name)).toEqual(['.', '..', name]);
    expect((await client.list(1, 4096, true))[2]?.name).toBe(name);
  });

  test.each([
    ['LOOKUP', OP.FUSE_LOOKUP, new Uint8Array(0)],
    ['UNLINK', OP.FUSE_UNLINK, new Uint8Array(0)],
    ['MKDIR', OP.FUSE_MKDIR, packed(abi.fuse_mkdir_in)],
    ['RENAME', OP.FUSE_RENAME, join(packed(abi.fuse_rename_in, { newdir: 1 }), cstring('a'))],
    ['SYMLINK', OP.FUSE_SYMLINK, cstring('a')],
    ['GETXATTR', OP.FUSE_GETXATTR, packed(abi.fuse_getxattr_in)],
  ])('%s with a name that does not end is EIO', async (_, opcode, before) => {
    const served = await serve();
    const body = join(before, Uint8Array.of(0x61, 0x62, 0x63));
    expect(errorOf(send(served, message(opcode, 1, body)))).toBe(-5);
  });
});

describe('sessions', () => {
  test('before INIT everything but INIT and DESTROY is EIO, and a FORGET is a violation', async () => {
    const served = await serve({ init: false });
    expect(await errnoOf(served.client.getattr(1))).toBe('EIO');
    await served.client.forgetExactly(1, 1);
    expect(served.answers.at(-1)?.violation).toBe('no session');
    expect(await errnoOf(served.client.destroy())).toBe('ok');
  });

  test('INIT answers the smaller minor and only flags that were offered', async () => {
    const { client } = await serve({ init: false });
    expect((await client.init({ minor: 45 })).minor).toBe(41);
    expect((await client.init({ minor: 36 })).minor).toBe(36);
    const offered = (1 << 0) | (1 << 3) | (1 << 22);
    const out = await client.init({ flags: offered, flags2: LINUX_FLAGS2 });
    expect(out.flags).toBe(offered);
    expect(out.flags2).toBe(0);
    const full = await client.init();
    expect(full.flags & ~LINUX_FLAGS).toBe(0);
    expect(full).toMatchObject({ major: 7, max_readahead: 131072, max_write: 1 << 20, max_pages: 256, time_gran: 1 });
  });

  test.each([
    [7, 30, 'EPROTO'],
    [6, 41, 'EPROTO'],
    [7, 31, 'ok'],
  ])('INIT of protocol %i.%i: %s', async (major, minor, errno) => {
    const { client } = await serve({ init: false });
    expect(await errnoOf(client.init({ major, minor }))).toBe(errno);
    expect(await errnoOf(client.getattr(1))).toBe(errno === 'ok' ? 'ok' : 'EIO');
  });

  test('a larger major is told ours and may ask again', async () => {
    const { client } = await serve({ init: false });
    expect(await client.init({ major: 8, minor: 0 })).toMatchObject({ major: 7, minor: 41, flags: 0 });
    expect(await errnoOf(client.getattr(1))).toBe('EIO');
    await client.init();
    await client.getattr(1);
  });

  test('the 16 bytes of an older INIT are enough', async () => {
    const served = await serve({ init: false });
    const body = packed(abi.fuse_init_in, { major: 7, minor: 31, flags: 1 }).subarray(0, 16);
    expect(send(served, message(OP.FUSE_INIT, 0, body)).used?.length).toBe(80);
    expect(served.server.session.open).toBe(true);
  });

  test('§6.42 a big-endian INIT is refused as a violation', async () => {
    const served = await serve();
    const request = message(OP.FUSE_INIT, 0, packed(abi.fuse_init_in));
    for (const at of [0, 4]) {
      const view = new DataView(request.buffer);
      view.setUint32(at, view.getUint32(at, true), false);
    }
    expect(errorOf(send(served, request))).toBe(-71);
    expect(served.answers.at(-1)?.violation).toContain('big-endian');
  });
});

describe('§5.20 answers that take time', () => {
  test('a reply that comes after a reset writes and grants nothing', async () => {
    const served = await serve();
    const { client, server, tree } = served;
    const file = await client.create(1, 'f');
    let finish = (): void => {};
    vi.spyOn(tree, 'sync').mockReturnValue(
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
    );
    const exchange = send(served, message(OP.FUSE_FSYNC, file.nodeid, packed(abi.fuse_fsync_in, { fh: file.fh })));
    expect(exchange.completions).toBe(0);
    exchange.live = false;
    server.reset();
    finish();
    await vi.waitFor(() => expect(exchange.completions).toBe(1));
    expect(exchange.used?.length).toBe(0);
    expect([...exchange.untouched].every((byte) => byte === 0xcc)).toBe(true);
    expect(server.droppedReplies).toBe(1);
    vi.restoreAllMocks();
  });

  test('what an operation waits for stays alive, whatever is unlinked, closed and forgotten', async () => {
    const served = await serve();
    const { client, tree } = served;
    const file = await client.create(1, 'f');
    let finish = (): void => {};
    vi.spyOn(tree, 'sync').mockReturnValueOnce(
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
    );
    const synced = client.fsync(file.nodeid, file.fh);
    await client.unlink(1, 'f');
    await client.release(file.nodeid, file.fh);
    await client.forgetAll();
    expect(tree.inode(file.nodeid)).toBeDefined();
    finish();
    await synced;
    expect(tree.inode(file.nodeid)).toBeUndefined();
    vi.restoreAllMocks();
  });

  test('a failing commit is the errno of the one who waits', async () => {
    const { client, tree } = await serve();
    const { PosixError } = await import('../../base/errno.ts');
    const file = await client.create(1, 'f');
    vi.spyOn(tree, 'sync').mockReturnValueOnce(Promise.reject(new PosixError('ENOSPC')));
    expect(await errnoOf(client.fsync(file.nodeid, file.fh))).toBe('ENOSPC');
    vi.restoreAllMocks();
  });
});

test('any cut into descriptors gives the same replies', async () => {
  const run = async (cut?: (total: number) => number[]): Promise<unknown[]> => {
    const { client } = await serve(cut ? { cut } : {});
    const file = await client.create(1, 'file');
    const seen: unknown[] = [
      await client.write(
        file.nodeid,
        file.fh,
        3,
        Uint8Array.from({ length: 70 }, (_, i) => i),
      ),
    ];
    await client.setxattr(file.nodeid, 'user.a', Uint8Array.of(1, 2, 3));
    seen.push(await client.read(file.nodeid, file.fh, 0, 100), await client.getxattr(file.nodeid, 'user.a', 9));
    await client.symlink(1, 'link', 'some/where');
    const link = await client.lookup(1, 'link');
    seen.push(await client.readlink(link.nodeid), await client.list(1, 300, true), await client.list(1, 100));
    return seen;
  };
  const whole = await run();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 20 }), async (cuts) => {
      expect(await run(() => cuts)).toEqual(whole);
    }),
    { numRuns: 60 },
  );
});
