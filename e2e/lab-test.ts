// What every test of the page begins with: the built page on a server of its own, and a browser with a new profile.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, test as base, expect } from '@playwright/test';
import { DIST } from '../scripts/page.mjs';
import { serve } from '../scripts/static-server.mjs';
import { launch } from './browser.ts';
import { LabPage } from './lab-page.ts';

export { expect };

interface Fixtures {
  /** Folder of a browser profile, empty at first. */
  profile: string;
  /** A browser with that profile. */
  browserContext: BrowserContext;
  /** Whether the guest has v86's own 9p beside our device. */
  p9: boolean;
  /** Its first page, not opened yet. */
  lab: LabPage;
  /** What goes wrong in pages. */
  troubles: Troubles;
}

interface WorkerFixtures {
  /** Address of the built page. */
  site: string;
}

/** What no page may say: an error on its console (its workers' included), or one that nothing caught. */
class Troubles {
  private readonly seen: string[] = [];
  private readonly expected: { text: RegExp; reason: string }[] = [];

  watch(context: BrowserContext): void {
    context.on('weberror', (error) => this.seen.push(`not caught: ${error.error().message}`));
    context.on('console', (message) => {
      if (message.type() === 'error') this.seen.push(`${message.text()} (${message.location().url})`);
    });
  }

  /** An error that the test provokes. */
  expect(text: RegExp, reason: string): void {
    this.expected.push({ text, reason });
  }

  /** Those that nobody expected. */
  get unexpected(): string[] {
    return this.seen.filter((trouble) => !this.expected.some(({ text }) => text.test(trouble)));
  }
}

/** An error in a page fails the test, unless the test says that it provokes it. */
export const test = base.extend<Fixtures, WorkerFixtures>({
  site: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that are asked for from the pattern
    async ({}, use) => {
      const server = await serve({ folder: DIST });
      await use(server.url);
      await server.close();
    },
    { scope: 'worker' },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: as above
  profile: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'virtiofs-lab-profile-'));
    await use(folder);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  },
  // biome-ignore lint/correctness/noEmptyPattern: as above
  troubles: async ({}, use) => {
    const troubles = new Troubles();
    await use(troubles);
    expect(troubles.unexpected, 'errors in the page').toEqual([]);
  },
  browserContext: async ({ profile, troubles }, use) => {
    const context = await launch(profile);
    troubles.watch(context);
    await use(context);
    await context.close();
  },
  p9: [false, { option: true }],
  lab: async ({ browserContext, p9 }, use) => {
    await use(await LabPage.on(browserContext.pages()[0] ?? (await browserContext.newPage()), { p9 }));
  },
});
