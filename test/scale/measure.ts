// How long a tree of so many inodes takes to open, what it takes of memory, and what commits cost: in Chromium and Node.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { launch } from '../../e2e/browser.ts';
import { DirStore } from '../../src/fs/store/dir-store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { bundle } from '../browser/harness.ts';
import type { ScalePage } from './page.ts';
import { commitTimes, fill } from './shape.ts';

/** Of one size of a tree. */
export interface Scale {
  inodes: number;
  /** ms, the median of the rounds. */
  open: number;
  /** ms of processor time that opening takes in this process, Chromium's own processes apart; the median. */
  cpu: number;
  /** MB (10^6 bytes) of JavaScript's heap that the open tree takes, garbage collected. */
  memory: number;
  /** Commits, ms: one new file, and all inodes; strict. */
  one: number;
  all: number;
}

const ORIGIN = 'https://scale.invalid/';
const MB = 1e6;

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

/** Over the real IndexedDB. */
export async function measureChromium(
  sizes: readonly number[],
  rounds: number,
  progress: (text: string) => void,
): Promise<Scale[]> {
  const profile = mkdtempSync(join(tmpdir(), 'scale-'));
  const context = await launch(profile);
  try {
    const page = await context.newPage();
    await page.route(`${ORIGIN}**`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
    await page.goto(ORIGIN);
    await page.addScriptTag({ type: 'module', content: await bundle('test/scale/page.ts') });
    await page.waitForFunction('globalThis.scale !== undefined');
    const session = await context.newCDPSession(page);
    const call = <Name extends keyof ScalePage>(
      name: Name,
      ...args: Parameters<ScalePage[Name]>
    ): Promise<Awaited<ReturnType<ScalePage[Name]>>> => page.evaluate(`scale.${name}(...${JSON.stringify(args)})`);
    const heap = async (): Promise<number> => {
      await session.send('HeapProfiler.collectGarbage');
      const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number };
      return usedSize;
    };
    await session.send('Performance.enable');
    const cpu = async (): Promise<number> => {
      const { metrics } = (await session.send('Performance.getMetrics')) as {
        metrics: { name: string; value: number }[];
      };
      return (metrics.find(({ name }) => name === 'ProcessTime')?.value ?? Number.NaN) * 1000;
    };
    const all: Scale[] = [];
    for (const inodes of sizes) {
      progress(`Chromium: ${inodes} inodes`);
      const name = `scale-${inodes}`;
      await call('make', name, inodes);
      const opens: number[] = [];
      const cpus: number[] = [];
      const memories: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const before = await heap();
        const cpuBefore = await cpu();
        opens.push(await call('open', name));
        cpus.push((await cpu()) - cpuBefore);
        memories.push((await heap()) - before);
        if (round < rounds - 1) await call('close');
      }
      const commits = await call('commits');
      await call('close');
      await call('remove', name);
      all.push({ inodes, open: median(opens), cpu: median(cpus), memory: median(memories) / MB, ...commits });
    }
    return all;
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

const gc: () => void = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** Bytes of the heap that are in use, garbage collected: what finished functions held goes only after a turn or two. */
export async function heapUsed(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await nextTurn();
    gc();
  }
  return process.memoryUsage().heapUsed;
}

/** Over a folder. */
export async function measureNode(
  sizes: readonly number[],
  rounds: number,
  progress: (text: string) => void,
): Promise<Scale[]> {
  const all: Scale[] = [];
  for (const inodes of sizes) {
    progress(`Node: ${inodes} inodes`);
    const folder = mkdtempSync(join(tmpdir(), 'scale-'));
    try {
      await fill(new DirStore(folder), inodes);
      const opens: number[] = [];
      const cpus: number[] = [];
      const memories: number[] = [];
      let tree: Tree | undefined;
      for (let round = 0; round < rounds; round++) {
        await tree?.close();
        tree = undefined;
        const before = await heapUsed();
        const cpuBefore = process.cpuUsage();
        const start = performance.now();
        tree = await Tree.open(new DirStore(folder), { commitInterval: 1e9 });
        opens.push(performance.now() - start);
        const { user, system } = process.cpuUsage(cpuBefore);
        cpus.push((user + system) / 1000);
        memories.push((await heapUsed()) - before);
      }
      if (!tree) throw new RangeError(`${rounds} rounds`);
      const commits = await commitTimes(tree);
      await tree.close();
      all.push({ inodes, open: median(opens), cpu: median(cpus), memory: median(memories) / MB, ...commits });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return all;
}
