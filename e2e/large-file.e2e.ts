// A file of 2 GiB with a cache of 32 MiB, in the browser's own storage: written, read back, and what memory that takes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, expect, test } from '@playwright/test';
import type { TreeCounters } from '../src/fs/tree/tree.ts';
import { Harness } from '../test/browser/harness.ts';
import type { LargeFile } from '../test/large-file.ts';
import { ProcessMemory } from '../test/process-memory.ts';
import { launch } from './browser.ts';

const MIB = 2 ** 20;
const CACHE = 32 * MIB;
/**
 * What a renderer may have beyond the cache, however large the file is: buffers that V8 has not collected yet (chunks
 * that were let go of, and the copies that IndexedDB hands out), and the copies of one commit on their way to the browser
 * process. Found: 112 MiB while writing, 168 MiB while 1.5 GiB were read from front to back.
 */
const RENDERER_SHARE = 256 * MIB;
/** What the browser process, which writes to the disk, may need for that: LevelDB's buffers. Found: 59 MiB. */
const BROWSER_SHARE = 128 * MIB;

/** Follows the memory of each process of a browser, from now on. */
async function processesOf(context: BrowserContext) {
  const session = await context.browser()?.newBrowserCDPSession();
  if (!session) throw new Error('the context has no browser');
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.map(({ type, id }) => {
    const memory = new ProcessMemory(id);
    const idle = memory.now();
    memory.reset();
    return { type, grown: () => memory.peak() - idle };
  });
}

test('2 GiB are written, read at random and from front to back, with 32 MiB of cache', async () => {
  test.setTimeout(400_000);
  const profile = mkdtempSync(join(tmpdir(), 'virtiofs-lab-large-'));
  const context = await launch(profile);
  try {
    const harness = await Harness.open(context, 'test/browser/large-file.worker.ts');
    const file: LargeFile = { name: 'large', size: 2048 * MIB, seed: 0x2545f491 };
    const counters = (): Promise<TreeCounters> => harness.call('counters');
    const open = (): Promise<void> => harness.call('open', { name: 'large', cacheLimit: CACHE });
    await open();
    const processes = await processesOf(context);

    await harness.call('write', file);
    const written = await counters();
    expect(written.bytesStored).toBe(file.size);
    expect(written.cachedBytes).toBeLessThanOrEqual(CACHE);
    await harness.call('close');

    await open();
    await harness.call('checkRandom', { ...file, reads: 2048 });
    const random = await counters();
    expect(random.chunkHits / (random.chunkHits + random.chunkMisses)).toBeLessThan(0.2);
    await harness.call('checkSequential', { ...file, length: 256 * MIB });
    const sequential = await counters();
    expect(sequential.aheadUsed - random.aheadUsed).toBeGreaterThan(4000);
    expect(sequential.cachedBytes).toBeLessThanOrEqual(CACHE);
    await harness.call('close');

    for (const { type, grown } of processes) {
      const bytes = grown();
      test.info().annotations.push({ type: 'memory', description: `${type}: ${Math.round(bytes / MIB)} MiB more` });
      expect(bytes, type).toBeLessThan(type === 'renderer' ? CACHE + RENDERER_SHARE : BROWSER_SHARE);
    }
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});
