// Random operations from a seed, chosen by what the model says is there; recorded as lines that any executor reads.
import { Random } from '../fuzz/random.ts';
import { isDir, isFile, isLink, type Model, type Node, type Outcome, type Words } from './model.ts';

export interface WorkloadOptions {
  /** Bytes of the largest write. */
  largestWrite: number;
  /** Bytes that no file grows beyond. */
  largestFile: number;
  /**
   * Whether writes that cross pages begin with one: Linux sends a first page that it has no more of than the written part
   * as a request of its own (fs/fuse/file.c fuse_fill_write_pages).
   */
  wholePages: boolean;
  /** Whether there are fsyncs that nobody waits for before the next operation: only one thread cannot do that. */
  background: boolean;
}

/** An operation, and what is known of it before it is done. */
export interface Step extends Outcome {
  words: Words;
  /** The number of the last change once it is done. */
  change: number;
}

/** As executors get it: the errno that it must end with, then its words. */
export const line = ({ errno, words }: Step): string => `${errno} ${words.join(' ')}`;

/** What a sync answers for: acknowledgements of these are kept. */
export const isSync = ({ words: [verb], errno }: Step): boolean =>
  errno === 0 && (verb === 'fsync' || verb === 'sync' || verb === 'begin-fsync');

const PAGE = 4096;
const NAMES = 14;
const FULL = 60;
const XATTRS = ['user.a', 'user.bb', 'user.long-name-of-an-attribute'];
const FILE = 0o100000;
const FIFO = 0o010000;
const CHAR = 0o020000;

/** How often each is tried, of all. */
const WEIGHTS: readonly (readonly [verb: string, weight: number])[] = [
  ['write', 26],
  ['mknod', 12],
  ['truncate', 7],
  ['rename', 10],
  ['unlink', 8],
  ['link', 5],
  ['mkdir', 4],
  ['rmdir', 2],
  ['symlink', 3],
  ['chmod', 3],
  ['chown', 2],
  ['times', 4],
  ['setxattr', 5],
  ['removexattr', 2],
  ['hold', 1],
  ['fsync', 4],
  ['sync', 1],
];

export class Workload {
  private readonly random: Random;
  private readonly model: Model;
  private readonly options: WorkloadOptions;
  private readonly verbs: string[];

  /** The model is moved along. */
  constructor(seed: number, model: Model, options: WorkloadOptions) {
    this.random = new Random(seed);
    this.model = model;
    this.options = options;
    this.verbs = WEIGHTS.flatMap(([verb, weight]) => Array.from({ length: weight }, () => verb));
  }

  take(count: number): Step[] {
    return Array.from({ length: count }, () => this.next());
  }

  next(): Step {
    for (;;) {
      const words = this.choose(this.random.pick(this.verbs));
      if (!words) continue;
      const outcome = this.model.apply(words);
      // Few that fail: they show that nothing of them stays.
      if (outcome.errno !== 0 && !this.random.once(4)) continue;
      return { words, ...outcome, change: this.model.changes };
    }
  }

  private choose(verb: string): Words | undefined {
    const { random } = this;
    const all = [...this.model.walk()];
    const one = (fits: (node: Node) => boolean): string | undefined => {
      const found = all.filter(([path, node]) => path !== '.' && fits(node));
      return found.length === 0 ? undefined : random.pick(found)[0];
    };
    const free = (): string => {
      const dir = random.pick(all.filter(([, node]) => isDir(node)))[0];
      const name = `n${random.below(NAMES)}`;
      return dir === '.' ? name : `${dir}/${name}`;
    };
    // At most so deep, and so many.
    const place = (): string | undefined => {
      const path = free();
      return all.length > FULL || path.split('/').length > 4 ? undefined : path;
    };
    const words = (...list: (string | number | undefined)[]): Words | undefined =>
      list.includes(undefined) ? undefined : [verb, ...list.map(String)];
    switch (verb) {
      case 'mknod': {
        const type = random.once(8) ? random.pick([FIFO, CHAR]) : FILE;
        return words(
          place(),
          type | random.below(0o1000),
          type === CHAR ? 0x100 * random.below(200) + random.below(200) : 0,
        );
      }
      case 'mkdir':
        return words(place(), 0o700 | random.below(0o1000));
      case 'symlink':
        return words(place(), `to/${'x'.repeat(random.below(80))}`);
      case 'link':
        return words(
          one((node) => !isDir(node)),
          place(),
        );
      case 'unlink':
        return words(random.once(20) ? free() : one((node) => !isDir(node)));
      case 'rmdir':
        return words(one(isDir));
      case 'rename': {
        const from = one(() => true);
        const to = random.once(2) ? free() : one(() => true);
        const flags = random.pick([0, 0, 0, 0, 1, 2]);
        // Where it fails for two reasons, Linux and the tree look for another one first.
        if (from !== undefined && to !== undefined) {
          if (from.startsWith(`${to}/`) || (flags > 0 && to.startsWith(`${from}/`))) return undefined;
        }
        return words(from, to, flags);
      }
      case 'write':
        return this.write(one(isFile));
      case 'truncate':
        return words(one(isFile), random.once(3) ? 0 : random.below(this.options.largestFile));
      case 'chmod':
        return words(
          one((node) => !isLink(node)),
          random.below(0o1000) | 0o700,
        );
      case 'chown':
        return words(
          one(() => true),
          random.below(70_000),
          random.below(70_000),
        );
      case 'times':
        return words(
          one(() => true),
          ...this.time(),
          ...this.time(),
        );
      case 'setxattr': {
        const length = random.once(5) ? random.below(3000) : random.below(60);
        return words(
          one((node) => isFile(node) || isDir(node)),
          random.pick(XATTRS),
          length,
          random.next(),
        );
      }
      case 'removexattr':
        return words(
          one((node) => isFile(node) || isDir(node)),
          random.pick(XATTRS),
        );
      case 'hold':
        return words(one(isFile));
      case 'fsync': {
        const path = one((node) => isFile(node) || isDir(node));
        if (path === undefined) return undefined;
        return [this.options.background && random.once(2) ? 'begin-fsync' : 'fsync', path];
      }
      default:
        return [verb];
    }
  }

  private time(): [s: number, ns: number] {
    const { random } = this;
    return [random.next() - (random.once(4) ? 2 ** 31 : 0), random.below(1e9)];
  }

  private write(path: string | undefined): Words | undefined {
    if (path === undefined) return undefined;
    const { random, options } = this;
    const { length: size } = (this.model.find(path) as Node).content;
    const most = random.pick([100, 5000, 5000, options.largestWrite]);
    const length = 1 + random.below(most);
    let offset = random.once(3) ? size : random.below(size + 20_000);
    if (options.wholePages && (offset % PAGE) + length > PAGE) offset -= offset % PAGE;
    if (offset + length > options.largestFile) return undefined;
    return ['write', path, String(offset), String(length), String(random.next())];
  }
}
