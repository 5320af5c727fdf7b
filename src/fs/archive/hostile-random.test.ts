// Archives changed at random: whatever the bytes are, the tree fits together and only an ArchiveError is thrown.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { archive, archiveOf, type MadeEntry, newTree, streamOf } from '../../../test/archives.ts';
import { TreeDriver } from '../../../test/tree-driver.ts';
import { steps, TreeModel } from '../../../test/tree-model.ts';
import { stringToBytes } from '../../base/iov.ts';
import { checkTree } from '../tree/check-tree.ts';
import type { Inode } from '../tree/inode.ts';
import type { Tree } from '../tree/tree.ts';
import { ArchiveError } from './archive-error.ts';
import { importArchive } from './import-archive.ts';

const file = (name: string, more: Partial<MadeEntry> = {}): MadeEntry => ({
  name,
  content: stringToBytes('content'),
  ...more,
});

/** Archives to begin with, from which others are made by chance. */
async function seeds(): Promise<Uint8Array[]> {
  const clock = { s: 1_000_000, ns: 1 };
  const tree = await newTree({ clock: () => ({ ...clock }), chunkSize: 4096 });
  const model = new TreeModel(4096);
  const driver = new TreeDriver(tree, clock);
  for (const [i, change] of (fc.sample(steps(60), { numRuns: 1, seed: 7 })[0] ?? []).entries()) {
    await model.step(change, i, driver);
  }
  const odd = archive(
    { name: 'x', typeflag: 'g', content: stringToBytes('11 mtime=5\n') },
    { name: 'x', typeflag: 'L', content: stringToBytes(`${'long/'.repeat(30)}name\0`) },
    file('cut'),
    file('s', {
      records: [
        ['GNU.sparse.map', '0,4,9,3'],
        ['GNU.sparse.size', '20'],
      ],
    }),
    file('s1', {
      content: stringToBytes(`${'2\n0\n4\n9\n3\n'.padEnd(512, '\0')}content`),
      records: [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.realsize', '20'],
        ['GNU.sparse.name', 'name'],
      ],
    }),
    { name: 'dev', typeflag: '3', devmajor: 1, devminor: 2 },
    { name: 'link', typeflag: '1', linkname: 's' },
    { name: 'symlink', typeflag: '2', linkname: '/etc' },
    file('symlink/through'),
    file('f', {
      records: [
        ['SCHILY.xattr.user.a', 'x'],
        ['uid', '5'],
        ['SCHILY.fflags', 'schg'],
      ],
    }),
  );
  return [await archiveOf(tree), odd];
}

type Mutation = readonly [kind: 'byte' | 'digit' | 'copy' | 'cut' | 'swap' | 'zero', at: number, value: number];

/** Changes bytes, mostly where headers are, and makes the checksums right again, so that what is behind them is met. */
function mutate(seed: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  let bytes = seed.slice();
  const headers: number[] = [];
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes.subarray(at + 257, at + 262).every((byte, i) => byte === 'ustar'.charCodeAt(i))) headers.push(at);
  }
  for (const [kind, where, value] of mutations) {
    const header = headers[where % headers.length] as number;
    const at = header + (Math.floor(where / headers.length) % 1024);
    if (at >= bytes.length) continue;
    if (kind === 'byte') bytes[at] = value;
    else if (kind === 'digit') bytes[header + 124 + (where % 12)] = 48 + (value % 8);
    else if (kind === 'zero') bytes.fill(0, at, at + (value % 64));
    else if (kind === 'swap')
      bytes.copyWithin(
        header,
        headers[value % headers.length] as number,
        (headers[value % headers.length] as number) + 512,
      );
    else if (kind === 'copy') bytes.copyWithin(header, value * 512, value * 512 + 1024);
    else bytes = bytes.subarray(0, Math.max(at, 512));
  }
  for (const header of headers) {
    if (header + 512 > bytes.length || mutations.length % 5 === 0) continue;
    bytes.fill(32, header + 148, header + 156);
    const sum = bytes.subarray(header, header + 512).reduce((total, byte) => total + byte, 0);
    bytes.set(stringToBytes(`${sum.toString(8).padStart(6, '0')}\0 `), header + 148);
  }
  return bytes;
}

test('whatever the bytes: an archive, or an ArchiveError, and a tree that fits together', async () => {
  const all = await seeds();
  const mutation = fc.tuple(
    fc.constantFrom('byte', 'byte', 'byte', 'digit', 'copy', 'cut', 'swap', 'zero'),
    fc.nat(1_000_000),
    fc.nat(255),
  ) as fc.Arbitrary<Mutation>;
  let imported = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.nat(all.length - 1),
      fc.array(mutation, { minLength: 1, maxLength: 12 }),
      fc.constantFrom(13, 512, 70_000),
      async (seed, mutations, pieceSize) => {
        const bytes = mutate(all[seed] as Uint8Array, mutations);
        const tree = await newTree({ chunkSize: 4096 });
        try {
          const report = await importArchive(tree, streamOf(bytes, pieceSize));
          imported++;
          expect(report.left.length).toBe(Math.min(report.leftCount, 1000));
        } catch (error) {
          if (!(error instanceof ArchiveError)) throw error;
          refused++;
        }
        expect(checkTree(tree)).toEqual([]);
        for (const inode of tree.inodes()) if (inode !== tree.root) expect(reaches(tree, inode)).toBe(true);
        await tree.sync();
        await tree.close();
      },
    ),
    { numRuns: 400 },
  );
  // Both kinds were met: mutations that always destroy would test little.
  expect(imported).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(50);
});

function reaches(tree: Tree, inode: Inode): boolean {
  const path = tree.path(inode);
  if (path === undefined) return false;
  let at: Inode | undefined = tree.root;
  for (const name of path.split('/').filter(Boolean)) at = at && tree.lookup(at, name);
  return at === inode;
}
