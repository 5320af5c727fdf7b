import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cstring, join, LINUX_FLAGS, LINUX_FLAGS2, message, pack } from '../../../test/fuse-client.ts';
import { stringToBytes } from '../../base/iov.ts';
import type { Struct } from '../../base/struct.ts';
import * as abi from './abi.ts';
import { describeReply, describeRequest, fields, replyFields } from './describe.ts';
import { unknownFields } from './field-text.ts';
import { OPS } from './ops/index.ts';
import { quote } from './text.ts';

const { FUSE_OPCODE: OP } = abi;
const packed = (type: unknown, values: Record<string, number | bigint> = {}): Uint8Array =>
  pack(type as Struct<object>, values);
const reply = (error: number, ...body: Uint8Array[]): Uint8Array => {
  const rest = join(...body);
  return join(packed(abi.fuse_out_header, { len: 16 + rest.length, error, unique: 2 }), rest);
};
const entry = (nodeid: number, mode: number, size: number): Uint8Array => {
  const bytes = packed(abi.fuse_entry_out, { nodeid, generation: 9 });
  const out = new abi.fuse_entry_out(new DataView(bytes.buffer));
  Object.assign(out.attr, { ino: nodeid, mode, size, nlink: 1 });
  return bytes;
};
const dirent = (name: string, off: number, plusNodeid?: number): Uint8Array => {
  const head = packed(abi.fuse_dirent, { ino: 7, off, namelen: name.length, type: 8 });
  const before = plusNodeid === undefined ? new Uint8Array(0) : entry(plusNodeid, 0o100644, 0);
  const bare = join(before, head, stringToBytes(name));
  return join(bare, new Uint8Array(-bare.length & 7));
};

