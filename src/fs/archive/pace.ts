// Long work in turns: lets timers, messages and signals in now and then, and ends where it was given up.

/** How long a turn may be, ms. */
const TURN = 30;

export class Pace {
  private readonly signal: AbortSignal | undefined;
  private began = performance.now();

  constructor(signal?: AbortSignal) {
    this.signal = signal;
  }

  /** Undefined where the turn may go on. Throws, or rejects with, the signal's reason. */
  step(): Promise<void> | undefined {
    this.signal?.throwIfAborted();
    return performance.now() - this.began < TURN ? undefined : this.pause();
  }

  private async pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.began = performance.now();
    this.signal?.throwIfAborted();
  }
}
