// The page as a person sees it: what the tests do with it, in their words.
import { type Locator, type Page, expect as playwrightExpect } from '@playwright/test';

/** Long enough for a guest to boot on a machine that is busy; its own here, because the bench has no configuration. */
const expect = playwrightExpect.configure({ timeout: 90_000 });

/** Values of data-stage: where the lab is. */
export type Stage =
  | 'loading'
  | 'opening-tree'
  | 'booting'
  | 'mounted'
  | 'ready'
  | 'rebooting'
  | 'powered-off'
  | 'stopped'
  | 'failed';

export class LabPage {
  readonly page: Page;
  readonly terminal: Locator;
  readonly grid: Locator;
  readonly filter: Locator;
  readonly detail: Locator;
  readonly failure: Locator;
  readonly state: Locator;
  private commands = 0;

  constructor(page: Page) {
    this.page = page;
    this.terminal = page.locator('#screen-terminal .xterm-rows');
    this.grid = page.locator('#log-grid');
    this.filter = page.locator('#log-filter');
    this.detail = page.locator('#request-detail');
    this.failure = page.locator('[data-failure][role=alert]');
    this.state = page.locator('.status [data-stage]');
  }

  /** Opens the page and waits until the guest's shell is there. */
  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.waitForStage('ready');
    await this.waitForPrompt();
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.waitForStage('ready');
    await this.waitForPrompt();
  }

  async waitForStage(stage: Stage): Promise<void> {
    await expect(this.page.locator('html')).toHaveAttribute('data-stage', stage);
  }

  /** Does something that reboots the guest, and waits until its shell is there again. */
  async reboot(action: () => Promise<void>): Promise<void> {
    // The page may be in that stage for less than the time between two looks at it.
    const seen = this.page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const observer = new MutationObserver(() => {
            if (document.documentElement.dataset.stage !== 'rebooting') return;
            observer.disconnect();
            resolve();
          });
          observer.observe(document.documentElement, { attributeFilter: ['data-stage'] });
        }),
    );
    await action();
    await seen;
    await this.waitForStage('ready');
    await this.waitForPrompt();
  }

  async waitForFailure(code: string): Promise<void> {
    await expect(this.failure).toHaveAttribute('data-failure', code);
  }

  async waitForPrompt(): Promise<void> {
    await expect(this.terminal).toContainText(/#\s*$/);
  }

  /** Types into the terminal, a key at a time. */
  async type(text: string): Promise<void> {
    await this.page.locator('#screen-terminal textarea').focus();
    await this.page.keyboard.type(text);
  }

  /** What the terminal shows, lines that were broken at its edge joined again. */
  async terminalText(): Promise<string> {
    const lines = await this.terminal.locator('> div').allTextContents();
    return lines.map((line) => line.replaceAll('\u00a0', ' ')).join('');
  }

  /** Types a command at the prompt and returns what it printed when it has ended. The screen is cleared before. */
  async run(command: string): Promise<string> {
    // The marker is typed in two parts, so that the line as it is typed does not contain it.
    const number = ++this.commands;
    await this.type(`clear; echo begin''-${number}; ${command}; echo end''-${number}:$?;\n`);
    const output = new RegExp(`begin-${number} *(.*?)end-${number}:(\\d+)`, 's');
    await expect.poll(() => this.terminalText(), { timeout: 120_000 }).toMatch(output);
    const [, printed = '', status] = output.exec(await this.terminalText()) ?? [];
    expect(status, `status of ${command}, which printed ${printed}`).toBe('0');
    return printed.trim();
  }

  /** Rows of requests that are in the document, without the heading. */
  get rows(): Locator {
    return this.grid.locator('[role=row][data-seq]');
  }

  row(op: string, path: string): Locator {
    return this.rows.filter({ has: this.page.getByRole('gridcell', { name: op, exact: true }) }).filter({
      has: this.page.getByRole('gridcell', { name: path, exact: true }),
    });
  }

  /** How many requests the log lists, those out of sight included. */
  async rowCount(): Promise<number> {
    return Number(await this.grid.getAttribute('aria-rowcount')) - 1;
  }

  async counter(name: string): Promise<number> {
    return Number(await this.page.locator(`[data-counter=${name}]`).getAttribute('data-value'));
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** A button of the guest's power and keyboard. */
  control(name: string): Locator {
    return this.page.getByRole('group', { name: 'Guest' }).getByRole('button', { name, exact: true });
  }
}
