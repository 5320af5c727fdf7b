// A guest may be told of directories that are file systems of their own. Here none is: the tree is one, throughout.
import { describe, expect, test } from 'vitest';
import { errnoOf, pack } from '../../../test/fuse-client.ts';
import { expectedLedger, ledger, serve } from '../../../test/served-tree.ts';
import type { Struct } from '../../base/struct.ts';
import * as abi from './abi.ts';

const { FUSE_OPCODE: OP } = abi;
const SYNCFS = pack(abi.fuse_syncfs_in as Struct<object>);

describe('5.21 submounts', () => {
  test('5.21 were agreed, and no answer names one: look-up, listing and attributes say the same', async () => {
    const { client } = await serve({ init: false });
    expect((await client.init()).flags & abi.FUSE_INIT_FLAGS.FUSE_SUBMOUNTS).not.toBe(0);
    const made = await client.mkdir(1, 'd');
    const found = await client.lookup(1, 'd');
    const fh = await client.opendir(1);
    const read = pack(abi.fuse_read_in as Struct<object>, { fh, size: 4096 });
    const listing = await client.request(OP.FUSE_READDIRPLUS, 1, read, 4096);
    // "." and "..", each padded to 8 bytes, then "d".
    const view = new DataView(listing.buffer, listing.byteOffset + 2 * (abi.fuse_direntplus.size + 8));
    const listed = new abi.fuse_direntplus(view).entry_out;
    expect([listed.nodeid, found.nodeid]).toEqual([made.nodeid, made.nodeid]);
    const { flags } = await client.getattr(made.nodeid);
    expect([flags, made.attr.flags, found.attr.flags, listed.attr.flags]).toEqual([0, 0, 0, 0]);
  });

  test('5.21 what the root of one is asked, any directory answers, while it is known', async () => {
    const served = await serve();
    const { client, tree } = served;
    const dir = await client.mkdir(1, 'd');
    const inner = await client.mkdir(dir.nodeid, 'inner');
    expect(ledger(served).sort(([a], [b]) => a - b)).toEqual(expectedLedger(client));
    const room = await client.request(OP.FUSE_STATFS, 1, new Uint8Array(0), abi.fuse_statfs_out.size);
    expect(tree.dirtyBytes).toBeGreaterThan(0);
    await client.request(OP.FUSE_SYNCFS, inner.nodeid, SYNCFS, 0);
    expect(tree.dirtyBytes).toBe(0);
    expect(await client.request(OP.FUSE_STATFS, inner.nodeid, new Uint8Array(0), room.length)).toEqual(room);
    await client.forgetAll();
    expect(ledger(served)).toEqual([[1, 1]]);
    expect(await errnoOf(client.request(OP.FUSE_SYNCFS, inner.nodeid, SYNCFS, 0))).toBe('ESTALE');
    expect(await errnoOf(client.request(OP.FUSE_STATFS, inner.nodeid, new Uint8Array(0), room.length))).toBe('ESTALE');
  });
});
