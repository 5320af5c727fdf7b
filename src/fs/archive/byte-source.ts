// Bytes of a stream in the amounts that a reader wants, never more in memory than one piece of the stream.
import { ArchiveError } from './archive-error.ts';
import type { Pace } from './pace.ts';

const GZIP_MAGIC = [0x1f, 0x8b];
/** Compressed bytes that are inflated at a time: what they can become (a thousand times as much) is in memory at once. */
const GZIP_PIECE = 4096;
const NOTHING = new Uint8Array(0);

export class ByteSource {
  /** Bytes taken so far. */
  offset = 0;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly pace: Pace | undefined;
  private piece: Uint8Array = NOTHING;
  private ended = false;

  /** `pace`: whatever takes bytes, and be it to pass them over, rests and ends as it says. */
  constructor(stream: ReadableStream<Uint8Array>, pace?: Pace) {
    this.reader = stream.getReader();
    this.pace = pace;
  }

  private async next(): Promise<void> {
    while (this.piece.length === 0 && !this.ended) {
      const { value, done } = await this.reader.read();
      if (done) this.ended = true;
      else this.piece = value;
    }
  }

  /** Up to `count` bytes as they come, valid until the next call; none at the end. */
  async some(count: number): Promise<Uint8Array> {
    const pause = this.pace?.step();
    if (pause) await pause;
    if (this.piece.length === 0) await this.next();
    const part = this.piece.subarray(0, count);
    this.piece = this.piece.subarray(part.length);
    this.offset += part.length;
    return part;
  }

  /** Fills the target as far as there is something, and says how far. */
  async fill(target: Uint8Array): Promise<number> {
    let at = 0;
    while (at < target.length) {
      const part = await this.some(target.length - at);
      if (part.length === 0) break;
      target.set(part, at);
      at += part.length;
    }
    return at;
  }

  /** Exactly `count` bytes, a buffer of their own. ArchiveError where there are fewer. */
  async take(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(count);
    if ((await this.fill(bytes)) < count) throw this.cut();
    return bytes;
  }

  /** ArchiveError where fewer are left. */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const { length } = await this.some(left);
      if (length === 0) throw this.cut();
      left -= length;
    }
  }

  cut(): ArchiveError {
    return new ArchiveError('cut', `The archive ends in the middle of an entry, after ${this.offset} bytes.`);
  }

  /** Lets go of the stream: whatever makes its bytes can end. */
  async close(): Promise<void> {
    await this.reader.cancel().catch(() => {});
  }
}

/**
 * The bytes of a stream, inflated where it begins as gzip does. `onBytes` is told of the bytes taken from the stream
 * itself. The source's methods reject with ArchiveError where the compression is damaged, and as stream and pace do.
 */
export async function openBytes(
  stream: ReadableStream<Uint8Array>,
  pace: Pace,
  onBytes: (count: number) => void = () => {},
): Promise<ByteSource> {
  const raw = new ByteSource(stream);
  const head = new Uint8Array(GZIP_MAGIC.length);
  const length = await raw.fill(head);
  onBytes(length);
  let begun: Uint8Array | undefined = head.slice(0, length);
  /** The next bytes of the stream, a buffer of their own; empty at the end. */
  const next = async (count: number): Promise<Uint8Array<ArrayBuffer>> => {
    const first = begun?.slice();
    begun = undefined;
    if (first) return first;
    const piece = (await raw.some(count)).slice();
    onBytes(piece.length);
    return piece;
  };
  const zipped = length === GZIP_MAGIC.length && head.every((byte, i) => byte === GZIP_MAGIC[i]);
  const inflater = zipped ? new Inflater(() => next(GZIP_PIECE)) : undefined;
  return new ByteSource(
    new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const piece = await (inflater ? inflater.pull() : next(Number.POSITIVE_INFINITY));
          if (piece.length === 0) controller.close();
          else controller.enqueue(piece);
        },
        async cancel() {
          inflater?.close();
          await raw.close();
        },
      },
      { highWaterMark: 0 },
    ),
    pace,
  );
}

/**
 * Inflates what `next` gives, and asks for it only while nothing inflated is there, so that what is taken of an archive
 * is what was come to: piped, Node takes a small one in as a whole.
 */
class Inflater {
  private readonly next: () => Promise<Uint8Array<ArrayBuffer>>;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly writer: WritableStreamDefaultWriter<BufferSource>;
  private ended = false;

  constructor(next: () => Promise<Uint8Array<ArrayBuffer>>) {
    this.next = next;
    const { readable, writable } = new DecompressionStream('gzip');
    this.reader = readable.getReader();
    this.writer = writable.getWriter();
    // Whatever fails in there is told by the reader.
    this.writer.closed.catch(() => {});
  }

  /** The next bytes, none at the end. Rejects with ArchiveError, and as `next`. */
  async pull(): Promise<Uint8Array> {
    let result: ReadableStreamReadResult<Uint8Array> | undefined;
    const reading = this.read().then((its) => {
      result = its;
    });
    // It may be told of only after `next` has failed.
    reading.catch(() => {});
    while (!result && !this.ended) {
      const piece = await this.next();
      this.ended = piece.length === 0;
      const written = this.ended ? this.writer.close() : this.writer.write(piece);
      await Promise.race([reading, written.catch(() => reading)]);
    }
    await reading;
    return result?.value ?? new Uint8Array(0);
  }

  private async read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    try {
      return await this.reader.read();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ArchiveError('damaged', `The archive's compression is damaged: ${why}`, { cause: error });
    }
  }

  /** Ends it. Not waited for: it may have work that nobody takes the outcome of. */
  close(): void {
    this.reader.cancel().catch(() => {});
  }
}
