// What every test of the page begins with: the built page on a server of its own, and a browser with a new profile.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, test as base } from '@playwright/test';
import { DIST } from '../scripts/page.mjs';
import { serve } from '../scripts/static-server.mjs';
import { launch } from './browser.ts';
import { LabPage } from './lab-page.ts';

export { expect } from '@playwright/test';

interface Fixtures {
  /** Folder of a browser profile, empty at first. */
  profile: string;
  /** A browser with that profile. */
  browserContext: BrowserContext;
  /** Its first page, not opened yet. */
  lab: LabPage;
}

interface WorkerFixtures {
  /** Address of the built page. */
  site: string;
}

/** What the page says on the console is a test's business: an error there fails it, unless it is expected. */
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
  browserContext: async ({ profile }, use) => {
    const context = await launch(profile);
    await use(context);
    await context.close();
  },
  lab: async ({ browserContext }, use) => {
    const page = browserContext.pages()[0] ?? (await browserContext.newPage());
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await use(new LabPage(page));
    if (errors.length > 0) throw new Error(`errors in the page: ${errors.join('; ')}`);
  },
});
