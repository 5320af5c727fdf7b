// One session of every opcode, request and reply byte for byte with a comment a field, compared with test/golden/session.txt.
// UPDATE_GOLDEN=1 writes that file anew: read the difference before it is committed.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cstring, join, LINUX_FLAGS, LINUX_FLAGS2, LoopExchange, message, pack } from '../../../test/fuse-client.ts';
import { serve } from '../../../test/served-tree.ts';
import type { Struct } from '../../base/struct.ts';
import * as abi from './abi.ts';
import { describeReply, describeRequest, type Field, fields, replyFields } from './describe.ts';
import { OPS } from './ops/index.ts';

const FILE = new URL('../../../test/golden/session.txt', import.meta.url);
const { FUSE_OPCODE: OP } = abi;
const packed = (type: unknown, values: Record<string, number | bigint> = {}): Uint8Array =>
  pack(type as Struct<object>, values);
const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

function lines(sign: string, bytes: Uint8Array, all: Field[]): string[] {
  const leaves = all.filter((field, i) => field.length > 0 && !(all[i + 1] && all[i + 1]!.depth > field.depth));
  return leaves.map(({ name, value, note, at, length }) => {
    const what = `${name} = ${value}${note === undefined ? '' : ` (${note})`}`;
    return `${sign} ${hex(bytes.subarray(at, at + length))}  # ${what}`;
  });
}