const CASES: [string, Uint8Array, string, Uint8Array, string][] = [
  [
    'LOOKUP',
    message(OP.FUSE_LOOKUP, 1, cstring('a')),
    'find "a"',
    reply(0, entry(7, 0o100644, 12)),
    'nodeid 7 file 0644 12 B',
  ],
  ['LOOKUP', message(OP.FUSE_LOOKUP, 1, cstring('a')), 'find "a"', reply(-2), 'ENOENT'],
  [
    'LOOKUP',
    message(OP.FUSE_LOOKUP, 7, cstring('.')),
    'revive: find "." of a file handle',
    reply(0, entry(7, 0o100644, 12)),
    'nodeid 7 file 0644 12 B',
  ],
  ['LOOKUP', message(OP.FUSE_LOOKUP, 1, cstring('a')), 'find "a"', reply(0, entry(0, 0, 0)), 'nothing there (cached)'],
  [
    'READ',
    message(OP.FUSE_READ, 7, packed(abi.fuse_read_in, { fh: 3, offset: 0, size: 4096 })),
    'read 4096 B at 0 from fh 3',
    reply(0, new Uint8Array(100)),
    '100 B',
  ],
  [
    'FORGET',
    message(OP.FUSE_FORGET, 7, packed(abi.fuse_forget_in, { nlookup: 3 })),
    'give back 3 look-ups',
    reply(0),
    'ok',
  ],
  [
    'CREATE',
    message(OP.FUSE_CREATE, 1, join(packed(abi.fuse_create_in, { flags: 0o1101, mode: 0o100600 }), cstring('n'))),
    'create file 0600 "n", open O_WRONLY|O_CREAT|O_TRUNC',
    reply(0, entry(8, 0o100600, 0), packed(abi.fuse_open_out, { fh: 4, open_flags: 0x20 })),
    'nodeid 8 file 0600 0 B, fh 4 (FOPEN_NOFLUSH)',
  ],
  [
    'READDIRPLUS',
    message(OP.FUSE_READDIRPLUS, 1, packed(abi.fuse_read_in, { fh: 5, offset: 2, size: 4096 })),
    'list fh 5 behind cookie 2, up to 4096 B',
    reply(0, dirent('..', 2, 0), dirent('b', 3, 8)),
    '2 entries, 1 looked up',
  ],
  [
    'SETATTR',
    message(OP.FUSE_SETATTR, 1, packed(abi.fuse_setattr_in, { valid: 9, mode: 0o644, size: 5 })),
    'set mode 0644, size 5',
    reply(-1),
    'EPERM',
  ],
  [
    'LISTXATTR',
    message(OP.FUSE_LISTXATTR, 1, packed(abi.fuse_getxattr_in, { size: 64 })),
    'xattrs, up to 64 B of names',
    reply(0, cstring('user.a'), cstring('user.b')),
    '"user.a" "user.b"',
  ],
  [
    'SETXATTR',
    message(
      OP.FUSE_SETXATTR,
      1,
      join(packed(abi.fuse_setxattr_in, { size: 2, flags: 1 }), cstring('user.a'), new Uint8Array(2)),
    ),
    'set "user.a" to 2 B (XATTR_CREATE)',
    reply(0),
    'ok',
  ],
  [
    'STATX',
    message(OP.FUSE_STATX, 1, packed(abi.fuse_statx_in)),
    'attributes with the time of birth',
    reply(-116),
    'ESTALE',
  ],
  [
    'LSEEK',
    message(OP.FUSE_LSEEK, 1, packed(abi.fuse_lseek_in, { fh: 9, offset: 5, whence: 4 })),
    'find a hole from 5 on in fh 9',
    reply(0, packed(abi.fuse_lseek_out, { offset: 61440 })),
    'at 61440',
  ],
  [
    'IOCTL',
    message(
      OP.FUSE_IOCTL,
      1,
      join(packed(abi.fuse_ioctl_in, { fh: 9, cmd: 0x40046602, in_size: 4 }), Uint8Array.of(0x50, 0, 0, 0)),
    ),
    'FS_IOC_SETFLAGS FS_IMMUTABLE_FL|FS_NODUMP_FL on fh 9',
    reply(0, packed(abi.fuse_ioctl_out)),
    'ok',
  ],
  [
    'IOCTL',
    message(OP.FUSE_IOCTL, 1, packed(abi.fuse_ioctl_in, { fh: 9, cmd: 0x801c581f, out_size: 28 })),
    'FS_IOC_FSGETXATTR on fh 9',
    reply(0, packed(abi.fuse_ioctl_out), Uint8Array.of(0x90), new Uint8Array(27)),
    'FS_XFLAG_APPEND|FS_XFLAG_NODUMP',
  ],
  [
    'IOCTL',
    message(OP.FUSE_IOCTL, 1, packed(abi.fuse_ioctl_in, { fh: 9, cmd: 0x5401 })),
    'command 0x5401, 0 B in, up to 0 B out, on fh 9',
    reply(-25),
    'ENOTTY',
  ],
  [
    'FALLOCATE',
    message(OP.FUSE_FALLOCATE, 7, packed(abi.fuse_fallocate_in, { fh: 9, offset: 5, length: 6, mode: 3 })),
    'allocate 6 B at 5 of fh 9 (FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE)',
    reply(0),
    'ok',
  ],
  [
    'POLL',
    message(OP.FUSE_POLL, 7, packed(abi.fuse_poll_in, { fh: 9, events: 5 })),
    'is fh 9 ready for POLLIN|POLLOUT',
    reply(0, packed(abi.fuse_poll_out, { revents: 4 })),
    'POLLOUT',
  ],
  [
    'TMPFILE',
    message(OP.FUSE_TMPFILE, 1, join(packed(abi.fuse_create_in, { flags: 2, mode: 0o100600 }), cstring('/'))),
    'create file 0600 without a name, open O_RDWR',
    reply(0, entry(8, 0o100600, 0), packed(abi.fuse_open_out, { fh: 4 })),
    'nodeid 8 file 0600 0 B, fh 4',
  ],
];

