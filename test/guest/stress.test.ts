// Seeded random work in a guest that is short of memory while its caches are dropped again and again
// (guest-images/tools/lab-stress.c, lab-fsx.c): what the programs know is right, and nothing is left in table, tree and store.
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../src/fs/store/memory-store.ts';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import { loadInodes } from '../../src/fs/tree/load.ts';
import type { GuestMachineOptions } from '../../src/lab/headless/guest-machine.ts';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

/** Times as many operations (STRESS=20, say). */
const TIMES = Number(process.env.STRESS ?? 1);
const SEED = Number(process.env.SEED ?? 1);
const PROCESSES = 3;
/** MiB: of the guest, and of what a process keeps dirty in it. */
const MEMORY = 96;
const HOG = 24;

function stress(options: GuestMachineOptions): void {
  const store = new MemoryStore();
  const guest = useGuest({ ...options, memory: MEMORY, store });

  /** Runs it while caches are dropped. Nothing of it may be left anywhere. */
  const run = async (command: string): Promise<string> => {
    const { status, stdout, stderr } = await guest().run(
      // Outside of the tree: the last sleep outlives the loop and would keep it mounted.
      `(cd /; while sleep 0.1; do echo 2 > /proc/sys/vm/drop_caches; done) & dropping=$!
       ${command}; status=$?; kill $dropping; exit $status`,
    );
    expect({ status, stderr }, `seed ${SEED}`).toEqual({ status: 0, stderr: '' });
    const { tree } = guest();
    await guest().run('cd /; sync; echo 3 > /proc/sys/vm/drop_caches');
    expect(checkTree(tree)).toEqual([]);
    expect(tree.counters).toMatchObject({ inodes: 1, bytesStored: 0 });
    await tree.sync();
    expect([...loadInodes(await store.open()).keys()]).toEqual([1]);
    return stdout;
  };

  it(
    'operations of several processes',
    async () => {
      const operations = 250 * TIMES;
      const said = await run(`lab-stress /mnt/lab ${PROCESSES} ${operations} ${SEED} ${HOG}`);
      expect(said).toBe(`${PROCESSES * operations} operations\n`);
    },
    BOOT_TIMEOUT * 5 * TIMES,
  );

  it(
    'one file by every way to its content',
    async () => {
      const operations = 600 * TIMES;
      expect(await run(`lab-fsx f ${operations} ${SEED}`)).toBe(`${operations} operations\n`);
    },
    BOOT_TIMEOUT * 5 * TIMES,
  );
}

describe('under stress, cache=auto', () => stress({}));
describe('under stress, cache=always with writeback', () => stress({ cache: 'always', writeback: true }));
describe('under stress, cache=never', () => stress({ cache: 'never' }));
