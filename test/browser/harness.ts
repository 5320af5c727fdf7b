// Runs code of ours in a dedicated worker of Chromium, without the lab's page and guest: a tree over the real IndexedDB.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page } from '@playwright/test';
import { build } from 'vite';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A secure origin that is the same whenever a profile is opened again. Nothing of it is on any network. */
const ORIGIN = 'https://harness.invalid/';

/** Functions of the page, as text: what is compiled may call helpers that a page does not have. */
const PAGE = `<!doctype html><title>harness</title><script>
const calls = new Map();
let last = 0;
let worker;
function startWorker(code) {
  worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })), { type: 'module' });
  worker.onmessage = ({ data }) => {
    if (data.type === 'event') {
      harnessEvent(data.name, data.value);
      return;
    }
    const { resolve, reject } = calls.get(data.id);
    calls.delete(data.id);
    if (data.type === 'done') resolve(data.result);
    else reject(new Error(data.message));
  };
  worker.onerror = (event) => {
    for (const { reject } of calls.values()) reject(new Error('the worker failed: ' + event.message));
  };
}
function callWorker(name, argument) {
  return new Promise((resolve, reject) => {
    const id = ++last;
    calls.set(id, { resolve, reject });
    worker.postMessage({ id, name, argument });
  });
}
</script>`;

const bundles = new Map<string, Promise<string>>();

/** The entry, a file below the root, and what it imports as one module. */
export function bundle(entry: string): Promise<string> {
  let made = bundles.get(entry);
  if (!made) {
    made = build({
      configFile: false,
      logLevel: 'error',
      root: ROOT,
      build: {
        write: false,
        minify: false,
        target: 'chrome123',
        lib: { entry: join(ROOT, entry), formats: ['es'], fileName: 'worker' },
      },
    }).then((built) => {
      const [result] = Array.isArray(built) ? built : [built];
      if (!result || !('output' in result)) throw new Error(`${entry} was not built`);
      return result.output[0].code;
    });
    bundles.set(entry, made);
  }
  return made;
}

type Listener = (name: string, value: unknown) => void;

export class Harness {
  readonly page: Page;
  private readonly listeners: Listener[] = [];

  private constructor(page: Page) {
    this.page = page;
  }

  /**
   * Opens a page in the context, with a worker that runs the entry: a file below the root that calls `serve` of serve.ts.
   * Several can be open at once; they share the origin, as tabs do. `address`: another one for the page, for what is
   * stored under another origin.
   */
  static async open(context: BrowserContext, entry: string, address = ORIGIN): Promise<Harness> {
    const code = await bundle(entry);
    const page = await context.newPage();
    const harness = new Harness(page);
    await page.route(`${address}**`, (route) => route.fulfill({ contentType: 'text/html', body: PAGE }));
    await page.exposeFunction('harnessEvent', (name: string, value: unknown) => {
      for (const listener of harness.listeners) listener(name, value);
    });
    await page.goto(address);
    await page.evaluate(`startWorker(${JSON.stringify(code)})`);
    return harness;
  }

  /** Runs a function of the worker. Rejects with what it throws, and when the browser goes away. */
  call<Result>(name: string, argument: unknown = null): Promise<Result> {
    return this.page.evaluate(`callWorker(${JSON.stringify(name)}, ${JSON.stringify(argument)})`);
  }

  /** Is told of what the worker emits, in order. */
  events(listener: Listener): void {
    this.listeners.push(listener);
  }

  async close(): Promise<void> {
    await this.page.close();
  }
}
