// Starts the page.
import '@xterm/xterm/css/xterm.css';
import './styles/base.css';
import './styles/panes.css';
import './styles/grid.css';
import './styles/log.css';
import './styles/detail.css';
import './styles/files.css';
import './styles/dialogs.css';
import { effect } from '@preact/signals';
import { render } from 'preact';
import wasmUrl from 'v86/build/v86.wasm?url';
import { App, focusNextRegion } from './app.tsx';
import { hasFiles } from './dropped.ts';
import { Lab } from './lab-client.ts';
import { parseOptions } from './options.ts';

const { options, problems } = parseOptions(location.search);
const lab = new Lab(options, { base: './guest/', wasm: { url: wasmUrl, size: WASM_SIZE } });

// For programs that drive the page: where the lab is, and why it failed.
effect(() => {
  document.documentElement.dataset.stage = lab.stage.value;
});
effect(() => {
  const failure = lab.failure.value ?? lab.warning.value;
  if (failure === undefined) delete document.documentElement.dataset.failure;
  else document.documentElement.dataset.failure = failure.code;
});

addEventListener('pagehide', () => lab.commitNow());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') lab.commitNow();
});

// A file that misses the pane would be opened by the browser in place of the page, and its guest be gone.
for (const type of ['dragover', 'drop'] as const) {
  addEventListener(type, (event) => {
    if (event.defaultPrevented || !hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'none';
  });
}

addEventListener('keydown', (event) => {
  if (event.key !== 'F6' || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  focusNextRegion(event.shiftKey);
});

render(<App lab={lab} problems={problems} />, document.getElementById('app') as HTMLElement);
