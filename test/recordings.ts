// Recordings for tests: made with a FUSE client in place of a guest, and changed afterwards.
import { readFileSync, writeFileSync } from 'node:fs';
import type { CacheMode } from '../src/fs/fuse/policy.ts';
import { policyOf } from '../src/fs/fuse/policy.ts';
import { FuseServer } from '../src/fs/fuse/server.ts';
import { MemoryStore } from '../src/fs/store/memory-store.ts';
import { Tree } from '../src/fs/tree/tree.ts';
import { RequestLogFile } from '../src/lab/headless/request-log.ts';
import { RecordLog } from '../src/lab/record-log.ts';
import { Recorder } from '../src/lab/recorder.ts';
import { FuseClient, LoopExchange } from './fuse-client.ts';

export interface RecordingOptions {
  cache?: CacheMode;
  locks?: boolean;
}

/** Records what `body` asks of a server on a fresh tree; `reset` is what the device does where the guest is gone. */
export async function record(
  file: string,
  body: (client: FuseClient, reset: () => void) => Promise<void>,
  options: RecordingOptions = {},
): Promise<void> {
  const { cache = 'auto', locks = false } = options;
  const policy = policyOf({ cache, locks });
  const tree = await Tree.open(new MemoryStore());
  const recorder = new Recorder(new RecordLog());
  recorder.whole = true;
  let now = 0;
  const server = new FuseServer({
    tree,
    policy,
    now: () => ++now,
    observer: {
      answered: (exchange, answer) => {
        recorder.memory = (exchange as LoopExchange).memory;
        recorder.answered(exchange, answer);
      },
    },
  });
  const log = new RequestLogFile(file, recorder.log, () => ({ cache, locks, policy, tree: 'empty' }));
  const live = new Set<LoopExchange>();
  const reset = (): void => {
    for (const exchange of live) exchange.live = false;
    live.clear();
    server.reset();
    recorder.reset();
  };
  const client = new FuseClient(async (request, capacity, queue) => {
    const exchange = new LoopExchange(request, capacity, queue, [], true);
    recorder.memory = exchange.memory;
    recorder.taken(exchange, 0, ++now, now);
    live.add(exchange);
    server.handle(exchange);
    const used = await exchange.wait();
    if (live.delete(exchange)) recorder.used(exchange, 0, false, ++now);
    return used;
  });
  await client.init();
  await body(client, reset);
  reset();
  log.close();
  await tree.close();
}

export type Line = Record<string, unknown> & { op: string; req: string; res: string };

/** Rewrites a recording's lines, its header first. What `change` gives back is written. */
export function rewrite(from: string, to: string, change: (lines: Line[]) => Line[]): void {
  const lines = readFileSync(from, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  writeFileSync(
    to,
    `${change(lines)
      .map((line) => JSON.stringify(line))
      .join('\n')}\n`,
  );
}

/** Changes bytes of a message that a line has in base64. */
export function changed(base64: string, change: (bytes: Buffer) => void): string {
  const bytes = Buffer.from(base64, 'base64');
  change(bytes);
  return bytes.toString('base64');
}
