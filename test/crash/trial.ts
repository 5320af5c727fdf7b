// One browser profile that is killed again and again: a life of work, SIGKILL, and a look at what is left.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { MortalBrowser } from '../../e2e/browser.ts';
import { Harness } from '../browser/harness.ts';
import { Random } from '../fuzz/random.ts';
import { type Acknowledged, timeOf } from './executor.ts';
import { keptOpen, type Moment, momentOf, Trigger } from './moment.ts';
import { tearLogs } from './torn-log.ts';
import type { CommitEvent } from './transactions.ts';
import type { Found, Work } from './tree.worker.ts';
import { Broken, type Clock, Witness } from './witness.ts';

/** What one kill was like. */
export interface Killed {
  moment: Moment;
  /** Changes of this life that were asked for, that an acknowledged sync covers, and that are there. */
  asked: number;
  durable: number;
  found: number;
  acknowledgements: number;
  commits: number;
  /** Whether the worker died between a transaction's start and its completion. */
  inside: boolean;
}

/** Work that has begun. `ended` rejects where something went wrong, and where the browser goes away. */
export interface Life {
  ended: Promise<unknown>;
}

const ENTRY = 'test/crash/tree.worker.ts';
const DATABASE = 'crash';
const LINES = 1500;

export abstract class Trial {
  protected readonly witness = new Witness();
  private readonly profile = mkdtempSync(join(tmpdir(), 'virtiofs-lab-crash-'));
  private browser: MortalBrowser | undefined;
  private alive = false;
  private wrong: unknown;

  /** Where the pages are: what is stored belongs to their origin. Undefined: the harness's own. */
  protected abstract readonly address: string | undefined;
  /** Name of the tree's database. */
  protected abstract readonly database: string;
  /** Of a life, how long its kill waits at most where it waits for time alone, ms. */
  protected abstract readonly longest: number;

  /** Begins the work of a life. What is given ends with the work; trigger and witness are told of all that happens. */
  protected abstract begin(random: Random, moment: Moment, trigger: Trigger): Promise<Life>;
  /** When the changes of a life, which began at `from` (ms since 1970), were made. */
  protected abstract clock(from: number): Clock;

  protected async running(): Promise<MortalBrowser> {
    this.browser ??= await MortalBrowser.launch(this.profile);
    return this.browser;
  }

  /** A page with the functions of tree.worker.ts. */
  protected async harness(): Promise<Harness> {
    return Harness.open((await this.running()).context, ENTRY, this.address);
  }

  /** To be called with each acknowledgement that comes; those that come after the kill do not count. */
  protected acknowledge(trigger: Trigger, index: number, operation?: number): void {
    if (!this.alive) return;
    try {
      this.witness.acknowledge(index, operation);
    } catch (error) {
      this.wrong ??= error;
    }
    trigger.acknowledged();
  }

  /**
   * One life and what is left of it. Throws Broken where that is not as it should be. `tear`: what was to be written next
   * is there in part.
   */
  async kill(seed: number, { tear = false } = {}): Promise<Killed> {
    const random = new Random(seed);
    const moment = momentOf(random, this.longest);
    const trigger = new Trigger(moment);
    const { witness } = this;
    const base = witness.operation;
    const from = Date.now();
    try {
      this.alive = true;
      const { ended } = await this.begin(random, moment, trigger);
      // Whoever has nothing left to do is killed as well: what is stored by then must be there.
      const idle = ended.then(() => after(random.below(50)));
      // It ends with the browser, too.
      idle.catch(() => {});
      await Promise.race([trigger.reached, idle]);
    } finally {
      this.alive = false;
      await this.end();
    }
    if (this.wrong) throw this.wrong;
    if (tear && tearLogs(this.profile) === 0) throw new Error('there was no log to tear');
    const clock = this.clock(from);
    const harness = await this.harness();
    const found = await harness.call<Found>('look', { database: this.database });
    await harness.close();
    const { durable, asked } = witness;
    try {
      witness.verify(found, clock);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      throw new Broken(`${error.message}\n\nThe tree held ${base} changes; then there were:\n${witness.record()}`);
    }
    return {
      moment,
      asked: asked - base,
      durable: durable - base,
      found: found.operation - base,
      acknowledgements: trigger.acknowledgements,
      commits: trigger.commits,
      inside: found.flight.begun > found.flight.ended,
    };
  }

  /** SIGKILL to the browser. */
  private async end(): Promise<void> {
    const { browser } = this;
    this.browser = undefined;
    await browser?.kill();
  }

  async close(): Promise<void> {
    await this.end();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The workload is done to a tree in a worker, without a guest; the tree's clock tells the number of the change. */
export class TreeTrial extends Trial {
  protected override readonly address = undefined;
  protected override readonly database = DATABASE;
  protected override readonly longest = 1500;

  protected override async begin(random: Random, moment: Moment, trigger: Trigger): Promise<Life> {
    const harness = await this.harness();
    const work: Work = {
      database: DATABASE,
      base: this.witness.operation,
      lines: this.witness.plan(random.next(), LINES, {
        largestWrite: random.pick([20_000, 200_000, 1_500_000]),
        largestFile: 2_000_000,
        wholePages: false,
        background: true,
      }),
      chunkSize: 4096,
      cacheLimit: random.pick([256 * 1024, 4 * 2 ** 20]),
      commitInterval: random.pick([0, 5, 50, 200]),
      pauseEvery: random.pick([1, 5, 50]),
      keep: keptOpen(moment),
    };
    harness.events((name, value) => {
      if (name === 'commit' && (value as CommitEvent).event === 'begin') trigger.committing();
      if (name !== 'acknowledged') return;
      const { index, operation } = value as Acknowledged;
      this.acknowledge(trigger, index, operation);
    });
    const ended = harness.call('work', work);
    trigger.started();
    return { ended };
  }

  protected override clock(): Clock {
    return (change) => [timeOf(change).s, timeOf(change).ns];
  }
}
