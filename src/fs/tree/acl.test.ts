import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errnoOf } from '../../../test/errno-of.ts';
import { Errno } from '../../base/errno.ts';
import {
  ACL_GROUP,
  ACL_GROUP_OBJ,
  ACL_MASK,
  ACL_OTHER,
  ACL_UNDEFINED_ID,
  ACL_USER,
  ACL_USER_OBJ,
  type Acl,
  type AclEntry,
  checkAcl,
  chmodAcl,
  inheritAcl,
  modeOfAcl,
  parseAcl,
  permitted,
  serializeAcl,
} from './acl.ts';

const plain = (tag: number, perm: number): AclEntry => ({ tag, perm, id: ACL_UNDEFINED_ID });

const perm = fc.nat(7);
const id = fc.nat(5);
const named = (tag: number): fc.Arbitrary<AclEntry[]> =>
  fc.uniqueArray(fc.record({ tag: fc.constant(tag), perm, id }), { maxLength: 4, selector: (entry) => entry.id });
/** ACLs as Linux takes them. */
const acls: fc.Arbitrary<Acl> = fc
  .record({
    owner: perm,
    users: named(ACL_USER),
    group: perm,
    groups: named(ACL_GROUP),
    mask: fc.option(perm),
    other: perm,
  })
  .map(({ owner, users, group, groups, mask, other }) => [
    plain(ACL_USER_OBJ, owner),
    ...users,
    plain(ACL_GROUP_OBJ, group),
    ...groups,
    ...(mask === null && users.length + groups.length === 0 ? [] : [plain(ACL_MASK, mask ?? 5)]),
    plain(ACL_OTHER, other),
  ]);
const modes = fc.nat(0o7777);
const permOf = (acl: Acl, tag: number): number | undefined => acl.find((entry) => entry.tag === tag)?.perm;

describe('5.10 the value of an ACL xattr', () => {
  it('is version 2, then 8 bytes an entry', () => {
    const acl = [plain(ACL_USER_OBJ, 7), { tag: ACL_USER, perm: 5, id: 1000 }];
    expect([...serializeAcl(acl)]).toEqual(
      // version | tag, perm, id | tag, perm, id
      [2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 5, 0, 232, 3, 0, 0],
    );
  });

  it('is read as it was written', () => {
    fc.assert(
      fc.property(acls, (acl) => {
        expect(parseAcl(serializeAcl(acl))).toEqual(acl);
      }),
    );
  });

  it('whatever the bytes, is read or refused with EINVAL or EOPNOTSUPP', () => {
    const refusals: number[] = [0, Errno.EINVAL, Errno.EOPNOTSUPP];
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }).map((rest) => Uint8Array.of(2, 0, 0, 0, ...rest)),
    );
    fc.assert(
      fc.property(bytes, (value) => {
        expect(refusals).toContain(errnoOf(() => parseAcl(value)));
      }),
    );
  });

  it('without entries stands for none', () => {
    expect(parseAcl(new Uint8Array(0))).toBeUndefined();
    expect(parseAcl(Uint8Array.of(2, 0, 0, 0))).toBeUndefined();
  });
});

describe('5.10 entries', () => {
  /** The order as a pattern, found in another way than checkAcl finds it. */
  const LETTERS: Readonly<Record<number, string>> = {
    [ACL_USER_OBJ]: 'U',
    [ACL_USER]: 'u',
    [ACL_GROUP_OBJ]: 'G',
    [ACL_GROUP]: 'g',
    [ACL_MASK]: 'm',
    [ACL_OTHER]: 'o',
  };
  const tags = fc.constantFrom(...Object.keys(LETTERS).map(Number));

  it('of valid ACLs are accepted', () => {
    fc.assert(
      fc.property(acls, (acl) => {
        expect(errnoOf(() => checkAcl(acl))).toBe(0);
      }),
    );
  });

  it('in any other order, number or without the mask that names need are EINVAL', () => {
    const some = fc.array(fc.record({ tag: tags, perm: fc.nat(9), id }), { maxLength: 7 });
    fc.assert(
      fc.property(some, (acl) => {
        const word = acl.map(({ tag }) => LETTERS[tag]).join('');
        const right = /^U(u*Gg*m|G)o$/.test(word) && acl.every((entry) => entry.perm <= 7);
        expect(errnoOf(() => checkAcl(acl))).toBe(right ? 0 : Errno.EINVAL);
      }),
      { numRuns: 2000, examples: [[[ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_OTHER].map((tag) => ({ tag, perm: 7, id: 0 }))]] },
    );
  });

  it('that name nobody are EINVAL', () => {
    const acl = [plain(1, 7), plain(ACL_USER, 7), plain(4, 7), plain(ACL_MASK, 7), plain(ACL_OTHER, 7)];
    expect(errnoOf(() => checkAcl(acl))).toBe(Errno.EINVAL);
  });
});

