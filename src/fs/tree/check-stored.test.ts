// Damage in what is stored: found and named, refused when the tree is opened, mended when that is asked for.
import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../../test/memory-store.ts';
import { inodesOf, type Raw, recordOf, tamper } from '../../../test/stored-damage.ts';
import { contentOf } from '../../../test/tree-driver.ts';
import { readerOf } from '../../base/iov.ts';
import { checkStored, repairStored } from './check-stored.ts';
import { checkTree } from './check-tree.ts';
import type { FindingCode } from './findings.ts';
import type { Inode } from './inode.ts';
import { extraKey, inode_record, pageKey, pageOf } from './records.ts';
import { StoreError, type Superblock } from './store.ts';
import { Tree } from './tree.ts';

const CHUNK = 4096;
const OWNER = { uid: 0, gid: 0 };

/** Inode numbers of the tree that is damaged. */
type Inos = Record<'a' | 'd' | 'e' | 'f' | 's' | 'h' | 'holes' | 'full', number>;

/**
 * /a: three chunks. /d/e/f: a file of two in two directories. /d/s: a symbolic link. /h and /d/h: one file with two
 * names and an xattr. /holes: six runs. /full: with more names than one page has inodes.
 */
async function stored(): Promise<{ store: MemoryStore; inos: Inos }> {
  const store = new MemoryStore();
  const tree = await Tree.open(store, { chunkSize: CHUNK });
  const file = async (dir: Inode, name: string, chunks: number[]): Promise<Inode> => {
    const inode = tree.mknod(dir, name, { mode: 0o644, ...OWNER });
    for (const index of chunks) {
      await tree.write(inode, index * CHUNK, CHUNK - 1, readerOf(new Uint8Array(CHUNK - 1).fill(index + 1)));
    }
    return inode;
  };
  const a = await file(tree.root, 'a', [0, 1, 2]);
  const d = tree.mkdir(tree.root, 'd', { mode: 0o755, ...OWNER });
  const e = tree.mkdir(d, 'e', { mode: 0o755, ...OWNER });
  const f = await file(e, 'f', [0, 1]);
  const s = tree.symlink(d, 's', '../a', OWNER);
  const h = await file(tree.root, 'h', [0]);
  tree.link(h, d, 'h');
  tree.setxattr(h, 'user.x', new Uint8Array([1, 2, 3]), 0);
  const holes = await file(tree.root, 'holes', [0, 2, 4, 6, 8, 10]);
  const full = tree.mkdir(tree.root, 'full', { mode: 0o755, ...OWNER });
  for (let i = 0; i < 40; i++) await file(full, `n${i}`, []);
  await tree.close();
  const inos = { a: a.ino, d: d.ino, e: e.ino, f: f.ino, s: s.ino, h: h.ino, holes: holes.ino, full: full.ino };
  return { store, inos };
}

const find = (tree: Tree, path: string): Inode | undefined => {
  let at: Inode | undefined = tree.root;
  for (const name of path.split('/').filter((part) => part !== '')) at = at && tree.lookup(at, name);
  return at;
};

interface Case {
  damage: (raw: Raw, inos: Inos) => void;
  /** All that is found, in order. */
  codes: FindingCode[];
  /** Whether the tree can be opened as it is, because only content is damaged. */
  opens?: true;
  /** Of what is found first. */
  path?: (inos: Inos) => string | undefined;
  /** What a repair makes of it. */
  mended?: (tree: Tree, inos: Inos) => unknown;
}

/** Sets fields of an inode's record. */
function set(raw: Raw, ino: number, fields: Partial<ReturnType<typeof recordOf>>): void {
  Object.assign(recordOf(raw, ino), fields);
}

const record = (raw: Raw, ino: number): Uint8Array<ArrayBuffer> =>
  raw.records.get(pageKey(pageOf(ino))) as Uint8Array<ArrayBuffer>;
