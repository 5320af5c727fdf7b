// Archives that mean harm, are broken, or contradict themselves: nothing outside, nothing half, and each thing is told.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  archive,
  concat,
  END,
  entryBytes,
  listing,
  type MadeEntry,
  newTree,
  streamOf,
  treeOf,
} from '../../../test/archives.ts';
import { MemoryStore } from '../../../test/memory-store.ts';
import { readerOf, stringToBytes } from '../../base/iov.ts';
import { checkTree } from '../tree/check-tree.ts';
import { Tree } from '../tree/tree.ts';
import { ArchiveError } from './archive-error.ts';
import { importArchive, verifyArchive } from './import-archive.ts';

const content = stringToBytes('content');
const file = (name: string, more: Partial<MadeEntry> = {}): MadeEntry => ({ name, content, ...more });
const base256 = (value: bigint, length: number): Uint8Array =>
  Uint8Array.from(
    { length },
    (_, i) => Number((BigInt.asUintN(length * 8, value) >> BigInt((length - 1 - i) * 8)) & 255n) | (i === 0 ? 0x80 : 0),
  );
const patched =
  (at: number, bytes: Uint8Array | string) =>
  (block: Uint8Array): void => {
    block.set(typeof bytes === 'string' ? stringToBytes(bytes) : bytes, at);
  };
const SIZE = 124;

