import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Exchange } from '../base/exchange.ts';
import { ArrayMemory, IovReader, IovWriter, Spans } from '../base/iov.ts';
import { fuse_in_header } from '../fs/fuse/abi.ts';
import { decode, type LogRecord, RecordFlag, recordOffsets } from './record.ts';
import { RecordLog } from './record-log.ts';
import { type AnsweredRequest, KEEP, Recorder } from './recorder.ts';

function exchange(memory: ArrayMemory, at: number, readable: number[], writable: number[]): Exchange {
  const spans = (lengths: number[]): Spans => {
    const made = new Spans();
    for (const length of lengths) {
      made.push(at, length);
      at += length + 1;
    }
    return made;
  };
  return {
    queue: 1,
    head: 7,
    reader: new IovReader(memory, spans(readable)),
    writer: new IovWriter(memory, spans(writable)),
    live: true,
    record: 0,
    complete: () => {},
  };
}

const answer: AnsweredRequest = {
  opcode: 15,
  unique: 42,
  nodeid: 3,
  uid: 1,
  gid: 2,
  pid: 99,
  error: 0,
  insize: 60,
  outsize: 30,
  nlookup: 1,
  path: '/a\xff',
  violation: undefined,
  bug: false,
  at: 12,
};

function recordsOf(log: RecordLog): LogRecord[] {
  const out: LogRecord[] = [];
  for (let batch = log.take(); batch !== undefined; batch = log.take()) {
    const view = new DataView(batch.bytes);
    for (const at of recordOffsets(view)) out.push(decode(view, at));
  }
  return out;
}

const filled = (size: number): ArrayMemory => new ArrayMemory(Uint8Array.from({ length: size }, (_, i) => i % 251));

function setUp(size: number) {
  const recorder = new Recorder(new RecordLog());
  const memory = filled(size);
  recorder.memory = memory;
  return { recorder, memory };
}

