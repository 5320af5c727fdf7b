// node scripts/screenshot.mjs: boots the built page in Chromium, does something in it, and takes docs/screenshot.png.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBrowser } from './browsers.mjs';
import { ensureGuestImage } from './guest-image.mjs';
import { ensurePackages } from './packages.mjs';
import { DIST, ensurePage } from './page.mjs';
import { command, ROOT } from './process.mjs';
import { serve } from './static-server.mjs';

const COMMANDS = [
  'mkdir -p notes && echo "hello from the guest" > notes/today',
  'cat notes/today; ls -la notes; cat notes/tomorrow',
];

await command(async () => {
  await ensurePackages();
  await ensurePage(await ensureGuestImage());
  const executablePath = await ensureBrowser('chromium');
  const { chromium } = await import('@playwright/test');
  const server = await serve({ folder: DIST });
  const profile = mkdtempSync(join(tmpdir(), 'virtiofs-lab-profile-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    viewport: { width: 1280, height: 720 },
    colorScheme: 'light',
  });
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    await page.goto(server.url);
    await page.locator('html[data-stage=ready]').waitFor({ timeout: 60_000 });
    const prompt = page.locator('#screen-terminal .xterm-rows', { hasText: /#\s*$/ });
    await prompt.waitFor();
    for (const line of COMMANDS) {
      await page.locator('#screen-terminal textarea').focus();
      await page.keyboard.type(`${line}\n`);
      await prompt.waitFor();
    }
    await page.locator('#log-filter').fill('notes');
    await page.locator('#log-grid [role=row][data-seq]', { hasText: 'WRITE' }).last().click();
    await page.locator('#request-detail').waitFor();
    await page.locator('#request-detail .fields tr', { hasText: 'nodeid' }).first().hover();
    await page.screenshot({ path: join(ROOT, 'docs', 'screenshot.png') });
  } finally {
    await context.close();
    await server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
  console.log('docs/screenshot.png');
  return 0;
});
