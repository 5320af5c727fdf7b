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
    'sizes and times stay what they were when pages are sent, caches dropped, the tree mounted again',
    async () => {
      const { status, stdout, stderr } = await guest().run(`
        mkdir t; cd t; for f in a b c d e f g; do echo $f > $f; done; seq 20000 > cut; cp -p a copy; usleep 30000
        echo more >> a; truncate -s 5000 cut; touch -d '2001-02-03 04:05:06' b; echo x > c; touch -d '2001-02-03 04:05:06' c
        mv d d2; ln e e2; chmod 600 f; lab-files mapped mapped 70000; echo more >> copy; cat c > /dev/null
        dd if=/dev/zero of=far bs=1 count=10 seek=100000 2>/dev/null; dd if=/dev/zero of=g bs=1 count=1 conv=notrunc 2>/dev/null
        look() { stat -c '%n %s %y %z %h %a' *; }
        look > /tmp/now; sync; look > /tmp/sent; echo 3 > /proc/sys/vm/drop_caches; look > /tmp/dropped
        cd /; umount /mnt/lab; mount -t virtiofs lab /mnt/lab; cd /mnt/lab/t; look > /tmp/again; cd ..; rm -r t; cd /tmp
        wc -l < now; diff now sent; diff now dropped; diff now again; rm now sent dropped again`);
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '12\n', stderr: '' });
    },
    BOOT_TIMEOUT,
  );

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