describe('left out, with the reason, while the rest is there', () => {
  const link = (target: string, name = 'link'): MadeEntry => ({ name, typeflag: '1', linkname: target });
  const symlink = (name: string, target: string): MadeEntry => ({ name, typeflag: '2', linkname: target });
  const directory = (name: string): MadeEntry => ({ name, typeflag: '5' });
  const longPath = (path: string): MadeEntry => file('short', { records: [['path', path]] });

  const cases: [what: string, entries: MadeEntry[], path: string, reason: RegExp, rest?: Record<string, string>][] = [
    ['an absolute path', [file('/etc/passwd')], '/etc/passwd', /absolute/],
    ['an absolute path in a record', [longPath('//x')], '//x', /absolute/],
    ['..', [file('../x')], '../x', /"\.\."/],
    ['.. behind a name', [directory('d'), file('d/../../x')], 'd/../../x', /"\.\."/, { d: 'directory' }],
    ['a hard link to an absolute path', [link('/etc/passwd')], 'link', /\/etc\/passwd: its path is absolute/],
    ['a hard link out of the tree', [link('../../x')], 'link', /"\.\."/],
    [
      'a hard link to what is not there',
      [link('later'), file('later')],
      'link',
      /later, which is not there/,
      { later: 'content' },
    ],
    ['a hard link to a directory', [directory('d'), link('d')], 'link', /a directory/, { d: 'directory' }],
    [
      'a hard link through a symbolic link',
      [directory('d'), file('d/f'), symlink('s', 'd'), link('s/f')],
      'link',
      /through a symbolic link/,
      { d: 'directory', 'd/f': 'content', s: '-> d' },
    ],
    [
      'writing through a symbolic link',
      [symlink('s', '/etc'), file('s/passwd')],
      's/passwd',
      /through a symbolic link/,
      { s: '-> /etc' },
    ],
    [
      'writing through a symbolic link that was a directory',
      [directory('d'), file('d/f'), symlink('d', '..')],
      'd',
      /a directory has its name/,
      { d: 'directory', 'd/f': 'content' },
    ],
    [
      'a directory through a symbolic link',
      [symlink('s', '.'), directory('s')],
      's',
      /no directory has its name/,
      { s: '-> .' },
    ],
    ['something in a file', [file('f'), file('f/inside')], 'f/inside', /no directory/, { f: 'content' }],
    [
      'a file in place of a directory',
      [directory('d'), file('d')],
      'd',
      /a directory has its name/,
      { d: 'directory' },
    ],
    ['a directory in place of a file', [file('f'), directory('f')], 'f', /no directory has its name/, { f: 'content' }],
    ['a file in place of the root', [file('.')], '.', /name of the root/],
    ['a symbolic link in place of the root', [symlink('.', '/')], '.', /name of the root/],
    ['no name', [file('')], '', /no name/],
    ['a name with NUL', [longPath('a\0b')], 'a\0b', /NUL/],
    ['a target with NUL', [{ name: 's', typeflag: '2', records: [['linkpath', 'a\0b']] }], 's', /NUL/],
    ['a symbolic link to nothing', [symlink('s', '')], 's', /ENOENT/],
    [
      'a target that is too long',
      [{ name: 's', typeflag: '2', records: [['linkpath', 'x'.repeat(4096)]] }],
      's',
      /ENAMETOOLONG/,
    ],
    ['a name that is too long', [longPath('n'.repeat(256))], 'n'.repeat(256), /256 bytes/],
    [
      'a million directories of one path',
      [longPath('d/'.repeat(1_000_000))],
      `${'d/'.repeat(2048)}...`,
      /unknown directories/,
    ],
    ['an unknown type', [file('x', { typeflag: 'Z' })], 'x', /"Z" is unknown/],
    ['a part of several volumes', [file('x', { typeflag: 'M' })], 'x', /"M" is unknown/],
    ['a device that cannot be', [{ name: 'dev', typeflag: '3', devmajor: 4096 }], 'dev', /4096:0/],
    [
      'a device with a negative number',
      [{ name: 'dev', typeflag: '4', patch: patched(329, base256(-1n, 8)) }],
      'dev',
      /-1:0/,
    ],
    [
      'an extended header that is none',
      [{ name: 'x', typeflag: 'x', content: stringToBytes('17 nothing\n') }, file('f')],
      'f',
      /makes no sense/,
    ],
    [
      'records that lie about their length',
      [{ name: 'x', typeflag: 'x', content: stringToBytes('99999 path=a\n') }, file('f')],
      'f',
      /makes no sense/,
    ],
    [
      'an extended header of 17 MiB',
      [{ name: 'x', typeflag: 'x', content: new Uint8Array(17 * 2 ** 20) }, file('f')],
      'f',
      /17825792 bytes/,
    ],
    [
      'a long name of 17 MiB',
      [{ name: 'x', typeflag: 'L', content: new Uint8Array(17 * 2 ** 20).fill(65) }, file('f')],
      'f',
      /17825792 bytes/,
    ],
    ['a sparse file with parts behind its end', [sparse([0, 7], 3)], 's', /behind its end/],
    ['a sparse file with parts over each other', [sparse([0, 4, 2, 3], 100)], 's', /overlap/],
    ['a sparse file with other parts than there are', [sparse([0, 8], 100)], 's', /8 bytes, and 7 are there/],
    [
      'a sparse file without a number for a size',
      [
        file('s', {
          records: [
            ['GNU.sparse.map', '0,7'],
            ['GNU.sparse.size', '-1'],
          ],
        }),
      ],
      's',
      /"-1" is no number/,
    ],
    [
      'a sparse file of a version to come',
      [
        file('s', {
          records: [
            ['GNU.sparse.major', '2'],
            ['GNU.sparse.realsize', '7'],
          ],
        }),
      ],
      's',
      /version 2/,
    ],
    [
      'a sparse file with half a map',
      [
        file('s', {
          records: [
            ['GNU.sparse.map', '0,7,9'],
            ['GNU.sparse.size', '70'],
          ],
        }),
      ],
      's',
      /incomplete/,
    ],
    ['a sparse file whose map is in its content and is none', [file('s', { records: one(7) })], 's', /no sense/],
    [
      'a sparse file of more parts than its content can have',
      [file('s', { content: text('3\n0\n1\n'), records: one(7) })],
      's',
      /no sense/,
    ],
    [
      'a sparse file of a billion parts',
      [file('s', { content: text('1000000000\n'), records: one(7) })],
      's',
      /1000000000 parts/,
    ],
    [
      'an old sparse file without numbers',
      [file('s', { typeflag: 'S', patch: patched(386, 'nonsense') })],
      's',
      /no sense/,
    ],
    ['a size above all files', [sparse([0, 7], 2 ** 50)], 's', /EFBIG/],
    ['an xattr without a name', [file('f', { records: [['SCHILY.xattr.', 'x']] })], 'f', /ERANGE/, { f: 'content' }],
    [
      'an ACL that is none',
      [file('f', { records: [['SCHILY.xattr.system.posix_acl_access', 'rwx']] })],
      'f',
      /xattr system\.posix_acl_access: EINVAL/,
      { f: 'content' },
    ],
    [
      'an xattr with NUL in its name',
      [file('f', { records: [['SCHILY.xattr.user.a\0b', 'x']] })],
      'f',
      /NUL/,
      { f: 'content' },
    ],
    ['a directory with content', [file('d/')], 'd/', /content: 7 bytes/, { d: 'directory' }],
    [
      'a socket with content',
      [file('s', { records: [['SCHILY.filetype', 'socket']] })],
      's',
      /content: 7 bytes/,
      { s: '140000' },
    ],
    ['an ACL as text', [file('f', { records: [['SCHILY.acl.access', 'user::rwx']] })], 'f', /ACL/, { f: 'content' }],
    [
      'attributes that are unknown',
      [file('f', { records: [['SCHILY.fflags', 'nodump,fancy']] })],
      'f',
      /"fancy"/,
      { f: 'content' },
    ],
    [
      'attributes that a terminal would obey',
      [file('f', { records: [['SCHILY.fflags', '\x1b]0;evil\x07,\x9b2J']] })],
      'f',
      /^attributes "\\x1b\]0;evil\\x07,\\x9b2J"$/,
      { f: 'content' },
    ],
    [
      'a hundred thousand xattrs',
      [
        file('f', {
          records: Array.from({ length: 100_000 }, (_, i): [string, string] => [`SCHILY.xattr.user.${i}`, 'x']),
        }),
      ],
      'f',
      /ENOSPC/,
      { f: 'content' },
    ],
    [
      'a time that is no number',
      [file('f', { records: [['mtime', 'NaN']] })],
      'f',
      /"NaN" is no time/,
      { f: 'content' },
    ],
    [
      'an owner that is negative',
      [file('f', { patch: patched(108, base256(-2n, 8)) })],
      'f',
      /uid: -2/,
      { f: 'content' },
    ],
    [
      'an owner that is too large',
      [file('f', { records: [['gid', '4294967295']] })],
      'f',
      /gid: "4294967295"/,
      { f: 'content' },
    ],
    ['an owner that is no number', [file('f', { records: [['uid', 'NaN']] })], 'f', /uid: "NaN"/, { f: 'content' }],
    ['a mode that is no number', [file('f', { patch: patched(100, 'rwxr-xr-') })], 'f', /mode/, { f: 'content' }],
  ];

  function text(words: string): Uint8Array {
    return stringToBytes(words.padEnd(512, '\0'));
  }
  function one(size: number): [string, string][] {
    return [
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.realsize', String(size)],
    ];
  }
  function sparse(map: number[], size: number, bytes: Uint8Array = content): MadeEntry {
    return file('s', {
      content: bytes,
      records: [
        ['GNU.sparse.map', map.join(',')],
        ['GNU.sparse.size', String(size)],
      ],
    });
  }

  it.each(cases)('%s', async (_, entries, path, reason, rest = {}) => {
    const bytes = archive(...entries, file('after', { mode: 0o600, records: [['mtime', '5.5']] }));
    await verifyArchive(streamOf(bytes));
    const { tree, report } = await treeOf(bytes);
    expect(report.left).toEqual([{ path, reason: expect.stringMatching(reason) }]);
    expect(report.leftCount).toBe(1);
    expect(await listing(tree)).toEqual({ ...rest, after: 'content' });
    expect(tree.lookup(tree.root, 'after')).toMatchObject({ mode: 0o100600, mtime: 5, mtimensec: 500_000_000 });
    expect(checkTree(tree)).toEqual([]);
  });

  it('nothing is left out of what only looks odd', async () => {
    const { tree, report } = await treeOf(
      archive(
        file('./a//b/./c'),
        symlink('out', '/etc/passwd'),
        symlink('up', '../../..'),
        link('./a/b//c', 'same'),
        link('up', 'up2'),
        file('...'),
        file('twice'),
        file('twice', { content: stringToBytes('later') }),
        link('same', 'same'),
        file('old/', { typeflag: '\0', content: new Uint8Array(0) }),
        { name: 'volume', typeflag: 'V' },
      ),
    );
    expect(report.left).toEqual([]);
    expect(await listing(tree)).toEqual({
      a: 'directory',
      'a/b': 'directory',
      'a/b/c': 'content',
      out: '-> /etc/passwd',
      up: '-> ../../..',
      up2: '-> ../../..',
      same: 'content',
      '...': 'content',
      twice: 'later',
      old: 'directory',
    });
    expect(checkTree(tree)).toEqual([]);
  });

  it('is told up to a thousand times, and counted', async () => {
    const { report } = await treeOf(archive(...Array.from({ length: 1500 }, (_, i) => file(`/${i}`)), file('in')));
    expect(report).toMatchObject({ entries: 1, leftCount: 1500 });
    expect(report.left).toHaveLength(1000);
  });

  it('does not replace what is protected in the tree', async () => {
    const tree = await newTree();
    const inode = tree.mknod(tree.root, 'f', { mode: 0o644, uid: 0, gid: 0 });
    await tree.write(inode, 0, 3, readerOf(stringToBytes('old')));
    tree.setFlags(inode, 0x10);
    const report = await importArchive(tree, streamOf(archive(file('f'), file('g'))));
    expect(report.left).toEqual([{ path: 'f', reason: 'EPERM: immutable' }]);
    expect(await listing(tree)).toEqual({ f: 'old', g: 'content' });
  });
});

