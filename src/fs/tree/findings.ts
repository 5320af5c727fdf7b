// What a check of a stored tree finds: a code, words, and where.
import { stringToBytes } from '../../base/iov.ts';

/** What can be wrong with a stored tree. */
export type FindingCode =
  /** Records or chunks without a superblock, or one with values that cannot be. */
  | 'superblock'
  /** A record of no known kind, or under a key that is not its own. */
  | 'record-unknown'
  /** A record that ends early, or has bytes that make no sense. */
  | 'record-damaged'
  /** A page that does not have as many inodes as it says. */
  | 'inodes-lost'
  /** Two records of one inode. */
  | 'inode-twice'
  /** A second record without a first one that knows of it. */
  | 'extra-without-inode'
  /** A first record that tells of a second one which is not there. */
  | 'extra-missing'
  /** A type, time, size, generation, target or attribute that cannot be. */
  | 'attributes'
  | 'no-root'
  /** A name in a directory that is not there. */
  | 'name-dangling'
  /** A name in what is no directory. */
  | 'name-in-file'
  /** A name that cannot be one. */
  | 'name-bad'
  /** The same name twice in one directory. */
  | 'name-twice'
  /** The place of a name in its directory's listing is not its own. */
  | 'cookie'
  /** A directory with more than one name. */
  | 'parents'
  /** Directories that are in each other. */
  | 'loop'
  /** Something that should have a name and has none. */
  | 'no-name'
  /** A wrong count of names. */
  | 'nlink'
  /** A wrong count of what is allocated. */
  | 'blocks'
  /** Ranges of chunks that overlap, or lie behind the end of the file. */
  | 'runs'
  | 'chunk-missing'
  /** A chunk that belongs to no file, or to a hole. */
  | 'chunk-leaked'
  /** Content behind the end of a file. */
  | 'chunk-long';

export interface Finding {
  code: FindingCode;
  /** What is wrong, in words without names of files. */
  text: string;
  /** What a repair does about it. */
  repair: string;
  ino?: number;
  /** Where it is, one character a byte, where it has a path. */
  path?: string;
}

/** A path for people: as UTF-8 where it is that, and what a terminal would obey escaped. */
function shown(path: string): string {
  const text = new TextDecoder().decode(stringToBytes(path));
  return text.replace(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** One line for people. */
export function describeFinding({ code, text, repair, ino, path }: Finding): string {
  const where = [ino === undefined ? '' : `inode ${ino}`, path === undefined ? '' : shown(path)];
  const place = where.filter((part) => part !== '').join(', ');
  return `${code}: ${place === '' ? '' : `${place}: `}${text} (repair: ${repair})`;
}
