import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_FEATURES, MockDriver, type Piece } from '../../test/mock-driver.ts';
import type { Exchange } from '../base/exchange.ts';
import { VIRTIO_F_VERSION_1 } from './virtio-abi.ts';
import { featureBit } from './virtio-device.ts';
import { VirtioFsDevice } from './virtio-fs.ts';
import { vringNeedEvent } from './virtqueue.ts';

const VERSION_1 = featureBit(VIRTIO_F_VERSION_1);

/** Each byte plus one: an answer that depends on every byte of the request. */
function increment(exchange: Exchange): number {
  const request = exchange.reader.bytes(exchange.reader.remaining);
  const answer = request.map((byte) => byte + 1).subarray(0, exchange.writer.remaining);
  exchange.writer.bytes(answer);
  return answer.length;
}

function plugIn(handle: (exchange: Exchange) => void, queueSize: number) {
  const device = new VirtioFsDevice({ tag: 'lab', queueSize, hiprioSize: 4, handler: { handle, reset() {} } });
  return { device, driver: new MockDriver(device, 1 << 18) };
}

/** Cuts [0, total) into pieces as `cuts` says, each somewhere in memory, in a shuffled order of addresses. */
function cut(driver: MockDriver, total: number, cuts: readonly number[], write: boolean): Piece[] {
  const ends = [...new Set([...cuts.map((c) => c % (total + 1)), total])].sort((a, b) => a - b);
  const pieces = ends.map((end, i) => ({ length: end - (ends[i - 1] ?? 0), write }));
  const placed = [...pieces.keys()].sort((a, b) => ((a * 7 + 3) % 5) - ((b * 7 + 3) % 5));
  const at = new Map(placed.map((i) => [i, driver.allocate(pieces[i]!.length, 1)]));
  return pieces.map((piece, i) => ({ ...piece, at: at.get(i)! }));
}

const gather = (driver: MockDriver, pieces: readonly Piece[]) =>
  pieces.flatMap(({ at, length }) => [...driver.ram.bytes.subarray(at, at + length)]);

test('an answer does not depend on how request and room are cut', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0, maxLength: 80 }),
      fc.nat(100),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.nat(26),
      (request, room, readCuts, writeCuts, direct) => {
        const { driver } = plugIn((exchange) => exchange.complete(increment(exchange)), 32);
        const queue = driver.start()[1]!;
        const reads = cut(driver, request.length, readCuts, false);
        const writes = cut(driver, room, writeCuts, true);
        let offset = 0;
        for (const { at, length } of reads) {
          driver.ram.bytes.set(request.subarray(offset, offset + length), at);
          offset += length;
        }
        queue.add([...reads, ...writes], Math.min(direct, reads.length + writes.length));
        queue.kick();
        const length = Math.min(request.length, room);
        expect(queue.reap().map((element) => element.length)).toEqual([length]);
        expect(gather(driver, writes)).toEqual([
          ...request.map((byte) => byte + 1).subarray(0, length),
          ...new Array(room - length).fill(0),
        ]);
      },
    ),
  );
});

test('ring indices run through 65535 in batches of every size', () => {
  for (const features of [DEFAULT_FEATURES, VERSION_1]) {
    const { driver, device } = plugIn((exchange) => exchange.complete(increment(exchange)), 16);
    const queue = driver.start(features)[1]!;
    const at = driver.allocate(16);
    let sent = 0;
    while (sent < 3 * 65536) {
      const batch = (sent % 7) + 1;
      for (let i = 0; i < batch; i++) queue.add([{ at: at + i, length: 1, write: i % 2 === 1 }]);
      expect(queue.kick()).toBe(true);
      if (driver.bus.irq) driver.isr();
      sent += queue.reap().length;
    }
    expect(device.state()).toMatchObject({ taken: sent, used: sent, broken: 0 });
    expect(queue.usedIdx).toBe(sent & 0xffff);
  }
});

/** vring_need_event() said in other words: whether `event` is among the indices [old, next) that were filled. */
test('vringNeedEvent tells whether the entry `event` was filled', () => {
  fc.assert(
    fc.property(fc.nat(65535), fc.nat(65535), fc.nat(300), (old, event, count) => {
      const filled = (event - old) & 0xffff;
      expect(vringNeedEvent(event, (old + count) & 0xffff, old)).toBe(filled < count);
    }),
  );
});

