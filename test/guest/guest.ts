// Guests for tests. Whoever leaves one with its mount is looked after: caches dropped, what the server still holds
// compared with the root alone, unmounted, the device reset, mounted again.
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { bootGuest, type GuestMachine, type GuestMachineOptions } from '../../src/lab/headless/guest-machine.ts';

/** Long enough for a boot while the machine is busy with other things. */
export const BOOT_TIMEOUT = 180_000;
/** Times that the caches may have to be dropped. */
const ROUNDS = 10;
/** The person's shell stays out of the tree, which it would keep from being unmounted. */
const OUTSIDE = 'lab.cwd=/';
/** What lookups() gives where the guest holds nothing. */
export const ROOT_ALONE = [{ nodeid: 1, nlookup: 1 }];

/** The server's table. The root counts once: a ".." that led to it adds to it, and Linux keeps that until it unmounts. */
export const lookups = (machine: GuestMachine): { nodeid: number; nlookup: number }[] =>
  [...machine.server.session.lookups()].map(({ nodeid, nlookup }) => ({ nodeid, nlookup: nodeid === 1 ? 1 : nlookup }));

/** A mock, for vi.restoreAllMocks() to end: collects the server's table as it stands when a session ends: by DESTROY, or by a reset with none before it. */
export function tablesAtEnd(machine: GuestMachine): ReturnType<typeof lookups>[] {
  const { session } = machine.server;
  const tables: ReturnType<typeof lookups>[] = [];
  const end = session.end.bind(session);
  vi.spyOn(session, 'end').mockImplementation(() => {
    if (session.open) tables.push(lookups(machine));
    end();
  });
  return tables;
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
  expect(lookups(machine)).toEqual(ROOT_ALONE);
  expect(machine.server.session.handles.size).toBe(0);
  await expectQuietKernel(machine);
}

/** What Linux says when something is wrong in itself, or with what a FUSE server or a device told it. */
const COMPLAINTS =
  /WARNING:|BUG:|Oops|general protection|blocked for more than|fuse: (?!init )|virtio.?fs.*(error|fail|invalid)/i;

/** The kernel's log has no complaint, and is empty afterwards. */
async function expectQuietKernel(machine: GuestMachine): Promise<void> {
  const { stdout } = await machine.run('dmesg -c');
  expect(stdout.split('\n').filter((line) => COMPLAINTS.test(line))).toEqual([]);
}

/** The session ends with DESTROY, then comes a reset, then a second INIT: each time there is the root alone. */
export async function expectCleanSessions(machine: GuestMachine): Promise<void> {
  const silent = async (script: string): Promise<void> =>
    expect(await machine.run(script)).toEqual({ status: 0, stdout: '', stderr: '' });
  const { session } = machine.server;
  const tables = tablesAtEnd(machine);
  await silent('cd /; umount /mnt/lab');
  expect(tables).toEqual([ROOT_ALONE]);
  expect(session.open).toBe(false);
  expect(lookups(machine)).toEqual(ROOT_ALONE);
  const { epoch } = session;
  await silent('cd /sys/bus/virtio/drivers/virtiofs; id=$(echo virtio*); echo $id > unbind && echo $id > bind');
  expect(session.epoch).toBeGreaterThan(epoch);
  expect(lookups(machine)).toEqual(ROOT_ALONE);
  await silent('cd /; mount -t virtiofs lab /mnt/lab && ls -A /mnt/lab > /dev/null');
  expect(session.open).toBe(true);
  await expectRootAlone(machine);
  expect(tables).toHaveLength(1);
  vi.restoreAllMocks();
}

function boot(options: GuestMachineOptions): Promise<GuestMachine> {
  return bootGuest({ ...options, append: `${OUTSIDE} ${options.append ?? ''}`.trim() });
}

/** Boots a guest for one test. Where the test leaves it running, its mount must be as clean as useGuest() wants it. */
export async function withGuest(
  options: GuestMachineOptions,
  test: (machine: GuestMachine) => Promise<void>,
): Promise<void> {
  const machine = await boot(options);
  try {
    await test(machine);
    if (machine.lab.stage.stage === 'powered-off') {
      expect(lookups(machine)).toEqual(ROOT_ALONE);
      expect(machine.server.session.handles.size).toBe(0);
    } else {
      await expectRootAlone(machine);
      await expectCleanSessions(machine);
    }
  } finally {
    await machine.close();
  }
}

/** Boots a guest for the tests of a file. The function gives it. */
export function useGuest(options: GuestMachineOptions = {}): () => GuestMachine {
  let machine: GuestMachine | undefined;
  beforeAll(async () => {
    machine = await boot(options);
    await machine.ready();
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
