// The same in the guest: the page as it is built, with a watch on its worker's commits and the workload in lab-crash.
import type { Page } from '@playwright/test';
import { LabPage } from '../../e2e/lab-page.ts';
import { bundle } from '../browser/harness.ts';
import type { Random } from '../fuzz/random.ts';
import { GUEST_WORKLOAD, readAcknowledgements, scriptOf } from './guest-workload.ts';
import { type KeptOpen, keptOpen, type Moment, type Trigger } from './moment.ts';
import type { CommitEvent } from './transactions.ts';
import { type Life, Trial } from './trial.ts';
import type { Clock } from './witness.ts';

const LINES = 3000;
/** Lines of one script: the control channel takes so much at once. */
const SLICE = 500;
/** What the worker's clock and that of the test differ by at most, s. */
const SLACK = 1;

declare global {
  interface Window {
    crashEvent(name: string, value: unknown): void;
    crashChannel: BroadcastChannel;
  }
}

/** Runs in the page before its own code: `watch` is evaluated in the lab's worker before that one's program. */
function tapCommits(watch: string): void {
  window.crashChannel = new BroadcastChannel('crash');
  window.crashChannel.onmessage = ({ data }) => window.crashEvent(data.name, data.value);
  window.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      const program = String(new URL(url, location.href));
      if (!program.startsWith('http')) {
        super(program, options);
        return;
      }
      const javascript = { type: 'text/javascript' };
      const first = URL.createObjectURL(new Blob([watch], javascript));
      super(URL.createObjectURL(new Blob([`import '${first}'; import '${program}';`], javascript)), options);
      this.addEventListener('message', ({ data }) => {
        if (data.type === 'serial') window.crashEvent('serial', String.fromCharCode(...data.bytes));
      });
    }
  };
}

export class GuestTrial extends Trial {
  protected override readonly address: string;
  protected override readonly database = 'virtio-fs-lab:default';
  protected override readonly longest = 4000;
  private readonly site: string;

  /** `site`: address of the built page. */
  constructor(site: string) {
    super();
    this.site = site;
    this.address = `${site}crash-harness`;
  }

  protected override async begin(random: Random, moment: Moment, trigger: Trigger): Promise<Life> {
    const browser = await this.running();
    const page = await browser.context.newPage();
    const armed = await this.tap(page, trigger);
    const lab = await LabPage.on(page);
    await lab.open(this.site);
    await armed(keptOpen(moment));
    const lines = this.witness.plan(random.next(), LINES, GUEST_WORKLOAD);
    trigger.started();
    return { ended: this.work(lab, lines) };
  }

  /** Listens to the page, which is not open yet. What it gives has the worker's watch begin to count. */
  private async tap(page: Page, trigger: Trigger): Promise<(keep: KeptOpen) => Promise<void>> {
    let begun = false;
    let begin = (): void => {};
    const serial = readAcknowledgements((index) => this.acknowledge(trigger, index));
    await page.exposeFunction('crashEvent', (name: string, value: unknown) => {
      if (name === 'armed') begin();
      else if (name === 'serial') serial(Buffer.from(value as string, 'latin1'));
      else if (begun && name === 'commit' && (value as CommitEvent).event === 'begin') trigger.committing();
    });
    const watch = await bundle('test/crash/guest-page.ts');
    await page.addInitScript(`globalThis.__name = (f) => f; (${tapCommits.toString()})(${JSON.stringify(watch)})`);
    return async (keep) => {
      const armed = new Promise<void>((resolve) => {
        begin = () => {
          begun = true;
          resolve();
        };
      });
      await page.evaluate((value) => window.crashChannel.postMessage({ name: 'arm', value }), keep);
      await armed;
    };
  }

  private async work(lab: LabPage, lines: string[]): Promise<void> {
    for (let at = 0; at < lines.length; at += SLICE) {
      const { status, stderr } = await lab.channel.run(scriptOf(lines.slice(at, at + SLICE), at));
      if (status !== 0) throw new Error(`lab-crash ended with ${status}: ${stderr}`);
    }
  }

  protected override clock(from: number): Clock {
    return { from: from / 1000 - SLACK, to: Date.now() / 1000 + SLACK };
  }
}
