// One terminal on the page: xterm with the page's colours and size, copy and paste.
import { FitAddon } from '@xterm/addon-fit';
import { type ITheme, Terminal } from '@xterm/xterm';

const LIGHT: ITheme = {
  background: '#ffffff',
  foreground: '#1b2430',
  cursor: '#0b62b8',
  cursorAccent: '#ffffff',
  selectionBackground: '#b9d7f7',
  black: '#1b2430',
  red: '#b3261e',
  green: '#1d6f3a',
  yellow: '#7d5700',
  blue: '#0b57a8',
  magenta: '#7a34a8',
  cyan: '#0b6675',
  white: '#5a6675',
  brightBlack: '#5a6675',
  brightRed: '#c0392b',
  brightGreen: '#1a7a40',
  brightYellow: '#8a6100',
  brightBlue: '#1769c4',
  brightMagenta: '#8e44bd',
  brightCyan: '#0f7485',
  brightWhite: '#1b2430',
};

const DARK: ITheme = {
  background: '#10151b',
  foreground: '#dbe3ec',
  cursor: '#6cb2f7',
  cursorAccent: '#10151b',
  selectionBackground: '#2c4a6b',
  black: '#2a333f',
  red: '#ff8a80',
  green: '#6fd08c',
  yellow: '#f0b95a',
  blue: '#6cb2f7',
  magenta: '#c79bff',
  cyan: '#5fd0dd',
  white: '#c3ccd6',
  brightBlack: '#93a1b1',
  brightRed: '#ffa79f',
  brightGreen: '#8fe0a8',
  brightYellow: '#ffd07f',
  brightBlue: '#94c8ff',
  brightMagenta: '#d9bcff',
  brightCyan: '#8ae2ec',
  brightWhite: '#ffffff',
};

const encoder = new TextEncoder();

export interface ScreenOptions {
  dark: boolean;
  /** Read only where it is absent. */
  onInput?: (bytes: Uint8Array) => void;
  onResize?: (cols: number, rows: number) => void;
  onSelection?: (selected: boolean) => void;
}

export class Screen {
  readonly terminal: Terminal;
  private readonly fit = new FitAddon();
  private readonly watcher: ResizeObserver;

  constructor(element: HTMLElement, label: string, options: ScreenOptions) {
    const { onInput, onResize, onSelection } = options;
    this.terminal = new Terminal({
      fontFamily: getComputedStyle(element).getPropertyValue('--mono'),
      fontSize: 13,
      lineHeight: 1.2,
      scrollback: 10_000,
      cursorBlink: false,
      disableStdin: onInput === undefined,
      // The boot log's lines end with a line feed alone.
      convertEol: onInput === undefined,
      rightClickSelectsWord: false,
      minimumContrastRatio: 4.5,
      theme: options.dark ? DARK : LIGHT,
    });
    this.terminal.loadAddon(this.fit);
    this.terminal.open(element);
    this.terminal.textarea?.setAttribute('aria-label', label);
    this.terminal.attachCustomKeyEventHandler((event) => this.key(event));
    if (onInput) {
      this.terminal.onData((text) => onInput(encoder.encode(text)));
      this.terminal.onBinary((text) => onInput(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    }
    if (onResize) this.terminal.onResize(({ cols, rows }) => onResize(cols, rows));
    if (onSelection) this.terminal.onSelectionChange(() => onSelection(this.terminal.hasSelection()));
    this.watcher = new ResizeObserver(() => this.fit.fit());
    this.watcher.observe(element);
    this.fit.fit();
    onResize?.(this.terminal.cols, this.terminal.rows);
  }

  write(bytes: Uint8Array): void {
    this.terminal.write(bytes);
  }

  setDark(dark: boolean): void {
    this.terminal.options.theme = dark ? DARK : LIGHT;
  }

  focus(): void {
    this.terminal.focus();
  }

  clear(): void {
    this.terminal.reset();
  }

  /** Back from the alternate screen, and a soft reset (DECSTR); what was printed stays. */
  undoModes(): void {
    // Only from there: this also puts the cursor where it was before, which elsewhere is anywhere.
    const back = this.terminal.buffer.active.type === 'alternate' ? '\x1b[?1049l' : '';
    this.terminal.write(`${back}\x1b[!p\r\n`);
  }

  async copy(): Promise<void> {
    await copyText(this.terminal.getSelection());
    this.terminal.focus();
  }

  paste(text: string): void {
    this.terminal.paste(text);
    this.terminal.focus();
  }

  dispose(): void {
    this.watcher.disconnect();
    this.terminal.dispose();
  }

  /** False: the terminal leaves the key to the page and the browser. */
  private key(event: KeyboardEvent): boolean {
    if (event.key === 'F6') return false;
    const shifted = event.shiftKey && !event.altKey;
    if (shifted && event.ctrlKey && event.code === 'KeyC') {
      event.preventDefault();
      if (event.type === 'keydown') void this.copy();
      return false;
    }
    // The browser pastes into the terminal's text area.
    return !(shifted && ((event.ctrlKey && event.code === 'KeyV') || event.key === 'Insert'));
  }
}

/** Copies also where there is no clipboard API (a page that did not come over https). */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard?.writeText !== undefined) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'offscreen';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/** What the clipboard holds; undefined where the browser lets only the person paste. */
export async function clipboardText(): Promise<string | undefined> {
  if (navigator.clipboard?.readText === undefined) return undefined;
  try {
    return await navigator.clipboard.readText();
  } catch {
    // NotAllowedError: the person said no, or the browser did.
    return undefined;
  }
}
