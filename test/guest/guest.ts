// A guest for a file of tests: booted once, looked after behind every test, unmounted and mounted again at the end.
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { bootGuest, type GuestMachine, type GuestMachineOptions } from '../../src/lab/headless/guest-machine.ts';

/** Long enough for a boot while the machine is busy with other things. */
export const BOOT_TIMEOUT = 180_000;
/** Times that the caches may have to be dropped. */
const ROUNDS = 10;

export const lookups = (machine: GuestMachine): { nodeid: number; nlookup: number }[] =>
  [...machine.server.session.lookups()].map(({ nodeid, nlookup }) => ({ nodeid, nlookup }));

/** Leaves /mnt/lab with the person's shell, which would keep it from being unmounted. */
export async function leaveTree(machine: GuestMachine): Promise<void> {
  const left = new Promise<void>((resolve) => {
    const off = machine.lab.commands.on(({ event }) => {
      if (event !== 'end') return;
      off();
      resolve();
    });
  });
  await machine.waitForTerminal(/# $/);
  machine.type('cd /\n');
  await left;
}

/** With the guest's caches dropped, the server's table holds the root alone, and no handle is open. */
export async function expectRootAlone(machine: GuestMachine): Promise<void> {
  // Linux gives a second chance to what was used since it was looked at last (DCACHE_REFERENCED, I_REFERENCED), and
  // FORGETs leave on the hiprio queue by themselves, so once is not always enough.
  for (let i = 0; i < ROUNDS; i++) {
    const dropped = await machine.run('cd /; sync; echo 3 > /proc/sys/vm/drop_caches');
    expect(dropped).toEqual({ status: 0, stdout: '', stderr: '' });
    if (machine.server.session.nodes.size === 1) break;
  }
  expect(lookups(machine)).toEqual([{ nodeid: 1, nlookup: 1 }]);
  expect(machine.server.session.handles.size).toBe(0);
}

/** The session ends with DESTROY, begins again with a second INIT, and each time the table is empty but for the root. */
export async function expectCleanSessions(machine: GuestMachine): Promise<void> {
  expect(await machine.run('cd /; umount /mnt/lab')).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(machine.server.session.open).toBe(false);
  expect(lookups(machine)).toEqual([{ nodeid: 1, nlookup: 1 }]);
  expect(await machine.run('cd /; mount -t virtiofs lab /mnt/lab && ls -A /mnt/lab > /dev/null')).toEqual({
    status: 0,
    stdout: '',
    stderr: '',
  });
  expect(machine.server.session.open).toBe(true);
  await expectRootAlone(machine);
}

/** Boots a guest for the tests of a file. The function gives it. */
export function useGuest(options: GuestMachineOptions = {}): () => GuestMachine {
  let machine: GuestMachine | undefined;
  beforeAll(async () => {
    machine = await bootGuest(options);
    await machine.ready();
    await leaveTree(machine);
  }, BOOT_TIMEOUT);
  afterEach(async () => {
    await expectRootAlone(machine as GuestMachine);
  }, BOOT_TIMEOUT);
  afterAll(async () => {
    if (machine === undefined) return;
    try {
      await expectCleanSessions(machine);
    } finally {
      await machine.close();
    }
  }, BOOT_TIMEOUT);
  return () => machine as GuestMachine;
}
