// The guest's power, from inside and from outside.
import { expect, test } from './lab-test.ts';

test('three reboots in a row find what was synced before', async ({ lab, site }) => {
  await lab.open(site);
  for (let turn = 1; turn <= 3; turn++) {
    await lab.run(`echo ${turn} >> reboots; sync`);
    await lab.reboot(() => lab.type('reboot -f\n'));
    expect(await lab.run('tail -n 1 reboots; wc -l < reboots')).toMatch(new RegExp(`^${turn}\\s*${turn}$`));
  }
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
