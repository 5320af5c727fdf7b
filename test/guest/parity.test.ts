// Our server against the recorded runs of QEMU's virtiofsd: same output, same requests and errors, same counts.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestMachine } from '../../src/lab/headless/guest-machine.ts';
import { bootFor, differences, MODES, type Mode, readKnown, readReference, run } from '../parity/parity.ts';
import { BOOT_TIMEOUT } from './guest.ts';

const FOLDER = fileURLToPath(new URL('../parity/reference', import.meta.url));
const known = readKnown(FOLDER);

it('at most five differences are known, each with its reason, none of them about counts', () => {
  expect(known.length).toBeLessThanOrEqual(5);
  for (const { difference, reason } of known) {
    expect(reason).not.toBe('');
    expect(difference).not.toMatch(/^counts/);
  }
});

describe.each(Object.keys(MODES) as Mode[])('against virtiofsd, cache %s', (mode) => {
  const references = readReference(FOLDER, mode);
  let machine: GuestMachine;
  beforeAll(async () => {
    machine = await bootFor(mode);
  }, BOOT_TIMEOUT);
  afterAll(() => machine.close());

  it('there are ten scripts', () => {
    expect(references).toHaveLength(10);
  });

  it.each(references.map((reference) => [reference.script, reference] as const))(
    '5.1 %s',
    async (script, reference) => {
      const observed = await run(machine, reference.text);
      const expected = known.filter((entry) => entry.script === script && entry.mode === mode);
      expect(differences(reference, observed)).toEqual(expected.map(({ difference }) => difference));
    },
    BOOT_TIMEOUT,
  );

  it('what was agreed is what was agreed there', () => {
    const flags = mode === 'always' ? 0x0044f039 : 0x0044d039;
    expect(machine.lab.negotiated).toEqual({ minor: 36, maxReadahead: 128 << 10, flags, flags2: 0 });
  });
});
