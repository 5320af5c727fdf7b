// A model of the guest's kernel for storms: what it was given, what it has open, what it forgets when memory is short.
import fc from 'fast-check';
import { PosixError } from '../../src/base/errno.ts';
import { FUSE_OPCODE } from '../../src/fs/fuse/abi.ts';
import type { FuseServer } from '../../src/fs/fuse/server.ts';
import type { FaultyStore } from '../faulty-store.ts';
import { type Entry, FuseClient } from '../fuse-client.ts';
import { type Line, Lost } from './line.ts';

const NAMES = ['a', 'b', 'c', 'd', 'long-enough-to-fill-a-page'.repeat(6)];

/** One step: what to do, and three random numbers to choose nodes, names and sizes with. */
export type Step = readonly [kind: Kind, a: number, b: number, c: number];

/** What is done, and how often. */
const WEIGHTS = {
  lookup: 80,
  mkdir: 50,
  mknod: 40,
  create: 40,
  tmpfile: 15,
  symlink: 15,
  link: 40,
  unlink: 30,
  rmdir: 15,
  rename: 30,
  open: 30,
  opendir: 30,
  release: 30,
  releasedir: 20,
  read: 20,
  write: 30,
  truncate: 15,
  fallocate: 15,
  readdir: 10,
  readdirplus: 70,
  getattr: 10,
  fsync: 10,
  revive: 20,
  forget: 30,
  'forget-part': 30,
  'batch-forget': 8,
  shrink: 8,
  'drop-next-reply': 40,
  init: 1,
  destroy: 1,
  reset: 1,
  'reset-under-way': 2,
  meanwhile: 30,
  'commit-fails': 10,
  'over-forget': 5,
  'huge-forget': 5,
  'unknown-forget': 5,
  'wrong-batch': 5,
  'cut-batch': 5,
} as const;
type Kind = keyof typeof WEIGHTS;

/** Kinds that give something back, so that their counts are what they are. */
const FORGETS: ReadonlySet<string> = new Set(['forget', 'forget-part', 'batch-forget', 'shrink', 'meanwhile']);
/** Kinds in which the guest breaks the protocol. */
export const VIOLATIONS: ReadonlySet<string> = new Set([
  'over-forget',
  'huge-forget',
  'unknown-forget',
  'wrong-batch',
  'cut-batch',
]);

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.oneof(...Object.entries(WEIGHTS).map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind as Kind) }))),
  fc.nat(255),
  fc.nat(255),
  fc.nat(255),
);
/** A storm. */
export const steps: fc.Arbitrary<Step[]> = fc.array(step, { minLength: 50, maxLength: 400, size: 'max' });

interface Open {
  nodeid: number;
  fh: number;
}

/** u64s of a FORGET that no double can hold, little-endian. */
const HUGE = [
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0, 0, 0, 0, 0, 0, 0, 0x80],
  [1, 0, 0, 0, 0, 0, 0x20, 0],
].map((bytes) => Uint8Array.from(bytes));

export class Kernel {
  readonly client: FuseClient;
  files: Open[] = [];
  dirs: Open[] = [];
  private readonly server: FuseServer;
  private readonly line: Line;
  private readonly store: FaultyStore;

  constructor(server: FuseServer, line: Line, store: FaultyStore) {
    this.server = server;
    this.line = line;
    this.store = store;
    this.client = new FuseClient(line.send);
  }

  /** What is known of nodeids: whether they are directories. */
  private readonly directories = new Set<number>();

  private taken(entry: Entry): Entry {
    if ((entry.attr.mode & 0o170000) === 0o040000) this.directories.add(entry.nodeid);
    return entry;
  }

  /** A directory, or seldom anything. */
  private dir(at: number): number {
    const dirs = [1, ...[...this.client.counts.keys()].filter((nodeid) => this.directories.has(nodeid))];
    return at % 16 === 0 ? this.node(at >> 4) : (dirs[at % dirs.length] as number);
  }

  private node(at: number): number {
    const nodes = [1, ...[...this.client.counts.keys()].filter((nodeid) => nodeid !== 1)];
    return nodes[at % nodes.length] as number;
  }

  /** Nodeids that Linux could forget now: nothing has them open. */
  private idle(): number[] {
    const busy = new Set([...this.files, ...this.dirs].map(({ nodeid }) => nodeid));
    return [...this.client.counts.keys()].filter((nodeid) => nodeid !== 1 && !busy.has(nodeid));
  }

  private over(): void {
    this.files = [];
    this.dirs = [];
    this.directories.clear();
    this.client.counts.clear();
  }

