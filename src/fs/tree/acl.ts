// POSIX ACLs as the xattrs system.posix_acl_access and _default carry them: parsed, checked, written, and what creating a
// file, chmod and a permission check make of them (fs/posix_acl.c). Pure.
import { PosixError } from '../../base/errno.ts';

export const ACL_ACCESS = 'system.posix_acl_access';
export const ACL_DEFAULT = 'system.posix_acl_default';

// include/uapi/linux/posix_acl.h
export const ACL_USER_OBJ = 0x01;
export const ACL_USER = 0x02;
export const ACL_GROUP_OBJ = 0x04;
export const ACL_GROUP = 0x08;
export const ACL_MASK = 0x10;
export const ACL_OTHER = 0x20;
/** The id of an entry that names nobody. */
export const ACL_UNDEFINED_ID = 0xffff_ffff;

/** include/uapi/linux/posix_acl_xattr.h: the version, then tag, perm and id of each entry. */
const VERSION = 2;
const HEADER = 4;
const ENTRY = 8;
const RWX = 0o7;
const RWXUGO = 0o777;

export interface AclEntry {
  readonly tag: number;
  /** r 4, w 2, x 1. */
  readonly perm: number;
  readonly id: number;
}
export type Acl = readonly AclEntry[];

const invalid = (why: string): PosixError => new PosixError('EINVAL', `ACL: ${why}`);
const names = (tag: number): boolean => tag === ACL_USER || tag === ACL_GROUP;

/**
 * The ACL of an xattr's value; undefined for one without entries, which stands for none (posix_acl_from_xattr). EINVAL
 * for a wrong length or tag, EOPNOTSUPP for another version. Whether the entries make sense together says checkAcl.
 */
export function parseAcl(value: Uint8Array): Acl | undefined {
  if (value.length === 0) return undefined;
  if (value.length < HEADER || (value.length - HEADER) % ENTRY !== 0) throw invalid(`${value.length} bytes`);
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getUint32(0, true) !== VERSION) throw new PosixError('EOPNOTSUPP', 'version of the ACL');
  const acl: AclEntry[] = [];
  for (let at = HEADER; at < value.length; at += ENTRY) {
    const tag = view.getUint16(at, true);
    if (![ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_GROUP, ACL_MASK, ACL_OTHER].includes(tag)) {
      throw invalid(`tag ${tag}`);
    }
    const perm = view.getUint16(at + 2, true);
    acl.push({ tag, perm, id: names(tag) ? view.getUint32(at + 4, true) : ACL_UNDEFINED_ID });
  }
  return acl.length === 0 ? undefined : acl;
}

export function serializeAcl(acl: Acl): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(HEADER + acl.length * ENTRY);
  const view = new DataView(value.buffer);
  view.setUint32(0, VERSION, true);
  acl.forEach(({ tag, perm, id }, i) => {
    view.setUint16(HEADER + i * ENTRY, tag, true);
    view.setUint16(HEADER + i * ENTRY + 2, perm, true);
    view.setUint32(HEADER + i * ENTRY + 4, id, true);
  });
  return value;
}

/** What may follow a tag: the order in which Linux wants them, users and groups as often as one likes. */
const FOLLOWS: Readonly<Record<number, readonly number[]>> = {
  0: [ACL_USER_OBJ],
  [ACL_USER_OBJ]: [ACL_USER, ACL_GROUP_OBJ],
  [ACL_USER]: [ACL_USER, ACL_GROUP_OBJ],
  [ACL_GROUP_OBJ]: [ACL_GROUP, ACL_MASK, ACL_OTHER],
  [ACL_GROUP]: [ACL_GROUP, ACL_MASK, ACL_OTHER],
  [ACL_MASK]: [ACL_OTHER],
  [ACL_OTHER]: [],
};

