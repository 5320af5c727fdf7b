// A guest that is made to stand still: nothing changes its tree, and afterwards it goes on where it was.
import { expect, test } from 'vitest';
import { showAgreement } from '../clock-agreement.ts';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

const guest = useGuest({ locks: true });

/** So many turns of the event loop in which a guest that runs would run. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

test(
  'while it writes: no request is under way, and none comes',
  async () => {
    const machine = guest();
    const { lab, tree } = machine;
    const seen: string[] = [];
    const off = lab.stages.on(({ stage, paused }) => seen.push(`${stage}${paused ? ' paused' : ''}`));
    const working = machine.run(
      'i=0; while [ $i -lt 60 ]; do i=$((i + 1)); echo $i > f$i; dd if=/dev/zero of=big bs=64k count=2 2> /dev/null; done; ls | wc -l; rm f* big',
    );
    for (let i = 0; i < 3; i++) {
      const from = tree.counters.operations;
      while (tree.counters.operations < from + 25) await turns(1);
      await lab.pause();
      const { pending, requests } = lab.counters();
      const { operations } = tree.counters;
      expect(pending).toBe(0);
      await tree.sync();
      await turns(200);
      expect(lab.counters().requests).toBe(requests);
      expect(tree.counters.operations).toBe(operations);
      expect(tree.dirtyBytes).toBe(0);
      lab.resume();
    }
    expect(await working).toEqual({ status: 0, stdout: '61\n', stderr: '' });
    expect(seen).toEqual(Array.from({ length: 3 }, () => ['ready paused', 'ready']).flat());
    off();
  },
  BOOT_TIMEOUT,
);

test('twice at once: it goes on after the second resume()', async () => {
  const { lab } = guest();
  await Promise.all([lab.pause(), lab.pause()]);
  lab.resume();
  const { requests } = lab.counters();
  const working = guest().run('echo x > f; rm f');
  await turns(200);
  expect(lab.counters().requests).toBe(requests);
  lab.resume();
  expect((await working).status).toBe(0);
  // One too many does nothing.
  lab.resume();
});

test('while a program waits for a lock, which is no request that comes to an end', async () => {
  const machine = guest();
  const holding = machine.run("lab-lock f write all run 'touch held; while [ ! -e go ]; do sleep 0.1; done'");
  await machine.run('while [ ! -e held ]; do sleep 0.1; done');
  const waiting = machine.run("sh -c 'echo $$ > pid; exec lab-lock f wait-write all'");
  await machine.run('while [ ! -s pid ]; do sleep 0.1; done; lab-lock g await $(cat pid)');
  await machine.lab.pause();
  expect(machine.lab.counters().pending).toBe(1);
  machine.lab.resume();
  await machine.run('touch go');
  expect([(await holding).status, (await waiting).status]).toEqual([0, 0]);
  await machine.run('rm f g go held pid');
});

test('its clock agrees with the host’s afterwards', async () => {
  const machine = guest();
  await machine.lab.pause();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);
  machine.lab.resume();
  await showAgreement(async () => [Number((await machine.run("cd /; bash -c 'echo $EPOCHREALTIME'")).stdout)]);
});
