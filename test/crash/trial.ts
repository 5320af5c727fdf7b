// One browser profile that is killed again and again: a life of work, SIGKILL, and a look at what is left.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { MortalBrowser } from '../../e2e/browser.ts';
import { Harness } from '../browser/harness.ts';
import { Random } from '../fuzz/random.ts';
import type { Acknowledged } from './executor.ts';
import { timeOf } from './executor.ts';
import type { CommitEvent } from './transactions.ts';
import type { Found, Work } from './tree.worker.ts';
import { Broken, type Clock, Witness } from './witness.ts';

/** When the browser is killed. */
export type Moment =
  /** So long after the workload began, ms. */
  | { after: 'start'; ms: number }
  /** So long after the commit of this number began, ms. It is kept open so long, which may be not at all. */
  | { after: 'commit'; commit: number; ms: number; keep: number }
  /** At once when so many syncs were acknowledged. */
  | { after: 'acknowledgement'; count: number };

/** A kill takes some ms to arrive: a transaction that is to be open then is kept so for twice the time. */
const KEPT = 25;

/** What one kill was like. */
export interface Killed {
  moment: Moment;
  /** Changes that were asked for, that an acknowledged sync covers, and that are there, in this life. */
  asked: number;
  durable: number;
  found: number;
  acknowledgements: number;
  commits: number;
  /** Whether the worker died between a transaction's start and its completion. */
  inside: boolean;
}

/** Most are aimed at a transaction, and most of these find it open: at least a third of all has to. */
export function momentOf(random: Random, longest: number): Moment {
  const kind = random.below(10);
  const commit = 1 + random.below(40);
  if (kind < 4) return { after: 'commit', commit, ms: random.below(KEPT), keep: 2 * KEPT };
  if (kind < 6) return { after: 'commit', commit, ms: random.below(10), keep: 0 };
  if (kind < 8) return { after: 'start', ms: random.below(longest) };
  return { after: 'acknowledgement', count: 1 + random.below(60) };
}

/** Of the workload's commits, that which is kept open. */
export const keptOpen = (moment: Moment): { commit: number; ms: number } =>
  moment.after === 'commit' ? { commit: moment.commit, ms: moment.keep } : { commit: 0, ms: 0 };

/** Waits for the moment of a kill, by what it is told. */
export class Trigger {
  readonly reached: Promise<void>;
  private readonly moment: Moment;
  private reach!: () => void;
  commits = 0;
  acknowledgements = 0;

  constructor(moment: Moment) {
    this.moment = moment;
    this.reached = new Promise((resolve) => {
      this.reach = resolve;
    });
  }

  private soon(ms: number): void {
    if (ms === 0) this.reach();
    else after(ms).then(() => this.reach());
  }

  started(): void {
    if (this.moment.after === 'start') this.soon(this.moment.ms);
  }

  committing(): void {
    this.commits++;
    const { moment } = this;
    if (moment.after === 'commit' && moment.commit === this.commits) this.soon(moment.ms);
  }

  acknowledged(): void {
    this.acknowledgements++;
    const { moment } = this;
    if (moment.after === 'acknowledgement' && moment.count === this.acknowledgements) this.reach();
  }
}

const ENTRY = 'test/crash/tree.worker.ts';
const DATABASE = 'crash';
const LINES = 1500;

/** The workload is done to a tree in a worker, without a guest. */
export class TreeTrial {
  private readonly profile = mkdtempSync(join(tmpdir(), 'virtiofs-lab-crash-'));
  private readonly witness = new Witness();
  private browser: MortalBrowser | undefined;
  private harness: Harness | undefined;

  private async open(): Promise<Harness> {
    this.browser ??= await MortalBrowser.launch(this.profile);
    this.harness ??= await Harness.open(this.browser.context, ENTRY);
    return this.harness;
  }

  /** One life and what is left of it. Throws Broken where that is not as it should be. */
  async kill(seed: number): Promise<Killed> {
    const random = new Random(seed);
    const { witness } = this;
    const harness = await this.open();
    const base = witness.operation;
    const moment = momentOf(random, 1500);
    const work: Work = {
      database: DATABASE,
      lines: witness.plan(random.next(), LINES, {
        largestWrite: random.pick([20_000, 200_000, 1_500_000]),
        largestFile: 2_000_000,
        wholePages: false,
        background: true,
      }),
      base,
      chunkSize: 4096,
      cacheLimit: random.pick([256 * 1024, 4 * 2 ** 20]),
      commitInterval: random.pick([0, 5, 50, 200]),
      pauseEvery: random.pick([1, 5, 50]),
      keep: keptOpen(moment),
    };

    const trigger = new Trigger(moment);
    let alive = true;
    let wrong: unknown;
    harness.events((name, value) => {
      if (!alive) return;
      if (name === 'commit' && (value as CommitEvent).event === 'begin') trigger.committing();
      if (name !== 'acknowledged') return;
      const { index, operation } = value as Acknowledged;
      try {
        witness.acknowledge(index, operation);
      } catch (error) {
        wrong ??= error;
      }
      trigger.acknowledged();
    });
    const working = harness.call('work', work);
    trigger.started();
    // Whoever has nothing left to do is killed as well: what is stored by then must be there.
    const idle = working.then(() => after(random.below(50)));
    try {
      await Promise.race([trigger.reached, idle]);
    } finally {
      alive = false;
      // It ends with the browser, and then rejects.
      working.catch(() => {});
      await this.end();
    }
    if (wrong) throw wrong;
    const { found, durable, asked } = await this.look(base);
    return {
      moment,
      asked,
      durable,
      found: found.operation - base,
      acknowledgements: trigger.acknowledgements,
      commits: trigger.commits,
      inside: found.flight.begun > found.flight.ended,
    };
  }

  private async look(base: number): Promise<{ found: Found; durable: number; asked: number }> {
    const { witness } = this;
    const harness = await this.open();
    const found = await harness.call<Found>('look', { database: DATABASE });
    const { durable, asked } = witness;
    const clock: Clock = (change) => [timeOf(change).s, timeOf(change).ns];
    try {
      witness.verify(found, clock);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      throw new Broken(`${error.message}\n\nThe tree held ${base} changes; then there were:\n${witness.record()}`);
    }
    return { found, durable: durable - base, asked: asked - base };
  }

  /** SIGKILL to the browser. */
  private async end(): Promise<void> {
    const { browser } = this;
    this.browser = undefined;
    this.harness = undefined;
    await browser?.kill();
  }

  async close(): Promise<void> {
    await this.end();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
