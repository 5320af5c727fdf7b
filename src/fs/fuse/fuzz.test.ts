// Hostile requests: random bytes, and sound requests with random damage. FUZZ_CASES sets their number.
import { expect, test, vi } from 'vitest';
import { expectUnheld } from '../../../test/counts/balance.ts';
import { LoopExchange } from '../../../test/fuse-client.ts';
import { serve } from '../../../test/served-tree.ts';
import type { Struct } from '../../base/struct.ts';
import { FUSE_OPCODE } from './abi.ts';
import type { NodeidOptions } from './nodeid-table.ts';
import type { Layout } from './op.ts';
import { OPS } from './ops/index.ts';

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

/** An open file or directory, as requests name it. */
type Open = Readonly<{ fh: number; nodeid: number }>;

function request(next: (below: number) => number, open: readonly Open[]): Uint8Array {
  const opcodes = OPS.flatMap((entry) => (entry ? [entry.opcode] : []));
  let opcode = next(50) === 0 ? next(2 ** 32) : (opcodes[next(opcodes.length)] as number);
  // A session that ends all the time would never get anywhere.
  if ((opcode === FUSE_OPCODE.FUSE_DESTROY || opcode === FUSE_OPCODE.FUSE_INIT) && next(40) > 0) opcode = 1;
  const bytes = new Uint8Array(40 + 700);
  const view = new DataView(bytes.buffer);
  let at = 40;
  const entry = OPS[opcode];
  const layout: Layout =
    typeof entry?.request === 'function' ? entry.request(new Uint8Array(0), 0) : (entry?.request ?? []);
  let nodeid = 1 + next(6);
  for (const part of layout) {
    if (part.kind === 'struct' || part.kind === 'list') {
      fill(view, at, part.type, next);
      const known = open[next(open.length + 4)];
      const struct = new part.type(new DataView(bytes.buffer, at));
      if (known && 'fh' in struct) {
        struct.fh = known.fh;
        nodeid = known.nodeid;
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

const NODEIDS: [string, NodeidOptions, number][] = [
  ['stable nodeids', {}, CASES],
  ['a table that pins', { mode: 'never' }, CASES / 10],
  ['a table of handles, some of which fail', { mode: 'prefer', failure: { when: 'once', at: 2 } }, CASES / 10],
  ['a table of handles that are a must', { mode: 'mandatory', failure: { when: 'once', at: 3 } }, CASES / 10],
];

test.each(NODEIDS)(
  `§5.19 with %s, hostile requests: one reply each or none, exact, in bounds, and no bug (seed ${SEED})`,
  async (_, nodeids, cases) => {
    const next = random(SEED);
    const bugs: unknown[] = [];
    vi.spyOn(console, 'error').mockImplementation((...args) => {
      bugs.push(args);
    });
    const served = await serve({ nodeids, treeOptions: { reuseInodeNumbers: true } });
    const waiting = new Set<LoopExchange>();
    const succeeded = new Set<number>();
    let open: Open[] = [];
    const cuts = (): number[] => Array.from({ length: next(5) }, () => next(60));
    const check = (exchange: LoopExchange, capacity: number): void => {
      expect(exchange.completions).toBe(1);
      const { length, bytes } = exchange.used!;
      if (length > 0) {
        const view = new DataView(bytes.buffer);
        const error = view.getInt32(4, true);
        if (view.getUint32(0, true) !== length || length > capacity || error > 0 || error < -511) {
          throw new Error(`len ${view.getUint32(0, true)}, used ${length} of ${capacity}, error ${error}`);
        }
        if (error !== 0 && length !== 16) throw new Error('an error with a body');
      }
    };
    for (let i = 0; i < cases; i++) {
      const capacity = [0, 8, 16, 17, 24, 80, 120, 160, 4112][next(9)] as number;
      const exchange = new LoopExchange(request(next, open), capacity, next(2), [cuts(), cuts()], next(20) > 0);
      served.server.handle(exchange);
      if (exchange.completions === 0) waiting.add(exchange);
      else check(exchange, capacity);
      if (waiting.size > 0 && next(10) === 0) {
        for (const late of waiting) {
          await late.wait();
          check(late, late.writer.spans.total);
          waiting.delete(late);
        }
      }
      if (!served.server.session.open && next(3) === 0) await served.client.init();
      for (const { opcode, error } of served.answers) if (error === 0) succeeded.add(opcode);
      served.answers.length = 0;
      if (i % 50 === 0) open = [...served.server.session.handles.entries()].slice(-6);
    }
    for (const late of waiting) await late.wait();
    console.log(`${succeeded.size} opcodes answered without an error`);
    // Hostile requests that are all refused at the door would show little of what is behind it.
    if (cases >= 10_000) expect(succeeded.size).toBeGreaterThan(25);
    expect(bugs).toEqual([]);
    await served.client.init();
    expect([...served.server.session.lookups()].map(({ nodeid, nlookup }) => [nodeid, nlookup])).toEqual([[1, 1]]);
    expectUnheld(served.tree);
    vi.restoreAllMocks();
  },
  86_400_000,
);
