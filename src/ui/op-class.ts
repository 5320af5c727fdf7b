// Opcodes sorted into a few classes, each with its colour in the log.

export type OpClass = 'look' | 'read' | 'write' | 'name' | 'sync' | 'handle' | 'session' | 'other';

const MEMBERS: Readonly<Record<Exclude<OpClass, 'other'>, readonly string[]>> = {
  look: [
    'LOOKUP',
    'GETATTR',
    'STATX',
    'READLINK',
    'ACCESS',
    'STATFS',
    'GETXATTR',
    'LISTXATTR',
    'BMAP',
    'LSEEK',
    'GETLK',
  ],
  read: ['READ', 'READDIR', 'READDIRPLUS'],
  write: ['WRITE', 'SETATTR', 'SETXATTR', 'REMOVEXATTR', 'FALLOCATE', 'COPY_FILE_RANGE', 'COPY_FILE_RANGE_64'],
  name: ['CREATE', 'MKNOD', 'MKDIR', 'SYMLINK', 'LINK', 'UNLINK', 'RMDIR', 'RENAME', 'RENAME2', 'TMPFILE'],
  sync: ['FLUSH', 'FSYNC', 'FSYNCDIR', 'SYNCFS'],
  handle: ['OPEN', 'OPENDIR', 'RELEASE', 'RELEASEDIR', 'SETLK', 'SETLKW', 'POLL', 'IOCTL'],
  session: ['INIT', 'DESTROY', 'FORGET', 'BATCH_FORGET', 'INTERRUPT', 'NOTIFY_REPLY', 'SETUPMAPPING', 'REMOVEMAPPING'],
};

const classes = new Map(
  Object.entries(MEMBERS).flatMap(([name, members]) => members.map((member) => [member, name as OpClass] as const)),
);

/** The class of an opcode, by its name without FUSE_. */
export const opClass = (name: string): OpClass => classes.get(name) ?? 'other';
