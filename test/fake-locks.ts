// A stand-in for the browser's lock manager: exclusive locks with queue, ifAvailable, steal, signal and query.

interface Held {
  name: string;
  /** Ends the hold with the AbortError that a thief leaves. */
  steal: () => void;
}

interface Waiting {
  name: string;
  grant: () => void;
}

/** Of all tabs together. */
export class FakeLocks {
  private readonly held = new Map<string, Held>();
  private waiting: Waiting[] = [];

  /** As navigator.locks of one tab: all of them see the same locks. */
  get manager(): LockManager {
    return this as unknown as LockManager;
  }

  /** As navigator.locks of a tab that stands still while `gate` gives something to wait for: it hears of a theft later. */
  tab(gate: () => Promise<void> | undefined): LockManager {
    const request = async (name: string, options: LockOptions, callback: LockGrantedCallback<unknown>) => {
      try {
        return await this.request(name, options, callback);
      } finally {
        await gate();
      }
    };
    return { request, query: () => this.query() } as unknown as LockManager;
  }

  /** Names of the locks that are held. */
  get names(): string[] {
    return [...this.held.keys()];
  }

  /** How many requests are in the queues. */
  get queued(): number {
    return this.waiting.length;
  }

  async query(): Promise<LockManagerSnapshot> {
    return { held: this.names.map((name) => ({ name, mode: 'exclusive' as const, clientId: '' })), pending: [] };
  }

  async request<T>(
    name: string,
    options: LockOptions,
    callback: (lock: Lock | null) => T | Promise<T>,
  ): Promise<Awaited<T>> {
    await Promise.resolve();
    const { ifAvailable = false, steal = false, signal } = options;
    signal?.throwIfAborted();
    const taken = this.held.has(name) || this.waiting.some((other) => other.name === name);
    if (ifAvailable && taken) return await callback(null);
    if (steal) this.held.get(name)?.steal();
    else if (taken) await this.turn(name, signal);
    const stolen = new Promise<never>((_, reject) => {
      const held: Held = {
        name,
        steal: () => {
          if (this.held.get(name) === held) this.held.delete(name);
          reject(new DOMException('The lock was stolen.', 'AbortError'));
        },
      };
      this.held.set(name, held);
    });
    const mine = this.held.get(name);
    try {
      return await Promise.race([callback({ name, mode: 'exclusive' }), stolen]);
    } finally {
      if (this.held.get(name) === mine) {
        this.held.delete(name);
        this.next(name);
      }
    }
  }

  private turn(name: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { name, grant: resolve };
      this.waiting.push(waiting);
      signal?.addEventListener('abort', () => {
        this.waiting = this.waiting.filter((other) => other !== waiting);
        reject(signal.reason);
      });
    });
  }

  private next(name: string): void {
    const waiting = this.waiting.find((other) => other.name === name);
    if (!waiting) return;
    this.waiting = this.waiting.filter((other) => other !== waiting);
    waiting.grant();
  }
}
