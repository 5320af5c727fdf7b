// Faults of the browser's own IndexedDB: a request that cannot be made, or whose transaction is aborted when it is made.

export type Fault = 'throw' | 'abort';
export const FAULTS: readonly Fault[] = ['throw', 'abort'];

interface Requesting {
  readonly transaction: IDBTransaction;
}

type Method = (this: Requesting, ...parameters: unknown[]) => unknown;
const METHODS = ['put', 'get', 'delete', 'getAll', 'openCursor'] as const;

export class BrowserFaults {
  requests = 0;
  happened = false;
  private at = Number.POSITIVE_INFINITY;
  private fault: Fault = 'throw';

  constructor() {
    const faults = this;
    const prototype = IDBObjectStore.prototype as unknown as Record<string, Method>;
    for (const name of METHODS) {
      const real = prototype[name] as Method;
      prototype[name] = function (this: Requesting, ...parameters) {
        return faults.request(this, () => real.apply(this, parameters));
      };
    }
  }

  /** The request of this number, the next being 0, meets the fault. */
  arm(at: number, fault: Fault): void {
    this.requests = 0;
    this.happened = false;
    this.at = at;
    this.fault = fault;
  }

  disarm(): void {
    this.at = Number.POSITIVE_INFINITY;
  }

  private request(store: Requesting, make: () => unknown): unknown {
    if (this.requests++ !== this.at) return make();
    this.happened = true;
    if (this.fault === 'throw') throw new DOMException('says the test', 'QuotaExceededError');
    const request = make();
    store.transaction.abort();
    return request;
  }
}