describe('words', () => {
  test.each(CASES)('%s: %#', (name, request, asked, answer, result) => {
    expect(describeRequest(request)).toMatchObject({ name, text: asked });
    expect(describeReply(request, answer, answer.length)).toBe(result);
  });

  test('a SETXATTR of before SETXATTR_EXT is understood from its length', () => {
    const request = message(
      OP.FUSE_SETXATTR,
      1,
      join(new Uint8Array([2, 0, 0, 0, 2, 0, 0, 0]), cstring('user.a'), Uint8Array.of(1, 2)),
    );
    expect(describeRequest(request).text).toBe('set "user.a" to 2 B (XATTR_REPLACE)');
  });

  test('a request without an entry is named by its number', () => {
    expect(describeRequest(message(4096, 1, new Uint8Array(0)))).toEqual({
      name: 'opcode 4096',
      opcode: 4096,
      text: '',
      names: [],
    });
  });

  test('names of any bytes', () => {
    expect(quote('a\xc3\xa4"\\\n')).toBe('"aä\\"\\\\\\x0a"');
    expect(quote('\xff\xc3\xa4')).toBe('"\\xff\\xc3\\xa4"');
  });
});

describe('fields', () => {
  test('header and arguments, each with its bytes, flags by name', () => {
    const request = message(
      OP.FUSE_INIT,
      0,
      packed(abi.fuse_init_in, { major: 7, minor: 41, flags: LINUX_FLAGS, flags2: LINUX_FLAGS2 }),
    );
    const all = fields(request);
    expect(all.find((field) => field.name === 'opcode')).toEqual({
      name: 'opcode',
      value: '26',
      at: 4,
      length: 4,
      depth: 1,
      note: 'FUSE_INIT',
    });
    expect(all.find((field) => field.name === 'fuse_init_in')).toMatchObject({ at: 40, length: 64, depth: 0 });
    expect(all.find((field) => field.name === 'flags2')?.note).toContain('FUSE_PASSTHROUGH');
  });

  test('nested structs, times readable', () => {
    const body = entry(7, 0o100644, 12);
    const out = new abi.fuse_entry_out(new DataView(body.buffer));
    out.attr.mtime = 1_700_000_000;
    out.attr.mtimensec = 5;
    const all = replyFields(message(OP.FUSE_LOOKUP, 1, cstring('a')), reply(0, body));
    expect(all.find((field) => field.name === 'attr')).toMatchObject({ at: 56, length: 88, depth: 1 });
    expect(all.find((field) => field.name === 'mtime')).toMatchObject({
      at: 56 + 32,
      depth: 2,
      note: '2023-11-14T22:13:20.000000005Z',
    });
    expect(all.find((field) => field.name === 'mode')?.note).toBe('file 0644');
  });

  test('an errno has no body', () => {
    const all = replyFields(message(OP.FUSE_LOOKUP, 1, cstring('a')), reply(-2));
    expect(all.map((field) => field.name)).toEqual(['fuse_out_header', 'len', 'error', 'unique']);
    expect(all[2]?.note).toBe('ENOENT');
  });

  test('every field that has words is a field of its struct', () => {
    expect(unknownFields()).toEqual([]);
  });

  test('bytes of every message are covered once by its fields', () => {
    for (const [, request, , answer] of CASES) {
      for (const [bytes, all] of [
        [request, fields(request)],
        [answer, replyFields(request, answer)],
      ] as const) {
        const leaves = all.filter((field, i) => !(all[i + 1] !== undefined && all[i + 1]!.depth > field.depth));
        const marks = new Uint8Array(bytes.length);
        for (const { at, length } of leaves) for (let i = at; i < at + length; i++) marks[i] = (marks[i] as number) + 1;
        expect([...marks].every((mark) => mark === 1)).toBe(true);
      }
    }
  });
});

test('bytes of any kind, cut anywhere, are described without a throw and within their bounds', () => {
  const opcode = fc.oneof(fc.constantFrom(...OPS.flatMap((op) => (op ? [op.opcode] : []))), fc.nat());
  fc.assert(
    fc.property(
      opcode,
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 400 }),
      fc.nat(200),
      (op, body, answer, cut) => {
        const request = message(op, 1, body).subarray(0, cut + 30);
        describeRequest(request);
        describeReply(request, answer, answer.length * 2);
        for (const field of fields(request)) expect(field.at + field.length).toBeLessThanOrEqual(request.length);
        for (const field of replyFields(request, answer))
          expect(field.at + field.length).toBeLessThanOrEqual(answer.length);
      },
    ),
    { numRuns: 5000 },
  );
});
