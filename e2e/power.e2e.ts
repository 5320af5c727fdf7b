// The guest's power, from inside and from outside.
import { expect, test } from './lab-test.ts';

test('three reboots in a row find what was synced before', async ({ lab, site }) => {
  await lab.open(site);
  let written = '';
  for (let turn = 1; turn <= 3; turn++) {
    await lab.run(`echo ${turn} >> reboots; sync`);
    written = `${written}${turn}\n`;
    await lab.reboot(() => lab.runToTheEnd('reboot -f'));
    expect(await lab.run('cat reboots')).toBe(written.trim());
  }
});

test.describe("with v86's 9p beside our device", () => {
  test.use({ p9: true });
  const mount = 'mkdir -p /tmp/9 && mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 host9p /tmp/9';

  test('three reboots in a row find what was written to either', async ({ lab, site }) => {
    await lab.open(site);
    let written = '';
    for (let turn = 1; turn <= 3; turn++) {
      await lab.run(mount);
      if (turn > 1) expect(await lab.run('cat /tmp/9/reboots')).toBe(written.trim());
      await lab.run(`echo ${turn} >> reboots; echo ${turn} >> /tmp/9/reboots; sync`);
      written = `${written}${turn}\n`;
      await lab.reboot(() => lab.runToTheEnd('reboot -f'));
      expect(await lab.run('cat reboots')).toBe(written.trim());
    }
    await lab.run(mount);
    expect(await lab.run('cat /tmp/9/reboots')).toBe(written.trim());
  });
});

test('a reboot that is typed comes back to the prompt', async ({ lab, site }) => {
  await lab.open(site);
  await lab.reboot(() => lab.type('reboot -f\n'));
  expect(await lab.run('echo back')).toBe('back');
});

test('Ctrl-Alt-Del shuts the guest down in order and boots it again', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('echo kept > d');
  await lab.reboot(() => lab.control('Ctrl-Alt-Del').click());
  expect(await lab.run('cat d')).toBe('kept');
});

test('power off ends in a state that the page names, and the guest can be powered on again', async ({ lab, site }) => {
  await lab.open(site);
  await lab.run('echo kept > e');
  await lab.control('Power off').click();
  await lab.waitForStage('powered-off');
  await expect(lab.state).toHaveText('Powered off');
  await lab.control('Power on').click();
  await lab.waitForStage('ready');
  await lab.waitForPrompt();
  expect(await lab.run('cat e')).toBe('kept');
});

test('the reset button boots the guest anew, whatever it is doing', async ({ lab, site }) => {
  await lab.open(site);
  await lab.type("trap '' INT TERM; while :; do :; done\n");
  await lab.control('Restart').click();
  await lab.waitForStage('booting');
  await lab.waitForStage('ready');
  await lab.waitForPrompt();
  expect(await lab.run('echo back')).toBe('back');
});