  /** Does the step, or tries to: errnos are ordinary. */
  async run(one: Step): Promise<void> {
    const { client, files, dirs } = this;
    const before = new Map(client.counts);
    const dropped = this.line.dropNext;
    const open = [files.length, dirs.length] as const;
    try {
      await this.act(one);
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
    }
    if (!dropped || this.line.dropNext) return;
    // What the model has counted was in a reply that the ring never carried.
    this.line.dropNext = false;
    if (FORGETS.has(one[0]) || VIOLATIONS.has(one[0])) return;
    if (this.server.session.open && client.counts.size === 0 && before.size > 0) return;
    client.counts.clear();
    for (const [nodeid, count] of before) client.counts.set(nodeid, count);
    this.files.splice(Math.min(open[0], this.files.length));
    this.dirs.splice(Math.min(open[1], this.dirs.length));
  }

  private async act([kind, a, b, c]: Step): Promise<void> {
    const { client } = this;
    const dir = this.dir(a);
    const name = NAMES[b % NAMES.length] as string;
    const file = this.files[a % this.files.length];
    const open = this.dirs[a % this.dirs.length];
    switch (kind) {
      case 'lookup':
        return void this.taken(await client.lookupEntry(dir, name));
      case 'mkdir':
        return void this.taken(await client.mkdir(dir, name));
      case 'mknod':
        return void (await client.mknod(dir, name, 0o100644));
      case 'create':
        return void this.files.push(await client.create(dir, name));
      case 'tmpfile':
        return void this.files.push(await client.tmpfile(dir));
      case 'symlink':
        return void (await client.symlink(dir, name, 'target'));
      case 'link':
        return void (await client.link(this.node(c), dir, name));
      case 'unlink':
        return client.unlink(dir, name);
      case 'rmdir':
        return client.rmdir(dir, name);
      case 'rename':
        return client.rename(dir, name, this.dir(c), NAMES[c % NAMES.length] as string, b % 3);
      case 'open': {
        const nodeid = this.node(a);
        return void this.files.push({ nodeid, fh: await client.open(nodeid, 2 | (c & 1 ? 0o1000 : 0)) });
      }
      case 'opendir':
        return void this.dirs.push({ nodeid: dir, fh: await client.opendir(dir) });
      case 'release':
        if (!file) return;
        this.files = this.files.filter((other) => other !== file);
        return client.release(file.nodeid, file.fh);
      case 'releasedir':
        if (!open) return;
        this.dirs = this.dirs.filter((other) => other !== open);
        return client.releasedir(open.nodeid, open.fh);
      case 'read':
        return file && void (await client.read(file.nodeid, file.fh, b * 10, c * 30));
      case 'write':
        return file && void (await client.write(file.nodeid, file.fh, b * 1000, new Uint8Array(c * 10).fill(1)));
      case 'truncate':
        return void (await client.setattr(this.node(a), { valid: 8, size: b * 100 }));
      case 'fallocate':
        return file && client.fallocate(file.nodeid, file.fh, [0, 1, 3, 16][c & 3] as number, b * 100, 1 + c * 100);
      case 'readdir':
      case 'readdirplus':
        if (!open) return;
        for (const { nodeid, type } of await client.readdir(
          open.nodeid,
          open.fh,
          b % 9,
          24 + c * 13,
          kind === 'readdirplus',
        ))
          if (nodeid !== 0 && type === 4) this.directories.add(nodeid);
        return;
      case 'getattr':
        return void (await client.getattr(this.node(a)));
      case 'fsync':
        return file && client.fsync(file.nodeid, file.fh);
      case 'revive':
        return void this.taken(await client.lookup(2 + (a % 20), b & 1 ? '.' : '..'));
      case 'drop-next-reply':
        if (this.line.dropNext === false) this.dropNext();
        return;
      case 'init':
        this.over();
        await client.init();
        return;
      case 'destroy':
        this.over();
        // An errno is no matter to Linux: the session is over.
        await client.destroy().catch((error: unknown) => {
          if (!(error instanceof PosixError)) throw error;
        });
        await client.init();
        return;
      case 'reset':
        this.line.reset();
        this.over();
        await client.init();
        return;
      case 'reset-under-way':
        return this.resetUnderWay(a);
      case 'meanwhile':
        return this.meanwhile(a, b, c);
      case 'commit-fails': {
        const next = this.store.attempts.length;
        this.store.fate = (commit) => (commit === next ? (a & 1 ? 'full' : 'fail') : 'store');
        return;
      }
      default:
        return this.forget(kind, a, b);
    }
  }

  private dropNext(): void {
    this.line.dropNext = true;
  }

  /** Whatever a request ends with. */
  private async ended(request: Promise<unknown>): Promise<void> {
    await request.catch((error: unknown) => {
      if (!(error instanceof Lost || error instanceof PosixError)) throw error;
    });
  }