describe('an archive that makes no sense as a whole', () => {
  const good = archive(file('a'), file('b', { records: [['path', 'c']] }));
  const cases: [what: string, bytes: Uint8Array, code: string][] = [
    ['empty', new Uint8Array(0), 'no-archive'],
    ['a few bytes', stringToBytes('nothing'), 'no-archive'],
    ['something else', stringToBytes('#!/bin/sh\n'.repeat(100)), 'no-archive'],
    ['a checksum that is wrong', concat([good.subarray(0, 1024), Uint8Array.of(1), good.subarray(1025)]), 'damaged'],
    ['cut in content', good.subarray(0, 515), 'cut'],
    ['cut in a header', good.subarray(0, 1500), 'cut'],
    ['cut in an extended header', good.subarray(0, 1024 + 520), 'cut'],
    ['a size that lies', archive(file('a', { size: 100_000 })), 'cut'],
    ['a size of 8 EiB', archive(file('a', { patch: patched(SIZE, base256(2n ** 63n, 12)) })), 'damaged'],
    ['a negative size', archive(file('a', { patch: patched(SIZE, base256(-512n, 12)) })), 'damaged'],
    ['a size that is no number', archive(file('a', { patch: patched(SIZE, 'ninety bytes') })), 'damaged'],
    ['a size in a record that is no number', archive(file('a', { records: [['size', '1e3']] })), 'damaged'],
    [
      'an extended header with a size of 8 EiB',
      archive({ typeflag: 'x', patch: patched(SIZE, base256(2n ** 63n, 12)) }),
      'damaged',
    ],
    ['gzip that is damaged', Uint8Array.from(gzipSync(good)).fill(255, 20, 40), 'damaged'],
    [
      'gzip that is cut',
      gzipSync(concat([entryBytes(file('a', { content: random(9000) })), good])).subarray(0, 5000),
      'damaged',
    ],
  ];

  function random(length: number): Uint8Array {
    let state = 1;
    return Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 24;
    });
  }

  it.each(cases)('%s', async (_, bytes, code) => {
    const tree = await newTree();
    const result = importArchive(tree, streamOf(bytes, 1000));
    await expect(result).rejects.toBeInstanceOf(ArchiveError);
    await expect(result).rejects.toMatchObject({ code });
    await expect(verifyArchive(streamOf(bytes, 1000))).rejects.toMatchObject({ code });
    expect(checkTree(tree)).toEqual([]);
    // Nothing half: a file that was begun is not there.
    for (const text of Object.values(await listing(tree))) expect(text).toBe('content');
  });

  it('without its end, it says that something may be missing', async () => {
    const { tree, report } = await treeOf(good.subarray(0, good.length - END.length));
    expect(report.left).toEqual([{ path: '', reason: expect.stringMatching(/no mark of its end/) }]);
    expect(Object.keys(await listing(tree))).toEqual(['a', 'c']);
  });

  it('behind its end nothing is read', async () => {
    const { tree, report } = await treeOf(concat([good, stringToBytes('rubbish')]));
    expect(report.left).toEqual([]);
    expect(Object.keys(await listing(tree))).toEqual(['a', 'c']);
  });
});

