// The page as a person sees it: what the tests do with it, in their words.
import { type Locator, type Page, expect as playwrightExpect } from '@playwright/test';
import type { Stage as WorkerStage } from '../src/lab/messages.ts';
import { type ChannelOptions, GuestChannel } from './guest-channel.ts';

/** Long enough for a guest to boot on a machine that is busy; its own here, because the bench has no configuration. */
const expect = playwrightExpect.configure({ timeout: 90_000 });

/** Values of data-stage: where the lab is. */
export type Stage = 'loading' | WorkerStage | 'failed';

export class LabPage {
  readonly page: Page;
  /** Programs in the guest, apart from the terminal. */
  readonly channel: GuestChannel;
  readonly terminal: Locator;
  readonly grid: Locator;
  readonly filter: Locator;
  readonly detail: Locator;
  readonly failure: Locator;
  readonly state: Locator;

  private constructor(page: Page, channel: GuestChannel) {
    this.page = page;
    this.channel = channel;
    this.terminal = page.locator('#screen-terminal .xterm-rows');
    this.grid = page.locator('#log-grid');
    this.filter = page.locator('#log-filter');
    this.detail = page.locator('#request-detail');
    this.failure = page.locator('[data-failure][role=alert]');
    this.state = page.locator('.status [data-stage]');
  }

  /** For a page that has not been opened yet. */
  static async on(page: Page, options: ChannelOptions = {}): Promise<LabPage> {
    return new LabPage(page, await GuestChannel.open(page, options));
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

  /** Runs a shell script in /mnt/lab, apart from the terminal. Returns what it printed; its status has to be 0. */
  async run(script: string): Promise<string> {
    const { status, stdout, stderr } = await this.channel.run(script);
    expect(status, `status of ${script}, which printed ${stdout}${stderr}`).toBe(0);
    return stdout.trim();
  }

  /** Runs a script that the guest does not outlive. */
  async runToTheEnd(script: string): Promise<void> {
    expect(await this.channel.start(script), `the guest goes away by ${script}`).toBeUndefined();
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
