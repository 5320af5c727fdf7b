// A guest copies a file that is far larger than the cache of chunks, and reads the copy here and there.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { DirStore } from '../../src/fs/store/dir-store.ts';
import { checkSequential, type LargeFile, writeLarge } from '../large-file.ts';
import { fillContent } from '../seeded-content.ts';
import { BOOT_TIMEOUT, withGuest } from './guest.ts';

const MIB = 2 ** 20;
const CACHE_MIB = 32;
const FILE: LargeFile = { name: 'large', size: 192 * MIB, seed: 0x1b873593 };
const PIECE = 64 * 1024;
/** Places of pieces, in pieces: both ends, and some between, none behind the one before. */
const PLACES = [3071, 17, 3001, 1234, 0, 2042, 999, 2718];

let folder: string | undefined;
afterEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

test('192 MiB are copied and read back by the guest with 32 MiB of cache', { timeout: BOOT_TIMEOUT * 2 }, async () => {
  folder = mkdtempSync(join(tmpdir(), 'virtiofs-lab-large-'));
  const store = new DirStore(folder);
  const prepare = (tree: Parameters<typeof writeLarge>[0]): Promise<void> => writeLarge(tree, FILE, () => {});
  await withGuest({ store, chunkCache: CACHE_MIB, prepare }, async (machine) => {
    const { tree } = machine.lab;
    // dd reads and writes; cp would leave the copying to the server.
    const copied = await machine.run(
      'dd if=large of=copy bs=1M 2> /dev/null && sync && echo 3 > /proc/sys/vm/drop_caches',
    );
    expect(copied).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(tree.counters.cachedBytes).toBeLessThanOrEqual(CACHE_MIB * MIB);
    const { aheadUsed, aheadFetched } = tree.counters;
    expect(aheadUsed).toBeGreaterThan(2500);
    expect(aheadFetched - aheadUsed).toBeLessThan(200);
    const reads = PLACES.map((at) => `dd if=copy bs=${PIECE} skip=${at} count=1 2> /dev/null | sha256sum`);
    const { stdout } = await machine.run(reads.join('\n'));
    const digests = PLACES.map((at) => {
      const words = new Uint32Array(PIECE / 4);
      fillContent(words, at * PIECE, FILE.seed);
      return createHash('sha256').update(words).digest('hex');
    });
    expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual([...digests, '']);
    await checkSequential(tree, { ...FILE, name: 'copy' }, FILE.size, () => {});
  });
});
