// Kernels and init programs that are not the lab's: a stock kernel, and a guest that mounts by itself.
import { describe, expect, it } from 'vitest';
import { imageFiles } from '../../src/lab/headless/image.ts';
import { BOOT_TIMEOUT, ROOT_ALONE, tablesAtEnd, withGuest } from './guest.ts';

/** A kernel may have to be compiled first. */
const BUILD_TIMEOUT = 15 * 60_000;

describe('a guest that is not the one of the lab', () => {
  it(
    'a stock kernel mounts the device and works',
    async () => {
      await withGuest({ image: { stock: true } }, async (machine) => {
        const result = await machine.run(`
          mkdir d; i=0; while [ $i -lt 200 ]; do echo $i > d/f$i; i=$((i + 1)); done
          cat d/* | sort -n | md5sum; dd if=/dev/zero of=big bs=1M count=8 2> /dev/null; sync; echo 3 > /proc/sys/vm/drop_caches
          md5sum < big; mv d e; ls e | wc -l; rm -r e big; ls -A; uname -r`);
        expect(result).toMatchObject({ status: 0, stderr: '' });
        const numbers = await machine.run('i=0; while [ $i -lt 200 ]; do echo $i; i=$((i + 1)); done | md5sum');
        const zeros = await machine.run('dd if=/dev/zero bs=1M count=8 2> /dev/null | md5sum');
        expect(result.stdout.split('\n')).toEqual([
          numbers.stdout.trim(),
          zeros.stdout.trim(),
          '200',
          expect.stringMatching(/^6\.12\./),
          '',
        ]);
        expect(new Set([numbers.stdout, zeros.stdout]).size).toBe(2);
        // The stock driver sleeps for each answer: without an interrupt it would sleep for ever.
        expect(machine.device.state().interrupts).toBeGreaterThan(200);
      });
    },
    BUILD_TIMEOUT,
  );

  it(
    'an init of its own mounts, unmounts and mounts again',
    async () => {
      const { kernel, initrd } = await imageFiles();
      const init = [
        'export PATH=/sbin:/bin',
        'mount -t devtmpfs dev /dev',
        'mount -t proc proc /proc',
        'mkdir -p /m',
        // 4: without a line on the console each time.
        'drop() { sync; echo 4 > /proc/sys/vm/drop_caches; for i in 1 2 3 4 5; do echo 3 > /proc/sys/vm/drop_caches; done; }',
        'mount -t virtiofs lab /m && echo one > /m/f && drop && umount /m && echo first-unmounted > /dev/ttyS0',
        'mount -t virtiofs lab /m && cat /m/f > /dev/ttyS0 && drop && umount /m && echo second-unmounted > /dev/ttyS0',
        'poweroff -f',
      ].join('; ');
      await withGuest(
        {
          image: { kernel, initrd },
          append: `rdinit=/bin/sh -- -c "${init}"`,
        },
        async (machine) => {
          const tables = tablesAtEnd(machine);
          await machine.waitForSerial(/second-unmounted/);
          await machine.waitForStage(({ stage }) => stage === 'powered-off');
          expect(machine.serial).toMatch(/first-unmounted\r?\none\r?\nsecond-unmounted/);
          const ops = machine.records().map((record) => record.opcode);
          const [INIT, DESTROY] = [26, 38];
          expect(ops.filter((opcode) => opcode === INIT || opcode === DESTROY)).toEqual([INIT, DESTROY, INIT, DESTROY]);
          expect(tables).toEqual([ROOT_ALONE, ROOT_ALONE]);
          expect(machine.server.session.open).toBe(false);
        },
      );
    },
    BOOT_TIMEOUT,
  );
});
