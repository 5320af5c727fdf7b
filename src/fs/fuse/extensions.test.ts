import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Errno, PosixError } from '../../base/errno.ts';
import { parseExtensions, type Wanted } from './extensions.ts';

const all: Wanted = { labels: true, groups: true };

const u32 = (...values: number[]): number[] =>
  values.flatMap((v) => [v & 255, (v >> 8) & 255, (v >> 16) & 255, v >>> 24]);
const padded = (bytes: number[]): number[] => [...bytes, ...new Array(-bytes.length & 7).fill(0)];
const text = (name: string): number[] => [...Buffer.from(`${name}\0`, 'latin1')];

/** fuse_secctx_header with its fuse_secctx, as fs/fuse/dir.c get_security_context writes them. */
function labels(...list: [name: string, value: number[]][]): number[] {
  const body = list.flatMap(([name, value]) => padded([...u32(value.length, 0), ...text(name), ...value]));
  return [...u32(8 + body.length, list.length), ...body];
}
/** fuse_ext_header of type FUSE_EXT_GROUPS with fuse_supp_groups (get_create_supp_group). */
const groups = (...gids: number[]): number[] => {
  const body = padded(u32(gids.length, ...gids));
  return [...u32(8 + body.length, 32), ...body];
};

const errnoOf = (bytes: number[], wanted: Wanted = all): number => {
  try {
    parseExtensions(Uint8Array.from(bytes), wanted);
    return 0;
  } catch (error) {
    if (error instanceof PosixError) return error.errno;
    throw error;
  }
};

describe('extensions of requests that make an inode', () => {
  it('labels and a group, in the order in which Linux writes them', () => {
    const bytes = [...labels(['security.selinux', [1, 2, 3]]), ...groups(100)];
    expect(bytes).toHaveLength(8 + 32 + 16);
    expect(parseExtensions(Uint8Array.from(bytes), all)).toEqual({
      labels: [{ name: 'security.selinux', value: Uint8Array.of(1, 2, 3) }],
      groups: [100],
    });
  });

  it('a header without labels is what a kernel without a security module sends', () => {
    expect(parseExtensions(Uint8Array.from(labels()), all)).toEqual({ labels: [], groups: [] });
  });

  it('several labels and groups', () => {
    const list: [string, number[]][] = [
      ['security.a', []],
      ['security.bb', [9]],
    ];
    const { labels: found, groups: gids } = parseExtensions(
      Uint8Array.from([...labels(...list), ...groups(1, 2, 3)]),
      all,
    );
    expect(found.map(({ name, value }) => [name, [...value]])).toEqual(list);
    expect(gids).toEqual([1, 2, 3]);
  });

  const one = labels(['security.x', [1]]);
  it.each<[string, number[], Wanted?]>([
    ['the header of labels is missing', groups(1)],
    ['nothing is there where labels were agreed', []],
    ['labels that were not agreed', one, { labels: false, groups: true }],
    ['groups that were not agreed', [...one, ...groups(1)], { labels: true, groups: false }],
    ['labels twice', [...one, ...one]],
    ['groups twice', [...one, ...groups(1), ...groups(1)]],
    ['an unknown type', [...one, ...u32(8, 33)]],
    ['a record shorter than its header', [...one, ...u32(0, 32)]],
    ['a record that is no multiple of 8', [...one, ...u32(12, 32), ...u32(1)]],
    ['a record longer than what is there', [...one, ...u32(24, 32), ...u32(1, 5)]],
    ['more labels than fit', [...u32(one.length, 2), ...one.slice(8)]],
    ['less than what is there', [...u32(one.length, 0), ...one.slice(8)]],
    ['more groups than fit', [...one, ...u32(16, 32), ...u32(3, 5)]],
    ['a name without its end', [...u32(24, 1), ...u32(0, 0), ...new Array(8).fill(0x61)]],
    ['no name', labels(['', [1]])],
    ['a name that is too long', labels([`security.${'x'.repeat(247)}`, [1]])],
    ['a name space alone', labels(['security.', [1]])],
    ['a name that is no label', labels(['system.posix_acl_access', [1]])],
    ['two labels of one name', labels(['security.a', [1]], ['security.a', [2]])],
  ])('%s: EINVAL', (_, bytes, wanted) => {
    expect(errnoOf(bytes, wanted)).toBe(Errno.EINVAL);
  });

  it('a label that no xattr can hold: E2BIG', () => {
    expect(errnoOf(labels(['security.x', new Array(65_537).fill(0)]))).toBe(Errno.E2BIG);
  });

  it('whatever the bytes, they are read or refused', () => {
    const junk = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 8, 16, 32)), { maxLength: 80 });
    fc.assert(
      fc.property(junk, fc.boolean(), fc.boolean(), (bytes, wantsLabels, wantsGroups) => {
        expect([0, Errno.EINVAL, Errno.E2BIG]).toContain(errnoOf(bytes, { labels: wantsLabels, groups: wantsGroups }));
      }),
      { numRuns: 2000 },
    );
  });
});