  /** READs and a WRITE wait for chunks while their file is unlinked, closed and forgotten, or the device is reset. */
  private async meanwhile(a: number, b: number, c: number): Promise<void> {
    const { client, store, line } = this;
    line.dropNext = false;
    const file = this.files[a % this.files.length];
    if (!file) return;
    const { nodeid, fh } = file;
    let go = (): void => {};
    store.chunkGate = new Promise((resolve) => {
      go = resolve;
    });
    const waiting = [
      this.ended(client.read(nodeid, fh, b * 100, 6000)),
      this.ended(client.write(nodeid, fh, 100 + c * 100, new Uint8Array(50).fill(2))),
      this.ended(client.read(nodeid, fh, c * 300, 6000)),
    ];
    for (const name of NAMES) if (c & 1) await this.ended(client.unlink(this.dir(b), name));
    const same = this.files.filter((other) => other.nodeid === nodeid);
    if (c & 2) {
      this.files = this.files.filter((other) => other.nodeid !== nodeid);
      for (const other of same) await client.release(other.nodeid, other.fh);
      if (c & 4) await client.forget(nodeid);
    }
    if (c > 240) {
      line.reset();
      this.over();
    }
    store.chunkGate = undefined;
    go();
    await Promise.all(waiting);
    if (c > 240) await client.init();
  }

  /** A request waits for a commit when the device is reset; the commit ends afterwards. */
  private async resetUnderWay(a: number): Promise<void> {
    let go = (): void => {};
    this.store.commitGate = new Promise((resolve) => {
      go = resolve;
    });
    const file = this.files[a % this.files.length];
    await this.client.mknod(1, `made${a % 4}`, 0o100644).catch((error: unknown) => {
      if (!(error instanceof PosixError)) throw error;
    });
    const pending = file ? this.client.fsync(file.nodeid, file.fh) : this.client.syncfs();
    const ended = this.ended(pending);
    this.line.reset();
    this.store.commitGate = undefined;
    go();
    await ended;
    this.over();
    await this.client.init();
  }

  private async forget(kind: Kind, a: number, b: number): Promise<void> {
    const { client } = this;
    const idle = this.idle();
    const one = idle[a % idle.length];
    switch (kind) {
      case 'forget':
        return one === undefined ? undefined : client.forget(one);
      case 'forget-part': {
        // As where a look-up gave another nodeid than the one that was known (fs/fuse/dir.c fuse_dentry_revalidate).
        const many = [...client.counts].filter(([nodeid, count]) => nodeid !== 1 && count > 1);
        const [nodeid, known] = many[a % many.length] ?? [];
        if (nodeid === undefined || known === undefined) return;
        const count = 1 + (b % (known - 1));
        client.counts.set(nodeid, known - count);
        return client.forgetExactly(nodeid, count);
      }
      case 'batch-forget':
      case 'shrink': {
        // Memory pressure: those that were used least lately, and their counts as they are, or a part of one of them.
        const victims = idle.slice(0, 1 + Math.floor(idle.length / 2)).map((nodeid) => {
          const count = client.counts.get(nodeid) as number;
          return [nodeid, count] as const;
        });
        for (const [nodeid] of victims) client.counts.delete(nodeid);
        if (kind === 'batch-forget') return client.batchForget(victims);
        for (const [nodeid, count] of victims) await client.forgetExactly(nodeid, count, b & 1);
        return;
      }
      case 'over-forget':
        if (one === undefined) return;
        client.counts.delete(one);
        return client.forgetExactly(one, 1000);
      case 'huge-forget':
        if (one === undefined) return;
        client.counts.delete(one);
        return client.post(FUSE_OPCODE.FUSE_FORGET, one, HUGE[b % HUGE.length] as Uint8Array);
      case 'unknown-forget':
        return client.forgetExactly(1_000_000 + a, 1 + b);
      case 'wrong-batch': {
        if (one === undefined) return;
        const count = client.counts.get(one) as number;
        client.counts.delete(one);
        return client.batchForget([
          [2 ** 40 + a, 1],
          [one, count],
          [one, 1],
        ]);
      }
      default: {
        // Fewer entries than it says: none of them counts.
        const body = new Uint8Array(8 + 16);
        new DataView(body.buffer).setUint32(0, 2 + b, true);
        new DataView(body.buffer).setUint32(8, one ?? 1, true);
        body[16] = 1;
        return client.post(FUSE_OPCODE.FUSE_BATCH_FORGET, 0, body);
      }
    }
  }

  /** Gives everything back. */
  async finish(): Promise<void> {
    const { client } = this;
    for (const { nodeid, fh } of this.files) await client.release(nodeid, fh);
    for (const { nodeid, fh } of this.dirs) await client.releasedir(nodeid, fh);
    await client.forgetAll();
  }
}
