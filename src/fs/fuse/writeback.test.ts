// FUSE_WRITEBACK_CACHE: the guest keeps what it writes for a while, and with it the size and the times of the file.
import { expect, test } from 'vitest';
import { serve } from '../../../test/served-tree.ts';
import { FATTR, FUSE_WRITE_FLAGS } from './abi.ts';
import { policyOf } from './policy.ts';

const write_flags = FUSE_WRITE_FLAGS.FUSE_WRITE_CACHE;
const bytes = new Uint8Array(10).fill(1);

test('a page that is written back does not stamp: the guest sends the times of the change itself', async () => {
  const { client, clock } = await serve({ policy: policyOf({ cache: 'auto', writeback: true }) });
  const { nodeid, fh } = await client.create(1, 'f');
  // As Linux does it: one change in one tick of its clock, of which it has sent the times already.
  const mtime = { valid: FATTR.FATTR_MTIME | FATTR.FATTR_CTIME, mtime: 500, mtimensec: 7, ctime: 501, ctimensec: 8 };
  await client.setattr(nodeid, mtime);
  clock.s += 100;
  await client.write(nodeid, fh, 0, bytes, { write_flags });
  expect(await client.getattr(nodeid)).toMatchObject({ size: 10, mtime: 500, mtimensec: 7, ctime: 501, ctimensec: 8 });
  // What does not come out of the cache (direct I/O) is stamped here.
  await client.write(nodeid, fh, 0, bytes);
  expect(await client.getattr(nodeid)).toMatchObject({ mtime: clock.s, ctime: clock.s });
});

test('without it a mapping written back is stamped here: the guest sends no times then', async () => {
  const { client, clock } = await serve();
  const { nodeid, fh } = await client.create(1, 'f');
  clock.s += 100;
  await client.write(nodeid, fh, 0, bytes, { write_flags });
  expect(await client.getattr(nodeid)).toMatchObject({ size: 10, mtime: clock.s, ctime: clock.s });
});
