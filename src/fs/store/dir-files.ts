// Calls of the operating system as the folder's store needs them (Node only).
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readSync, renameSync, writeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const LOG_NAME = /^tree-(\d+)\.log$/;

/** Passes on what is no failure of the operating system. */
export function errnoOnly(error: unknown): void {
  if (typeof (error as NodeJS.ErrnoException | null)?.code !== 'string') throw error;
}

/** False where the operating system refused. */
export function tryTo(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    errnoOnly(error);
    return false;
  }
}

/** As renameSync. What was renamed all the same, as network file systems may tell too late, is: it would be opened next. */
export function rename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

export function closeQuietly(fd: number): void {
  tryTo(() => closeSync(fd));
}

export function writeFully(fd: number, bytes: Uint8Array, at: number): number {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
  return at + bytes.length;
}

/** The bytes at a place, fewer where the file ends. */
export function readAt(fd: number, at: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = readSync(fd, bytes, done, length - done, at + done);
    if (count === 0) return bytes.slice(0, done);
    done += count;
  }
  return bytes;
}

/** Numbers of the logs in a folder; none where there is no such folder. */
export function logNumbers(folder: string): number[] {
  const numbers: number[] = [];
  if (!existsSync(folder)) return numbers;
  for (const name of readdirSync(folder)) {
    const match = LOG_NAME.exec(name);
    if (match) numbers.push(Number(match[1]));
  }
  return numbers;
}

/** Flushes the folders from `lowest` up to `highest`, so that what was made in them keeps its names. */
export function flushNames(highest: string, lowest: string): void {
  const top = resolve(highest);
  let at = resolve(lowest);
  while (at !== top) {
    at = dirname(at);
    flushFolder(at);
  }
}

export function flushFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
