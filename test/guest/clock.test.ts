import { describe, expect, it } from 'vitest';
import { showAgreement } from '../clock-agreement.ts';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

const guest = useGuest();

/** Prints the guest's clock, and what the server stamped a file with that is made at that moment. */
const CLOCKS = "cd /; bash -c 'echo $EPOCHREALTIME'; : > /mnt/lab/now; stat -c %y /mnt/lab/now; rm /mnt/lab/now";

const expectAgreement = (): Promise<void> =>
  showAgreement(async () => {
    const { stdout } = await guest().run(CLOCKS);
    const [clock = '', stamp = ''] = stdout.split('\n');
    expect(stamp).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9} \+0000$/);
    const [day, time = ''] = stamp.split(' ');
    return [Number(clock), Date.parse(`${day}T${time.slice(0, 12)}Z`) / 1000];
  });

/** Blocks this thread, and with it the guest, as a page that sleeps would. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe("the guest's clock agrees with the host's within a second", () => {
  it('at the start', async () => {
    await expectAgreement();
  });

  it(
    'after load',
    async () => {
      await guest().run(
        'cd /; timeout 8 sh -c "while :; do dd if=/dev/zero of=/tmp/x bs=4k count=500; ls /proc; done" > /dev/null 2>&1; rm -f /tmp/x',
      );
      await expectAgreement();
    },
    BOOT_TIMEOUT,
  );

  it('after the thread was blocked for 3 s', async () => {
    block(3000);
    await expectAgreement();
  });

  it('after it was blocked in the middle of work', async () => {
    const working = guest().run('cd /tmp; i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done');
    block(3000);
    await working;
    await expectAgreement();
  });
});
