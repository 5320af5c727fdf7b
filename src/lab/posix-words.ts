// Errors of the tree in words for people.
import { Errno, type ErrnoName, errnoName, PosixError } from '../base/errno.ts';

const WORDS: Partial<Record<ErrnoName, string>> = {
  EPERM: 'it is immutable or append-only',
  ENOENT: 'it is not there any more',
  EIO: 'the browser’s storage failed',
  EEXIST: 'the name is taken',
  ENOTDIR: 'there is a file in place of a folder',
  EISDIR: 'there is a folder in place of a file',
  EINVAL: 'that cannot be a name',
  EFBIG: 'the file is too large',
  ENOSPC: 'no room is left',
  EROFS: 'the tree is read-only here',
  EMLINK: 'the file has too many names',
  ENAMETOOLONG: 'the name is longer than 255 bytes',
  ENOTEMPTY: 'the folder is not empty',
};

/** What an error of the tree means; undefined where it is none. */
export function posixWords(error: unknown): string | undefined {
  if (!(error instanceof PosixError)) return undefined;
  const name = errnoName(error.errno);
  return name in Errno ? (WORDS[name as ErrnoName] ?? name) : name;
}
