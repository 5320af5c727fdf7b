// The trees in a Chromium profile: Chromium itself reads them, from a page of ours under each origin that has databases.
import { existsSync, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { type BrowserContext, chromium } from '@playwright/test';
import { chromiumProgram } from '../../e2e/browser.ts';
import { StoreError, type StoreErrorCode } from '../../src/fs/tree/store.ts';
import { Harness } from '../browser/harness.ts';
import type { Looked, Order } from './profile.worker.ts';
import { failed, found, type Report, refused } from './report.ts';

const WORKER = 'test/check-tree/profile.worker.ts';
/** scheme, host and port (0: the scheme's own), as Chromium names the folders of an origin's databases. */
const DATABASES = /^(https?)_(.+)_(\d+)\.indexeddb\b/;

/** Chromium's folder of user data, and the profile in it. */
interface Profile {
  folder: string;
  name: string;
}

/** What there is of a profile under a path. Undefined where it is none. */
function profileAt(path: string): Profile | undefined {
  const full = resolve(path);
  if (existsSync(join(full, 'IndexedDB'))) return { folder: dirname(full), name: basename(full) };
  return existsSync(join(full, 'Default')) ? { folder: full, name: 'Default' } : undefined;
}

/** The origins that have databases. */
function origins({ folder, name }: Profile): string[] {
  const databases = join(folder, name, 'IndexedDB');
  if (!existsSync(databases)) return [];
  const all = new Set<string>();
  for (const entry of readdirSync(databases)) {
    const [, scheme, host, port] = DATABASES.exec(entry) ?? [];
    if (scheme !== undefined) all.add(`${scheme}://${host}${port === '0' ? '' : `:${port}`}`);
  }
  return [...all].sort();
}

/** The process that has the profile open: Chromium's lock is a link that names host and process. */
function holder({ folder }: Profile): string | undefined {
  const lock = join(folder, 'SingletonLock');
  if (lstatSync(lock, { throwIfNoEntry: false }) === undefined) return undefined;
  const [, host, pid] = /^(.*)-(\d+)$/.exec(readlinkSync(lock)) ?? [];
  if (host !== hostname()) return `a browser on ${host}`;
  try {
    process.kill(Number(pid), 0);
    return `process ${pid}`;
  } catch (error) {
    // ESRCH: what was killed leaves its lock behind.
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? undefined : `process ${pid}`;
  }
}

/** Checks all trees of a profile, or those of one name; with `repair`, repairs them. */
export async function checkProfile(path: string, order: Order): Promise<Report[]> {
  const profile = profileAt(path);
  if (!profile) return [failed(path, 'it is no folder of a Chromium profile')];
  const inUse = holder(profile);
  if (inUse !== undefined) return [failed(path, `it is in use by ${inUse}`)];
  const all = origins(profile);
  const reports: Report[] = [];
  if (all.length > 0) {
    const context = await chromium.launchPersistentContext(profile.folder, {
      executablePath: chromiumProgram(),
      args: [`--profile-directory=${profile.name}`, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
    });
    try {
      for (const origin of all) reports.push(...(await checkOrigin(context, origin, order)));
    } finally {
      await context.close();
    }
  }
  if (reports.length > 0) return reports;
  return [failed(path, order.tree === undefined ? 'there is no tree in it' : `there is no tree "${order.tree}" in it`)];
}

async function checkOrigin(context: BrowserContext, origin: string, order: Order): Promise<Report[]> {
  const harness = await Harness.open(context, WORKER, `${origin}/`);
  try {
    const looked = await harness.call<Looked[]>('check', order);
    return looked.map((one) => {
      const title = `tree "${one.name}" of ${origin}`;
      if ('findings' in one) return found(title, one.findings, order.repair);
      return refused(title, new StoreError(one.code as StoreErrorCode, one.reason), order.repair);
    });
  } finally {
    await harness.close();
  }
}
