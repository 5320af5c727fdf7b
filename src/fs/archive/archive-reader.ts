// Reads a tar archive entry by entry: ustar, GNU tar's own format, pax, and sparse files in each of their ways.
import { stringToBytes } from '../../base/iov.ts';
import { ArchiveError } from './archive-error.ts';
import type { ByteSource } from './byte-source.ts';
import type { Entry, EntryType } from './entry.ts';
import { BLOCK, decodeHeader, type Header, isZero, roundUp, Type, textOf } from './header.ts';
import { decodeFlags } from './inode-flags.ts';
import { decodeCount, decodePax, decodeTime, PAX_MAX, type PaxRecord, xattrOf } from './pax.ts';
import { shown } from './shown.ts';
import { mapOfRecords, readMap, readOldMap, whyNotSparse } from './sparse-map.ts';

const UID_MAX = 2 ** 32 - 2;
const MAJOR_MAX = 0xfff;
const MINOR_MAX = 0xfffff;
/** What a global header may say of all that follows; names and sizes of all files it cannot mean. */
const GLOBAL_KEYS = new Set(['uid', 'gid', 'mtime', 'atime', 'ctime']);

const TYPES: Readonly<Record<string, EntryType>> = {
  [Type.file]: 'file',
  [Type.oldFile]: 'file',
  [Type.contiguous]: 'file',
  [Type.gnuSparse]: 'file',
  [Type.link]: 'link',
  [Type.symlink]: 'symlink',
  [Type.character]: 'character',
  [Type.block]: 'block',
  [Type.directory]: 'directory',
  [Type.gnuDirectory]: 'directory',
  [Type.fifo]: 'fifo',
};
/** Types that have no content, whatever their size says (of a link it is the size of the file that it is a name of). */
const BARE: ReadonlySet<string> = new Set([
  Type.link,
  Type.symlink,
  Type.character,
  Type.block,
  Type.directory,
  Type.fifo,
]);

/** What headers before an entry say of it. */
class Extended {
  records: PaxRecord[] = [];
  longName: string | undefined;
  longLink: string | undefined;
  refused: string | undefined;
  private readonly global: ReadonlyMap<string, string>;

  constructor(global: ReadonlyMap<string, string>) {
    this.global = global;
  }

  /** Undefined also for an empty value, which takes back what a global header says. */
  get(key: string): string | undefined {
    let value = this.global.get(key);
    for (const [other, its] of this.records) if (other === key) value = its;
    return value === '' ? undefined : value;
  }
}

export class ArchiveReader {
  /** Set at the end: whether the mark of the end was there. */
  ended = false;
  private readonly source: ByteSource;
  private readonly global = new Map<string, string>();
  /** Of the entry that was given last: bytes of content, and of fill behind it, not taken yet. */
  private content = 0;
  private fill = 0;
  private headers = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** The next entry; undefined at the end. What was not read of the last one is passed over. Rejects with ArchiveError. */
  async next(): Promise<Entry | undefined> {
    await this.source.skip(this.content + this.fill);
    this.content = this.fill = 0;
    let extended = new Extended(this.global);
    for (;;) {
      const block = await this.block();
      if (!block) return undefined;
      const at = this.source.offset - BLOCK;
      const header = this.header(block, at);
      switch (header.typeflag) {
        case Type.pax:
        case Type.paxSolaris:
          await this.pax(sizeOf(header.size, at), extended);
          break;
        case Type.paxGlobal: {
          const all = new Extended(this.global);
          await this.pax(sizeOf(header.size, at), all);
          for (const [key, value] of all.records) if (GLOBAL_KEYS.has(key)) this.global.set(key, value);
          break;
        }
        case Type.gnuLongName:
          extended.longName = await this.longText(sizeOf(header.size, at), extended);
          break;
        case Type.gnuLongLink:
          extended.longLink = await this.longText(sizeOf(header.size, at), extended);
          break;
        case Type.gnuVolume:
          await this.source.skip(roundUp(sizeOf(header.size, at)));
          extended = new Extended(this.global);
          break;
        default:
          return this.entry(header, block, at, extended);
      }
    }
  }

