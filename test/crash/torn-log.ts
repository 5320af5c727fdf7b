// What a process that is killed in the middle of writing leaves in Chromium's storage, made on purpose.
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** LevelDB's log is made of blocks; no record goes beyond one (doc/log_format.md). */
const BLOCK = 32 * 1024;
const HEADER = 7;
const FULL = 1;
const LAST = 4;

/** Whether a log ends with a whole record; if not, the kill itself has torn it. */
function isWhole(log: Buffer): boolean {
  let at = 0;
  let type = FULL;
  while (at < log.length) {
    const left = BLOCK - (at % BLOCK);
    if (left < HEADER) {
      at += left;
      continue;
    }
    if (at + HEADER > log.length) return false;
    type = log.readUInt8(at + 6);
    at += HEADER + log.readUInt16LE(at + 4);
  }
  return at === log.length && (type === FULL || type === LAST);
}

/** Has the IndexedDB logs of a profile, whose browser is gone, end with the beginning of a record. Returns how many do. */
export function tearLogs(profile: string): number {
  const root = join(profile, 'Default', 'IndexedDB');
  const logs = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.leveldb.\d+\.log$/.test(name),
  );
  let torn = 0;
  for (const name of logs) {
    const path = join(root, name);
    const log = readFileSync(path);
    const left = BLOCK - (log.length % BLOCK);
    if (!isWhole(log)) torn++;
    if (!isWhole(log) || left < 2 * HEADER) continue;
    const record = Buffer.alloc(HEADER + Math.floor((left - HEADER) / 2), 0x5a);
    record.writeUInt16LE(left - HEADER, 4);
    record.writeUInt8(FULL, 6);
    appendFileSync(path, record);
    torn++;
  }
  return torn;
}
