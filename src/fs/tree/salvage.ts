// Reads the metadata records of a tree that may be damaged: what makes sense of them, and a finding for what does not.
import type { Finding } from './findings.ts';
import type { Inode } from './inode.ts';
import { hasType, LINK_MAX } from './mode.ts';
import {
  Cursor,
  extraKey,
  inode_record,
  KIND_EXTRA,
  KIND_PAGE,
  newExtra,
  PAGE_SIZE,
  page_header,
  pageKey,
  pageOf,
  readExtra,
  readInode,
  type StoredInode,
  type StoredLink,
  takeExtra,
} from './records.ts';

/** A record by its key; undefined where the key is not known. */
export type KeyedRecord = readonly [key: string | undefined, record: Uint8Array];

type Say = (finding: Finding) => void;

/** What was read. It may still be at odds with itself. */
export interface Salvaged {
  inodes: Map<number, Inode>;
  /** Names by inode number, the first one first. Every inode has an array. */
  names: Map<number, StoredLink[]>;
  /** Of directories: the cookie of the next new name. */
  nextCookies: Map<number, number>;
  /** Inodes whose second record is lost or damaged: names, xattrs and runs may be missing. */
  incomplete: Set<number>;
}

const NSEC = 1_000_000_000;
const PAGE_KEY = /^m(\d+)$/;
const EXTRA_KEY = /^mx(\d+)$/;

const title = ([key]: KeyedRecord): string => (key === undefined ? 'a record' : `the record ${JSON.stringify(key)}`);

