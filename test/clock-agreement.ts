// Shows that a clock agrees with the host's within 1 s, however long it takes to read it.

const TRIES = 10;

/**
 * `read` gives moments in s since 1970 that clocks were at while it ran. Throws where one of them was more than 1 s
 * away from the host's for certain, or where in all of the tries it could have been.
 */
export async function showAgreement(read: () => Promise<readonly number[]>): Promise<void> {
  let last = '';
  for (let i = 0; i < TRIES; i++) {
    const before = Date.now() / 1000;
    const moments = await read();
    const after = Date.now() / 1000;
    last = `read ${moments.join(' and ')} between ${before} and ${after}`;
    // Each was read somewhere in between, so it is ahead of the host's by something from (it - after) to (it - before).
    if (!moments.every((moment) => moment > before - 1 && moment < after + 1)) {
      throw new Error(`more than 1 s away from the host's clock: ${last}`);
    }
    if (moments.every((moment) => moment > after - 1 && moment < before + 1)) return;
  }
  throw new Error(`no reading was quick enough to show that clocks agree: ${last}`);
}
