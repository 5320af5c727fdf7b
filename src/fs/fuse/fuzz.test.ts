// Hostile requests: random bytes, and sound requests with random damage. FUZZ_CASES sets their number.
import { expect, test, vi } from 'vitest';
import { expectUnheld } from '../../../test/counts/balance.ts';
import { LoopExchange } from '../../../test/fuse-client.ts';
import { ledger, serve } from '../../../test/served-tree.ts';
import type { Struct } from '../../base/struct.ts';
import { FUSE_OPCODE } from './abi.ts';
import type { NodeidOptions } from './nodeid-table.ts';
import type { Layout } from './op.ts';
import { OPS } from './ops/index.ts';
import { type PolicyOptions, policyOf } from './policy.ts';

const CASES = Number(process.env.FUZZ_CASES ?? 100_000);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);

/** mulberry32: small, seeded, good enough to be hostile. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const NUMBERS = [0, 1, 2, 3, 4, 5, 8, 0o1000, 4096, 65536, 0x7fffffff, 0x80000000, 0xffffffff];
const NAMES = [
  'a',
  'b',
  'c',
  'd',
  '.',
  '..',
  '',
  'x/y',
  'n'.repeat(255),
  'n'.repeat(256),
  'user.a',
  'security.capability',
];

function fill(view: DataView, at: number, type: Struct<object>, next: (below: number) => number): void {
  for (let word = at; word < at + type.size; word += 4) {
    const value = next(4) === 0 ? next(2 ** 32) : (NUMBERS[next(NUMBERS.length)] as number);
    // High halves of 64-bit fields are mostly zero, else nothing would ever be valid.
    view.setUint32(word, (word - at) % 8 === 4 && next(3) > 0 ? 0 : value, true);
  }
}

/** What the guest was given, as requests name it: open files and directories, and nodeids. */
interface Known {
  readonly open: readonly Readonly<{ fh: number; nodeid: number }>[];
  readonly nodeids: readonly number[];
}
const NOTHING: Known = { open: [], nodeids: [1] };

const OPCODES = OPS.flatMap((entry) => (entry ? [entry.opcode] : []));

function request(next: (below: number) => number, { open, nodeids }: Known): Uint8Array {
  let opcode = next(50) === 0 ? next(2 ** 32) : (OPCODES[next(OPCODES.length)] as number);
  // A session that ends all the time would never get anywhere.
  if ((opcode === FUSE_OPCODE.FUSE_DESTROY || opcode === FUSE_OPCODE.FUSE_INIT) && next(40) > 0) opcode = 1;
  const bytes = new Uint8Array(40 + 700);
  const view = new DataView(bytes.buffer);
  let at = 40;
  const entry = OPS[opcode];
  const layout: Layout =
    typeof entry?.request === 'function' ? entry.request(new Uint8Array(0), 0) : (entry?.request ?? []);
  let nodeid = next(4) === 0 ? 1 + next(6) : (nodeids[next(nodeids.length)] as number);
  for (const part of layout) {
    if (part.kind === 'struct' || part.kind === 'list') {
      fill(view, at, part.type, next);
      const one = open[next(open.length + 4)];
      const struct = new part.type(new DataView(bytes.buffer, at));
      if (one && 'fh' in struct) {
        struct.fh = one.fh;
        nodeid = one.nodeid;
      }
      at += part.type.size;
    } else if (part.kind === 'name') {
      const name = NAMES[next(NAMES.length)] as string;
      for (let i = 0; i < name.length; i++) bytes[at + i] = name.charCodeAt(i);
      at += name.length + 1;
    } else at += next(64);
  }
  if (next(8) === 0) at = next(at + 1);
  view.setUint32(0, next(20) === 0 ? next(800) : at, true);
  view.setUint32(4, opcode, true);
  view.setUint32(8, next(2 ** 32), true);
  view.setUint32(16, next(10) === 0 ? next(2 ** 32) : nodeid, true);
  view.setUint32(20, next(50) === 0 ? next(2 ** 32) : 0, true);
  if (next(30) === 0) view.setUint16(36, next(100), true);
  if (next(30) === 0) for (let i = 0; i < at; i++) bytes[i] = next(256);
  return bytes.subarray(0, at);
}