test('§1 every opcode, byte for byte', async () => {
  const served = await serve({ init: false });
  const out: string[] = [];
  const seen = new Set<number>();
  let unique = 0xbaad_f00d_0000;

  async function send(opcode: number, nodeid: number, body: Uint8Array, capacity: number): Promise<DataView> {
    seen.add(opcode);
    unique += 2;
    const request = message(opcode, nodeid, body, unique, { uid: 1000, gid: 1001, pid: 4242 });
    const exchange = new LoopExchange(request, capacity === 0 ? 0 : 16 + capacity, 1, [], true);
    served.server.handle(exchange);
    const { bytes } = await exchange.wait();
    const asked = describeRequest(request);
    out.push(`== ${asked.name}${asked.text ? `: ${asked.text}` : ''}`);
    out.push(...lines('>', request, fields(request)));
    if (bytes.length > 0) {
      out.push(`-- ${describeReply(request, bytes, bytes.length)}`, ...lines('<', bytes, replyFields(request, bytes)));
    } else out.push('-- no reply');
    out.push('');
    return new DataView(bytes.buffer, Math.min(16, bytes.length));
  }
  const entry = async (opcode: number, nodeid: number, ...body: Uint8Array[]): Promise<number> =>
    new abi.fuse_entry_out(await send(opcode, nodeid, join(...body), 128)).nodeid;
  const none = async (opcode: number, nodeid: number, ...body: Uint8Array[]): Promise<void> =>
    void (await send(opcode, nodeid, join(...body), 512));
  const fhOf = async (opcode: number, nodeid: number, flags: number): Promise<number> =>
    new abi.fuse_open_out(await send(opcode, nodeid, packed(abi.fuse_open_in, { flags }), 16)).fh;

  const init = { major: 7, minor: 41, max_readahead: 131072, flags: LINUX_FLAGS, flags2: LINUX_FLAGS2 };
  await send(OP.FUSE_INIT, 0, packed(abi.fuse_init_in, init), 64);
  await send(OP.FUSE_GETATTR, 1, packed(abi.fuse_getattr_in), 104);
  await entry(OP.FUSE_LOOKUP, 1, cstring('absent'));
  const dir = await entry(OP.FUSE_MKDIR, 1, packed(abi.fuse_mkdir_in, { mode: 0o750, umask: 0o022 }), cstring('dir'));
  const made = packed(abi.fuse_create_in, { flags: 0o100101, mode: 0o100640, umask: 0o022 });
  const created = await send(OP.FUSE_CREATE, dir, join(made, cstring('file')), 144);
  const file = new abi.fuse_entry_out(created).nodeid;
  const { fh } = new abi.fuse_open_out(new DataView(created.buffer, created.byteOffset + 128));
  const data = new TextEncoder().encode('telltale');
  await send(
    OP.FUSE_WRITE,
    file,
    join(packed(abi.fuse_write_in, { fh, offset: 3, size: 8, flags: 0o100001 }), data),
    8,
  );
  await send(OP.FUSE_READ, file, packed(abi.fuse_read_in, { fh, offset: 1, size: 64, flags: 0o100000 }), 64);
  await none(OP.FUSE_FLUSH, file, packed(abi.fuse_flush_in, { fh, lock_owner: 0x1122334455667788n }));
  await none(OP.FUSE_FSYNC, file, packed(abi.fuse_fsync_in, { fh, fsync_flags: 1 }));
  const attrs = {
    valid: 0x39 | 0x440,
    mode: 0o4711,
    size: 5,
    atime: -1,
    mtime: 1_700_000_000,
    mtimensec: 7,
    fh,
    ctime: 3,
  };
  await send(OP.FUSE_SETATTR, file, packed(abi.fuse_setattr_in, attrs), 104);
  await none(OP.FUSE_RELEASE, file, packed(abi.fuse_release_in, { fh, flags: 0o100001 }));
  const opened = await fhOf(OP.FUSE_OPEN, file, 0o101001);
  await none(OP.FUSE_RELEASE, file, packed(abi.fuse_release_in, { fh: opened }));
  const fifo = await entry(
    OP.FUSE_MKNOD,
    dir,
    packed(abi.fuse_mknod_in, { mode: 0o020600, rdev: 0x0103 }),
    cstring('null'),
  );
  await entry(OP.FUSE_SYMLINK, dir, cstring('link'), cstring('file'));
  const link = await entry(OP.FUSE_LOOKUP, dir, cstring('link'));
  await send(OP.FUSE_READLINK, link, new Uint8Array(0), 4096);
  await entry(OP.FUSE_LINK, dir, packed(abi.fuse_link_in, { oldnodeid: file }), cstring('h\xe4rd'));
  await none(OP.FUSE_RENAME, dir, packed(abi.fuse_rename_in, { newdir: 1 }), cstring('h\xe4rd'), cstring('moved'));
  await none(
    OP.FUSE_RENAME2,
    1,
    packed(abi.fuse_rename2_in, { newdir: dir, flags: 1 }),
    cstring('moved'),
    cstring('file'),
  );
  await none(OP.FUSE_UNLINK, dir, cstring('null'));
  await none(OP.FUSE_RMDIR, 1, cstring('dir'));
  const xattr = packed(abi.fuse_setxattr_in, { size: 3, flags: 1 });
  await none(OP.FUSE_SETXATTR, file, xattr, cstring('user.name'), Uint8Array.of(0xde, 0xad, 0));
  await none(OP.FUSE_GETXATTR, file, packed(abi.fuse_getxattr_in), cstring('user.name'));
  await none(OP.FUSE_GETXATTR, file, packed(abi.fuse_getxattr_in, { size: 64 }), cstring('user.name'));
  await none(OP.FUSE_LISTXATTR, file, packed(abi.fuse_getxattr_in, { size: 64 }));
  await none(OP.FUSE_REMOVEXATTR, file, cstring('user.name'));
  const list = await fhOf(OP.FUSE_OPENDIR, dir, 0o200000);
  await none(OP.FUSE_READDIR, dir, packed(abi.fuse_read_in, { fh: list, size: 512 }));
  await none(OP.FUSE_READDIRPLUS, dir, packed(abi.fuse_read_in, { fh: list, offset: 2, size: 400 }));
  await none(OP.FUSE_FSYNCDIR, dir, packed(abi.fuse_fsync_in, { fh: list }));
  await none(OP.FUSE_RELEASEDIR, dir, packed(abi.fuse_release_in, { fh: list }));
  await none(OP.FUSE_STATFS, 1);
  await none(OP.FUSE_SYNCFS, 1, packed(abi.fuse_syncfs_in));
  const lock = new Uint8Array(48);
  await none(OP.FUSE_GETLK, file, lock);
  await none(OP.FUSE_SETLK, file, lock);
  await none(OP.FUSE_SETLKW, file, lock);
  await none(OP.FUSE_ACCESS, file, packed(abi.fuse_access_in, { mask: 6 }));
  await none(OP.FUSE_BMAP, file, packed(abi.fuse_bmap_in, { block: 9, blocksize: 512 }));
  const again = await fhOf(OP.FUSE_OPEN, file, 0o100002);
  const ioctl = (cmd: number, sizes: Record<string, number>): Uint8Array =>
    packed(abi.fuse_ioctl_in, { fh: again, flags: 8, cmd, arg: 0xdeadbeefn, ...sizes });
  await none(OP.FUSE_IOCTL, file, ioctl(0x40046602, { in_size: 4 }), Uint8Array.of(0xc0, 0, 0, 0));
  await none(OP.FUSE_IOCTL, file, ioctl(0x80046601, { out_size: 4 }));
  await none(OP.FUSE_IOCTL, file, ioctl(0x801c581f, { out_size: 28 }));
  await none(OP.FUSE_IOCTL, file, ioctl(0x5401, {}));
  await none(OP.FUSE_POLL, file, packed(abi.fuse_poll_in, { fh: again, kh: 0xfeedn, flags: 1, events: 5 }));
  const range = { fh: again, offset: 61440, length: 122880 };
  await none(OP.FUSE_FALLOCATE, file, packed(abi.fuse_fallocate_in, range));
  await none(OP.FUSE_WRITE, file, packed(abi.fuse_write_in, { fh: again, offset: 122880, size: 8, flags: 2 }), data);
  await none(OP.FUSE_LSEEK, file, packed(abi.fuse_lseek_in, { fh: again, offset: 122881, whence: 4 }));
  await none(OP.FUSE_LSEEK, file, packed(abi.fuse_lseek_in, { fh: again, offset: 1, whence: 3 }));
  const punch = { fh: again, offset: 122880, length: 2, mode: 3 };
  await none(OP.FUSE_FALLOCATE, file, packed(abi.fuse_fallocate_in, punch));
  const copy = { fh_in: again, off_in: 122882, nodeid_out: file, fh_out: again, off_out: 200_000, len: 4 };
  await none(OP.FUSE_COPY_FILE_RANGE, file, packed(abi.fuse_copy_file_range_in, copy));
  const mapping = { fh: again, foffset: 4096, len: 8192, flags: 1 };
  await none(OP.FUSE_SETUPMAPPING, file, packed(abi.fuse_setupmapping_in, mapping));
  const unmap = packed(abi.fuse_removemapping_one, { moffset: 4096, len: 8192 });
  await none(OP.FUSE_REMOVEMAPPING, file, packed(abi.fuse_removemapping_in, { count: 1 }), unmap);
  const unnamed = packed(abi.fuse_create_in, { flags: 0o20200002, mode: 0o100600 });
  await send(OP.FUSE_TMPFILE, dir, join(unnamed, cstring('/')), 144);
  await none(OP.FUSE_STATX, file, packed(abi.fuse_statx_in, { getattr_flags: 1, fh: again, sx_mask: 0xfff }));
  await send(OP.FUSE_INTERRUPT, 0, packed(abi.fuse_interrupt_in, { unique: 8 }), 0);
  await send(OP.FUSE_NOTIFY_REPLY, 0, join(packed(abi.fuse_notify_retrieve_in, { offset: 1, size: 2 }), data), 0);
  await send(OP.FUSE_FORGET, fifo, packed(abi.fuse_forget_in, { nlookup: 1 }), 0);
  const ones = [file, dir].map((nodeid) => packed(abi.fuse_forget_one, { nodeid, nlookup: 1 }));
  await send(OP.FUSE_BATCH_FORGET, 0, join(packed(abi.fuse_batch_forget_in, { count: 2 }), ...ones), 0);
  await none(OP.FUSE_DESTROY, 0);

  expect(OPS.flatMap((op) => (op && !seen.has(op.opcode) ? [op.name] : []))).toEqual([]);
  const text = `${out.join('\n')}`;
  if (process.env.UPDATE_GOLDEN) writeFileSync(FILE, text);
  expect(existsSync(FILE)).toBe(true);
  expect(text).toBe(readFileSync(FILE, 'utf8'));
});