describe('more than there is room for', () => {
  const ROOM = 2 ** 20;
  const small = (): Promise<Tree> => Tree.open(new MemoryStore(ROOM), { commitInterval: 0, cacheLimit: 2 ** 19 });

  it('one file', async () => {
    const tree = await small();
    const bytes = archive(file('small'), file('large', { content: new Uint8Array(2 * ROOM) }));
    await expect(importArchive(tree, streamOf(bytes))).rejects.toMatchObject({ code: 'full' });
    expect(Object.keys(await listing(tree))).toEqual(['small']);
    expect(checkTree(tree)).toEqual([]);
  });

  it('a bomb: a few bytes that inflate to very many', async () => {
    const tree = await small();
    let taken = 0;
    const onProgress = (done: number): void => {
      taken = done;
    };
    const entry = (i: number): Uint8Array => entryBytes(file(`f${i}`, { content: new Uint8Array(ROOM / 4) }));
    const bytes = gzipSync(concat(Array.from({ length: 400 }, (_, i) => entry(i))));
    expect(bytes.length).toBeGreaterThan(100_000);
    expect(bytes.length).toBeLessThan(ROOM / 4);
    await expect(importArchive(tree, streamOf(bytes, 512), { onProgress })).rejects.toMatchObject({ code: 'full' });
    // It ended where the room did, not behind the whole of it.
    expect(taken).toBeLessThan(bytes.length / 2);
    expect(checkTree(tree)).toEqual([]);
  });

  it('a size that lies is not believed', async () => {
    const tree = await small();
    const bytes = archive(file('lie', { size: 2 ** 33 - 1 }));
    await expect(importArchive(tree, streamOf(bytes))).rejects.toMatchObject({ code: 'full' });
    expect(await listing(tree)).toEqual({});
  });
});

