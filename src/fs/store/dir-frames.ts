// The log file of a DirStore: frames, one a commit. A frame is a header, an index in JSON, and the bytes it tells of.
import { struct, u32, u64 } from '../../base/struct.ts';
import type { Batch, ChunkRange, Superblock } from '../tree/store.ts';

/** First bytes of a log file. */
export const LOG_MAGIC = 'virtio-fs-lab tree log 1\n';
const FRAME_MAGIC = 0x6d72_6656;
/** The magic as it stands in the file, little-endian. */
export const FRAME_MAGIC_BYTES: Uint8Array = new Uint8Array(new Uint32Array([FRAME_MAGIC]).buffer);
const STRICT = 1;
const AFTER_FLUSH = 2;

export const frame_header = struct({
  magic: u32,
  /**
   * STRICT: the frame was flushed to the disk before the commit was answered. AFTER_FLUSH: everything before the frame
   * was on the disk when it was begun.
   */
  bits: u32,
  payload_length: u64,
  index_length: u32,
  /** CRC-32 of the index, of the payload, and of this header up to here. */
  index_crc: u32,
  payload_crc: u32,
  header_crc: u32,
});

/** What a frame does, in this order. `puts` and `chunks` tell lengths; their bytes follow each other in the payload. */
export interface FrameIndex {
  superblock: Superblock;
  removals: string[];
  drops: ChunkRange[];
  puts: [key: string, length: number][];
  chunks: [ino: number, index: number, length: number][];
}

export interface FrameHeader {
  strict: boolean;
  afterFlush: boolean;
  indexLength: number;
  indexCrc: number;
  payloadLength: number;
  payloadCrc: number;
}

type Crc32 = (bytes: Uint8Array, before?: number) => number;
const CRC_AT = frame_header.size - 4;

/** Shares nothing with the batch, which is the tree's to change. */
export function indexOf(batch: Batch): FrameIndex {
  return {
    superblock: { ...batch.superblock },
    removals: [...batch.removals],
    drops: batch.drops.map((range) => ({ ...range })),
    puts: batch.puts.map(([key, record]) => [key, record.length]),
    chunks: batch.chunks.map(({ ino, index, bytes }) => [ino, index, bytes.length]),
  };
}

export function encodeHeader(header: FrameHeader, crc32: Crc32): Uint8Array {
  const bytes = new Uint8Array(frame_header.size);
  const view = new frame_header(new DataView(bytes.buffer));
  view.magic = FRAME_MAGIC;
  view.bits = (header.strict ? STRICT : 0) | (header.afterFlush ? AFTER_FLUSH : 0);
  view.payload_length = header.payloadLength;
  view.index_length = header.indexLength;
  view.index_crc = header.indexCrc;
  view.payload_crc = header.payloadCrc;
  view.header_crc = crc32(bytes.subarray(0, CRC_AT));
  return bytes;
}

/** Undefined for what is no whole header: the end of the log, or a frame that was being written in a crash. */
export function decodeHeader(bytes: Uint8Array, crc32: Crc32): FrameHeader | undefined {
  if (bytes.length < frame_header.size) return undefined;
  const view = new frame_header(new DataView(bytes.buffer, bytes.byteOffset));
  if (view.magic !== FRAME_MAGIC || view.header_crc !== crc32(bytes.subarray(0, CRC_AT))) return undefined;
  return {
    strict: (view.bits & STRICT) !== 0,
    afterFlush: (view.bits & AFTER_FLUSH) !== 0,
    indexLength: view.index_length,
    indexCrc: view.index_crc,
    payloadLength: view.payload_length,
    payloadCrc: view.payload_crc,
  };
}