/** EINVAL where entries are out of order, missing or too many, a permission is unknown, or a mask is needed and not there. */
export function checkAcl(acl: Acl): void {
  let last = 0;
  let named = false;
  let masked = false;
  for (const { tag, perm, id } of acl) {
    if (perm & ~RWX) throw invalid(`permissions ${perm.toString(8)}`);
    if (!FOLLOWS[last]?.includes(tag)) throw invalid('entries');
    if (names(tag) && id === ACL_UNDEFINED_ID) throw invalid('an entry for nobody');
    named ||= names(tag);
    masked ||= tag === ACL_MASK;
    last = tag;
  }
  if (last !== ACL_OTHER) throw invalid('entries are missing');
  if (named && !masked) throw invalid('no mask');
}

const find = (acl: Acl, tag: number): AclEntry | undefined => acl.find((entry) => entry.tag === tag);
/** The entry that the mode's group bits stand for. */
const groupClass = (acl: Acl): number => (find(acl, ACL_MASK) ? ACL_MASK : ACL_GROUP_OBJ);

/** The permission bits that stand for an ACL, and whether they say all of it (posix_acl_equiv_mode). */
export function modeOfAcl(acl: Acl): { mode: number; exact: boolean } {
  const perm = (tag: number): number => find(acl, tag)?.perm ?? 0;
  const mode = (perm(ACL_USER_OBJ) << 6) | (perm(groupClass(acl)) << 3) | perm(ACL_OTHER);
  return { mode, exact: !acl.some(({ tag }) => names(tag) || tag === ACL_MASK) };
}

/** Gives the entries that mode bits stand for other permissions. */
function withClasses(acl: Acl, change: (perm: number, shift: number) => number): Acl {
  const group = groupClass(acl);
  return acl.map((entry) => {
    const shift = entry.tag === ACL_USER_OBJ ? 6 : entry.tag === group ? 3 : entry.tag === ACL_OTHER ? 0 : -1;
    return shift < 0 ? entry : { ...entry, perm: change(entry.perm, shift) };
  });
}

/** chmod: owner, others, and the mask, or without one the group, become the mode's (posix_acl_chmod). */
export const chmodAcl = (acl: Acl, mode: number): Acl => withClasses(acl, (_, shift) => (mode >> shift) & RWX);

/**
 * What a file that is made with this mode in a directory with this default ACL gets: nothing that the mode does not ask
 * for, and of the mode what the ACL allows. No ACL where the mode says all of it (posix_acl_create).
 */
export function inheritAcl(inherited: Acl, mode: number): { mode: number; acl: Acl | undefined } {
  const acl = withClasses(inherited, (perm, shift) => perm & (mode >> shift));
  const { mode: permissions, exact } = modeOfAcl(acl);
  return { mode: (mode & ~RWXUGO) | permissions, acl: exact ? undefined : acl };
}

/** What an inode says to whoever has this uid and these groups, without privileges (posix_acl_permission, acl_permission_check). */
export function permitted(
  owner: { mode: number; uid: number; gid: number },
  acl: Acl | undefined,
  uid: number,
  gids: readonly number[],
  want: number,
): boolean {
  const allows = (perm: number): boolean => (perm & want) === want;
  if (uid === owner.uid) return allows((owner.mode >> 6) & RWX);
  // Linux asks no ACL where the mode gives the group class nothing.
  if (!acl || (owner.mode & (RWX << 3)) === 0) return allows((owner.mode >> (gids.includes(owner.gid) ? 3 : 0)) & RWX);
  const mask = find(acl, ACL_MASK)?.perm ?? RWX;
  const user = acl.find(({ tag, id }) => tag === ACL_USER && id === uid);
  if (user) return allows(user.perm & mask);
  const groups = acl.filter(
    ({ tag, id }) => (tag === ACL_GROUP_OBJ && gids.includes(owner.gid)) || (tag === ACL_GROUP && gids.includes(id)),
  );
  // One of the groups has to allow all of it.
  if (groups.length > 0) return groups.some(({ perm }) => allows(perm)) && allows(mask);
  return allows(find(acl, ACL_OTHER)?.perm ?? 0);
}
