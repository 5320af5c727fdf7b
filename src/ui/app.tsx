// The page: head, two panes with a splitter between them, status line. In a narrow window the panes take turns.
import { type Signal, useSignal } from '@preact/signals';
import { GuestControls } from './controls.tsx';
import type { Lab } from './lab-client.ts';
import { LogPanel } from './log-panel.tsx';
import { Notices } from './notices.tsx';
import { Settings } from './settings.tsx';
import { makeSplit, Splitter } from './splitter.tsx';
import { StatusLine } from './status-line.tsx';
import { TerminalPanel } from './terminal-panel.tsx';

const paneSplit = makeSplit('panes', 42, 20, 80);

type Pane = 'terminal' | 'log';

function PaneChoice({ pane }: { pane: Signal<Pane> }) {
  const choice = (name: Pane, label: string) => (
    <button
      type="button"
      aria-pressed={pane.value === name}
      onClick={() => {
        pane.value = name;
      }}
    >
      {label}
    </button>
  );
  return (
    <fieldset class="pane-choice" aria-label="Pane">
      {choice('terminal', 'Terminal')}
      {choice('log', 'Requests')}
    </fieldset>
  );
}

export function App({ lab, problems }: { lab: Lab; problems: readonly string[] }) {
  const pane = useSignal<Pane>('terminal');
  const told = useSignal(problems);
  return (
    <>
      <button
        type="button"
        class="skip"
        onClick={() => {
          pane.value = 'log';
          requestAnimationFrame(() => document.getElementById('log-grid')?.focus());
        }}
      >
        Skip to the request log (F6 goes from pane to pane)
      </button>
      <header class="head" data-region>
        <h1>
          virtio-fs lab <span class="tagline">a Linux guest, and every FUSE request it makes</span>
        </h1>
        <PaneChoice pane={pane} />
        <GuestControls lab={lab} />
        <Settings options={lab.options} />
      </header>
      <Notices lab={lab} problems={told} />
      <main class="panes" data-pane={pane.value} style={{ '--split': `${paneSplit.share.value}%` }}>
        <TerminalPanel lab={lab} />
        <Splitter split={paneSplit} label="Width of the terminal" orientation="vertical" controls="terminal-pane" />
        <LogPanel log={lab.log} />
      </main>
      <StatusLine lab={lab} />
    </>
  );
}

/** What takes the focus for a region: itself, its terminal, else its first control. */
const focusTarget = (region: HTMLElement): HTMLElement | null =>
  region.matches('[tabindex]')
    ? region
    : (region.querySelector<HTMLElement>('.screen:not(.behind) .xterm-host:not([inert]) textarea') ??
      region.querySelector<HTMLElement>('button:not(:disabled)'));

/** Moves the focus to the next region that can be seen, or the one before. */
export function focusNextRegion(backwards: boolean): void {
  const regions = [...document.querySelectorAll<HTMLElement>('[data-region]')].filter(
    (region) => region.offsetParent !== null,
  );
  const now = regions.findLastIndex((region) => region.contains(document.activeElement));
  const step = backwards ? -1 : 1;
  const next = now < 0 ? 0 : (now + step + regions.length) % regions.length;
  const region = regions[next];
  if (region !== undefined) focusTarget(region)?.focus();
}
