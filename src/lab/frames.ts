// Frames of the control channel between lab and guest agent: u8 type, u8 stream, u16 id, u32 length, payload; little-endian.

export const FRAME_HEADER = 8;
/** A longer payload means that the channel is out of step. */
export const MAX_PAYLOAD = 64 * 1024 * 1024;

/**
 * What an agent that starts says before its HELLO, and what it waits for before it takes anything: whatever frame the
 * one before left unfinished ends there. Its first byte is in it once, and no text has it.
 */
export const PREAMBLE: Uint8Array<ArrayBuffer> = Uint8Array.of(0xf1, ...new TextEncoder().encode('lab-agent hello'));

export const ToGuest = { RUN: 1, KILL: 2, TIME: 3, PING: 4, STDIN: 6 } as const;
export const FromGuest = {
  HELLO: 16,
  OUT: 17,
  EXIT: 18,
  PONG: 19,
  PROC: 20,
  FORK: 21,
  PROCEXIT: 22,
  PROMPT_BEGIN: 23,
  PROMPT_END: 24,
  MOUNTED: 25,
} as const;

export interface Frame {
  type: number;
  stream: number;
  id: number;
  payload: Uint8Array;
}

export function encodeFrame(type: number, stream: number, id: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  if (payload.length > MAX_PAYLOAD) throw new RangeError(`a frame of ${payload.length} bytes`);
  const bytes = new Uint8Array(FRAME_HEADER + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint8(1, stream);
  view.setUint16(2, id, true);
  view.setUint32(4, payload.length, true);
  bytes.set(payload, FRAME_HEADER);
  return bytes;
}

/** Puts frames together from a stream that is cut anywhere. */
export class FrameDecoder {
  /** Bytes of the preamble that the stream ended with. */
  private matched = 0;
  private readonly header = new Uint8Array(FRAME_HEADER);
  private readonly view = new DataView(this.header.buffer);
  private headerFilled = 0;
  private payload: Uint8Array | undefined;
  private payloadFilled = 0;
  private skipping = false;
  /** Why it skips, not told yet. */
  private suspicion: string | undefined;

  /**
   * Takes bytes in, calls `deliver` for each frame that is whole and `started` at each preamble. After a length that
   * no agent sends it skips everything up to the next preamble, and calls `lost` with the reason.
   */
  push(
    bytes: Uint8Array,
    deliver: (frame: Frame) => void,
    started: () => void = () => {},
    lost: (reason: string) => void = () => {},
  ): void {
    let from = 0;
    for (;;) {
      const end = this.preambleEnd(bytes, from);
      if (end < 0) break;
      this.frames(bytes.subarray(from, Math.max(from, end - PREAMBLE.length)), deliver);
      this.reset();
      started();
      from = end;
    }
    this.frames(from === 0 ? bytes : bytes.subarray(from), deliver);
    // A preamble that is cut looks like a length, too: then its rest comes.
    if (this.suspicion === undefined || this.matched > 0) return;
    const reason = this.suspicion;
    this.suspicion = undefined;
    lost(reason);
  }

  /** Where the next preamble ends, or -1; it may have begun in the bytes before. */
  private preambleEnd(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      if (this.matched === 0) {
        at = bytes.indexOf(PREAMBLE[0] as number, at);
        if (at < 0) return -1;
      }
      const byte = bytes[at];
      if (byte === PREAMBLE[this.matched]) this.matched++;
      else this.matched = byte === PREAMBLE[0] ? 1 : 0;
      if (this.matched === PREAMBLE.length) {
        this.matched = 0;
        return at + 1;
      }
    }
    return -1;
  }

  private frames(bytes: Uint8Array, deliver: (frame: Frame) => void): void {
    let at = 0;
    if (this.skipping) return;
    while (at < bytes.length) {
      if (this.payload === undefined) {
        const count = Math.min(FRAME_HEADER - this.headerFilled, bytes.length - at);
        this.header.set(bytes.subarray(at, at + count), this.headerFilled);
        this.headerFilled += count;
        at += count;
        if (this.headerFilled < FRAME_HEADER) return;
        const length = this.view.getUint32(4, true);
        if (length > MAX_PAYLOAD) {
          this.skipping = true;
          this.suspicion = `the guest's agent sent a frame of ${length} bytes`;
          return;
        }
        this.payload = new Uint8Array(length);
        this.payloadFilled = 0;
      }
      const count = Math.min(this.payload.length - this.payloadFilled, bytes.length - at);
      this.payload.set(bytes.subarray(at, at + count), this.payloadFilled);
      this.payloadFilled += count;
      at += count;
      if (this.payloadFilled < this.payload.length) return;
      const frame = {
        type: this.view.getUint8(0),
        stream: this.view.getUint8(1),
        id: this.view.getUint16(2, true),
        payload: this.payload,
      };
      this.headerFilled = 0;
      this.payload = undefined;
      deliver(frame);
      if (this.skipping) return;
    }
  }

  /** Skips everything up to the next preamble. */
  skip(): void {
    this.skipping = true;
  }

  /** Forgets a frame that is not whole: the next byte begins one. */
  reset(): void {
    this.skipping = false;
    this.suspicion = undefined;
    this.headerFilled = 0;
    this.payload = undefined;
  }
}
