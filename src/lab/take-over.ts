// How a tree goes from one tab to another: the one that wants it asks, the one that has it answers, or is fenced.
import { type LockOptions, lockTree, type TreeLock } from '../fs/store/tree-lock.ts';
import { StoreError } from '../fs/tree/store.ts';
import { LabFailure } from './failures.ts';

/*
 * The one that wants the tree has a lock named as its token, which ends with its tab, leaves the token in the store as
 * `heir`, says so on a channel named as the database, and queues for the tree's lock. The one that has it stops its guest, stores everything and lets the lock go, and gives a sign of
 * life every second meanwhile; or it says why it keeps the tree. After SILENCE the lock is stolen. Either way opening
 * the store makes the heir the owner, in one transaction, and only who is heir then may (IndexedDbStoreOptions.heir):
 * of several that want the tree, the one that asked last gets it. Whoever was owner is fenced by its next commit.
 */

/** What tabs say about a tree. */
export type Word =
  /** I am heir. `anyway`: also where not everything can be stored. */
  | { say: 'take-over'; token: string; anyway: boolean }
  /** I have the tree and am about to hand it over. */
  | { say: 'handing-over' }
  /** I have the tree and keep it. */
  | { say: 'kept'; why: string }
  /** Everything is stored, the lock is free. */
  | { say: 'handed-over' };

/** A BroadcastChannel, as far as it is needed. */
export interface Channel {
  onmessage: ((event: MessageEvent<Word>) => void) | null;
  postMessage(word: Word): void;
  close(): void;
}

/** Without a sign of life from the tab that has the tree for so long, it is taken from it, ms. */
export const SILENCE = 5000;
/** Between two signs of life, ms. */
const SIGN_OF_LIFE = 1000;

/** What one that wants a tree needs. */
export interface Claim {
  database: string;
  token: string;
  /** Whether the other tab has to let go of it even where it cannot store everything. */
  anyway: boolean;
  channel: Channel;
  locks: LockManager | undefined;
  /** Gives it up; its reason is what takeOver() rejects with. */
  signal: AbortSignal;
  /** As LockOptions. */
  onStolen: () => void;
  /** In the store. */
  announce(): Promise<void>;
  withdraw(): Promise<void>;
  heir(): Promise<string | undefined>;
}

/**
 * Gets the lock of a tree from whoever has it. Rejects with LabFailure('not-handed-over') where the other one keeps it,
 * and with StoreError('locked') where a third one wants it too and asked later.
 */
export async function takeOver(claim: Claim): Promise<TreeLock> {
  const { channel } = claim;
  try {
    await claim.announce();
    return (await handedOver(claim)) ?? (await stolen(claim));
  } catch (error) {
    // To be told is why it failed. A token that stays is seen by the writer's next commit, or gone with the next opening.
    await claim.withdraw().catch(() => {});
    throw error;
  } finally {
    channel.onmessage = null;
    channel.close();
  }
}

const overtaken = (): StoreError =>
  new StoreError('locked', 'Another tab or window takes the tree over at this moment.');

/** Undefined where nobody answers. */
async function handedOver(claim: Claim): Promise<TreeLock | undefined> {
  const { database, token, anyway, channel, locks, signal, onStolen } = claim;
  signal.throwIfAborted();
  const enough = new AbortController();
  const options: LockOptions = { how: 'wait', signal: enough.signal, locks, onStolen };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting: Promise<TreeLock | undefined> = Promise.resolve(undefined);
  try {
    await new Promise<void>((resolve, reject) => {
      const listen = (): void => {
        clearTimeout(timer);
        timer = setTimeout(resolve, SILENCE);
      };
      channel.onmessage = ({ data: word }) => {
        switch (word.say) {
          case 'handing-over':
            listen();
            return;
          case 'kept':
            reject(new LabFailure('not-handed-over', word.why));
            return;
          case 'handed-over':
            // Where there are locks, the lock says so.
            if (!locks) resolve();
            return;
          case 'take-over':
            claim.heir().then((heir) => {
              if (heir !== token) reject(overtaken());
            }, reject);
            return;
        }
      };
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      listen();
      if (locks) {
        waiting = lockTree(database, options).then(
          (lock) => {
            resolve();
            return lock;
          },
          (error: unknown) => {
            // Also where it is given up below; then nobody hears it.
            reject(error);
            return undefined;
          },
        );
      }
      channel.postMessage({ say: 'take-over', token, anyway });
    });
  } catch (error) {
    enough.abort();
    (await waiting)?.release();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  enough.abort();
  return waiting;
}

async function stolen({ database, token, locks, signal, onStolen, heir }: Claim): Promise<TreeLock> {
  if ((await heir()) !== token) throw overtaken();
  signal.throwIfAborted();
  return lockTree(database, { how: 'steal', locks, onStolen });
}

/** Answers for the one that has the tree. */
export class Keeper {
  private readonly channel: Channel;
  private readonly handOver: (anyway: () => boolean) => Promise<string | undefined>;
  private readonly onError: (error: unknown) => void;
  private busy = false;
  private anyway = false;
  private closed = false;
  /** Tokens of those who were told that they do not get it, and why. */
  private readonly refused = new Map<string, string>();
  /** Of those who wait for the answer that is being found. */
  private waiting: string[] = [];

  /**
   * `handOver`: resolves when the lock is free, or with the reason why the tree is kept. Whether it may be kept can
   * change meanwhile: the heir is seen in a commit before it has said what it wants.
   */
  constructor(
    channel: Channel,
    handOver: (anyway: () => boolean) => Promise<string | undefined>,
    onError: (error: unknown) => void,
  ) {
    this.channel = channel;
    this.handOver = handOver;
    this.onError = onError;
    channel.onmessage = ({ data: word }) => {
      if (word.say !== 'take-over') return;
      const why = this.refused.get(word.token);
      // It was answered when it was seen in a commit, and did not listen yet.
      if (why !== undefined && !word.anyway) this.say({ say: 'kept', why });
      else this.ask(word.token, word.anyway);
    };
  }

  /** An heir was seen in a commit. */
  seen(token: string): void {
    if (!this.refused.has(token)) this.ask(token, false);
  }

  private ask(token: string, anyway: boolean): void {
    this.waiting.push(token);
    this.anyway ||= anyway;
    if (this.busy) return;
    this.busy = true;
    this.answer().catch(this.onError);
  }

  /** Nothing is said or heard from here on. */
  close(): void {
    this.closed = true;
    this.channel.onmessage = null;
    this.channel.close();
  }

  private say(word: Word): void {
    if (!this.closed) this.channel.postMessage(word);
  }

  private async answer(): Promise<void> {
    this.say({ say: 'handing-over' });
    const life = setInterval(() => this.say({ say: 'handing-over' }), SIGN_OF_LIFE);
    try {
      const why = await this.handOver(() => this.anyway);
      if (why === undefined) {
        this.say({ say: 'handed-over' });
        this.close();
      } else this.keep(why);
    } catch (error) {
      this.keep(`it failed (${String(error)})`);
      throw error;
    } finally {
      clearInterval(life);
    }
  }

  private keep(why: string): void {
    for (const token of this.waiting) this.refused.set(token, why);
    this.waiting = [];
    this.busy = this.anyway = false;
    this.say({ say: 'kept', why });
  }
}
