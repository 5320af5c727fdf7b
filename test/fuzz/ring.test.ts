// Random and hostile rings. FUZZ_CASES sets how many, FUZZ_SEED repeats from one case on.
import { expect, test } from 'vitest';
import { HostileRing } from './hostile-ring.ts';
import { Random } from './random.ts';

const CASES = Number(process.env.FUZZ_CASES ?? 100_000);
const FIRST = Number(process.env.FUZZ_SEED ?? 1);

test(`${CASES} hostile rings: nothing is thrown, nothing is touched outside, every chain is answered or NEEDS_RESET set`, {
  timeout: 86_400_000,
}, () => {
  const ring = new HostileRing(new Random(0));
  for (let seed = FIRST; seed < FIRST + CASES; seed++) {
    try {
      ring.run(new Random(seed));
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  const { tally } = ring;
  console.log(`hostile rings: ${JSON.stringify(tally)}`);
  expect(tally.cases).toBe(CASES);
  if (CASES < 1000) return;
  for (const [name, count] of Object.entries(tally)) expect(count / CASES, name).toBeGreaterThan(0.01);
});
