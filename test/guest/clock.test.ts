import { describe, expect, it } from 'vitest';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

const guest = useGuest();

/** Seconds that the guest's clock is away from ours: 0 where ours lay around the guest's answer. */
async function drift(): Promise<number> {
  const before = Date.now() / 1000;
  const { stdout } = await guest().run(
    'cd /; touch /tmp/now; stat -c %Y /tmp/now; : > /mnt/lab/now; stat -c %Y /mnt/lab/now; rm /mnt/lab/now',
  );
  const after = Date.now() / 1000;
  const [theirs, server] = stdout.trim().split('\n').map(Number) as [number, number];
  // Stamps are whole seconds, cut off: the moment lies in [stamp, stamp + 1).
  const away = (stamp: number): number => Math.max(0, before - (stamp + 1), stamp - after);
  return Math.max(away(theirs), away(server));
}

/** Blocks this thread, and with it the guest, as a page that sleeps would. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe("the guest's clock agrees with the host's within a second", () => {
  it('at the start', async () => {
    expect(await drift()).toBeLessThan(1);
  });

  it(
    'after load',
    async () => {
      await guest().run(
        'cd /; timeout 8 sh -c "while :; do dd if=/dev/zero of=/tmp/x bs=4k count=500; ls /proc; done" > /dev/null 2>&1; rm -f /tmp/x',
      );
      expect(await drift()).toBeLessThan(1);
    },
    BOOT_TIMEOUT,
  );

  it('after the thread was blocked for 3 s', async () => {
    block(3000);
    expect(await drift()).toBeLessThan(1);
  });

  it('after it was blocked in the middle of work', async () => {
    const working = guest().run('cd /tmp; i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done');
    block(3000);
    await working;
    expect(await drift()).toBeLessThan(1);
  });
});
