// File types and mode bits (include/uapi/linux/stat.h), and the limits that Linux sets names, links and files.
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISGID = 0o2000;
/** Everything of a mode but the type. */
export const PERMISSIONS = 0o7777;

/** Longest name, bytes. */
export const NAME_MAX = 255;
/** Longest target of a symbolic link with its NUL, bytes. */
export const PATH_MAX = 4096;
/** Most names of one file, as in ext4. */
export const LINK_MAX = 65_000;
/** Longest xattr name, value and list, bytes (include/uapi/linux/limits.h). */
export const XATTR_NAME_MAX = 255;
export const XATTR_SIZE_MAX = 65_536;
export const XATTR_LIST_MAX = 65_536;
/** Names and values of all xattrs of one file, bytes: they are kept in memory, and stored in one record. */
export const XATTRS_MAX = 2 ** 20;
/** Largest file, bytes: 16 TiB, what a 32-bit guest can address in pages (MAX_LFS_FILESIZE). */
export const FILE_SIZE_MAX = 2 ** 44;

export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const RENAME_WHITEOUT = 4;
export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;
export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;
export const FALLOC_FL_ZERO_RANGE = 16;

const TYPES = new Set([S_IFSOCK, S_IFLNK, S_IFREG, S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO]);

/** Whether the mode's type is one that Linux knows. */
export const hasType = (mode: number): boolean => TYPES.has(mode & S_IFMT);

/** The two parts of a device number as fuse_attr.rdev and inodes have it (include/linux/kdev_t.h new_encode_dev). */
export const deviceMajor = (rdev: number): number => (rdev >>> 8) & 0xfff;
export const deviceMinor = (rdev: number): number => (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
/** Of a major number up to 0xfff and a minor one up to 0xfffff. */
export const deviceNumber = (major: number, minor: number): number =>
  ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0;
