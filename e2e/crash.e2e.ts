// The browser is killed while it works, again and again: what is left is a tree of one moment, with all that was synced.
// CRASH_RUNS kills (npm run soak -- crash --runs N --seed S), most of them on the tree alone, some with the guest.
import { test as base, expect } from '@playwright/test';
import { DIST } from '../scripts/page.mjs';
import { serve } from '../scripts/static-server.mjs';
import { GuestTrial } from '../test/crash/guest-trial.ts';
import { type Killed, TreeTrial } from '../test/crash/trial.ts';

const USUAL = 25;
const RUNS = Number(process.env.CRASH_RUNS ?? USUAL);
const SEED = Number(process.env.CRASH_SEED ?? 4);

/** Six of 25. */
const IN_GUEST = Math.round((RUNS * 6) / 25);

interface Trials {
  tree: TreeTrial;
  guest: GuestTrial;
}

/** A profile for all kills that this process sees; after a failure there is another process. */
const test = base.extend<object, Trials>({
  tree: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that are asked for from the pattern
    async ({}, use) => {
      const trial = new TreeTrial();
      await use(trial);
      await trial.close();
    },
    { scope: 'worker' },
  ],
  guest: [
    // biome-ignore lint/correctness/noEmptyPattern: as above
    async ({}, use) => {
      const server = await serve({ folder: DIST });
      const trial = new GuestTrial(server.url);
      await use(trial);
      await trial.close();
      await server.close();
    },
    { scope: 'worker' },
  ],
});

const kills: Killed[] = [];

for (let i = 0; i < RUNS; i++) {
  const seed = SEED * 10_000 + i;
  if (i < RUNS - IN_GUEST) {
    test(`a browser killed at work on a tree leaves what was synced, and a whole tree: seed ${seed}`, async ({
      tree,
    }) => {
      kills.push(await tree.kill(seed));
    });
  } else {
    test(`a browser killed while its guest works leaves what was synced, and a whole tree: seed ${seed}`, async ({
      guest,
    }) => {
      kills.push(await guest.kill(seed));
    });
  }
}

test('what a killed browser leaves half written in its log harms nothing that is written behind it', async () => {
  const trial = new TreeTrial();
  try {
    for (let life = 0; life < 3; life++) await trial.kill(SEED * 10_000 + RUNS + life, { tear: true });
  } finally {
    await trial.close();
  }
});

test('at least a third of the kills were between the start of a transaction and its completion', () => {
  const inside = kills.filter((kill) => kill.inside).length;
  const sum = (of: (kill: Killed) => number): number => kills.reduce((all, kill) => all + of(kill), 0);
  const found = kills.map((kill) => kill.found);
  console.log(
    `${kills.length} kills from seed ${SEED}: ${inside} in a transaction; of ${Math.min(...found)} to ${Math.max(...found)} ` +
      `changes of a life were found (${sum((kill) => kill.found)} in all), ${sum((kill) => kill.durable)} had been ` +
      `acknowledged by ${sum((kill) => kill.acknowledgements)} syncs; ${sum((kill) => kill.commits)} commits`,
  );
  // About 70 of 100 are; of a few kills chance may have it otherwise.
  if (RUNS >= USUAL) expect(inside).toBeGreaterThanOrEqual(kills.length / 3);
});
