// What shell tools cannot do to files (guest-images/tools/lab-files.c): mappings, direct I/O, appends and swaps by several
// processes, many names, deep paths, sparse files; in each cache policy. The program checks and says what was not so.
import { beforeAll, describe, expect, it } from 'vitest';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import type { GuestMachineOptions } from '../../src/lab/headless/guest-machine.ts';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

/** LARGE=1: with the full numbers in every policy. */
const LARGE = process.env.LARGE === '1';

interface Sizes {
  swaps: number;
  files: number;
  links: number;
  sparse: string;
}
const SMALL: Sizes = { swaps: 1000, files: 2000, links: 1500, sparse: '100m' };
const FULL: Sizes = { swaps: 5000, files: 100_000, links: 10_000, sparse: '3g' };

function files(options: GuestMachineOptions, sizes: Sizes): void {
  const guest = useGuest(options);
  const { swaps, links, sparse } = LARGE ? FULL : sizes;
  const count = LARGE ? FULL.files : sizes.files;

  const silent = async (script: string): Promise<void> => {
    expect(await guest().run(script)).toEqual({ status: 0, stdout: '', stderr: '' });
  };
  /** Runs it in a directory of its own, of which nothing stays. */
  const lab = async (command: string): Promise<void> => {
    await silent(`mkdir d && lab-files ${command} && rmdir d`);
    expect(checkTree(guest().tree)).toEqual([]);
    expect(guest().tree.counters).toMatchObject({ inodes: 1, bytesStored: 0 });
  };

  beforeAll(() => silent('ls -A'), BOOT_TIMEOUT);

  it('mappings: shared, private, cut off under them', () => lab('map d/f'), BOOT_TIMEOUT);
  it('direct I/O of any address, length and offset', () => lab('direct d/f && rm d/f'), BOOT_TIMEOUT);
  it('lines appended by eight processes', () => lab('append d/f 8 150 && rm d/f'), BOOT_TIMEOUT);
  it('a swap of two files under load', () => lab(`swap d ${swaps}`), BOOT_TIMEOUT);
  it('5.17 where a listing goes on, while names come and go', () => lab('offsets d 300'), BOOT_TIMEOUT);
  it('names of 255 bytes, of every byte', () => lab('names d'), BOOT_TIMEOUT);
  it('paths of 4,095 bytes, and directories deeper than any path', () => lab('deep d'), BOOT_TIMEOUT);
  it(`${links} names of one file`, () => lab(`links d ${links}`), BOOT_TIMEOUT * 2);
  it(`a sparse file of ${sparse}`, () => lab(`sparse d/f ${sparse}`), BOOT_TIMEOUT);
  it(`${count} files in one directory`, () => lab(`many d ${count}`), BOOT_TIMEOUT * 5);

  it(
    'what a mapping wrote is there after another mount',
    async () => {
      await silent('lab-files mapped f 300000');
      const before = await guest().run('md5sum < f');
      await silent('cd /; umount /mnt/lab && mount -t virtiofs lab /mnt/lab');
      expect(await guest().run('md5sum < f; rm f')).toEqual(before);
    },
    BOOT_TIMEOUT,
  );
}

describe('files, cache=auto', () => files({}, FULL));
describe('files, cache=always with writeback', () => files({ cache: 'always', writeback: true }, SMALL));
describe('files, cache=never', () => files({ cache: 'never' }, SMALL));
describe('files, cache=metadata', () => files({ cache: 'metadata' }, SMALL));
