// What one request costs in the server, device left out: the same bytes again and again over one memory.
import type { Exchange, Grants, RequestHandler } from '../src/base/exchange.ts';
import { ArrayMemory, IovReader, IovWriter, Spans } from '../src/base/iov.ts';
import type { Struct } from '../src/base/struct.ts';
import * as abi from '../src/fs/fuse/abi.ts';
import { policyOf } from '../src/fs/fuse/policy.ts';
import { FuseServer } from '../src/fs/fuse/server.ts';
import { MemoryStore } from '../src/fs/store/memory-store.ts';
import { Tree } from '../src/fs/tree/tree.ts';
import { cstring, FuseClient, join, loop, message, pack } from './fuse-client.ts';

export interface BenchFigure {
  readonly name: string;
  /** Microseconds a request, the median of the rounds. */
  readonly us: number;
}

export interface BenchRequest {
  readonly name: string;
  readonly request: Uint8Array;
  /** Bytes of the writable part. */
  readonly capacity: number;
  /** Requests a round. */
  readonly count: number;
}

const packed = (type: unknown, values: Record<string, number> = {}): Uint8Array => pack(type as Struct<object>, values);
const KIB4 = 4096;
const MIB = 1 << 20;

/** A tree with a file of 4 MiB and a directory of 1,000 names, and the requests that are measured on it. */
export async function benchRequests(): Promise<{ server: FuseServer; tree: Tree; requests: BenchRequest[] }> {
  const tree = await Tree.open(new MemoryStore());
  const server = new FuseServer({ tree, policy: policyOf('auto') });
  const client = new FuseClient(loop(server));
  await client.init();
  const dir = await client.mkdir(1, 'dir');
  for (let i = 0; i < 1000; i++) await client.mknod(dir.nodeid, `file-${i}`, 0o100644);
  const { nodeid, fh } = await client.create(1, 'big');
  for (let i = 0; i < 4; i++) await client.write(nodeid, fh, i * MIB, new Uint8Array(MIB).fill(i));
  const io = (size: number): Record<string, number> => ({ fh, offset: MIB, size });
  const { FUSE_OPCODE: OP } = abi;
  const read = (size: number): Uint8Array => message(OP.FUSE_READ, nodeid, packed(abi.fuse_read_in, io(size)));
  const write = (size: number): Uint8Array =>
    message(OP.FUSE_WRITE, nodeid, join(packed(abi.fuse_write_in, io(size)), new Uint8Array(size)));
  const requests: BenchRequest[] = [
    { name: 'LOOKUP', request: message(OP.FUSE_LOOKUP, dir.nodeid, cstring('file-500')), capacity: 144, count: 20000 },
    {
      name: 'LOOKUP (absent)',
      request: message(OP.FUSE_LOOKUP, dir.nodeid, cstring('x')),
      capacity: 144,
      count: 20000,
    },
    {
      name: 'GETATTR',
      request: message(OP.FUSE_GETATTR, nodeid, packed(abi.fuse_getattr_in)),
      capacity: 120,
      count: 20000,
    },
    { name: 'READ 4 KiB', request: read(KIB4), capacity: 16 + KIB4, count: 20000 },
    { name: 'READ 1 MiB', request: read(MIB), capacity: 16 + MIB, count: 200 },
    { name: 'WRITE 4 KiB', request: write(KIB4), capacity: 24, count: 20000 },
    { name: 'WRITE 1 MiB', request: write(MIB), capacity: 24, count: 200 },
  ];
  return { server, tree, requests };
}

/** One request that is served over and over, as one chain of page-sized descriptors. */
class BenchExchange implements Exchange {
  readonly queue = 1;
  readonly head = 0;
  readonly live = true;
  readonly reader: IovReader;
  readonly writer: IovWriter;
  record = 0;
  completed = 0;

  constructor({ request, capacity }: BenchRequest) {
    const memory = new ArrayMemory(new Uint8Array(request.length + capacity));
    memory.bytes.set(request);
    this.reader = new IovReader(memory, pages(0, request.length));
    this.writer = new IovWriter(memory, pages(request.length, capacity));
  }

  again(): void {
    this.reader.rewind();
    this.writer.rewind();
  }

  complete(_length: number, grants?: Grants): void {
    this.completed++;
    grants?.take();
  }
}

/** Header and arguments in one descriptor, then pages: how Linux lays requests out. */
function pages(start: number, total: number): Spans {
  const spans = new Spans();
  const head = total > KIB4 ? total % KIB4 || KIB4 : total;
  spans.push(start, head);
  for (let at = head; at < total; at += KIB4) spans.push(start + at, KIB4);
  return spans;
}

function round(handler: RequestHandler, exchange: BenchExchange, count: number): number {
  const before = exchange.completed;
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    exchange.again();
    handler.handle(exchange);
  }
  const us = ((performance.now() - start) * 1000) / count;
  if (exchange.completed - before !== count) throw new Error('a request was not answered at once');
  return us;
}

/** Medians of `rounds` rounds that take turns, after a warm-up. */
export async function benchServer(rounds = 7): Promise<BenchFigure[]> {
  const { server, tree, requests } = await benchRequests();
  const runs = requests.map((request) => ({ request, exchange: new BenchExchange(request), us: [] as number[] }));
  for (let i = 0; i <= rounds; i++) {
    for (const { request, exchange, us } of runs) {
      const took = round(server, exchange, request.count);
      if (i > 0) us.push(took);
    }
    await tree.sync();
  }
  await tree.close();
  return runs.map(({ request, us }) => ({
    name: request.name,
    us: us.sort((a, b) => a - b)[us.length >> 1] as number,
  }));
}