describe('recorder', () => {
  it('gathers request and reply from any descriptors', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(300), { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(300), { minLength: 1, maxLength: 8 }),
        (readable, writable) => {
          const { recorder, memory } = setUp(8000);
          recorder.whole = true;
          const x = exchange(memory, 5, readable, writable);
          const sum = (lengths: number[]): number => lengths.reduce((a, b) => a + b, 0);
          recorder.taken(x, 3, 1, 2);
          recorder.answered(x, { ...answer, insize: sum(readable), outsize: sum(writable) });
          recorder.used(x, 4, true, 13);
          const [record] = recordsOf(recorder.log);
          const bytes = (spans: Spans): number[] =>
            spans.at.flatMap((at, i) => [...memory.bytes.subarray(at, at + (spans.length[i] as number))]);
          expect([...(record as LogRecord).req]).toEqual(bytes(x.reader.spans));
          expect([...(record as LogRecord).res]).toEqual(bytes(x.writer.spans));
          expect(record?.readable.map((s) => s.length)).toEqual(readable);
          expect(record?.writable.map((s) => s.length)).toEqual(writable);
        },
      ),
    );
  });

  it('has who, where, when and what came of it', () => {
    const { recorder, memory } = setUp(1000);
    const x = exchange(memory, 0, [60], [40]);
    recorder.taken(x, 5, 10, 11);
    recorder.answered(x, answer);
    recorder.used(x, 6, false, 13);
    const [record] = recordsOf(recorder.log);
    expect(record).toMatchObject({
      seq: 1,
      queue: 1,
      head: 7,
      opcode: 15,
      unique: 42,
      nodeid: 3,
      pid: 99,
      uid: 1,
      gid: 2,
      error: 0,
      insize: 60,
      outsize: 30,
      nlookup: 1,
      path: '/a\xff',
      available: 10,
      taken: 11,
      answered: 12,
      used: 13,
      availIndex: 5,
      usedIndex: 6,
      flags: RecordFlag.HAS_PATH,
    });
  });

  it('cuts payloads and says so, unless it keeps them whole', () => {
    const { recorder, memory } = setUp(10_000);
    for (const whole of [false, true]) {
      recorder.whole = whole;
      const x = exchange(memory, 0, [4000], [5000]);
      recorder.taken(x, 0, 1, 1);
      recorder.answered(x, { ...answer, insize: 4000, outsize: 5000 });
      recorder.used(x, 0, false, 2);
    }
    const [cut, whole] = recordsOf(recorder.log) as [LogRecord, LogRecord];
    expect([cut.req.length, cut.res.length, cut.insize, cut.outsize]).toEqual([KEEP, KEEP, 4000, 5000]);
    expect(cut.flags & (RecordFlag.CUT_REQ | RecordFlag.CUT_RES)).toBe(RecordFlag.CUT_REQ | RecordFlag.CUT_RES);
    expect([whole.req.length, whole.res.length]).toEqual([4000, 5000]);
    expect(whole.flags & (RecordFlag.CUT_REQ | RecordFlag.CUT_RES)).toBe(0);
  });

  it('marks what broke a rule of the protocol, and a mistake of ours, and nothing else', () => {
    const { recorder, memory } = setUp(1000);
    for (const wrong of [{}, { violation: 'forgotten 5 times, known once' }, { bug: true }]) {
      const x = exchange(memory, 0, [48], []);
      recorder.taken(x, 0, 1, 1);
      recorder.answered(x, { ...answer, ...wrong, error: undefined, outsize: 0 });
      recorder.used(x, 0, false, 2);
    }
    const marks = recordsOf(recorder.log).map(({ flags }) => flags & (RecordFlag.VIOLATION | RecordFlag.BUG));
    expect(marks).toEqual([0, RecordFlag.VIOLATION, RecordFlag.BUG]);
  });

  it('keeps requests apart that are answered in another order', () => {
    const { recorder, memory } = setUp(1000);
    const a = exchange(memory, 0, [40], [16]);
    const b = exchange(memory, 200, [40], [16]);
    recorder.taken(a, 0, 1, 1);
    recorder.taken(b, 1, 1, 1);
    recorder.answered(b, { ...answer, unique: 2, outsize: 16 });
    recorder.used(b, 0, false, 2);
    recorder.answered(a, { ...answer, unique: 1, outsize: 16, error: undefined });
    recorder.used(a, 1, false, 3);
    const records = recordsOf(recorder.log);
    expect(records.map((r) => [r.seq, r.unique, r.error])).toEqual([
      [2, 2, 0],
      [1, 1, undefined],
    ]);
    expect([...(records[0] as LogRecord).req]).toEqual([...memory.bytes.subarray(200, 240)]);
  });

  it('records what a reset dropped, once', () => {
    const { recorder, memory } = setUp(1000);
    const x = exchange(memory, 0, [40], [16]);
    recorder.taken(x, 0, 1, 1);
    recorder.reset();
    recorder.used(x, 0, false, 2);
    const records = recordsOf(recorder.log);
    expect(records.map((r) => [r.seq, r.flags & RecordFlag.DROPPED, r.used])).toEqual([[1, RecordFlag.DROPPED, 0]]);
  });

  it('knows of a dropped request who asked for what, and nothing of the one before', () => {
    const { recorder, memory } = setUp(1000);
    const before = exchange(memory, 0, [40], [16]);
    recorder.taken(before, 0, 1, 1);
    recorder.answered(before, answer);
    recorder.used(before, 0, false, 2);
    const out = new fuse_in_header(memory.view, 200);
    out.opcode = 26;
    out.unique = 77;
    out.nodeid = 8;
    out.pid = 5;
    out.uid = 6;
    out.gid = 7;
    recorder.taken(exchange(memory, 200, [40], [16]), 1, 3, 3);
    recorder.taken(exchange(memory, 300, [39], [16]), 2, 3, 3);
    recorder.reset();
    const who = ({ opcode, unique, nodeid, pid, uid, gid }: LogRecord) => [opcode, unique, nodeid, pid, uid, gid];
    const [, whole, short] = recordsOf(recorder.log) as [LogRecord, LogRecord, LogRecord];
    expect(who(whole)).toEqual([26, 77, 8, 5, 6, 7]);
    expect(who(short)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('counts requests also while it does not record', () => {
    const { recorder, memory } = setUp(1000);
    recorder.enabled = false;
    const x = exchange(memory, 0, [40], [16]);
    recorder.taken(x, 0, 1, 1);
    recorder.answered(x, answer);
    recorder.used(x, 0, false, 2);
    expect(recorder.nextSeq).toBe(2);
    expect(recorder.log.count).toBe(0);
  });
});
