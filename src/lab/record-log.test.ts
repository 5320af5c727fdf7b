import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHeader, encode, recordOffsets } from './record.ts';
import { RecordLog } from './record-log.ts';

const bare = {
  flags: 0,
  queue: 1,
  head: 0,
  opcode: 1,
  unique: 2,
  nodeid: 1,
  pid: 0,
  uid: 0,
  gid: 0,
  error: 0,
  insize: 40,
  outsize: 16,
  nlookup: 0,
  available: 0,
  taken: 0,
  answered: 0,
  used: 0,
  availIndex: 0,
  usedIndex: 0,
  path: undefined,
  res: new Uint8Array(0),
  readable: [],
  writable: [],
};

function add(log: RecordLog, seq: number, payload: number): void {
  const bytes = encode({ ...bare, seq, req: new Uint8Array(payload) });
  log.reserve(bytes.length);
  log.views.bytes.set(bytes, log.at);
}

/** Takes everything out: the ordinals as the batches count them, and the numbers in the records. */
function drain(log: RecordLog): { ordinals: number[]; seqs: number[] } {
  const ordinals: number[] = [];
  const seqs: number[] = [];
  for (let batch = log.take(); batch !== undefined; batch = log.take()) {
    const view = new DataView(batch.bytes);
    let ordinal = batch.first;
    for (const at of recordOffsets(view)) {
      ordinals.push(ordinal++);
      seqs.push(decodeHeader(view, at).seq);
    }
    expect(ordinal - batch.first).toBe(batch.count);
  }
  return { ordinals, seqs };
}

describe('record log', () => {
  it('gives out what was put in, in order, however it is taken', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(200_000), fc.boolean()), { maxLength: 60 }), (steps) => {
        const log = new RecordLog();
        const seqs: number[] = [];
        let seq = 0;
        for (const [payload, take] of steps) {
          add(log, ++seq, payload);
          if (take) seqs.push(...drain(log).seqs);
        }
        seqs.push(...drain(log).seqs);
        expect(seqs).toEqual(Array.from({ length: seq }, (_, i) => i + 1));
        expect([log.count, log.size, log.overwritten]).toEqual([0, 0, 0]);
      }),
      { numRuns: 50 },
    );
  });

  it('drops the oldest beyond its limit of bytes and counts them', () => {
    const log = new RecordLog({ bytes: 1024 * 1024, records: 1e9 });
    const total = 10_000;
    for (let seq = 1; seq <= total; seq++) add(log, seq, 512);
    expect(log.size).toBeLessThanOrEqual(1024 * 1024);
    expect(log.overwritten).toBeGreaterThan(0);
    expect(log.count + log.overwritten).toBe(total);
    const { overwritten } = log;
    const { ordinals, seqs } = drain(log);
    expect(seqs[0]).toBe(overwritten + 1);
    expect(seqs.at(-1)).toBe(total);
    expect(ordinals).toEqual(seqs);
  });

  it('drops the oldest beyond its limit of records and counts them', () => {
    const log = new RecordLog({ bytes: 1e9, records: 5000 });
    for (let seq = 1; seq <= 20_000; seq++) add(log, seq, 64);
    expect(log.count).toBeLessThanOrEqual(5000);
    expect(log.count + log.overwritten).toBe(20_000);
  });

  it('loses nothing where somebody takes what is full', () => {
    const log = new RecordLog({ bytes: 512 * 1024, records: 1000 });
    const seqs: number[] = [];
    log.onFull = () => seqs.push(...drain(log).seqs);
    for (let seq = 1; seq <= 20_000; seq++) add(log, seq, seq % 5000 === 0 ? 2_000_000 : 100);
    seqs.push(...drain(log).seqs);
    expect(seqs).toEqual(Array.from({ length: 20_000 }, (_, i) => i + 1));
    expect(log.overwritten).toBe(0);
  });
});
