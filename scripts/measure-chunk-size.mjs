// Measures in Chromium how the size of the values changes the speed of IndexedDB: what docs/adr/0008-chunk-size.md rests on.
// Usage: node scripts/measure-chunk-size.mjs [ROUNDS]
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { ensureBrowser } from './browsers.mjs';

const KIB = 1024;
const SIZES = [16, 32, 60, 64, 128, 256].map((kib) => kib * KIB);
const ROUNDS = Number(process.argv[2] ?? 7);

/**
 * Runs in the page: the same bytes in values of one size. Times in ms.
 * @param {number} size
 */
async function measure(size) {
  const TOTAL = 32 * 2 ** 20;
  const COMMIT = 4 * 2 ** 20;
  const REPEATS = 15;
  /** @type {(request: IDBRequest) => Promise<any>} */
  const result = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const opening = indexedDB.open(`size-${size}`, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('tree');
  const database = await result(opening);
  // Random, because LevelDB compresses.
  const bytes = new Uint32Array(TOTAL / 4);
  let seed = 1 + size;
  for (let i = 0; i < bytes.length; i++) {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    bytes[i] = seed;
  }
  const all = new Uint8Array(bytes.buffer);
  const count = Math.floor(TOTAL / size);
  /** @type {(indices: number[], durability: 'strict' | 'relaxed') => Promise<void>} */
  const commit = (indices, durability) =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction('tree', 'readwrite', { durability });
      const store = transaction.objectStore('tree');
      for (const index of indices) store.put(all.slice(index * size, (index + 1) * size), [2, index]);
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  const indices = Array.from({ length: count }, (_, i) => i);
  const perCommit = Math.floor(COMMIT / size);
  const perRead = Math.max(1, Math.floor(2 ** 20 / size));
  let start = performance.now();
  for (let i = 0; i < count; i += perCommit) await commit(indices.slice(i, i + perCommit), 'strict');
  const write = performance.now() - start;
  start = performance.now();
  for (let i = 0; i < count; i += perRead) {
    const store = database.transaction('tree').objectStore('tree');
    await Promise.all(indices.slice(i, i + perRead).map((index) => result(store.get([2, index]))));
  }
  const read = performance.now() - start;
  /** @type {(durability: 'strict' | 'relaxed') => Promise<number>} */
  const one = async (durability) => {
    const times = [];
    for (let i = 0; i < REPEATS; i++) {
      const began = performance.now();
      await commit([i], durability);
      times.push(performance.now() - began);
    }
    return times.sort((a, b) => a - b)[REPEATS >> 1] ?? Number.NaN;
  };
  const strict = await one('strict');
  const relaxed = await one('relaxed');
  database.close();
  return { write, read, strict, relaxed, megabytes: (count * size) / 2 ** 20 };
}

/** @param {number[]} values */
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/**
 * Files that hold single values.
 * @param {string} profile
 */
const valueFiles = (profile) =>
  readdirSync(profile, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.indexeddb\.blob/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name));

const profile = mkdtempSync(join(tmpdir(), 'chunk-size-'));
// A profile on the disk: in the usual throw-away one of a test IndexedDB is kept in memory.
const context = await chromium.launchPersistentContext(profile, {
  executablePath: await ensureBrowser('chromium'),
  args: ['--no-sandbox'],
});
try {
  await context.route('https://measure.invalid/', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }),
  );
  const page = await context.newPage();
  await page.goto('https://measure.invalid/');
  /** @type {Map<number, Awaited<ReturnType<typeof measure>>[]>} */
  const rounds = new Map(SIZES.map((size) => [size, []]));
  /** @type {Map<number, number>} */
  const left = new Map();
  for (let round = -1; round < ROUNDS; round++) {
    for (let i = 0; i < SIZES.length; i++) {
      // Each round begins with another size.
      const size = /** @type {number} */ (SIZES[(i + round + 1) % SIZES.length]);
      const before = new Set(valueFiles(profile));
      const result = await page.evaluate(measure, size);
      left.set(size, valueFiles(profile).filter((file) => !before.has(file)).length);
      if (round >= 0) rounds.get(size)?.push(result);
      await page.evaluate(
        (name) =>
          new Promise((resolve, reject) => {
            const request = indexedDB.deleteDatabase(name);
            request.onsuccess = resolve;
            request.onerror = reject;
          }),
        `size-${size}`,
      );
    }
  }
  console.log(
    `Chromium ${context.browser()?.version() ?? ''}, medians of ${ROUNDS} rounds; 32 MiB, 4 MiB a commit, 1 MiB a read\n`,
  );
  console.log('| chunk | write, strict | read back | one chunk strict | one chunk relaxed | files left |');
  console.log('|---|---|---|---|---|---|');
  for (const [size, results] of rounds) {
    /** @param {(r: Awaited<ReturnType<typeof measure>>) => number} of */
    const mid = (of) => median(results.map(of));
    const write = mid(({ megabytes, write: ms }) => (megabytes * 1000) / ms).toFixed(0);
    const read = mid(({ megabytes, read: ms }) => (megabytes * 1000) / ms).toFixed(0);
    const strict = mid(({ strict: ms }) => ms).toFixed(1);
    const relaxed = mid(({ relaxed: ms }) => ms).toFixed(1);
    console.log(
      `| ${size / KIB} KiB | ${write} MiB/s | ${read} MiB/s | ${strict} ms | ${relaxed} ms | ${left.get(size)} |`,
    );
  }
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
