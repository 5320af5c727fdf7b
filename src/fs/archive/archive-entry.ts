// The headers of one entry, as this project writes them: ustar, with whatever does not fit there in pax records.
import { bytesToString, stringToBytes } from '../../base/iov.ts';
import type { Inode } from '../tree/inode.ts';
import {
  deviceMajor,
  deviceMinor,
  PERMISSIONS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../tree/mode.ts';
import { encodeHeader, fits, NAME_FIELD, roundUp, Type } from './header.ts';
import { encodeFlags } from './inode-flags.ts';
import { encodePax, encodeTime, type PaxRecord, xattrKey } from './pax.ts';
import { encodeMap, mapSize, type SparseMap } from './sparse-map.ts';

/** A name to be written; paths as in the archive. */
export interface Named {
  inode: Inode;
  path: string;
  /** An earlier name of the same inode, which this is to be a hard link to. */
  first: string | undefined;
}

/** What is written of an entry before its content, and the parts of the content that follow, filled up to a block. */
export interface Planned {
  headers: Uint8Array[];
  /** Undefined for none. */
  parts: SparseMap | undefined;
  /** Bytes of all of it with the fill. */
  size: number;
}

const TYPEFLAGS: Readonly<Record<number, string>> = {
  [S_IFREG]: Type.file,
  [S_IFDIR]: Type.directory,
  [S_IFLNK]: Type.symlink,
  [S_IFCHR]: Type.character,
  [S_IFBLK]: Type.block,
  [S_IFIFO]: Type.fifo,
  // Tar has none. Read by others, it is an empty file.
  [S_IFSOCK]: Type.file,
};

/** Where a file has chunks, as far as its end; and its end, where that is in a hole. Undefined for one without holes. */
export function partsOf(inode: Inode, chunkSize: number): SparseMap | undefined {
  const { runs, size } = inode;
  const chunks = Math.ceil(size / chunkSize);
  if ((runs?.count ?? 0) >= chunks) return undefined;
  const parts: number[] = [];
  const bounds = runs?.flat() ?? [];
  for (let i = 0; i < bounds.length; i += 2) {
    const from = (bounds[i] as number) * chunkSize;
    parts.push(from, Math.min((bounds[i + 1] as number) * chunkSize, size) - from);
  }
  const end = (parts.at(-2) ?? 0) + (parts.at(-1) ?? 0);
  if (end < size) parts.push(size, 0);
  return parts;
}

const total = (parts: SparseMap): number => parts.reduce((sum, length, i) => (i % 2 === 0 ? sum : sum + length), 0);

const utf8 = new TextDecoder('utf-8', { fatal: true });

function isUtf8(text: string): boolean {
  try {
    utf8.decode(stringToBytes(text));
    return true;
  } catch {
    return false;
  }
}

const isAscii = (text: string): boolean => /^\p{ASCII}*$/u.test(text);

/** Whether a name has to be in a record: it is too long, or no ASCII, and records tell what its bytes are. */
const inRecord = (text: string): boolean => text.length > NAME_FIELD || !isAscii(text);

export function planEntry({ inode, path, first }: Named, chunkSize: number): Planned {
  const type = inode.mode & S_IFMT;
  const hasContent = first === undefined && type === S_IFREG;
  const sparse = hasContent ? partsOf(inode, chunkSize) : undefined;
  const size = !hasContent ? 0 : sparse ? mapSize(sparse) + total(sparse) : inode.size;
  const target = first ?? inode.target;
  const device = type === S_IFCHR || type === S_IFBLK;
  const header = encodeHeader({
    name: sparse ? pseudoName('GNUSparseFile.0', path) : path,
    mode: inode.mode & PERMISSIONS,
    uid: inode.uid,
    gid: inode.gid,
    size,
    mtime: inode.mtime,
    typeflag: first === undefined ? (TYPEFLAGS[type] as string) : Type.link,
    linkname: target,
    devmajor: device ? deviceMajor(inode.rdev) : 0,
    devminor: device ? deviceMinor(inode.rdev) : 0,
  });
  const records = [...nameRecords(path, target, sparse !== undefined), ...numberRecords(inode, size)];
  if (first === undefined) records.push(...extraRecords(inode));
  if (sparse) {
    records.push(['GNU.sparse.major', '1'], ['GNU.sparse.minor', '0'], ['GNU.sparse.realsize', String(inode.size)]);
  }
  const headers = [...extendedHeader(path, records), header];
  const before = headers.reduce((sum, { length }) => sum + length, 0);
  if (sparse) headers.push(stringToBytes(encodeMap(sparse)));
  return { headers, parts: hasContent ? (sparse ?? [0, size]) : undefined, size: before + roundUp(size) };
}

/** A name for what has none of its own, for readers that know no better; as GNU tar's, but without a process number. */
function pseudoName(folder: string, path: string): string {
  const last = path.replace(/\/$/, '').split('/').at(-1) as string;
  return `${folder}/${last}`.slice(0, NAME_FIELD);
}

function nameRecords(path: string, target: string, sparse: boolean): PaxRecord[] {
  const records: PaxRecord[] = [];
  if (sparse) records.push(['GNU.sparse.name', path]);
  else if (inRecord(path)) records.push(['path', path]);
  if (inRecord(target)) records.push(['linkpath', target]);
  return records.every(([, text]) => isUtf8(text)) ? records : [['hdrcharset', 'BINARY'], ...records];
}

function numberRecords(inode: Inode, size: number): PaxRecord[] {
  const records: PaxRecord[] = [];
  if (!fits('size', size)) records.push(['size', String(size)]);
  if (!fits('uid', inode.uid)) records.push(['uid', String(inode.uid)]);
  if (!fits('gid', inode.gid)) records.push(['gid', String(inode.gid)]);
  records.push(
    ['mtime', encodeTime({ s: inode.mtime, ns: inode.mtimensec })],
    ['atime', encodeTime({ s: inode.atime, ns: inode.atimensec })],
    ['ctime', encodeTime({ s: inode.ctime, ns: inode.ctimensec })],
    ['LIBARCHIVE.creationtime', encodeTime({ s: inode.btime, ns: inode.btimensec })],
  );
  return records;
}

/** What a hard link need not say again. */
function extraRecords(inode: Inode): PaxRecord[] {
  const records: PaxRecord[] = [];
  if ((inode.mode & S_IFMT) === S_IFSOCK) records.push(['SCHILY.filetype', 'socket']);
  const flags = encodeFlags(inode.flags);
  if (flags !== '') records.push(['SCHILY.fflags', flags]);
  for (const [name, value] of inode.xattrs ?? []) records.push([xattrKey(name), bytesToString(value)]);
  return records;
}

function extendedHeader(path: string, records: readonly PaxRecord[]): Uint8Array[] {
  const body = encodePax(records);
  const header = encodeHeader({
    name: pseudoName('PaxHeaders', path),
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: 0,
    typeflag: Type.pax,
    linkname: '',
    devmajor: 0,
    devminor: 0,
  });
  const bytes = new Uint8Array(roundUp(body.length));
  bytes.set(stringToBytes(body));
  return [header, bytes];
}