/** The number in a key; undefined where it is another key, or none is known. */
function numberIn(key: string | undefined, pattern: RegExp): number | undefined {
  const digits = pattern.exec(key ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** What a record is: as its key says, or else its first bytes. */
function kindOf([key, record]: KeyedRecord): number {
  if (numberIn(key, PAGE_KEY) !== undefined) return KIND_PAGE;
  if (numberIn(key, EXTRA_KEY) !== undefined) return KIND_EXTRA;
  return record.length < page_header.size ? 0 : new Cursor(record).view.getUint32(0, true);
}

/** Reads every record as far as it goes. Never throws for what is in them. */
export function salvage(records: Iterable<KeyedRecord>, say: Say): Salvaged {
  const found: Salvaged = { inodes: new Map(), names: new Map(), nextCookies: new Map(), incomplete: new Set() };
  const extras: KeyedRecord[] = [];
  for (const keyed of records) {
    const kind = kindOf(keyed);
    if (kind === KIND_PAGE) new PageReader(keyed, found, say).read();
    else if (kind === KIND_EXTRA) extras.push(keyed);
    else say({ code: 'record-unknown', text: `${title(keyed)} is of no known kind`, repair: 'it goes' });
  }
  const complete = new Set<number>();
  for (const keyed of extras) salvageExtra(keyed, found, complete, say);
  for (const [ino, inode] of found.inodes) {
    if (!inode.extraStored || complete.has(ino)) continue;
    found.incomplete.add(ino);
    say({
      code: 'extra-missing',
      ino,
      text: 'its second record, with further names, attributes or places of content, is lost',
      repair: 'what is left of it is kept',
    });
  }
  return found;
}

/** Reads the inodes of one page. Behind what makes no sense it looks for the next that does. */
class PageReader {
  private readonly keyed: KeyedRecord;
  private readonly found: Salvaged;
  private readonly say: Say;
  private readonly cursor: Cursor;
  private page = 0;
  private last = 0;

  constructor(keyed: KeyedRecord, found: Salvaged, say: Say) {
    this.keyed = keyed;
    this.found = found;
    this.say = say;
    this.cursor = new Cursor(keyed[1]);
  }

  private damaged(text: string): void {
    this.say({
      code: 'record-damaged',
      text: `${title(this.keyed)} ${text}`,
      repair: 'it is written anew with what is left of it',
    });
  }

  read(): void {
    const { cursor, keyed } = this;
    const [key] = keyed;
    if (cursor.left < page_header.size) {
      this.damaged('is cut before its first inode');
      return;
    }
    const header = new page_header(cursor.view, cursor.take(page_header.size));
    const { kind, page, count } = header;
    this.page = numberIn(key, PAGE_KEY) ?? page;
    if (kind !== KIND_PAGE || page !== this.page || (key !== undefined && key !== pageKey(this.page)))
      this.damaged('does not begin as a page of that number');
    const inodes = this.inodes();
    if (inodes === count) return;
    if (inodes > count || count > PAGE_SIZE) this.damaged(`has ${inodes} inodes and tells of ${count}`);
    else {
      const first = this.page * PAGE_SIZE;
      const text = `${count - inodes} of ${count} inodes with numbers from ${first} to ${first + PAGE_SIZE - 1} are lost`;
      this.say({ code: 'inodes-lost', text, repair: 'what else is known of them is kept in /lost+found' });
    }
  }

  /** Takes every inode there is, and tells how many records of one there were. */
  private inodes(): number {
    const { cursor } = this;
    let count = 0;
    let inStep = true;
    let garbled = false;
    let retry = cursor.at + 8;
    while (cursor.left > 0) {
      const start = cursor.at;
      const stored = this.next(inStep);
      if (stored) {
        count++;
        this.take(stored);
        inStep = true;
        // Where the next one makes no sense, lengths of this one may be wrong: it may begin anywhere behind the fixed part.
        retry = start + inode_record.size;
        continue;
      }
      garbled = true;
      cursor.at = inStep ? retry : start + 8;
      if (cursor.left < 0) cursor.at = cursor.bytes.length;
      inStep = false;
    }
    if (garbled) this.damaged('is cut, or has bytes in it that are no inode');
    return count;
  }

  /** The inode at the cursor; undefined where there is none that makes sense. */
  private next(inStep: boolean): StoredInode | undefined {
    let stored: StoredInode;
    try {
      stored = readInode(this.cursor);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return undefined;
    }
    const { inode } = stored;
    if (inode.ino === 0 || pageOf(inode.ino) !== this.page) return undefined;
    if (inStep) return stored;
    const times = [inode.atimensec, inode.mtimensec, inode.ctimensec, inode.btimensec];
    const sound = hasType(inode.mode) && inode.nlink <= LINK_MAX && times.every((nsec) => nsec < NSEC);
    return sound && inode.ino > this.last ? stored : undefined;
  }

  private take({ inode, parent, cookie, name, nextCookie }: StoredInode): void {
    const { inodes, names, nextCookies } = this.found;
    const { ino } = inode;
    if (inodes.has(ino)) {
      this.say({ code: 'inode-twice', ino, text: 'there are two records of it', repair: 'the second one goes' });
      return;
    }
    this.last = ino;
    inodes.set(ino, inode);
    names.set(ino, parent === 0 ? [] : [{ ino, parent, cookie, name }]);
    if (nextCookie !== 0) nextCookies.set(ino, nextCookie);
  }
}

/** Takes a second record as far as it goes; `complete` gets the inodes that have one. */
function salvageExtra(keyed: KeyedRecord, found: Salvaged, complete: Set<number>, say: Say): void {
  const [key, record] = keyed;
  const cursor = new Cursor(record);
  const extra = newExtra();
  let whole = true;
  try {
    readExtra(cursor, extra);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    whole = false;
  }
  const ino = numberIn(key, EXTRA_KEY) ?? extra.ino;
  const inode = found.inodes.get(ino);
  if (!inode || complete.has(ino)) {
    const text = `${title(keyed)} tells more of inode ${ino}, which ${inode ? 'has such a record already' : 'is not there'}`;
    say({ code: 'extra-without-inode', ino, text, repair: 'it goes' });
    return;
  }
  complete.add(ino);
  const sound = whole && cursor.left === 0 && extra.ino === ino && (key === undefined || key === extraKey(ino));
  if (!sound || cursor.view.getUint32(0, true) !== KIND_EXTRA) {
    found.incomplete.add(ino);
    say({
      code: 'record-damaged',
      ino,
      text: 'its second record, with further names, attributes or places of content, is damaged',
      repair: 'what is left of it is kept',
    });
  } else if (!inode.extraStored) {
    say({
      code: 'extra-without-inode',
      ino,
      text: 'it has a second record and does not tell so',
      repair: 'it is kept',
    });
  }
  inode.extraStored = true;
  const links = found.names.get(ino) as StoredLink[];
  for (const link of extra.links) links.push({ ino, ...link });
  takeExtra(inode, extra);
}
