// What the person dropped or chose, as a list of files and folders with their paths.
import type { UploadEntry } from '../lab/messages.ts';

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

/** Names in a folder; browsers give them in parts, Chromium 100 at a time. */
async function namesIn(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return all;
    all.push(...part);
  }
}

async function walk(entry: FileSystemEntry, above: readonly string[], found: UploadEntry[]): Promise<void> {
  const path = [...above, entry.name];
  if (entry.isFile) {
    found.push({ path, file: await fileOf(entry as FileSystemFileEntry) });
    return;
  }
  found.push({ path, file: undefined });
  for (const inner of await namesIn(entry as FileSystemDirectoryEntry)) await walk(inner, path, found);
}

/** Whether what is dragged are files, and not a piece of text. */
export const hasFiles = (transfer: DataTransfer | null): boolean => transfer?.types.includes('Files') ?? false;

/**
 * What was dropped, folders with all that is in them. To be called while the event is handled: later there is nothing
 * to be had. Rejects with a DOMException where something cannot be read.
 */
export function droppedEntries({ items, files }: DataTransfer): Promise<UploadEntry[]> {
  const entries: FileSystemEntry[] = [];
  const plain: File[] = [];
  for (const item of items) {
    if (item.kind !== 'file') continue;
    const entry = item.webkitGetAsEntry();
    const file = item.getAsFile();
    if (entry !== null) entries.push(entry);
    else if (file !== null) plain.push(file);
  }
  if (entries.length === 0) return Promise.resolve(chosenFiles(plain.length > 0 ? plain : files));
  return (async () => {
    const found = chosenFiles(plain);
    for (const entry of entries) await walk(entry, [], found);
    return found;
  })();
}

/** Files of an input; those of a folder have its name before theirs. */
export const chosenFiles = (files: Iterable<File>): UploadEntry[] =>
  Array.from(files, (file) => ({
    path: file.webkitRelativePath ? file.webkitRelativePath.split('/') : [file.name],
    file,
  }));
