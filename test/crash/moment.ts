// When a browser is killed: chosen by the seed, aimed at what the browser is heard to do.
import { setTimeout as after } from 'node:timers/promises';
import type { Random } from '../fuzz/random.ts';

export type Moment =
  /** So long after the workload began, ms. */
  | { after: 'start'; ms: number }
  /** So long after the commit of this number began, ms. It is kept open for `keep` ms, which may be none. */
  | { after: 'commit'; commit: number; ms: number; keep: number }
  /** At once when so many syncs were acknowledged. */
  | { after: 'acknowledgement'; count: number };

/** ms. A kill takes a while to arrive, longest where an emulator is busy: a transaction is kept open for more than that. */
const AT_MOST = 25;
const KEPT = 250;

/** Most are aimed at a transaction, and most of these find it open: at least a third of all has to. */
export function momentOf(random: Random, longest: number): Moment {
  const kind = random.below(10);
  const commit = 1 + random.below(40);
  if (kind < 4) return { after: 'commit', commit, ms: random.below(AT_MOST), keep: KEPT };
  if (kind < 6) return { after: 'commit', commit, ms: random.below(10), keep: 0 };
  if (kind < 8) return { after: 'start', ms: random.below(longest) };
  return { after: 'acknowledgement', count: 1 + random.below(60) };
}

/** A commit, counted from 1, and how long it is kept open, ms. */
export interface KeptOpen {
  commit: number;
  ms: number;
}

export const keptOpen = (moment: Moment): KeptOpen =>
  moment.after === 'commit' ? { commit: moment.commit, ms: moment.keep } : { commit: 0, ms: 0 };

/** Finds the moment, by what it is told. */
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
    else void after(ms).then(() => this.reach());
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
