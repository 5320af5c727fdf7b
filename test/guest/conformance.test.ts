// The conformance suite as a program in the guest: on tmpfs, whose answers are the golden file, and on the tree.
import { describe, expect, it } from 'vitest';
import { BEHAVIOURS } from '../conformance/all.ts';
import { stepsOf } from '../conformance/calls.ts';
import { type Golden, readGolden, scriptOf, tracesOf, writeGolden } from '../conformance/golden.ts';
import { expected } from '../conformance/trace.ts';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

const guest = useGuest();
const script = new TextEncoder().encode(scriptOf(BEHAVIOURS));

async function run(folder: string): Promise<Golden> {
  const command = `mkdir ${folder}/conformance && lab-calls ${folder}/conformance && rmdir ${folder}/conformance`;
  const { status, stdout, stderr } = await guest().run(command, { stdin: script });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return tracesOf(BEHAVIOURS, stdout);
}

describe('conformance in the guest', () => {
  it(
    'tmpfs answers what is recorded of it',
    async () => {
      const traces = await run('/tmp');
      if (process.env.UPDATE_GOLDEN) writeGolden(traces);
      expect(traces).toEqual(readGolden());
    },
    BOOT_TIMEOUT,
  );

  it(
    'the tree answers as tmpfs does, or as is said instead',
    async () => {
      const golden = readGolden();
      const traces = await run('/mnt/lab');
      const differences = BEHAVIOURS.flatMap((behaviour) => {
        const ours = traces[behaviour.name] ?? [];
        const asked = expected(stepsOf(behaviour), golden[behaviour.name] ?? []);
        return asked.flatMap((line, i) =>
          line === ours[i] ? [] : [{ in: behaviour.name, asked: line, ours: ours[i] }],
        );
      });
      expect(differences).toEqual([]);
    },
    BOOT_TIMEOUT,
  );
});
