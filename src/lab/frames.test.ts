import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, type Frame, FrameDecoder, MAX_PAYLOAD, PREAMBLE } from './frames.ts';

const frame = fc.record({
  type: fc.nat(255),
  stream: fc.nat(255),
  id: fc.nat(65535),
  payload: fc.uint8Array({ maxLength: 300 }),
});

describe('control channel frames', () => {
  it('has the header that the agent reads: u8 type, u8 stream, u16 id, u32 length', () => {
    expect([...encodeFrame(0x11, 0x02, 0x3344, Uint8Array.of(9, 8))]).toEqual([
      0x11, 0x02, 0x44, 0x33, 0x02, 0, 0, 0, 9, 8,
    ]);
  });

  it('comes back from any cuts of the stream', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(40)), (frames, cuts) => {
        const stream = Buffer.concat(frames.map((f) => encodeFrame(f.type, f.stream, f.id, f.payload)));
        const decoder = new FrameDecoder();
        const got: Frame[] = [];
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          decoder.push(stream.subarray(at, at + cut), (f) => got.push(f));
          at = Math.min(at + cut, stream.length);
        }
        expect(got.map((f) => ({ ...f, payload: [...f.payload] }))).toEqual(
          frames.map((f) => ({ ...f, payload: [...f.payload] })),
        );
      }),
    );
  });

  it('refuses a length that no agent sends, instead of waiting for it', () => {
    const bytes = encodeFrame(17, 1, 1, new Uint8Array(0));
    new DataView(bytes.buffer).setUint32(4, MAX_PAYLOAD + 1, true);
    const decoder = new FrameDecoder();
    const heard: (string | number)[] = [];
    const push = (more: Uint8Array): void =>
      decoder.push(
        more,
        (f) => heard.push(f.type),
        () => heard.push('started'),
        (reason) => heard.push(reason),
      );
    push(bytes);
    push(encodeFrame(18, 0, 0, new Uint8Array(4)));
    push(Buffer.concat([PREAMBLE, encodeFrame(16, 0, 0, new Uint8Array(4))]));
    expect(heard).toEqual([expect.stringContaining(`${MAX_PAYLOAD + 1} bytes`), 'started', 16]);
  });
});
