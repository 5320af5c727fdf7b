// Bytes of a stream in the amounts that a reader wants, never more in memory than one piece of the stream.
import { ArchiveError } from './archive-error.ts';

const GZIP_MAGIC = [0x1f, 0x8b];
/** Compressed bytes that are inflated at a time: what they can become (a thousand times as much) is in memory at once. */
const GZIP_PIECE = 4096;
const NOTHING = new Uint8Array(0);

export class ByteSource {
  /** Bytes taken so far. */
  offset = 0;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private piece: Uint8Array = NOTHING;
  private ended = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.reader = stream.getReader();
  }

  private async next(): Promise<void> {
    while (this.piece.length === 0 && !this.ended) {
      const { value, done } = await this.reader.read();
      if (done) this.ended = true;
      else this.piece = value;
    }
  }

  /** Whether nothing is left. */
  async atEnd(): Promise<boolean> {
    if (this.piece.length === 0) await this.next();
    return this.piece.length === 0;
  }

  /** Up to `count` bytes as they come, valid until the next call; none at the end. */
  async some(count: number): Promise<Uint8Array> {
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
 * itself. The source's methods reject with ArchiveError where the compression is damaged, and as the stream does.
 */
export async function openBytes(
  stream: ReadableStream<Uint8Array>,
  onBytes: (count: number) => void = () => {},
): Promise<ByteSource> {
  const raw = new ByteSource(stream);
  const head = new Uint8Array(2);
  const length = await raw.fill(head);
  onBytes(length);
  const zipped = length === 2 && head.every((byte, i) => byte === GZIP_MAGIC[i]);
  const begun: Begun = { head: head.subarray(0, length), failure: undefined };
  const pieces = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { head: first } = begun;
        begun.head = undefined;
        // Copied: a stream that is handed on keeps its pieces longer than the source does.
        const piece = first?.slice() ?? (await more(raw, zipped, begun)).slice();
        if (!first) onBytes(piece.length);
        if (piece.length === 0) controller.close();
        else controller.enqueue(piece);
      },
      cancel: () => raw.close(),
    },
    { highWaterMark: 0 },
  );
  return new ByteSource(zipped ? inflate(pieces, begun) : pieces);
}

interface Begun {
  /** What was read to see what it is, until it was handed on. */
  head: Uint8Array | undefined;
  /** How the stream itself has failed: the rest of an error's ways are the compression's. */
  failure: unknown;
}

async function more(raw: ByteSource, zipped: boolean, begun: Begun): Promise<Uint8Array> {
  try {
    return await raw.some(zipped ? GZIP_PIECE : Number.POSITIVE_INFINITY);
  } catch (error) {
    begun.failure = error;
    throw error;
  }
}

function inflate(pieces: ReadableStream<Uint8Array<ArrayBuffer>>, begun: Begun): ReadableStream<Uint8Array> {
  const inflated = pieces.pipeThrough(new DecompressionStream('gzip')).getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = await inflated.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          if (begun.failure !== undefined) throw begun.failure;
          const why = error instanceof Error ? error.message : String(error);
          throw new ArchiveError('damaged', `The archive's compression is damaged: ${why}`, { cause: error });
        }
      },
      cancel: (reason) => inflated.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