/** Takes an inode out of its page, which goes on telling of it. */
function lose(raw: Raw, ino: number): void {
  const page = record(raw, ino);
  const inodes = inodesOf(page);
  const i = inodes.findIndex(({ stored: { inode } }) => inode.ino === ino);
  const from = inodes[i]?.at as number;
  const to = inodes[i + 1]?.at ?? page.length;
  raw.records.set(pageKey(pageOf(ino)), new Uint8Array([...page.slice(0, from), ...page.slice(to)]));
}

const CASES: Record<string, Case> = {
  'a missing chunk': {
    damage: (raw, { a }) => raw.chunks.get(a)?.delete(1),
    codes: ['chunk-missing'],
    opens: true,
    path: () => '/a',
    mended: async (tree) => {
      const content = await contentOf(tree, find(tree, 'a') as Inode);
      expect([content[0], content[CHUNK], content[2 * CHUNK]]).toEqual([1, 0, 3]);
    },
  },
  'a name in a directory that is not there': {
    damage: (raw, { e }) => set(raw, e, { parent: 999 }),
    codes: ['name-dangling', 'nlink'],
    path: () => undefined,
    mended: (tree) => expect(find(tree, '/lost+found/#999/e/f')).toBeDefined(),
  },
  'a name in what is no directory': {
    damage: (raw, { s, a }) => set(raw, s, { parent: a }),
    codes: ['name-in-file'],
    path: () => '/a/s',
    mended: (tree, { s }) => expect(find(tree, `/lost+found/#${s}`)?.target).toBe('../a'),
  },
  'a wrong count of names': {
    damage: (raw, { h }) => set(raw, h, { nlink: 5 }),
    codes: ['nlink'],
    path: () => '/h',
    mended: (tree) => expect(find(tree, 'h')?.nlink).toBe(2),
  },
  'a wrong count of directories': {
    damage: (raw, { d }) => set(raw, d, { nlink: 2 }),
    codes: ['nlink'],
    path: () => '/d',
    mended: (tree) => expect(find(tree, 'd')?.nlink).toBe(3),
  },
  'directories in each other': {
    damage: (raw, { d, e }) => set(raw, d, { parent: e }),
    codes: ['loop'],
    mended: (tree, { d }) => expect(find(tree, `/lost+found/#${d}/e/f`)).toBeDefined(),
  },
  'a directory in itself': {
    damage: (raw, { e }) => set(raw, e, { parent: e }),
    codes: ['loop', 'nlink'],
    mended: (tree, { e }) => expect(find(tree, `/lost+found/#${e}/f`)).toBeDefined(),
  },
  'a record that is cut': {
    damage: (raw, { a }) => void raw.records.set(pageKey(pageOf(a)), record(raw, a).slice(0, -40)),
    codes: ['record-damaged', 'inodes-lost'],
    mended: (tree, { full }) => expect(find(tree, 'full')?.ino).toBe(full),
  },
  'a record of no known kind': {
    damage: (raw) => void raw.records.set('mystery', new Uint8Array([9, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9])),
    codes: ['record-unknown'],
  },
  'a page that is nothing but zeros': {
    damage: (raw, { a }) => void record(raw, a).fill(0),
    codes: [
      ...(['record-damaged', 'record-damaged', 'extra-without-inode', 'extra-without-inode'] as const),
      ...(['no-root', 'name-dangling', 'chunk-leaked', 'chunk-leaked', 'chunk-leaked', 'chunk-leaked'] as const),
    ],
    // What was on the other page is left.
    mended: (tree, { full }) => expect(find(tree, `/lost+found/#${full}/n39`)).toBeDefined(),
  },
  'an inode that is stored twice': {
    damage: (raw, { a, f }) => set(raw, f, { ino: a }),
    codes: ['inode-twice', 'chunk-leaked'],
    mended: async (tree, { f }) =>
      expect((await contentOf(tree, find(tree, `/lost+found/#${f}`) as Inode))[CHUNK]).toBe(2),
  },
  'an inode on a page that is not its own': {
    damage: (raw, { s }) => set(raw, s, { ino: 5000 }),
    codes: ['record-damaged', 'inodes-lost'],
  },
  'lengths that lie': {
    damage: (raw, { e }) => set(raw, e, { name_length: 60 }),
    codes: ['record-damaged', 'name-bad'],
    mended: (tree, { e }) => expect(find(tree, `/d/#${e}/f`)).toBeDefined(),
  },
  'a second record without a first one': {
    damage: (raw, { h }) =>
      void raw.records.set(extraKey(900), raw.records.get(extraKey(h)) as Uint8Array<ArrayBuffer>),
    codes: ['extra-without-inode'],
  },
  'a second record that is lost': {
    damage: (raw, { holes }) => void raw.records.delete(extraKey(holes)),
    codes: ['extra-missing'],
    path: () => '/holes',
    mended: async (tree) => expect((await contentOf(tree, find(tree, 'holes') as Inode))[10 * CHUNK]).toBe(11),
  },
  'a second record that is cut': {
    damage: (raw, { h }) =>
      void raw.records.set(extraKey(h), (raw.records.get(extraKey(h)) as Uint8Array<ArrayBuffer>).slice(0, -2)),
    codes: ['record-damaged'],
    mended: (tree, { h }) => expect([find(tree, 'h')?.ino, find(tree, 'd/h')?.ino]).toEqual([h, h]),
  },
  'one name twice in a directory': {
    damage: (raw, { a }) => {
      const page = record(raw, a);
      const at = inodesOf(page).find(({ stored: { inode } }) => inode.ino === a)?.at as number;
      page[at + inode_record.size] = 'd'.charCodeAt(0);
    },
    codes: ['name-twice'],
    path: () => '/d',
    mended: (tree, { a }) => {
      expect(find(tree, `/lost+found/#${a}`)?.ino).toBe(a);
      expect(find(tree, '/d/e/f')).toBeDefined();
    },
  },
  'a name that cannot be one': {
    damage: (raw, { a }) => {
      const page = record(raw, a);
      const at = inodesOf(page).find(({ stored: { inode } }) => inode.ino === a)?.at as number;
      page[at + inode_record.size] = '/'.charCodeAt(0);
    },
    codes: ['name-bad'],
    mended: (tree, { a }) => expect(find(tree, `#${a}`)?.ino).toBe(a),
  },
  'two names with one place in the listing': {
    damage: (raw, { a, d }) => set(raw, a, { cookie: recordOf(raw, d).cookie }),
    codes: ['cookie'],
  },
  'a place in the listing that no listing comes to': {
    damage: (raw, { a }) => set(raw, a, { cookie: 0 }),
    codes: ['cookie'],
    path: () => '/a',
    mended: (tree, { a }) => expect([...tree.readdir(tree.root, 0)].map(({ inode }) => inode.ino)).toContain(a),
  },
  'a place in the listing that the next name would get': {
    damage: (raw, { d }) => set(raw, d, { next_cookie: 3 }),
    codes: ['cookie'],
    path: () => '/d',
  },
  'runs that overlap': {
    damage: (raw, { a }) => {
      const page = record(raw, a);
      const { at } = inodesOf(page).find(({ stored: { inode } }) => inode.ino === a) as { at: number };
      new DataView(page.buffer).setUint32(at + inode_record.size + 1, 7, true);
    },
    codes: ['runs'],
    path: () => '/a',
    mended: async (tree) => expect((await contentOf(tree, find(tree, 'a') as Inode))[2 * CHUNK]).toBe(3),
  },
  'runs behind the end': {
    damage: (raw, { a }) => {
      const page = record(raw, a);
      const { at } = inodesOf(page).find(({ stored: { inode } }) => inode.ino === a) as { at: number };
      new DataView(page.buffer).setUint32(at + inode_record.size + 5, 9, true);
    },
    codes: ['runs'],
    path: () => '/a',
  },
  'a size before the end of the content': {
    damage: (raw, { a }) => set(raw, a, { size: CHUNK + 5 }),
    codes: ['chunk-long'],
    path: () => '/a',
    mended: (tree) => expect(find(tree, 'a')?.size).toBe(3 * CHUNK - 1),
  },
  'wrong blocks': {
    damage: (raw, { a }) => set(raw, a, { blocks: 3 }),
    codes: ['blocks'],
    path: () => '/a',
    mended: (tree) => expect(find(tree, 'a')?.blocks).toBe(24),
  },
  'content without a file': {
    damage: (raw) => void raw.chunks.set(777, new Map([[1, new Uint8Array(100).fill(8)]])),
    codes: ['chunk-leaked'],
    opens: true,
    mended: async (tree) => {
      const content = await contentOf(tree, find(tree, '/lost+found/#777') as Inode);
      expect([content.length, content[0], content[CHUNK]]).toEqual([CHUNK + 100, 0, 8]);
    },
  },
  'content in a hole': {
    damage: (raw, { holes }) => void raw.chunks.get(holes)?.set(3, new Uint8Array(9).fill(1)),
    codes: ['chunk-leaked'],
    opens: true,
    path: () => '/holes',
  },
  'content of a directory': {
    damage: (raw, { d }) => void raw.chunks.set(d, new Map([[0, new Uint8Array(9).fill(1)]])),
    codes: ['chunk-leaked'],
    opens: true,
    path: () => '/d',
  },
  'a chunk that is too long': {
    damage: (raw, { a }) => void raw.chunks.get(a)?.set(1, new Uint8Array(CHUNK + 1).fill(6)),
    codes: ['chunk-long'],
    opens: true,
    path: () => '/a',
    mended: async (tree) => expect((await contentOf(tree, find(tree, 'a') as Inode))[2 * CHUNK]).toBe(3),
  },
  'no root': {
    damage: (raw) => lose(raw, 1),
    codes: ['inodes-lost', 'no-root'],
    path: () => '/',
    mended: (tree) => expect(find(tree, 'd/e/f')).toBeDefined(),
  },
  'a directory that is lost': {
    damage: (raw, { d }) => lose(raw, d),
    codes: ['inodes-lost', 'name-dangling'],
    mended: (tree, { d }) => expect(find(tree, `/lost+found/#${d}/e/f`)).toBeDefined(),
  },
  'a file that is lost': {
    damage: (raw, { a }) => lose(raw, a),
    codes: ['inodes-lost', 'chunk-leaked'],
    mended: async (tree, { a }) =>
      expect((await contentOf(tree, find(tree, `/lost+found/#${a}`) as Inode))[2 * CHUNK]).toBe(3),
  },
  'a name that is lost': {
    damage: (raw, { f }) => set(raw, f, { parent: 0 }),
    codes: ['no-name'],
    mended: (tree, { f }) => expect(find(tree, `/lost+found/#${f}`)?.ino).toBe(f),
  },
  'a directory with two names': {
    damage: (raw, { h, e }) => {
      const extra = raw.records.get(extraKey(h)) as Uint8Array<ArrayBuffer>;
      raw.records.delete(extraKey(h));
      new DataView(extra.buffer).setUint32(4, e, true);
      raw.records.set(extraKey(e), extra);
      recordOf(raw, e).bits = 1;
      recordOf(raw, h).bits = 0;
      recordOf(raw, h).nlink = 1;
    },
    codes: ['parents'],
    mended: (tree, { e }) => expect([find(tree, 'd/e')?.ino, find(tree, 'd/h')]).toEqual([e, undefined]),
  },
  'a type that cannot be': {
    damage: (raw, { d }) => set(raw, d, { mode: 0o755 }),
    codes: ['attributes'],
    mended: (tree) => expect(find(tree, 'd/e/f')).toBeDefined(),
  },
  'a directory that says it is a file': {
    damage: (raw, { d }) => set(raw, d, { mode: 0o100755 }),
    codes: ['attributes'],
    mended: (tree) => expect(find(tree, 'd/e/f')).toBeDefined(),
  },
  'a size that cannot be': {
    damage: (raw, { a }) => set(raw, a, { size: 2 ** 52 }),
    codes: ['attributes'],
    mended: (tree) => expect(find(tree, 'a')?.size).toBe(3 * CHUNK - 1),
  },
  'nanoseconds that cannot be': {
    damage: (raw, { a }) => set(raw, a, { mtimensec: 2e9 }),
    codes: ['attributes'],
    opens: true,
    mended: (tree) => expect(find(tree, 'a')?.mtimensec).toBe(0),
  },
  'a superblock with senseless values': {
    damage: (raw) => Object.assign(raw.superblock, { chunkSize: 5, commit: 'x' }),
    codes: ['superblock'],
    mended: async (tree) => {
      expect(tree.chunkSize).toBe(CHUNK);
      expect((await contentOf(tree, find(tree, 'a') as Inode))[2 * CHUNK]).toBe(3);
    },
  },
  'no superblock': {
    damage: (raw) => {
      raw.superblock = undefined as unknown as Superblock;
    },
    codes: ['superblock'],
    mended: (tree) => expect(tree.chunkSize).toBe(CHUNK),
  },
  'inode numbers that were given out already': {
    damage: (raw) => void Object.assign(raw.superblock, { nextIno: 3 }),
    codes: ['superblock'],
    opens: true,
  },
  'bytes that mean nothing': {
    damage: (raw, { a }) => set(raw, a, { reserved: 7 }),
    codes: ['record-damaged'],
    opens: true,
  },
};

