// Programs in the page's guest, over the control channel: a tap on what page and worker say to each other.
import type { Page } from '@playwright/test';
import type { FromWorker, ToWorker } from '../src/lab/messages.ts';

export interface ScriptResult {
  /** As a shell has it. */
  status: number;
  stdout: string;
  stderr: string;
}

export interface ChannelOptions {
  /** Gives the guest v86's own 9p (tag host9p) beside our device. */
  p9?: boolean;
}

declare global {
  interface Window {
    /** Undefined: the guest went away before the script ended. */
    runInGuest(script: string): Promise<ScriptResult | undefined>;
  }
}

/** Runs in the page before its own code. */
function tapWorker(options: ChannelOptions): void {
  let lab: Worker | undefined;
  let runs = 0;
  window.Worker = class extends Worker {
    override postMessage(message: ToWorker, transfer?: Transferable[] | StructuredSerializeOptions): void {
      lab = this;
      if (message.type === 'start') message.options = { ...message.options, ...options };
      super.postMessage(message, transfer as StructuredSerializeOptions);
    }
  };
  window.runInGuest = (script) =>
    new Promise((resolve, reject) => {
      if (!lab) {
        reject(new Error('the page has started no worker'));
        return;
      }
      const id = ++runs;
      const worker = lab;
      const take = ({ data }: MessageEvent<FromWorker>): void => {
        if (data.type !== 'ran' || data.id !== id) return;
        worker.removeEventListener('message', take);
        const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
        const { status, stdout, stderr } = data;
        resolve(status === undefined ? undefined : { status, stdout: text(stdout), stderr: text(stderr) });
      };
      worker.addEventListener('message', take);
      worker.postMessage({ type: 'run', id, script } satisfies ToWorker);
    });
}

export class GuestChannel {
  private readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  /** To be called before the page is opened: whatever it opens from then on has the channel. */
  static async open(page: Page, options: ChannelOptions = {}): Promise<GuestChannel> {
    // Where tsx runs us, it has named functions by a helper of its own, which the page does not have.
    await page.addInitScript(`globalThis.__name = (f) => f; (${tapWorker.toString()})(${JSON.stringify(options)})`);
    return new GuestChannel(page);
  }

  /** Runs a shell script in /mnt/lab of the guest. Undefined: the guest went away before it ended. */
  start(script: string): Promise<ScriptResult | undefined> {
    return this.page.evaluate((text) => window.runInGuest(text), script);
  }

  /** As start(); throws where the guest went away. */
  async run(script: string): Promise<ScriptResult> {
    const result = await this.start(script);
    if (result === undefined) throw new Error(`the guest went away while it ran: ${script}`);
    return result;
  }
}
