// Starts the machine's Chromium with a profile of its own, which a later start finds again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Browser, type BrowserContext, chromium, type Page } from '@playwright/test';
import { findBrowser } from '../scripts/browsers.mjs';

/** The size that the page has to be usable at. */
export const VIEWPORT = { width: 1280, height: 720 };

// The sandbox refuses to run as root, which is what containers run as.
const FLAGS = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

export function chromiumProgram(): string {
  const program = findBrowser('chromium');
  if (!program) throw new Error('There is no Chromium: npm test installs one.');
  return program;
}

/** A browser whose profile is the folder. Not a private one: those keep IndexedDB in memory. */
export function launch(profile: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, {
    executablePath: chromiumProgram(),
    args: FLAGS,
    viewport: VIEWPORT,
    colorScheme: null,
  });
}

/** A browser that can be killed: a process of ours, in a group of its own. */
export class MortalBrowser {
  private readonly child: ChildProcess;
  private readonly browser: Browser;

  private constructor(child: ChildProcess, browser: Browser) {
    this.child = child;
    this.browser = browser;
  }

  static async launch(profile: string): Promise<MortalBrowser> {
    const args = ['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profile}`, '--no-first-run'];
    const child = spawn(chromiumProgram(), [...FLAGS, ...args, 'about:blank'], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const address = await new Promise<string>((resolve, reject) => {
      let said = '';
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`Chromium ended with ${code}:\n${said}`)));
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
        if (found) resolve(found);
      });
    });
    return new MortalBrowser(child, await chromium.connectOverCDP(address));
  }

  /** The one of its profile. */
  get context(): BrowserContext {
    const [context] = this.browser.contexts();
    if (!context) throw new Error('Chromium has no context');
    return context;
  }

  async page(): Promise<Page> {
    return this.context.pages()[0] ?? (await this.context.newPage());
  }

  /** SIGKILL to all of its processes: nothing of it gets to write or to say good-bye. */
  async kill(): Promise<void> {
    const gone = once(this.child, 'exit');
    process.kill(-(this.child.pid as number), 'SIGKILL');
    await gone;
    await this.browser.close();
  }
}
