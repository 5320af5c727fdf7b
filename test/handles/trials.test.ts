// A file handle that was taken at any time gives the same file or ESTALE, never another one. HANDLE_TRIALS sets how many
// trials there are, HANDLE_SEED repeats them from one on.
import { describe, expect, it } from 'vitest';
import { HANDLE_MODES, type NodeidOptions } from '../../src/fs/fuse/nodeid-table.ts';
import { Random } from '../fuzz/random.ts';
import { newTally, type Tally, Trial } from './trial.ts';

const TRIALS = Number(process.env.HANDLE_TRIALS ?? 2000);
const FIRST = Number(process.env.HANDLE_SEED ?? 1);
const STEPS = 60;

/** Throws Error with the seed and all steps of a trial that went wrong. */
async function trial(seed: number, nodeids: NodeidOptions, tally: Tally): Promise<void> {
  const one = new Trial(new Random(seed), nodeids, tally);
  try {
    await one.run(STEPS);
  } catch (error) {
    const what = error instanceof Error ? error.stack : String(error);
    throw new Error(`HANDLE_SEED=${seed}: ${what}\n${one.steps.join('\n')}`);
  }
}

async function trials(count: number, nodeids: NodeidOptions): Promise<Tally> {
  const tally = newTally();
  for (let seed = FIRST; seed < FIRST + count; seed++) await trial(seed, nodeids, tally);
  return tally;
}

describe('5.4 5.5 5.6 handles that outlive everything', () => {
  it(`the same file or ESTALE in ${TRIALS} trials`, { timeout: 86_400_000 }, async () => {
    const tally = await trials(TRIALS, {});
    console.log(`handles, seeds from ${FIRST} on: ${JSON.stringify(tally)}`);
    expect(tally.trials).toBe(TRIALS);
    if (TRIALS < 100) return;
    for (const [name, count] of Object.entries(tally)) expect(count / TRIALS, name).toBeGreaterThan(0.1);
  });

  it.each(HANDLE_MODES)('likewise with a nodeid table, mode %s', { timeout: 86_400_000 }, async (mode) => {
    const count = Math.ceil(TRIALS / 10);
    const failure = { when: 'once', at: 2 } as const;
    const tally = await trials(count, { mode, failure });
    expect(tally.trials).toBe(count);
    // In one trial alone nothing may be left to find again.
    if (count < 20) return;
    expect(tally.same).toBeGreaterThan(0);
    expect(tally.stale).toBeGreaterThan(0);
  });

  it('with a constant generation the trials find wrong files', async () => {
    const wrong: string[] = [];
    for (let seed = 1; seed <= 50; seed++) {
      await trial(seed, { constantGeneration: true }, newTally()).catch(
        (error: Error) => void wrong.push(error.message),
      );
    }
    expect(wrong.filter((message) => /^HANDLE_SEED=\d+: Error: handle .* gives serial/.test(message))).not.toEqual([]);
  });
});
