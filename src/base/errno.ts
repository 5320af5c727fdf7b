// Linux error numbers (include/uapi/asm-generic/errno*.h) and the value that is thrown for them.
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

export type ErrnoName = keyof typeof Errno;

const names = new Map<number, ErrnoName>(Object.entries(Errno).map(([name, value]) => [value, name as ErrnoName]));

/** The name of a positive error number, or the number itself as text. */
export const errnoName = (errno: number): string => names.get(errno) ?? String(errno);

/** An expected failure. A plain object, not an Error: no stack is captured on the request path. */
export class PosixError {
  readonly errno: number;
  /** For the log only; the guest sees the number. */
  readonly detail: string;
  constructor(name: ErrnoName, detail = '') {
    this.errno = Errno[name];
    this.detail = detail;
  }
  toString(): string {
    return this.detail ? `${errnoName(this.errno)}: ${this.detail}` : errnoName(this.errno);
  }
}
