// Every point at which an operation can fail or wait, counted, and a fate for one of them.
import { PosixError } from '../../src/base/errno.ts';
import {
  type Batch,
  type Durability,
  type Store,
  StoreError,
  type TreeImage,
  type Usage,
} from '../../src/fs/tree/store.ts';
import type { Tree } from '../../src/fs/tree/tree.ts';

/** Where it is, and what can become of it there. */
const FATES = {
  /** An operation of the tree is refused, fails after it was done, or has a mistake of ours in it. */
  tree: ['EIO', 'ENOSPC', 'EIO afterwards', 'a bug'],
  /** What it makes is nobody's until it was returned, so it cannot fail afterwards. */
  tmpfile: ['EIO', 'ENOSPC', 'a bug'],
  /** A chunk cannot be read, comes late, or comes when the device was reset. */
  chunk: ['fails', 'waits', 'waits and fails', 'waits for a reset', 'waits for a reset and fails'],
  /** Likewise a commit; it may also find the store full. */
  commit: ['fails', 'is full', 'waits', 'waits and fails', 'waits for a reset', 'waits for a reset and fails'],
  /** The reply is not put on the ring, or has less room than it needs, or none. */
  reply: ['unplaced', 'short', 'no room'],
  /** A handle for a nodeid table. */
  handle: ['cannot be made'],
} as const;
type Place = keyof typeof FATES;

export interface Fault {
  /** Which point, in the order in which they are passed. */
  readonly point: number;
  readonly fate: string;
}

export class Faults {
  /** What is passed: the place, and which one. */
  readonly passed: { place: Place; what: string }[] = [];
  /** Points count only while this is true. */
  armed = false;
  /** Resets the device. */
  onReset: () => void = () => {};
  private readonly fault: Fault | undefined;

  constructor(fault?: Fault) {
    this.fault = fault;
  }

  /** The fate at this point, undefined where nothing shall happen. */
  point(place: Place, what: string): string | undefined {
    if (!this.armed) return undefined;
    const at = this.passed.length;
    this.passed.push({ place, what });
    return this.fault?.point === at ? this.fault.fate : undefined;
  }

  /** All faults that the points passed can have. */
  all(): Fault[] {
    return this.passed.flatMap(({ place }, point) => FATES[place].map((fate) => ({ point, fate })));
  }

  /** Lets others in, then does what the fate says, up to the failure. */
  async wait(fate: string): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (fate.includes('reset')) this.onReset();
  }
}

/** What cannot fail, or is none of the server's business. */
const NOT_FAULTY = new Set<string | symbol>([
  'constructor',
  'hold',
  'drop',
  'now',
  'inode',
  'inodes',
  'path',
  'renewGenerations',
  'close',
]);

/** The tree with a point at every call of it from outside. */
export function faultyTree(tree: Tree, faults: Faults): Tree {
  const wrapped = new Map<string | symbol, unknown>();
  return new Proxy(tree, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const known = wrapped.get(name);
      if (known !== undefined) return known;
      const method = value as (...args: unknown[]) => unknown;
      const call = (...args: unknown[]): unknown => {
        const fate = NOT_FAULTY.has(name)
          ? undefined
          : faults.point(name === 'tmpfile' ? 'tmpfile' : 'tree', `tree.${String(name)}`);
        if (fate === 'EIO' || fate === 'ENOSPC') throw new PosixError(fate, 'says the test');
        if (fate === 'a bug') throw new TypeError('a bug, says the test');
        const result = method.apply(target, args);
        if (fate === undefined) return result;
        const fail = (): never => {
          throw new PosixError('EIO', 'says the test, afterwards');
        };
        return result instanceof Promise ? result.then(fail) : fail();
      };
      wrapped.set(name, call);
      return call;
    },
  });
}

/** A store with a point at every chunk and every commit. */
export class FaultPointStore implements Store {
  private readonly inner: Store;
  private readonly faults: Faults;

  constructor(inner: Store, faults: Faults) {
    this.inner = inner;
    this.faults = faults;
  }

  open(): Promise<TreeImage> {
    return this.inner.open();
  }

  async chunk(ino: number, index: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    await this.fate(this.faults.point('chunk', `chunk ${index}`));
    return this.inner.chunk(ino, index);
  }

  async commit(batch: Batch, durability: Durability): Promise<void> {
    const fate = this.faults.point('commit', `a ${durability} commit`);
    if (fate === 'is full') throw new StoreError('quota', 'says the test');
    // A store copies before it returns; what fails later stores nothing.
    const stored = fate?.includes('fail') ? undefined : this.inner.commit(batch, durability);
    await this.fate(fate);
    await stored;
  }

  private async fate(fate: string | undefined): Promise<void> {
    if (fate?.startsWith('waits')) await this.faults.wait(fate);
    if (fate?.includes('fail')) throw new StoreError('io', 'says the test');
  }

  usage(): Usage {
    return this.inner.usage();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
