// The workloads in Chromium: the built page, IndexedDB, fsync that waits for a strict commit.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from '../../e2e/browser.ts';
import { LabPage } from '../../e2e/lab-page.ts';
import { DIST } from '../../scripts/page.mjs';
import { serve } from '../../scripts/static-server.mjs';
import { MEMORY } from './guest.ts';
import type { GuestRow } from './results.ts';
import { measureWorkloads, type Progress } from './workloads.ts';

/** Boots one guest in the page with a new profile, and measures. */
export async function benchBrowser(rounds: number, progress: Progress): Promise<GuestRow[]> {
  progress('booting the guest in Chromium');
  const server = await serve({ folder: DIST });
  const profile = mkdtempSync(join(tmpdir(), 'virtiofs-lab-bench-'));
  const context = await launch(profile);
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    const lab = await LabPage.on(page, { p9: true });
    await lab.open(`${server.url}?memory=${MEMORY}`);
    return await measureWorkloads((script) => lab.channel.run(script), rounds, progress);
  } finally {
    await context.close();
    await server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
