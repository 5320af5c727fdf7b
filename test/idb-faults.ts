// Faults of a database: any request of any transaction fails, or takes its transaction or the connection with it. It
// works on fake-indexeddb's inside, where every request comes by.
import { forceCloseDatabase, IDBTransaction } from 'fake-indexeddb';

export type Fault =
  /** The request cannot be made: it throws. */
  | 'throw'
  /** The request is made and fails, which aborts its transaction. */
  | 'fail'
  /** The transaction is aborted by the browser when the request is made. */
  | 'abort'
  /** The browser closes the connection, which aborts the transaction. */
  | 'close'
  /** Every request succeeds, and the transaction is aborted when it should be committed. */
  | 'at commit';

export const FAULTS: readonly Fault[] = ['throw', 'fail', 'abort', 'close', 'at commit'];

interface Request {
  operation: () => unknown;
  source?: unknown;
}

/** What is inside a transaction of fake-indexeddb. */
interface Inside {
  _state: string;
  _requests: unknown[];
  _execRequestAsync(request: Request): unknown;
  _abort(name: string): void;
  _start(): void;
}

const inside = IDBTransaction.prototype as unknown as Inside;
const { _execRequestAsync, _start } = inside;

/** Let a request fail; restore() before anything else is tested. */
export class IdbFaults {
  /** Requests so far, since the last arm(). */
  requests = 0;
  /** Whether the fault has happened. */
  happened = false;
  private at = Number.POSITIVE_INFINITY;
  private fault: Fault = 'throw';
  private name = 'QuotaExceededError';
  private doomed: object | undefined;

  constructor() {
    const faults = this;
    inside._execRequestAsync = function (this: Inside, request) {
      return faults.request(this, request);
    };
    inside._start = function (this: Inside) {
      if (faults.doomed === this && this._requests.length === 0 && this._state !== 'finished') {
        faults.doomed = undefined;
        this._abort(faults.name);
        return;
      }
      _start.call(this);
    };
  }

  /** The request of this number, the next being 0, meets the fault; `name`: of the DOMException. */
  arm(at: number, fault: Fault, name = 'QuotaExceededError'): void {
    this.requests = 0;
    this.happened = false;
    this.at = at;
    this.fault = fault;
    this.name = name;
  }

  /** Nothing fails from now on. */
  disarm(): void {
    this.at = Number.POSITIVE_INFINITY;
    this.doomed = undefined;
  }

  restore(): void {
    Object.assign(inside, { _execRequestAsync, _start });
  }

  private request(transaction: Inside, request: Request): unknown {
    if (this.requests++ !== this.at) return _execRequestAsync.call(transaction, request);
    this.happened = true;
    const error = new DOMException('says the test', this.name);
    switch (this.fault) {
      case 'throw':
        throw error;
      case 'fail':
        request.operation = () => {
          throw error;
        };
        return _execRequestAsync.call(transaction, request);
      case 'at commit':
        this.doomed = transaction;
        return _execRequestAsync.call(transaction, request);
      case 'abort':
      case 'close': {
        const made = _execRequestAsync.call(transaction, request);
        setImmediate(() => {
          if (transaction._state === 'finished') return;
          transaction._abort(this.name);
          if (this.fault === 'close') forceCloseDatabase((transaction as unknown as IDBTransaction).db as never);
        });
        return made;
      }
    }
  }
}