  /** Takes the next bytes of the entry's content. Rejects with ArchiveError where the archive ends before. */
  async read(target: Uint8Array): Promise<void> {
    if (target.length > this.content) throw new RangeError('more than the entry has');
    if ((await this.source.fill(target)) < target.length) throw this.source.cut();
    this.content -= target.length;
  }

  private async block(): Promise<Uint8Array | undefined> {
    const block = new Uint8Array(BLOCK);
    const length = await this.source.fill(block);
    if (length < BLOCK && this.headers === 0) {
      throw new ArchiveError('no-archive', length === 0 ? 'The file is empty.' : 'This is no tar archive.');
    }
    if (length === 0) return undefined;
    if (length < BLOCK) throw this.source.cut();
    if (!isZero(block)) return block;
    this.ended = true;
    return undefined;
  }

  private header(block: Uint8Array, at: number): Header {
    const header = decodeHeader(block);
    if (header) {
      this.headers++;
      return header;
    }
    if (this.headers === 0) throw new ArchiveError('no-archive', 'This is no tar archive.');
    throw new ArchiveError('damaged', `The archive is damaged at byte ${at}: no header is there.`);
  }

  /** Bytes of an extended header; undefined where they are too many, and why is said to the entry. */
  private async body(size: number, extended: Extended): Promise<Uint8Array | undefined> {
    if (size > PAX_MAX) {
      await this.source.skip(roundUp(size));
      extended.refused = `its extended header has ${size} bytes`;
      return undefined;
    }
    const bytes = await this.source.take(roundUp(size));
    return bytes.subarray(0, size);
  }

  private async pax(size: number, extended: Extended): Promise<void> {
    const bytes = await this.body(size, extended);
    if (!bytes) return;
    const records = decodePax(bytes);
    if (records) extended.records = records;
    else extended.refused = 'its extended header makes no sense';
  }

  private async longText(size: number, extended: Extended): Promise<string | undefined> {
    const bytes = await this.body(size, extended);
    return bytes && textOf(bytes);
  }

  private async entry(header: Header, block: Uint8Array, at: number, extended: Extended): Promise<Entry> {
    const { typeflag } = header;
    const size = extended.get('size');
    const stored = BARE.has(typeflag) ? 0 : sizeOf(size === undefined ? header.size : decodeCount(size), at);
    const name = extended.get('GNU.sparse.name') ?? extended.get('path') ?? extended.longName ?? header.name;
    const lacks: string[] = [];
    const entry: Entry = {
      path: name,
      type: this.type(typeflag, name, extended, lacks),
      mode: (header.mode ?? 0) & 0o7777,
      uid: owner('uid', extended, header.uid, lacks),
      gid: owner('gid', extended, header.gid, lacks),
      mtime: timeOf('mtime', extended, lacks) ?? (header.mtime === undefined ? undefined : { s: header.mtime, ns: 0 }),
      atime: timeOf('atime', extended, lacks),
      ctime: timeOf('ctime', extended, lacks),
      btime: timeOf('LIBARCHIVE.creationtime', extended, lacks),
      major: header.devmajor ?? -1,
      minor: header.devminor ?? -1,
      target: extended.get('linkpath') ?? extended.longLink ?? header.linkname,
      size: stored,
      parts: [0, stored],
      xattrs: [],
      flags: 0,
      lacks,
      refused: extended.refused,
    };
    if (header.mode === undefined) lacks.push('mode: no number');
    if (TYPES[typeflag] === undefined) entry.refused ??= `type "${shown(typeflag)}" is unknown`;
    if (entry.type === 'character' || entry.type === 'block') checkDevice(entry);
    // By its name, or a record: what GNU tar lists in its own type for directories is no content.
    if (stored > 0 && entry.type !== 'file' && typeflag !== Type.gnuDirectory) {
      lacks.push(`content: ${stored} bytes, and it is a ${entry.type}`);
    }
    this.attributes(entry, extended);
    this.content = stored;
    this.fill = roundUp(stored) - stored;
    if (entry.type === 'file') await this.sparse(entry, block, typeflag, extended);
    return entry;
  }

