// What a process that is killed in the middle of writing leaves in Chromium's storage, made on purpose.
import { appendFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** LevelDB's log is made of blocks; no record goes beyond one (doc/log_format.md). */
const BLOCK = 32 * 1024;
const HEADER = 7;
const FULL = 1;

/** Puts the beginning of a record behind the IndexedDB logs of a profile whose browser is gone. Returns how many. */
export function tearLogs(profile: string): number {
  const root = join(profile, 'Default', 'IndexedDB');
  const logs = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.leveldb.\d+\.log$/.test(name),
  );
  let torn = 0;
  for (const name of logs) {
    const path = join(root, name);
    const left = BLOCK - (statSync(path).size % BLOCK);
    if (left < 2 * HEADER) continue;
    const record = Buffer.alloc(HEADER + Math.floor((left - HEADER) / 2), 0x5a);
    record.writeUInt16LE(left - HEADER, 4);
    record.writeUInt8(FULL, 6);
    appendFileSync(path, record);
    torn++;
  }
  return torn;
}
