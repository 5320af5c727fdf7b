// The workload of the crash tests in the guest: each of its operations is the one change that the model takes it for.
import { expect, test } from 'vitest';
import { checkTree } from '../../src/fs/tree/check-tree.ts';
import { GUEST_WORKLOAD, readAcknowledgements, scriptOf } from '../crash/guest-workload.ts';
import { dumpTree } from '../crash/tree-dump.ts';
import { Witness } from '../crash/witness.ts';
import { BOOT_TIMEOUT, withGuest } from './guest.ts';

const LINES = 1200;

test(
  '5.16 a workload from a seed leaves in the guest what the model says, change by change',
  { timeout: BOOT_TIMEOUT },
  () =>
    withGuest({}, async (machine) => {
      const { tree, lab } = machine;
      const witness = new Witness();
      const from = Date.now() / 1000 - 1;
      const acknowledgements = readAcknowledgements((index) => witness.acknowledge(index));
      lab.serial.on(acknowledgements);
      for (const seed of [41, 42]) {
        const lines = witness.plan(seed, LINES, GUEST_WORKLOAD);
        expect(await machine.run(scriptOf(lines, 0))).toEqual({ status: 0, stdout: '', stderr: '' });
        // What was held open goes with the kernel's own hold of it.
        await machine.run('sync; echo 3 > /proc/sys/vm/drop_caches');
        const { operations, inodes } = tree.counters;
        const findings = checkTree(tree);
        const entries = await dumpTree(tree);
        expect(operations).toBe(witness.asked);
        witness.verify({ operation: operations, inodes, findings, entries }, { from, to: Date.now() / 1000 + 1 });
      }
      expect(witness.acknowledgements).toBeGreaterThan(40);
    }),
);
