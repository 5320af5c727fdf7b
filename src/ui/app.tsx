// The page: head, two panes with a splitter between them, status line. In a narrow window the panes take turns.
import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { Questions } from './ask.tsx';
import { GuestControls } from './controls.tsx';
import { FileActions } from './file-actions.ts';
import { FilesModel } from './files-model.ts';
import type { Lab } from './lab-client.ts';
import { Notices } from './notices.tsx';
import { Settings } from './settings.tsx';
import { type Side, SidePane } from './side-pane.tsx';
import { makeSplit, Splitter } from './splitter.tsx';
import { StatusLine } from './status-line.tsx';
import { TerminalPanel } from './terminal-panel.tsx';
import { Trees } from './trees-dialog.tsx';

const paneSplit = makeSplit('panes', 42, 20, 80);

/** Which pane is there in a narrow window. */
type Front = 'terminal' | 'side';

interface Shown {
  front: Signal<Front>;
  side: Signal<Side>;
}

function PaneChoice({ front, side }: Shown) {
  const choice = (label: string, pane: 'terminal' | Side) => (
    <button
      type="button"
      aria-pressed={pane === 'terminal' ? front.value === pane : front.value === 'side' && side.value === pane}
      onClick={() => {
        front.value = pane === 'terminal' ? pane : 'side';
        if (pane !== 'terminal') side.value = pane;
      }}
    >
      {label}
    </button>
  );
  return (
    <fieldset class="pane-choice" aria-label="Pane">
      {choice('Terminal', 'terminal')}
      {choice('Requests', 'log')}
      {choice('Files', 'files')}
    </fieldset>
  );
}

export function App({ lab, problems }: { lab: Lab; problems: readonly string[] }) {
  const front = useSignal<Front>('terminal');
  const side = useSignal<Side>('log');
  const told = useSignal(problems);
  // Without a guest there is neither terminal nor log.
  useSignalEffect(() => {
    if (lab.stage.value !== 'viewing') return;
    front.value = 'side';
    side.value = 'files';
  });
  const files = useMemo(() => new FilesModel(lab), [lab]);
  const actions = useMemo(() => new FileActions(lab, files), [lab, files]);
  return (
    <>
      <button
        type="button"
        class="skip"
        onClick={() => {
          front.value = 'side';
          side.value = 'log';
          requestAnimationFrame(() => document.getElementById('log-grid')?.focus());
        }}
      >
        Skip to the request log (F6 goes from pane to pane)
      </button>
      <header class="head" data-region>
        <h1>
          virtio-fs lab <span class="tagline">a Linux guest, and every FUSE request it makes</span>
        </h1>
        <PaneChoice front={front} side={side} />
        <GuestControls lab={lab} />
        <Trees lab={lab} />
        <Settings lab={lab} />
      </header>
      <Notices lab={lab} problems={told} />
      <main class="panes" data-front={front.value} style={{ '--split': `${paneSplit.share.value}%` }}>
        <TerminalPanel lab={lab} />
        <Splitter split={paneSplit} label="Width of the terminal" orientation="vertical" controls="terminal-pane" />
        <SidePane lab={lab} files={files} actions={actions} side={side} />
      </main>
      <StatusLine lab={lab} />
      <Questions />
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
  const regions = [...document.querySelectorAll<HTMLElement>('[data-region]')].filter((region) =>
    region.checkVisibility({ visibilityProperty: true }),
  );
  const active = document.activeElement ?? document.body;
  const inside = regions.findLastIndex((region) => region.contains(active));
  // Between two regions, as in a pane's head: the one behind is next.
  const behind = regions.findIndex(
    (region) => active !== document.body && active.compareDocumentPosition(region) & Node.DOCUMENT_POSITION_FOLLOWING,
  );
  const next = inside < 0 ? Math.max(0, behind) - (backwards ? 1 : 0) : inside + (backwards ? -1 : 1);
  const region = regions[(next + regions.length) % regions.length];
  if (region !== undefined) focusTarget(region)?.focus();
}
