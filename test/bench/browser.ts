// The workloads in Chromium: the built page, IndexedDB, fsync that waits for a strict commit.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from '../../e2e/browser.ts';
import { LabPage } from '../../e2e/lab-page.ts';
import { DIST } from '../../scripts/page.mjs';
import { serve } from '../../scripts/static-server.mjs';
import type { FromWorker, ToWorker } from '../../src/lab/messages.ts';
import { MEMORY } from './guest.ts';
import type { GuestRow } from './results.ts';
import { measureWorkloads, type Progress, type ScriptResult } from './workloads.ts';

declare global {
  interface Window {
    runInGuest(script: string): Promise<ScriptResult>;
  }
}

/** Runs in the page before its own code: its worker gets v86's 9p too, and takes scripts from us besides the page's messages. */
function tapWorker(): void {
  let lab: Worker | undefined;
  let runs = 0;
  window.Worker = class extends Worker {
    override postMessage(message: ToWorker, transfer?: Transferable[] | StructuredSerializeOptions): void {
      lab = this;
      if (message.type === 'start') message.options = { ...message.options, p9: true };
      super.postMessage(message, transfer as StructuredSerializeOptions);
    }
  };
  window.runInGuest = (script) =>
    new Promise((resolve, reject) => {
      if (!lab) throw new Error('the page has started no worker');
      const id = ++runs;
      const worker = lab;
      const take = ({ data }: MessageEvent<FromWorker>): void => {
        if (data.type !== 'ran' || data.id !== id) return;
        worker.removeEventListener('message', take);
        const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
        if (data.status === undefined) reject(new Error('the guest went away'));
        else resolve({ status: data.status, stdout: text(data.stdout), stderr: text(data.stderr) });
      };
      worker.addEventListener('message', take);
      worker.postMessage({ type: 'run', id, script } satisfies ToWorker);
    });
}

/** Boots one guest in the page with a new profile, and measures. */
export async function benchBrowser(rounds: number, progress: Progress): Promise<GuestRow[]> {
  progress('booting the guest in Chromium');
  const server = await serve({ folder: DIST });
  const profile = mkdtempSync(join(tmpdir(), 'virtiofs-lab-bench-'));
  const context = await launch(profile);
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    // tsx names functions by a helper of its own, which the page does not have.
    await page.addInitScript(`globalThis.__name = (f) => f; (${tapWorker.toString()})()`);
    await new LabPage(page).open(`${server.url}?memory=${MEMORY}`);
    const run = (script: string) => page.evaluate((text) => window.runInGuest(text), script);
    return await measureWorkloads(run, rounds, progress);
  } finally {
    await context.close();
    await server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
