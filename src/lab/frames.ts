// Frames of the control channel between lab and guest agent: u8 type, u8 stream, u16 id, u32 length, payload; little-endian.

export const FRAME_HEADER = 8;
/** A longer payload means that the channel is out of step. */
export const MAX_PAYLOAD = 64 * 1024 * 1024;

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
  private readonly header = new Uint8Array(FRAME_HEADER);
  private readonly view = new DataView(this.header.buffer);
  private headerFilled = 0;
  private payload: Uint8Array | undefined;
  private payloadFilled = 0;

  /** Takes bytes in and calls `deliver` for each frame that is whole. Throws RangeError where the stream is out of step. */
  push(bytes: Uint8Array, deliver: (frame: Frame) => void): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.payload === undefined) {
        const count = Math.min(FRAME_HEADER - this.headerFilled, bytes.length - at);
        this.header.set(bytes.subarray(at, at + count), this.headerFilled);
        this.headerFilled += count;
        at += count;
        if (this.headerFilled < FRAME_HEADER) return;
        const length = this.view.getUint32(4, true);
        if (length > MAX_PAYLOAD) throw new RangeError(`the guest's agent sent a frame of ${length} bytes`);
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
      this.reset();
      deliver(frame);
    }
  }

  /** Forgets a frame that is not whole. */
  reset(): void {
    this.headerFilled = 0;
    this.payload = undefined;
  }
}
