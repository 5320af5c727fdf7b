// What may stand behind the arguments of a request that makes an inode (fuse_in_header.total_extlen): security labels and
// the supplementary group that lets the caller count as a member (fs/fuse/dir.c get_create_ext).
import { PosixError } from '../../base/errno.ts';
import { readerOf, ShortMessage } from '../../base/iov.ts';
import { struct, u32 } from '../../base/struct.ts';
import { NAME_MAX, XATTR_SIZE_MAX } from '../tree/mode.ts';
import { FUSE_EXT_GROUPS, FUSE_MAX_NR_SECCTX, fuse_ext_header, fuse_secctx, fuse_supp_groups } from './abi.ts';

/** Bytes that each record is padded to. */
const ALIGN = 8;
const align8 = (length: number): number => (length + 7) & ~7;
const group = struct({ gid: u32 });
/** What the names of labels begin with (include/uapi/linux/xattr.h XATTR_SECURITY_PREFIX). */
const SPACE = 'security.';

export interface Label {
  /** Of the xattr. */
  readonly name: string;
  readonly value: Uint8Array;
}

export interface Extensions {
  readonly labels: readonly Label[];
  /** Groups of the caller beside the header's gid. */
  readonly groups: readonly number[];
}

export interface Wanted {
  /** FUSE_SECURITY_CTX: the header of labels is always there, also where it has none. */
  readonly labels: boolean;
  /** FUSE_CREATE_SUPP_GROUP: groups may be there. */
  readonly groups: boolean;
}

export const NO_EXTENSIONS: Extensions = { labels: [], groups: [] };

const invalid = (why: string): PosixError => new PosixError('EINVAL', `extensions: ${why}`);

/** Labels of one fuse_secctx_header; `body` begins behind it. */
function parseLabels(body: Uint8Array, count: number): Label[] {
  const reader = readerOf(body);
  const labels: Label[] = [];
  for (let i = 0; i < count; i++) {
    const start = reader.offset;
    const { size } = reader.struct(fuse_secctx);
    const name = reader.cstring();
    // Under any other name it would be an xattr that SETXATTR checks: an ACL, say.
    if (!name.startsWith(SPACE) || name === SPACE || name.length > NAME_MAX) throw invalid('name of a label');
    if (size > XATTR_SIZE_MAX) throw new PosixError('E2BIG', 'label');
    if (labels.some((label) => label.name === name)) throw invalid('two labels of one name');
    labels.push({ name, value: reader.bytes(size) });
    reader.seek(start + align8(reader.offset - start));
  }
  if (reader.remaining > 0) throw invalid('more than the labels');
  return labels;
}

function parseGroups(body: Uint8Array): number[] {
  const reader = readerOf(body);
  const { nr_groups } = reader.struct(fuse_supp_groups);
  const groups: number[] = [];
  for (let i = 0; i < nr_groups; i++) groups.push(reader.struct(group).gid);
  if (reader.remaining >= ALIGN) throw invalid('more than the groups');
  return groups;
}

function parseRecords(bytes: Uint8Array, wanted: Wanted): Extensions {
  let labels: Label[] | undefined;
  let groups: number[] | undefined;
  const reader = readerOf(bytes);
  while (reader.remaining > 0) {
    // fuse_secctx_header has its count where fuse_ext_header has its type: up to FUSE_MAX_NR_SECCTX it is the former.
    const { size, type } = reader.struct(fuse_ext_header);
    if (size < fuse_ext_header.size || size % ALIGN !== 0) throw invalid(`a record of ${size} bytes`);
    const body = reader.bytes(size - fuse_ext_header.size);
    if (type <= FUSE_MAX_NR_SECCTX) {
      if (!wanted.labels || labels) throw invalid('labels that were not agreed, or twice');
      labels = parseLabels(body, type);
    } else if (type === FUSE_EXT_GROUPS) {
      if (!wanted.groups || groups) throw invalid('groups that were not agreed, or twice');
      groups = parseGroups(body);
    } else throw invalid(`type ${type}`);
  }
  if (wanted.labels && !labels) throw invalid('no header of labels');
  return { labels: labels ?? [], groups: groups ?? [] };
}

/**
 * Reads the extensions of one request. EINVAL for what was not agreed, is missing, or does not fill its records exactly;
 * E2BIG for a label that no xattr can hold.
 */
export function parseExtensions(bytes: Uint8Array, wanted: Wanted): Extensions {
  try {
    return parseRecords(bytes, wanted);
  } catch (error) {
    if (error instanceof ShortMessage) throw invalid(`${error.wanted} bytes wanted, ${error.left} there`);
    throw error;
  }
}
