// The left pane: the guest's terminal and its boot log, each in a tab, and what stands over them while there is none.
import { useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icons.tsx';
import type { Lab } from './lab-client.ts';
import { isLoading, Loading } from './loading.tsx';
import { FailureCard, NoGuest, StageStrip } from './notices.tsx';
import { Tabs } from './tabs.tsx';
import { clipboardText, Screen } from './terminal.ts';
import { isDark } from './theme.ts';

type Tab = 'terminal' | 'boot';

const TABS: readonly { id: Tab; label: string }[] = [
  { id: 'terminal', label: 'Terminal' },
  { id: 'boot', label: 'Boot log' },
];

interface Screens {
  terminal: Screen;
  boot: Screen;
}

function openScreens(lab: Lab, terminal: HTMLElement, boot: HTMLElement, onSelection: (is: boolean) => void): Screens {
  const dark = isDark.peek();
  const screens = {
    terminal: new Screen(terminal, 'Terminal of the guest. F6 leaves it.', {
      dark,
      onSelection,
      onInput: (bytes) => lab.input(bytes),
      onResize: (cols, rows) => lab.resize(cols, rows),
    }),
    boot: new Screen(boot, 'Boot log of the guest', { dark }),
  };
  lab.attach({
    console: (bytes) => screens.terminal.write(bytes),
    serial: (bytes) => screens.boot.write(bytes),
    clear: () => {
      screens.terminal.clear();
      screens.boot.clear();
    },
    rebooted: () => screens.terminal.undoModes(),
  });
  return screens;
}

export function TerminalPanel({ lab }: { lab: Lab }) {
  const tab = useSignal<Tab>('terminal');
  const selected = useSignal(false);
  const pasteHint = useSignal(false);
  const screens = useRef<Screens>(undefined);
  const terminalElement = useRef<HTMLDivElement>(null);
  const bootElement = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const opened = openScreens(
      lab,
      terminalElement.current as HTMLDivElement,
      bootElement.current as HTMLDivElement,
      (is) => {
        selected.value = is;
      },
    );
    screens.current = opened;
    void lab.start();
    return () => {
      opened.terminal.dispose();
      opened.boot.dispose();
    };
  }, [lab]);

  useSignalEffect(() => {
    const dark = isDark.value;
    screens.current?.terminal.setDark(dark);
    screens.current?.boot.setDark(dark);
  });

  // The person can type as soon as there is a shell, unless they are somewhere else already.
  useSignalEffect(() => {
    const ready = lab.stage.value === 'ready';
    const elsewhere = document.activeElement !== document.body && document.activeElement !== null;
    if (ready && tab.peek() === 'terminal' && !elsewhere) screens.current?.terminal.focus();
  });

  const paste = async (): Promise<void> => {
    const text = await clipboardText();
    pasteHint.value = text === undefined;
    if (text !== undefined) screens.current?.terminal.paste(text);
    else screens.current?.terminal.focus();
  };
  const failure = lab.failure.value;

  return (
    <section class="pane terminal-pane" id="terminal-pane" aria-label="Guest" data-region>
      <div class="pane-head">
        <Tabs label="Guest" tabs={TABS} chosen={tab} panels="screen" />
        <span class="hint">
          {pasteHint.value ? (
            <>
              The browser lets only you paste: <kbd>Ctrl</kbd>+<kbd>Shift</kbd>+<kbd>V</kbd>
            </>
          ) : (
            <>
              <kbd>F6</kbd> leaves the terminal
            </>
          )}
        </span>
        <button
          type="button"
          class="tool"
          title="Copy the selection (Ctrl+Shift+C)"
          disabled={!selected.value || tab.value !== 'terminal'}
          onClick={() => void screens.current?.terminal.copy()}
        >
          <Icon name="copy" />
          Copy
        </button>
        <button
          type="button"
          class="tool"
          title="Paste (Ctrl+Shift+V)"
          disabled={tab.value !== 'terminal' || lab.stage.value !== 'ready'}
          onClick={() => void paste()}
        >
          <Icon name="paste" />
          Paste
        </button>
      </div>
      <div class="screens">
        <div
          class={`screen ${tab.value === 'terminal' ? '' : 'behind'}`}
          id="screen-terminal"
          role="tabpanel"
          aria-labelledby="tab-terminal"
        >
          <div class="xterm-host" inert={isLoading(lab)} ref={terminalElement} />
          <StageStrip lab={lab} />
          {failure === undefined ? (
            <>
              <Loading lab={lab} />
              <NoGuest lab={lab} />
            </>
          ) : (
            <FailureCard key={failure.code} lab={lab} failure={failure} />
          )}
        </div>
        <div
          class={`screen ${tab.value === 'boot' ? '' : 'behind'}`}
          id="screen-boot"
          role="tabpanel"
          aria-labelledby="tab-boot"
        >
          <div class="xterm-host" ref={bootElement} />
        </div>
      </div>
    </section>
  );
}
