import { describe, expect, test } from 'vitest';
import { LINUX_FLAGS, LINUX_FLAGS2 } from '../../../test/fuse-client.ts';
import { serve } from '../../../test/served-tree.ts';
import { FOPEN, FUSE_INIT_FLAGS, FUSE_INIT_FLAGS2 } from './abi.ts';
import { negotiate, RULES } from './negotiate.ts';
import { type CacheMode, policyOf } from './policy.ts';

const { FOPEN_DIRECT_IO: DIRECT, FOPEN_KEEP_CACHE: KEEP, FOPEN_CACHE_DIR: DIR, FOPEN_NOFLUSH: NOFLUSH } = FOPEN;

// virtiofsd 1.13 passthrough/mod.rs: timeouts and open options by CachePolicy. NOFLUSH is ours.
const VIRTIOFSD: [CacheMode, { valid: number; file: number; dir: number; plus: boolean }][] = [
  ['never', { valid: 0, file: DIRECT, dir: 0, plus: false }],
  ['metadata', { valid: 86400, file: DIRECT | NOFLUSH, dir: DIR | KEEP, plus: true }],
  ['auto', { valid: 1, file: NOFLUSH, dir: 0, plus: true }],
  ['always', { valid: 86400, file: KEEP | NOFLUSH, dir: DIR | KEEP, plus: true }],
];

describe.each(VIRTIOFSD)('policy %s', (cache, { valid, file, dir, plus }) => {
  test('timeouts and open flags', async () => {
    const { client } = await serve({ policy: cache });
    const made = await client.create(1, 'f');
    expect([made.entryValid, made.attrValid, made.openFlags]).toEqual([valid, valid, file]);
    expect((await client.openOut(made.nodeid)).open_flags).toBe(file);
    const policy = policyOf({ cache });
    expect([policy.fileFlags, policy.dirFlags]).toEqual([file, dir]);
  });

  test('READDIRPLUS', () => {
    const both = FUSE_INIT_FLAGS.FUSE_DO_READDIRPLUS | FUSE_INIT_FLAGS.FUSE_READDIRPLUS_AUTO;
    const { flags } = negotiate(41, 0, LINUX_FLAGS, LINUX_FLAGS2, policyOf({ cache }));
    expect(flags & both).toBe(plus ? both : 0);
  });

  test.each([false, true])('writeback %s', (writeback) => {
    const { flags } = negotiate(41, 0, LINUX_FLAGS, LINUX_FLAGS2, policyOf({ cache, writeback }));
    expect((flags & FUSE_INIT_FLAGS.FUSE_WRITEBACK_CACHE) !== 0).toBe(writeback);
  });
});

describe('negotiation', () => {
  test('every flag of the protocol has its rule and a reason', () => {
    const names = [...Object.keys(FUSE_INIT_FLAGS), ...Object.keys(FUSE_INIT_FLAGS2)];
    expect(Object.keys(RULES).sort()).toEqual(names.sort());
    for (const rule of Object.values(RULES)) expect(rule.why).not.toBe('');
  });

  test('what Linux 6.12 offers is answered for auto with these', () => {
    const { flags, flags2 } = negotiate(41, 131072, LINUX_FLAGS, LINUX_FLAGS2, policyOf({ cache: 'auto' }));
    const { FUSE_CACHE_SYMLINKS, FUSE_POSIX_ACL, FUSE_DONT_MASK } = FUSE_INIT_FLAGS;
    expect(flags).toBe(0x7844f839 | FUSE_CACHE_SYMLINKS | FUSE_POSIX_ACL | FUSE_DONT_MASK);
    expect(flags2).toBe(FUSE_INIT_FLAGS2.FUSE_CREATE_SUPP_GROUP);
  });

  test('files without a page cache can still be mapped', () => {
    const { flags2 } = negotiate(41, 131072, LINUX_FLAGS, LINUX_FLAGS2, policyOf({ cache: 'never' }));
    expect(flags2 & FUSE_INIT_FLAGS2.FUSE_DIRECT_IO_ALLOW_MMAP).not.toBe(0);
  });

  test.each(['never', 'metadata', 'auto', 'always'] as const)(
    'locks are taken where the policy has them: %s',
    (cache) => {
      const both = FUSE_INIT_FLAGS.FUSE_POSIX_LOCKS | FUSE_INIT_FLAGS.FUSE_FLOCK_LOCKS;
      for (const locks of [false, true]) {
        const policy = policyOf({ cache, locks });
        expect(negotiate(41, 0, LINUX_FLAGS, LINUX_FLAGS2, policy).flags & both).toBe(locks ? both : 0);
        // FLUSH tells of each close that ends a lock.
        if (locks) expect(policy.fileFlags & NOFLUSH).toBe(0);
      }
    },
  );

  test('5.10 ACLs are agreed with the umask and SETXATTR_EXT, or not at all', () => {
    const { FUSE_POSIX_ACL, FUSE_DONT_MASK, FUSE_SETXATTR_EXT } = FUSE_INIT_FLAGS;
    const acl = FUSE_POSIX_ACL | FUSE_DONT_MASK;
    const agreed = (flags: number): number => negotiate(41, 0, flags, 0, policyOf({ cache: 'auto' })).flags & acl;
    expect(agreed(LINUX_FLAGS)).toBe(acl);
    for (const missing of [FUSE_POSIX_ACL, FUSE_DONT_MASK, FUSE_SETXATTR_EXT]) {
      expect(agreed(LINUX_FLAGS & ~missing)).toBe(0);
    }
  });

  test('labels are agreed where the policy has them', () => {
    const agreed = (labels: boolean): number =>
      negotiate(41, 0, LINUX_FLAGS, LINUX_FLAGS2, policyOf({ cache: 'auto', labels })).flags2;
    expect(agreed(false) & FUSE_INIT_FLAGS2.FUSE_SECURITY_CTX).toBe(0);
    expect(agreed(true) & FUSE_INIT_FLAGS2.FUSE_SECURITY_CTX).not.toBe(0);
  });

  test('flags2 means nothing without FUSE_INIT_EXT', () => {
    const flags = LINUX_FLAGS & ~FUSE_INIT_FLAGS.FUSE_INIT_EXT;
    expect(negotiate(41, 0, flags, LINUX_FLAGS2, policyOf({ cache: 'never' })).flags2).toBe(0);
  });
});