type Step =
  | { do: 'add'; read: number; write: number; pieces: number; indirect: boolean }
  | { do: 'kick' | 'reap' | 'callbacks on' | 'callbacks off' }
  | { do: 'answer'; which: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      read: fc.nat(60),
      write: fc.nat(60),
      pieces: fc.integer({ min: 1, max: 4 }),
      indirect: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom<'kick' | 'reap' | 'callbacks on' | 'callbacks off'>(
        'kick',
        'reap',
        'callbacks on',
        'callbacks off',
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat() }) },
);

test('every legal driver gets each answer once, is interrupted when it waits, and no byte changes unreported', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.constantFrom(
        DEFAULT_FEATURES,
        VERSION_1,
        DEFAULT_FEATURES & ~featureBit(28),
        DEFAULT_FEATURES & ~featureBit(29),
      ),
      fc.boolean(),
      (steps, features, lazy) => {
        const held: Exchange[] = [];
        const answer = (exchange: Exchange) => exchange.complete(increment(exchange));
        const { driver, device } = plugIn((exchange) => (lazy ? held.push(exchange) : answer(exchange)), 8);
        const queue = driver.start(features)[1]!;
        const expected = new Map<number, { length: number; writes: Piece[]; bytes: number[] }>();
        let waiting = false;
        const before = driver.ram.bytes.slice();
        driver.ram.ranges.length = 0;
        /** What the driver itself writes is no business of the device's. */
        const asDriver = (act: () => void) => {
          expect(driver.ram.unreported(before)).toEqual([]);
          act();
          before.set(driver.ram.bytes);
          driver.ram.ranges.length = 0;
        };
        const reap = () => {
          for (const { head, length } of queue.reap()) {
            const wanted = expected.get(head)!;
            expected.delete(head);
            expect(length).toBe(wanted.length);
            expect(gather(driver, wanted.writes).slice(0, length)).toEqual(wanted.bytes);
          }
        };
        const run = (now: Step) => {
          if (now.do === 'add') {
            const reads = cut(driver, now.read, [now.pieces * 11, 5], false);
            const writes = cut(driver, now.write, [now.pieces * 7], true);
            const indirect = now.indirect && driver.has(28);
            if (queue.free.length < (indirect ? 1 : reads.length + writes.length)) return;
            for (const { at, length } of reads) driver.ram.bytes.fill(at + now.read, at, at + length);
            const head = queue.add([...reads, ...writes], indirect ? 0 : reads.length + writes.length);
            const bytes = gather(driver, reads)
              .map((byte) => (byte + 1) & 0xff)
              .slice(0, now.write);
            expected.set(head, { length: bytes.length, writes, bytes });
          } else if (now.do === 'reap') reap();
          else if (now.do === 'callbacks on') waiting = queue.enableCallbacks();
          else if (now.do === 'callbacks off') queue.disableCallbacks();
        };
        const ofDevice = (now: Step) => {
          if (now.do === 'kick') queue.kick();
          else if (now.do === 'answer' && held.length > 0) answer(held.splice(now.which % held.length, 1)[0]!);
        };
        for (const now of steps) {
          if (now.do === 'kick' || now.do === 'answer') {
            const idle = waiting && !driver.bus.irq;
            const index = queue.usedIdx;
            ofDevice(now);
            if (idle && queue.usedIdx !== index) expect(driver.bus.irq).toBe(true);
          } else {
            if (now.do === 'callbacks off') waiting = false;
            if (now.do === 'reap') {
              driver.isr();
              waiting = false;
            }
            asDriver(() => run(now));
          }
        }
        queue.notify();
        for (const exchange of held.splice(0)) answer(exchange);
        reap();
        expect(expected.size).toBe(0);
        expect(queue.free).toHaveLength(8);
        expect(driver.ram.intact).toBe(true);
        expect(device.state()).toMatchObject({ broken: 0, dropped: 0, completedTwice: 0, overlong: 0 });
      },
    ),
    { numRuns: 300 },
  );
});
