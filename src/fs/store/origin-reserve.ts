// Room that is held back in a full browser storage: a file of nothing in the origin's private file system. A database
// gives nothing back when it is full: what is deleted in it counts until it is compacted, and each attempt to commit
// adds to it (Chromium 156: neither 2 MiB of values nor a database of their own, once deleted, let a commit through).

/** Room that can be given up for a commit, and taken again. */
export interface Reserve {
  /** Takes the room, or as much as there is; does nothing where it is taken. False where not all of it could be held. */
  take(): Promise<boolean>;
  /** Gives the room up. False where it was not held. */
  release(): Promise<boolean>;
}

const NAME = 'virtio-fs-lab-reserve';
/**
 * Chromium counts values while they are put, and what the database adds to them (its log, tables not compacted yet,
 * aborted transactions) only now and then: it was up to 26 MiB over a quota of 96 when it refused. Less than that would
 * free nothing.
 */
const BYTES = 64 * 2 ** 20;
/** Less than that is of no use. */
const LEAST = 4 * 2 ** 20;

export type PrivateFolder = () => Promise<FileSystemDirectoryHandle>;

const privateFolder = (): PrivateFolder | undefined => {
  const storage: StorageManager | undefined = globalThis.navigator?.storage;
  return typeof storage?.getDirectory === 'function' ? () => storage.getDirectory() : undefined;
};

/** One file for all trees of an origin, which share its quota. Its bytes are never written: its length is what counts. */
export class OriginReserve implements Reserve {
  private readonly folder: PrivateFolder | undefined;

  constructor(folder: PrivateFolder | undefined = privateFolder()) {
    this.folder = folder;
  }

  async take(): Promise<boolean> {
    try {
      const folder = await this.folder?.();
      if (!folder) return false;
      const file = await folder.getFileHandle(NAME, { create: true });
      const { size } = await file.getFile();
      if (size === BYTES) return true;
      if (!('createWritable' in file)) return false;
      // When it was given up in a full storage, some of the room is used by then.
      for (let bytes = BYTES; bytes >= LEAST && bytes > size; bytes /= 2) {
        if (await grow(file, bytes)) return bytes === BYTES;
      }
      return false;
    } catch (error) {
      refusedOnly(error);
      return false;
    }
  }

  async release(): Promise<boolean> {
    try {
      const folder = await this.folder?.();
      if (!folder) return false;
      const held = (await (await folder.getFileHandle(NAME)).getFile()).size > 0;
      await folder.removeEntry(NAME);
      return held;
    } catch (error) {
      refusedOnly(error);
      return false;
    }
  }
}

/** Whether the file could be made so long. It keeps its length else. */
async function grow(file: FileSystemFileHandle, bytes: number): Promise<boolean> {
  const writable = await file.createWritable();
  try {
    await writable.truncate(bytes);
    await writable.close();
    return true;
  } catch (error) {
    refusedOnly(error);
    await writable.abort().catch(refusedOnly);
    return false;
  }
}

/** A browser refuses with a DOMException: no room, a private window, another tab at the same file. */
function refusedOnly(error: unknown): void {
  if (!(error instanceof DOMException)) throw error;
}