/** Cases on one tree; then it is looked at what is left, and the next ones begin with an empty tree. */
const ROUND = 10_000;
const SOME = CASES / 10;
const ROWS: [string, { nodeids?: NodeidOptions } & Partial<PolicyOptions>, number][] = [
  ['stable nodeids', {}, CASES],
  ['a table that pins', { nodeids: { mode: 'never' } }, SOME],
  ['a table of handles, some of which fail', { nodeids: { mode: 'prefer', failure: { when: 'once', at: 2 } } }, SOME],
  ['a table of handles that are a must', { nodeids: { mode: 'mandatory', failure: { when: 'once', at: 3 } } }, SOME],
  ['locks and writeback', { locks: true, writeback: true }, SOME],
  ['the answers of virtiofsd, and locks', { like: 'virtiofsd', locks: true }, SOME],
];

function check(exchange: LoopExchange, capacity: number): void {
  expect(exchange.completions).toBe(1);
  const { length, bytes } = exchange.used!;
  if (length === 0) return;
  const view = new DataView(bytes.buffer);
  const error = view.getInt32(4, true);
  if (view.getUint32(0, true) !== length || length > capacity || error > 0 || error < -511) {
    throw new Error(`len ${view.getUint32(0, true)}, used ${length} of ${capacity}, error ${error}`);
  }
  if (error !== 0 && length !== 16) throw new Error('an error with a body');
}

/** Cases on a tree of their own, of which in the end nothing is held. Returns the opcodes that were answered without an error. */
async function round(next: (below: number) => number, options: (typeof ROWS)[0][1], cases: number): Promise<number[]> {
  const { nodeids = {}, ...policyOptions } = options;
  const policy = policyOf({ cache: 'auto', ...policyOptions });
  const served = await serve({ policy, nodeids, treeOptions: { reuseInodeNumbers: true } });
  const waiting = new Set<LoopExchange>();
  const succeeded = new Set<number>();
  let known = NOTHING;
  const cuts = (): number[] => Array.from({ length: next(5) }, () => next(60));
  const settle = async (): Promise<void> => {
    // What waits for a lock may wait for ever; the end of its session refuses it.
    if (policy.locks) await served.client.init();
    for (const late of waiting) {
      await late.wait();
      check(late, late.writer.spans.total);
    }
    waiting.clear();
  };
  for (let i = 0; i < cases; i++) {
    const capacity = next(2) === 0 ? 4112 : ([0, 8, 16, 17, 24, 80, 120, 160][next(8)] as number);
    const exchange = new LoopExchange(request(next, known), capacity, next(2), [cuts(), cuts()], next(20) > 0);
    served.server.handle(exchange);
    if (exchange.completions === 0) waiting.add(exchange);
    else check(exchange, capacity);
    if (waiting.size > 0 && next(10) === 0) await settle();
    if (!served.server.session.open && next(3) === 0) await served.client.init();
    for (const { opcode, error } of served.answers) if (error === 0) succeeded.add(opcode);
    served.answers.length = 0;
    if (i % 20 > 0) continue;
    const { handles } = served.server.session;
    known = {
      open: [...handles.entries()].slice(-6),
      nodeids: ledger(served)
        .slice(-6)
        .map(([nodeid]) => nodeid),
    };
  }
  await settle();
  await served.client.init();
  expect(ledger(served)).toEqual([[1, 1]]);
  expectUnheld(served.tree);
  await served.tree.close();
  return [...succeeded];
}

test.each(ROWS)(
  `§5.19 with %s, hostile requests: one reply each or none, exact, in bounds, and no bug (seed ${SEED})`,
  async (_, options, cases) => {
    const next = random(SEED);
    const bugs: unknown[] = [];
    vi.spyOn(console, 'error').mockImplementation((...args) => {
      bugs.push(args);
    });
    const succeeded = new Set<number>();
    for (let left = cases; left > 0; left -= ROUND) {
      for (const opcode of await round(next, options, Math.min(left, ROUND))) succeeded.add(opcode);
      expect(bugs).toEqual([]);
    }
    console.log(`${succeeded.size} opcodes answered without an error`);
    // Hostile requests that are all refused at the door would show little of what is behind it.
    if (cases >= 10_000) expect(succeeded.size).toBeGreaterThan(options.like ? 15 : 25);
    vi.restoreAllMocks();
  },
  86_400_000,
);
