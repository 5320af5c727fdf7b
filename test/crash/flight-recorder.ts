// What the worker saw of its commits up to the moment it was killed: written past all other processes into a file.

/** Commits that it has begun, and those that it knows to have ended. */
export interface Flight {
  begun: number;
  ended: number;
}

/** As in lib.webworker.d.ts. */
interface SyncAccess {
  read(into: Uint8Array, at: { at: number }): number;
  write(from: Uint8Array, at: { at: number }): number;
  truncate(size: number): void;
  close(): void;
}
type Handle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> };

const FILE = 'crash-flight';
const SIZE = 8;

async function access(): Promise<SyncAccess> {
  const folder = await navigator.storage.getDirectory();
  return ((await folder.getFileHandle(FILE, { create: true })) as Handle).createSyncAccessHandle();
}

/**
 * The numbers of the life before. Chromium's renderer writes such a file by itself (pwrite), and a file outlives the
 * process that wrote it: what a killed worker recorded last is there, unlike a message that it posted.
 */
export async function lastFlight(): Promise<Flight> {
  const file = await access();
  try {
    const words = new Uint32Array(2);
    file.read(new Uint8Array(words.buffer), { at: 0 });
    const [begun = 0, ended = 0] = words;
    return { begun, ended };
  } finally {
    file.close();
  }
}

export class FlightRecorder {
  private readonly words = new Uint32Array(2);
  private file: SyncAccess | undefined;

  /** Counts from zero. */
  async start(): Promise<void> {
    const file = await access();
    // Its room is taken now: writing is then nothing but writing.
    file.truncate(SIZE);
    this.file = file;
    this.save();
  }

  begun(): void {
    this.count(0);
  }

  ended(): void {
    this.count(1);
  }

  private count(at: 0 | 1): void {
    this.words[at] = (this.words[at] as number) + 1;
    this.save();
  }

  private save(): void {
    this.file?.write(new Uint8Array(this.words.buffer), { at: 0 });
  }
}
