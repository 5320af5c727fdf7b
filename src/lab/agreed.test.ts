import { expect, test } from 'vitest';
import { FUSE_INIT_FLAGS, FUSE_INIT_FLAGS2 } from '../fs/fuse/abi.ts';
import { agreed } from './agreed.ts';

test('protocol and flags by name, of both words', () => {
  const flags = FUSE_INIT_FLAGS.FUSE_ASYNC_READ | FUSE_INIT_FLAGS.FUSE_POSIX_ACL;
  const flags2 = FUSE_INIT_FLAGS2.FUSE_CREATE_SUPP_GROUP;
  expect(agreed({ minor: 36, maxReadahead: 0, flags, flags2 })).toEqual({
    protocol: '7.36',
    flags: ['ASYNC_READ', 'POSIX_ACL', 'CREATE_SUPP_GROUP'],
  });
  expect(agreed({ minor: 31, maxReadahead: 0, flags: 0, flags2: 0 })).toEqual({ protocol: '7.31', flags: [] });
});
