// When a commit that failed is worth another attempt: what a full store takes again, and how long to wait for it.
import { StoreError } from './store.ts';

/** Waits before a failed commit is tried again when nobody asks for it, the least and the most, ms. */
const RETRIES_MS = [1000, 30_000] as const;
const FULL_RETRIES_MS = [30_000, 600_000] as const;
/**
 * Waits before further attempts of a commit for which room was made, ms: browsers count freed room late (Chromium 156:
 * in one of six runs not yet when the next transaction begins).
 */
export const RELIEF_WAITS_MS: readonly number[] = [100, 400, 1600];
/**
 * Bytes of chunks from which on a commit that found no room is not tried again by those who ask for one: what an aborted
 * transaction wrote counts against the quota, so that each attempt makes a full store fuller.
 */
const COSTLY_ATTEMPT = 2 ** 20;

export const isQuota = (error: unknown): error is StoreError => error instanceof StoreError && error.code === 'quota';

/** Waits for a commit of so many bytes of chunks after room was made for it. */
export const waitsFor = (bytes: number): readonly number[] =>
  bytes < COSTLY_ATTEMPT ? RELIEF_WAITS_MS : RELIEF_WAITS_MS.slice(-1);

export class Attempts {
  /** The last refusal, while the store is full. */
  refusal: StoreError | undefined;
  /** When everything is tried again by itself; 0: with the next commit. */
  private at = 0;
  private waited = 0;
  /** Set by a large commit that found no room: what it was to add, and when. Until something is freed. */
  private costly: { bytes: number; at: number } | undefined;

  /** A commit of everything, with so many bytes of chunks, found no room. */
  refused(error: StoreError, bytes: number): void {
    this.refusal = error;
    if (bytes >= COSTLY_ATTEMPT) this.costly = { bytes, at: performance.now() };
  }

  /** The commit is not tried again now. `content`: it was to add content that finds no room. */
  failed(content: boolean): void {
    const [least, most] = content ? FULL_RETRIES_MS : RETRIES_MS;
    const wait = Math.min(Math.max(this.waited, least), most);
    this.at = performance.now() + wait;
    this.waited = wait * 2;
  }

  /** There may be room now: everything is tried with the next commit. */
  freed(): void {
    this.costly = undefined;
    this.at = 0;
  }

  /** It is time to try everything. */
  due(): void {
    this.at = 0;
  }

  /** Everything was stored. */
  succeeded(): void {
    this.freed();
    this.waited = 0;
    this.refusal = undefined;
  }

  /** ms until everything is tried again by itself. */
  get wait(): number {
    return Math.max(this.at - performance.now(), 0);
  }

  /**
   * Whether everything need not be tried, with so many bytes of chunks: it found no room a moment ago. Later, room may
   * have come from elsewhere. `wanted`: somebody waits for it.
   */
  hopeless(wanted: boolean, bytes: number): boolean {
    const now = performance.now();
    if (!wanted) return now < this.at;
    const { costly } = this;
    return costly !== undefined && bytes >= costly.bytes && now < costly.at + FULL_RETRIES_MS[0];
  }
}