describe('5.10 ACL and mode', () => {
  it('the mode has the owner, the mask or without one the group, and the others', () => {
    fc.assert(
      fc.property(acls, (acl) => {
        const { mode, exact } = modeOfAcl(acl);
        expect(mode >> 6).toBe(permOf(acl, ACL_USER_OBJ));
        expect((mode >> 3) & 7).toBe(permOf(acl, ACL_MASK) ?? permOf(acl, ACL_GROUP_OBJ));
        expect(mode & 7).toBe(permOf(acl, ACL_OTHER));
        expect(exact).toBe(acl.length === 3);
      }),
    );
  });

  it('chmod changes these and nothing else', () => {
    fc.assert(
      fc.property(acls, modes, (acl, mode) => {
        const changed = chmodAcl(acl, mode);
        expect(modeOfAcl(changed).mode).toBe(mode & 0o777);
        const kept = (list: Acl): Acl =>
          list.filter(({ tag }) => tag === ACL_USER || tag === ACL_GROUP || (tag === ACL_GROUP_OBJ && acl.length > 3));
        expect(kept(changed)).toEqual(kept(acl));
        expect(errnoOf(() => checkAcl(changed))).toBe(0);
      }),
    );
  });

  it('what is inherited allows nobody more than the default ACL does, and no class more than was asked for', () => {
    fc.assert(
      fc.property(acls, modes, (inherited, asked) => {
        const { mode, acl } = inheritAcl(inherited, asked);
        expect(mode & ~0o777).toBe(asked & ~0o777);
        expect(mode & 0o777).toBe(asked & modeOfAcl(inherited).mode);
        expect(acl === undefined).toBe(inherited.length === 3);
        if (acl) {
          expect(modeOfAcl(acl).mode).toBe(mode & 0o777);
          const others = ({ tag }: AclEntry): boolean => tag === ACL_USER || tag === ACL_GROUP;
          expect(acl.filter(others)).toEqual(inherited.filter(others));
        }
      }),
    );
  });
});

describe('5.10 who may do what', () => {
  const owner = { uid: 1, gid: 1 };
  const groupsOf = fc.uniqueArray(id, { minLength: 1, maxLength: 3 });

  it('without an ACL: owner, group or others', () => {
    fc.assert(
      fc.property(modes, id, groupsOf, perm, (mode, uid, gids, want) => {
        const shift = uid === 1 ? 6 : gids.includes(1) ? 3 : 0;
        const allowed = permitted({ ...owner, mode }, undefined, uid, gids, want);
        expect(allowed).toBe(((mode >> shift) & want) === want);
      }),
    );
  });

  it('with one: the first class that names the caller decides (POSIX.1e 23.1.5)', () => {
    fc.assert(
      fc.property(acls, id, groupsOf, perm, (acl, uid, gids, want) => {
        const { mode } = modeOfAcl(acl);
        fc.pre((mode & 0o070) !== 0);
        const mask = permOf(acl, ACL_MASK) ?? 7;
        const named = acl
          .filter((entry) => entry.tag === ACL_USER && entry.id === uid)
          .map((entry) => entry.perm & mask);
        const matching = acl
          .filter(({ tag, id: gid }) =>
            tag === ACL_GROUP_OBJ ? gids.includes(1) : tag === ACL_GROUP && gids.includes(gid),
          )
          .map((entry) => entry.perm & mask);
        const classes = [uid === 1 ? [mode >> 6] : [], named, matching, [mode & 7]];
        const decides = classes.find((list) => list.length > 0) as number[];
        expect(permitted({ ...owner, mode }, acl, uid, gids, want)).toBe(decides.some((p) => (p & want) === want));
      }),
    );
  });
});
