// Names of flags in calls, with Linux's values on x86.
const VALUES: Readonly<Record<string, number>> = {
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_SYNC: 0o4010000,
  O_DIRECTORY: 0o200000,
  O_NOFOLLOW: 0o400000,
  O_NOATIME: 0o1000000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
  O_TMPFILE: 0o20200000,
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_EACCESS: 0x200,
  AT_SYMLINK_FOLLOW: 0x400,
  AT_EMPTY_PATH: 0x1000,
  RENAME_NOREPLACE: 1,
  RENAME_EXCHANGE: 2,
  RENAME_WHITEOUT: 4,
  FALLOC_FL_KEEP_SIZE: 1,
  FALLOC_FL_PUNCH_HOLE: 2,
  FALLOC_FL_COLLAPSE_RANGE: 8,
  FALLOC_FL_ZERO_RANGE: 16,
  FALLOC_FL_INSERT_RANGE: 32,
  SEEK_SET: 0,
  SEEK_CUR: 1,
  SEEK_END: 2,
  SEEK_DATA: 3,
  SEEK_HOLE: 4,
  XATTR_CREATE: 1,
  XATTR_REPLACE: 2,
  S_IFREG: 0o100000,
  S_IFDIR: 0o040000,
  S_IFLNK: 0o120000,
  S_IFIFO: 0o010000,
  S_IFSOCK: 0o140000,
  S_IFCHR: 0o020000,
  S_IFBLK: 0o060000,
  F_OK: 0,
  X_OK: 1,
  W_OK: 2,
  R_OK: 4,
};

/** `A|B|012`. Throws Error for a name that is not known. */
export function flagsOf(text: string): number {
  return text.split('|').reduce((all, word) => {
    const value = VALUES[word] ?? numberOf(word);
    return all | value;
  }, 0);
}

/** A number as in C: 12, 014, 0xc, -12. */
export function numberOf(text: string): number {
  const value = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  if (!Number.isInteger(value) || text === '') throw new Error(`no number: ${text}`);
  return value;
}
