import { describe, expect, it } from 'vitest';
import type { FromWorker } from './messages.ts';
import { Outbox } from './outbox.ts';
import { encode } from './record.ts';
import { RecordLog } from './record-log.ts';

function setUp() {
  const posted: FromWorker[] = [];
  const log = new RecordLog();
  let seq = 0;
  let requests = 0;
  let now = 1000;
  const outbox = new Outbox(
    (message) => posted.push(message),
    log,
    () => ({
      requests,
      cachedInodes: 1,
      handles: 0,
      bytesStored: 0,
      dirtyBytes: 0,
      availableBytes: 0,
      full: false,
      learnedLimit: undefined,
      chunkHits: 0,
      chunkMisses: 0,
      cachedBytes: 0,
      operations: 0,
      commits: 0,
      interrupts: 0,
      pending: 0,
    }),
    () => now,
  );
  const record = (): void => {
    const bytes = encode({
      ...{ flags: 0, seq: ++seq, queue: 1, head: 0, opcode: 1, unique: 2, nodeid: 1, pid: 0, uid: 0, gid: 0, error: 0 },
      ...{ insize: 40, outsize: 16, nlookup: 0, available: 0, taken: 0, answered: 0, used: 0, availIndex: 0 },
      ...{
        usedIndex: 0,
        path: undefined,
        req: new Uint8Array(40),
        res: new Uint8Array(16),
        readable: [],
        writable: [],
      },
    });
    log.reserve(bytes.length);
    log.views.bytes.set(bytes, log.at);
  };
  return {
    outbox,
    posted,
    record,
    request: (count: number, ms: number) => {
      requests += count;
      now += ms;
    },
  };
}

describe('outbox', () => {
  it('joins console output, in order', () => {
    const { outbox, posted } = setUp();
    outbox.addConsole(Uint8Array.of(1, 2));
    outbox.addConsole(Uint8Array.of(3));
    outbox.flushConsole();
    outbox.flushConsole();
    expect(posted).toEqual([{ type: 'console', bytes: Uint8Array.of(1, 2, 3) }]);
  });

  it('sends two batches of the log ahead of the page and no more', () => {
    const { outbox, posted, record } = setUp();
    const batches = () => posted.flatMap((m) => (m.type === 'log' ? [[m.first, m.count]] : []));
    for (let i = 0; i < 4; i++) {
      record();
      outbox.flush();
    }
    expect(batches()).toEqual([
      [1, 1],
      [2, 1],
    ]);
    outbox.acknowledge(1);
    outbox.flush();
    expect(batches().at(-1)).toEqual([3, 2]);
    outbox.flush();
    expect(batches().length).toBe(3);
  });

  it('sends counters only when they change, with the rate since the last time', () => {
    const { outbox, posted, request } = setUp();
    outbox.flushCounters();
    outbox.flushCounters();
    request(50, 500);
    outbox.flushCounters();
    request(0, 500);
    outbox.flushCounters();
    const rates = posted.flatMap((m) =>
      m.type === 'counters' ? [[m.counters.requests, m.counters.requestsPerSecond]] : [],
    );
    expect(rates).toEqual([
      [0, 0],
      [50, 100],
      [50, 0],
    ]);
  });

  it('tells of processes before the records that they made', () => {
    const { outbox, posted, record } = setUp();
    outbox.addName({ pid: 3, name: 'ls', seq: 1 });
    record();
    outbox.flush();
    expect(posted.map((m) => m.type)).toEqual(['processes', 'log']);
  });
});
