import { describe, expect, it, vi } from 'vitest';
import { GuestGone } from '../../src/lab/agent.ts';
import type { GuestMachine } from '../../src/lab/headless/guest-machine.ts';
import { BOOT_TIMEOUT, expectRootAlone, lookups, ROOT_ALONE, tablesAtEnd, withGuest } from './guest.ts';

const P9 = 'mkdir -p /tmp/9; mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 host9p /tmp/9';

/** Runs what ends the guest, and resolves when the next one is up. */
async function reboots(machine: GuestMachine, how: () => Promise<unknown>): Promise<void> {
  const before = machine.reboots;
  const again = new Promise<void>((resolve) => {
    const off = machine.lab.stages.on(({ stage }) => {
      if (machine.reboots === before || stage !== 'ready') return;
      off();
      resolve();
    });
  });
  await expect(how()).rejects.toThrow(GuestGone);
  // Nothing that the guest before was given is left.
  expect(lookups(machine)).toEqual(ROOT_ALONE);
  expect(machine.server.session.handles.size).toBe(0);
  await again;
  expect(machine.reboots).toBe(before + 1);
}

describe('a reboot is a fresh emulator on the same device and tree', () => {
  for (const p9 of [false, true]) {
    it(
      `reboot -f three times${p9 ? ", with v86's 9p beside it" : ''}`,
      async () => {
        await withGuest({ p9 }, async (machine) => {
          let wanted = '';
          for (let i = 1; i <= 3; i++) {
            const line = `round ${i}`;
            wanted += `${line}\n`;
            expect(await machine.run(`echo '${line}' >> /mnt/lab/file; sync; cat file`)).toMatchObject({
              stdout: wanted,
            });
            if (p9) {
              expect(await machine.run(`${P9} && echo '${line}' >> /tmp/9/file; sync; cat /tmp/9/file`)).toMatchObject({
                stdout: wanted,
              });
            }
            await reboots(machine, () => machine.run('reboot -f'));
            expect(await machine.run('cat /mnt/lab/file')).toEqual({ status: 0, stdout: wanted, stderr: '' });
          }
          if (p9) expect(await machine.run(`${P9} && cat /tmp/9/file`)).toMatchObject({ stdout: wanted });
        });
      },
      BOOT_TIMEOUT * 2,
    );
  }

  it(
    'by a panic, by Ctrl-Alt-Del, by the init, by the restart button, each of them through a triple fault',
    async () => {
      await withGuest({ append: 'panic=1 reboot=t' }, async (machine) => {
        await machine.run('echo kept > file; sync');
        const running = () => machine.run('while :; do sleep 1; done');
        await reboots(machine, () => machine.run('echo c > /proc/sysrq-trigger'));
        await reboots(machine, () => {
          const job = running();
          machine.lab.ctrlAltDel();
          return job;
        });
        await reboots(machine, () => machine.run('reboot; while :; do sleep 1; done'));
        await reboots(machine, () => {
          const job = running();
          void machine.lab.restart();
          return job;
        });
        expect(await machine.run('cat file')).toEqual({ status: 0, stdout: 'kept\n', stderr: '' });
      });
    },
    BOOT_TIMEOUT * 2,
  );

  it(
    'power off is a named end, and nothing that was synced is lost',
    async () => {
      await withGuest({}, async (machine) => {
        await machine.run('echo kept > file; sync');
        await expectRootAlone(machine);
        const tables = tablesAtEnd(machine);
        const off = machine.waitForStage(({ stage }) => stage === 'powered-off');
        machine.lab.powerOff();
        await off;
        expect(tables).toEqual([ROOT_ALONE]);
        vi.restoreAllMocks();
        expect(lookups(machine)).toEqual(ROOT_ALONE);
        await machine.lab.restart();
        expect(await machine.run('cat file')).toMatchObject({ stdout: 'kept\n' });
        const again = machine.waitForStage(({ stage }) => stage === 'powered-off');
        await expect(machine.run('poweroff -f')).rejects.toThrow(GuestGone);
        await again;
        expect(lookups(machine)).toEqual(ROOT_ALONE);
        await machine.lab.restart();
        expect(await machine.run('cat file')).toMatchObject({ stdout: 'kept\n' });
      });
    },
    BOOT_TIMEOUT,
  );

  it(
    'with requests that are not answered when it comes',
    async () => {
      await withGuest({}, async (machine) => {
        await machine.run('i=0; while [ $i -lt 50 ]; do echo $i > f$i; i=$((i + 1)); done; sync');
        await reboots(machine, () =>
          machine.run('dd if=/dev/zero of=big bs=1M count=64 & while ! [ -s big ]; do :; done; reboot -f'),
        );
        expect(await machine.run('cat f* | sort -n | tail -n 1')).toMatchObject({ stdout: '49\n' });
      });
    },
    BOOT_TIMEOUT,
  );
});