test('a sound tree has no findings, and its repair writes nothing', async () => {
  const { store } = await stored();
  const before = (await store.inspect()).superblock;
  expect(await checkStored(store)).toEqual([]);
  expect(await repairStored(store)).toEqual([]);
  expect((await store.inspect()).superblock).toEqual(before);
});

describe.each(Object.entries(CASES))('%s', (_, { damage, codes, opens, path, mended }) => {
  async function damaged(): Promise<{ store: MemoryStore; inos: Inos }> {
    const made = await stored();
    await tamper(made.store, (raw) => damage(raw, made.inos));
    return made;
  }

  test('is found and named', async () => {
    const { store, inos } = await damaged();
    const findings = await checkStored(store);
    expect(findings.map(({ code }) => code)).toEqual(codes);
    if (path) expect(findings.find(({ code }) => code !== 'inodes-lost')?.path).toBe(path(inos));
    // And is found again: a check changes nothing.
    expect(await checkStored(store)).toEqual(findings);
  });

  test(opens ? 'does not keep the tree from being opened' : 'is refused', async () => {
    const { store } = await damaged();
    const opening = Tree.open(store);
    if (opens) await (await opening).close();
    else {
      const refused = await opening.catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(StoreError);
      const message = expect.stringMatching(/^The stored tree is damaged\. [a-z-]+: .*check and repair it\.$/s);
      expect(refused).toMatchObject({ code: 'damaged', message });
    }
  });

  test('is mended', async () => {
    const { store, inos } = await damaged();
    const findings = await checkStored(store);
    expect((await repairStored(store)).map(({ code }) => code)).toEqual(findings.map(({ code }) => code));
    expect(await checkStored(store)).toEqual([]);
    const tree = await Tree.open(store);
    expect(checkTree(tree)).toEqual([]);
    await mended?.(tree, inos);
    for (const inode of tree.inodes()) if (inode.size > 0 && !inode.target) await contentOf(tree, inode);
    await tree.close();
    expect(await checkStored(store)).toEqual([]);
  });
});
