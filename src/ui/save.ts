// Content on its way to the person's disk: straight into a file they choose, or as a download.

/** Bytes from which on the person is asked for a file, where the browser can: a download needs the room twice. */
export const LARGE = 64 * 2 ** 20;
/** So long the browser may take to copy a download, ms. */
const COPYING = 60_000;

interface SavePicker {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

/**
 * The file that the person chooses to save in; without a handle where this browser has no dialog for that. Undefined:
 * they chose none.
 */
export async function chooseFile(name: string): Promise<{ handle: FileSystemFileHandle | undefined } | undefined> {
  const picker = window as SavePicker;
  if (picker.showSaveFilePicker === undefined) return { handle: undefined };
  try {
    return { handle: await picker.showSaveFilePicker({ suggestedName: name }) };
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined;
    throw error;
  }
}

/** Hands content to the browser as a download. Of a type that no browser has its own ending for. */
export function offer(content: Blob, name: string): void {
  const url = URL.createObjectURL(content.slice(0, content.size, 'application/octet-stream'));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), COPYING);
}