  private type(typeflag: string, name: string, extended: Extended, lacks: string[]): EntryType {
    const type = TYPES[typeflag] ?? 'file';
    const filetype = extended.get('SCHILY.filetype');
    if (type !== 'file') return type;
    if (filetype === 'socket') return 'socket';
    if (filetype !== undefined && filetype !== 'regular') lacks.push(`type "${shown(filetype)}": taken for a file`);
    // As tars before POSIX.1-1988 wrote directories.
    return name.endsWith('/') ? 'directory' : 'file';
  }

  private attributes(entry: Entry, extended: Extended): void {
    for (const [key, value] of extended.records) {
      const xattr = xattrOf(key);
      if (xattr !== undefined) entry.xattrs.push([xattr, stringToBytes(value)]);
    }
    const { flags, unknown } = decodeFlags(extended.get('SCHILY.fflags') ?? '');
    entry.flags = flags;
    if (unknown.length > 0) entry.lacks.push(`attributes "${shown(unknown.join(','))}"`);
    if (extended.get('SCHILY.acl.access') !== undefined || extended.get('SCHILY.acl.default') !== undefined) {
      entry.lacks.push('ACL: it is there as text with names of users');
    }
  }

  /** Sets size and parts of a file with holes. Reads on where the map is in the content. */
  private async sparse(entry: Entry, block: Uint8Array, typeflag: string, extended: Extended): Promise<void> {
    const refuse = (why: string): void => {
      entry.refused ??= why;
    };
    if (typeflag === Type.gnuSparse) {
      const sparse = await readOldMap(this.source, block);
      if (!sparse) refuse('its map of parts makes no sense');
      else {
        entry.size = sparse.size;
        entry.parts = sparse.map;
      }
    } else {
      const version = `${extended.get('GNU.sparse.major') ?? '0'}.${extended.get('GNU.sparse.minor') ?? '0'}`;
      const realsize = extended.get('GNU.sparse.realsize') ?? extended.get('GNU.sparse.size');
      if (realsize === undefined) return;
      const size = decodeCount(realsize);
      if (size === undefined) return refuse(`its size "${shown(realsize)}" is no number`);
      entry.size = size;
      if (version === '1.0') {
        const read = await readMap(this.source, this.content);
        this.content -= read.taken;
        if ('why' in read) return refuse(read.why);
        entry.parts = read.map;
      } else if (version.startsWith('0.')) {
        const map = mapOfRecords(extended.records);
        if (!map) return refuse('its map of parts makes no sense');
        entry.parts = map;
      } else return refuse(`version ${shown(version)} of sparse files is unknown`);
    }
    const why = whyNotSparse({ map: entry.parts, size: entry.size }, this.content);
    if (why !== undefined) refuse(why);
  }
}

/** A size that can be passed over. Throws ArchiveError: where the next header is, nothing else says. */
function sizeOf(size: number | undefined, at: number): number {
  if (size === undefined || size < 0 || size > Number.MAX_SAFE_INTEGER - 2 * BLOCK) {
    throw new ArchiveError('damaged', `The archive is damaged at byte ${at}: a size that is none.`);
  }
  return size;
}

function owner(key: 'uid' | 'gid', extended: Extended, inHeader: number | undefined, lacks: string[]): number {
  const text = extended.get(key);
  const value = text === undefined ? inHeader : decodeCount(text);
  if (value !== undefined && value >= 0 && value <= UID_MAX) return value;
  lacks.push(`${key}: ${text === undefined ? (value ?? 'no number') : `"${shown(text)}"`}`);
  return 0;
}

function timeOf(key: string, extended: Extended, lacks: string[]) {
  const text = extended.get(key);
  if (text === undefined) return undefined;
  const time = decodeTime(text);
  if (!time) lacks.push(`${key}: "${shown(text)}" is no time`);
  return time;
}

function checkDevice(entry: Entry): void {
  const { major, minor } = entry;
  if (major < 0 || major > MAJOR_MAX || minor < 0 || minor > MINOR_MAX) {
    entry.refused ??= `no device has the number ${major}:${minor}`;
  }
}
