// What the page remembers of how it was left. Forgetful where the browser keeps nothing for this site.

const PREFIX = 'virtio-fs-lab.';

export function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    // SecurityError: storage is switched off. A preference is no reason to fail.
    return undefined;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // SecurityError or QuotaExceededError: as above.
  }
}