describe('that never comes to anything can be given up', () => {
  const PIECES = 50_000;
  const cases: [what: string, first: Uint8Array, then: Uint8Array][] = [
    [
      'content of what is left out',
      entryBytes(file('x', { typeflag: 'Z', size: 2 ** 33 - 1 })),
      new Uint8Array(65_536),
    ],
    [
      'long names, and never whose',
      END.subarray(END.length),
      entryBytes({ typeflag: 'L', content: new Uint8Array(600) }),
    ],
    ['an extended header that is not read', entryBytes({ typeflag: 'x', size: 2 ** 33 - 1 }), new Uint8Array(65_536)],
  ];

  it.each(cases)('%s', async (_, first, then) => {
    const endless = (): ReadableStream<Uint8Array> => {
      let pieces = 0;
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          if (pieces === PIECES) controller.close();
          else controller.enqueue(pieces === 0 && first.length > 0 ? first : then.slice());
          pieces++;
        },
      });
    };
    const given = new Error('given up');
    for (const read of [
      (signal: AbortSignal) => verifyArchive(endless(), signal),
      async (signal: AbortSignal) => void (await importArchive(await newTree(), endless(), { signal })),
    ]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(given), 0);
      await expect(read(controller.signal)).rejects.toBe(given);
    }
  });
});

it('takes fifty thousand tiny entries', async () => {
  const COUNT = 50_000;
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at > COUNT) return controller.close();
      if (at === COUNT) controller.enqueue(END);
      else {
        const many = Array.from({ length: 1000 }, (_, i) => entryBytes({ name: `d${at % 7}/${at + i}` }));
        controller.enqueue(concat(many));
        at += 999;
      }
      at++;
    },
  });
  const tree = await newTree();
  const report = await importArchive(tree, stream);
  expect(report).toMatchObject({ entries: COUNT, leftCount: 0 });
  expect(tree.counters.inodes).toBe(COUNT + 1 + 7);
  expect(checkTree(tree)).toEqual([]);
});
