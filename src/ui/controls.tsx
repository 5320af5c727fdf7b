// What the person can do to the guest from outside: its power, its keyboard.
import { useSignal, useSignalEffect } from '@preact/signals';
import { Icon } from './icons.tsx';
import type { Lab, LabStage } from './lab-client.ts';

const OFF: readonly LabStage[] = ['powered-off', 'stopped'];
const RUNNING: readonly LabStage[] = ['booting', 'mounted', 'ready'];

/** One of two words, in the room of the longer: nothing beside it moves when they change places. */
function SameWidth({ first, second, isSecond }: { first: string; second: string; isSecond: boolean }) {
  return (
    <span class="same-width">
      <span aria-hidden={isSecond}>{first}</span>
      <span aria-hidden={!isSecond}>{second}</span>
    </span>
  );
}

export function GuestControls({ lab }: { lab: Lab }) {
  const stage = lab.stage.value;
  const isOff = OFF.includes(stage);
  const isRunning = RUNNING.includes(stage);
  /** The guest was asked to power off and has not done so yet. */
  const leaving = useSignal(false);
  useSignalEffect(() => {
    if (!RUNNING.includes(lab.stage.value)) leaving.value = false;
  });
  return (
    <fieldset class="controls" aria-label="Guest">
      <button
        type="button"
        class="tool"
        disabled={!isOff && !isRunning && stage !== 'failed'}
        title={isOff ? 'Boot the guest again' : 'Reset the guest at once, as the button on a machine does'}
        onClick={() => (stage === 'failed' ? void lab.start() : lab.restart())}
      >
        <Icon name={isOff ? 'power' : 'restart'} />
        <span class="word">
          <SameWidth first="Restart" second="Power on" isSecond={isOff} />
        </span>
      </button>
      <button
        type="button"
        class="tool"
        disabled={!isRunning}
        title="Send Ctrl-Alt-Del: the guest shuts down and reboots"
        onClick={() => lab.ctrlAltDel()}
      >
        <Icon name="keys" />
        <span class="word">Ctrl-Alt-Del</span>
      </button>
      <button
        type="button"
        class={`tool ${leaving.value ? 'urgent' : ''}`}
        disabled={!isRunning}
        title={leaving.value ? 'Do not wait for the guest' : 'Ask the guest to shut down and power off'}
        onClick={() => {
          leaving.value = true;
          lab.powerOff();
        }}
      >
        <Icon name="power" />
        <span class="word">
          <SameWidth first="Power off" second="Cut power" isSecond={leaving.value} />
        </span>
      </button>
    </fieldset>
  );
}
