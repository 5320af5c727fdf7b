// The requests whose cost is measured without a guest, and the tree that they are for.
import type { Struct } from '../../src/base/struct.ts';
import * as abi from '../../src/fs/fuse/abi.ts';
import { policyOf } from '../../src/fs/fuse/policy.ts';
import { FuseServer } from '../../src/fs/fuse/server.ts';
import { MemoryStore } from '../../src/fs/store/memory-store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { cstring, FuseClient, join, loop, message, pack } from '../fuse-client.ts';

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
  const server = new FuseServer({ tree, policy: policyOf({ cache: 'auto' }) });
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
