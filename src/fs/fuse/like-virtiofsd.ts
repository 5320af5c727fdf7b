// Answers as QEMU 7.2's virtiofsd gives them (tools/virtiofsd/passthrough_ll.c lo_*), with -o xattr: the entries that
// answer otherwise than ours, made from ours. Timeouts, open flags and INIT are in policy.ts and negotiate.ts.
import { Errno, type ErrnoName, PosixError } from '../../base/errno.ts';
import type { Inode } from '../tree/inode.ts';
import { permits } from '../tree/inode-acl.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../tree/mode.ts';
import {
  FATTR,
  FUSE_LK_FLAGS,
  FUSE_OPCODE,
  fuse_create_in,
  fuse_getxattr_in,
  fuse_lk_in,
  fuse_mkdir_in,
  fuse_mknod_in,
  fuse_release_in,
  fuse_rename_in,
  fuse_rename2_in,
  fuse_setattr_in,
} from './abi.ts';
import type { Call } from './call.ts';
import { lists } from './like-listing.ts';
import type { Op } from './op.ts';
import type { Policy } from './policy.ts';

type Handle = Op['handle'];

/** Runs what only looks at the arguments and leaves them to be read again. */
function peek<T>(call: Call, look: () => T): T {
  const { offset } = call.reader;
  try {
    return look();
  } finally {
    call.reader.seek(offset);
  }
}

/** A name of a change: what is_empty() and is_safe_path_component() say of it. */
function checkName(name: string): void {
  if (name === '') throw new PosixError('ENOENT');
  if (name === '.' || name === '..' || name.includes('/')) throw new PosixError('EINVAL');
}

/** The directory of the header, whose absence is told with `errno`. */
function directoryOr(call: Call, errno: ErrnoName): Inode {
  const inode = call.session.nodes.inode(call.nodeid);
  if (!inode) throw new PosixError(errno, `nodeid ${call.nodeid} is not known`);
  return inode;
}

/** Whether the guest has looked this name up: only then the server has it in its map (lookup_name). */
function checkMapped(call: Call, directory: Inode, name: string): void {
  const inode = directory.directory && call.tree.lookup(directory, name);
  if (!inode || !call.session.nodes.knows(inode)) throw new PosixError('EIO', 'not in the map');
}

/** UNLINK, RMDIR: the victim is looked up first, and what cannot be found is an I/O error. */
const removes =
  (handle: Handle): Handle =>
  (call) => {
    peek(call, () => {
      const name = call.reader.cstring();
      checkName(name);
      checkMapped(call, directoryOr(call, 'EIO'), name);
    });
    return handle(call);
  };

const renames =
  (handle: Handle, args: typeof fuse_rename_in | typeof fuse_rename2_in): Handle =>
  (call) => {
    peek(call, () => {
      const { newdir } = call.arg<{ newdir: number }>(args);
      const name = call.reader.cstring();
      const newname = call.reader.cstring();
      if (name === '' || newname === '') throw new PosixError('ENOENT');
      checkName(name);
      checkName(newname);
      const directory = call.self();
      call.session.inode(newdir);
      checkMapped(call, directory, name);
    });
    return handle(call);
  };

/**
 * What is made is made with the caller's user and group alone (lo_change_cred), so the host asks whether those may write
 * in the directory: a supplementary group that the guest let through does not count.
 */
function checkCaller(call: Call, directory: Inode): void {
  if (call.uid !== 0 && !permits(directory, call.uid, [call.gid], 0o3)) throw new PosixError('EACCES');
}

const makes =
  (handle: Handle, args: typeof fuse_mkdir_in | typeof fuse_mknod_in | undefined): Handle =>
  (call) => {
    peek(call, () => {
      if (args) call.reader.skip(args.size);
      checkName(call.reader.cstring());
      checkCaller(call, call.self());
    });
    return handle(call);
  };

const creates =
  (handle: Handle): Handle =>
  (call) => {
    peek(call, () => {
      call.reader.skip(fuse_create_in.size);
      const name = call.reader.cstring();
      const directory = call.self();
      checkName(name);
      if (!call.tree.lookup(directory, name)) checkCaller(call, directory);
    });
    return handle(call);
  };

/** No nodeid is revived: what the map does not hold is absent, and "." of a file is looked for in no directory. */
const looksUp =
  (handle: Handle): Handle =>
  (call) => {
    const directory = directoryOr(call, 'ENOENT');
    peek(call, () => {
      const name = call.reader.cstring();
      if (name === '') throw new PosixError('ENOENT');
      if (name.includes('/')) throw new PosixError('EINVAL');
      if ((name === '.' || name === '..') && (directory.mode & S_IFMT) !== S_IFDIR) throw new PosixError('ENOTDIR');
    });
    return handle(call);
  };

/** lo_inode_open: regular files and directories, nothing else. */
const opens =
  (handle: Handle): Handle =>
  (call) => {
    const type = call.self().mode & S_IFMT;
    if (type !== S_IFREG && type !== S_IFDIR) throw new PosixError('EBADF', 'neither file nor directory');
    return handle(call);
  };

const setsAttributes =
  (handle: Handle): Handle =>
  (call) => {
    const { valid } = peek(call, () => ({ valid: call.arg(fuse_setattr_in).valid }));
    if (valid & FATTR.FATTR_SIZE && !(valid & FATTR.FATTR_FH)) {
      const type = call.self().mode & S_IFMT;
      if (type !== S_IFREG && type !== S_IFDIR) throw new PosixError('EBADF', 'neither file nor directory');
    }
    return handle(call);
  };

/** A handle that is not open is closed all the same (lo_release). */
const releases =
  (handle: Handle): Handle =>
  (call) => {
    if (!call.session.handles.get(peek(call, () => call.arg(fuse_release_in).fh))) return;
    return handle(call);
  };

const flushes =
  (handle: Handle): Handle =>
  (call) => {
    const type = call.self().mode & S_IFMT;
    if (type !== S_IFREG) throw new PosixError('EBADF', 'no regular file');
    return handle(call);
  };

// --- xattrs: the daemon has CAP_SETFCAP and not CAP_SYS_ADMIN (setup_capabilities; fs/xattr.c, security/commoncap.c)

const TRUSTED = 'trusted.';
const SECURITY = 'security.';
const CAPABILITY = 'security.capability';
/** Bytes of fuse_setxattr_in where FUSE_SETXATTR_EXT was not negotiated. */
const SETXATTR_ARGS = 8;

const isRefused = (name: string): boolean =>
  name.startsWith(TRUSTED) || (name.startsWith(SECURITY) && name !== CAPABILITY);

const getsXattr =
  (handle: Handle): Handle =>
  (call) => {
    const name = peek(call, () => {
      call.reader.skip(fuse_getxattr_in.size);
      return call.reader.cstring();
    });
    if (name.startsWith(TRUSTED)) {
      call.self();
      throw new PosixError('ENODATA');
    }
    return handle(call);
  };

const changesXattr =
  (handle: Handle, args: number): Handle =>
  (call) => {
    const name = peek(call, () => {
      call.reader.skip(args);
      return call.reader.cstring();
    });
    if (isRefused(name)) {
      call.self();
      throw new PosixError('EPERM', 'the server has no CAP_SYS_ADMIN');
    }
    return handle(call);
  };

// --- locks

/** SETLKW: one thread serves the queue, so nothing may wait in it; flock without waiting comes as SETLK. */
const waits: Handle = (call) => {
  const { lk_flags } = call.arg(fuse_lk_in);
  throw new PosixError('EOPNOTSUPP', lk_flags & FUSE_LK_FLAGS.FUSE_LK_FLOCK ? 'blocking flock' : 'blocking lock');
};

/** Opcodes without a function there (fuse_ll_ops, lo_oper). ENOSYS: the guest does without until the next mount. */
const ABSENT: ReadonlySet<number> = new Set([
  FUSE_OPCODE.FUSE_ACCESS,
  FUSE_OPCODE.FUSE_BMAP,
  FUSE_OPCODE.FUSE_IOCTL,
  FUSE_OPCODE.FUSE_POLL,
  FUSE_OPCODE.FUSE_SETUPMAPPING,
  FUSE_OPCODE.FUSE_REMOVEMAPPING,
  FUSE_OPCODE.FUSE_TMPFILE,
  FUSE_OPCODE.FUSE_STATX,
]);
/** Those that `-o posix_lock` (here: the policy's locks) brings. */
const LOCKS: ReadonlySet<number> = new Set([FUSE_OPCODE.FUSE_GETLK, FUSE_OPCODE.FUSE_SETLK, FUSE_OPCODE.FUSE_SETLKW]);

const absent: Handle = () => {
  throw new PosixError('ENOSYS', "QEMU's virtiofsd does not have it");
};

const CHANGED: ReadonlyMap<number, (handle: Handle) => Handle> = new Map([
  [FUSE_OPCODE.FUSE_LOOKUP, looksUp],
  [FUSE_OPCODE.FUSE_UNLINK, removes],
  [FUSE_OPCODE.FUSE_RMDIR, removes],
  [FUSE_OPCODE.FUSE_RENAME, (handle: Handle) => renames(handle, fuse_rename_in)],
  [FUSE_OPCODE.FUSE_RENAME2, (handle: Handle) => renames(handle, fuse_rename2_in)],
  [FUSE_OPCODE.FUSE_MKNOD, (handle: Handle) => makes(handle, fuse_mknod_in)],
  [FUSE_OPCODE.FUSE_MKDIR, (handle: Handle) => makes(handle, fuse_mkdir_in)],
  [FUSE_OPCODE.FUSE_SYMLINK, (handle: Handle) => makes(handle, undefined)],
  [FUSE_OPCODE.FUSE_CREATE, creates],
  [FUSE_OPCODE.FUSE_OPEN, opens],
  [FUSE_OPCODE.FUSE_SETATTR, setsAttributes],
  [FUSE_OPCODE.FUSE_READDIR, () => lists(false)],
  [FUSE_OPCODE.FUSE_READDIRPLUS, () => lists(true)],
  [FUSE_OPCODE.FUSE_RELEASE, releases],
  [FUSE_OPCODE.FUSE_FLUSH, flushes],
  [FUSE_OPCODE.FUSE_GETXATTR, getsXattr],
  [FUSE_OPCODE.FUSE_SETXATTR, (handle: Handle) => changesXattr(handle, SETXATTR_ARGS)],
  [FUSE_OPCODE.FUSE_REMOVEXATTR, (handle: Handle) => changesXattr(handle, 0)],
  [FUSE_OPCODE.FUSE_SETLKW, () => waits],
]);

/** A nodeid that is not in the map is EBADF wherever nothing else was said. */
const translated =
  (handle: Handle): Handle =>
  (call) => {
    try {
      return handle(call);
    } catch (error) {
      if (error instanceof PosixError && error.errno === Errno.ESTALE) throw new PosixError('EBADF', error.detail);
      throw error;
    }
  };

/** The table of opcodes as QEMU's virtiofsd has it. */
export function likeVirtiofsd(ops: readonly (Op | undefined)[], policy: Policy): readonly (Op | undefined)[] {
  return ops.map((entry) => {
    if (!entry || entry.reply === 'none' || entry.anytime) return entry;
    const { opcode } = entry;
    if (ABSENT.has(opcode) || (LOCKS.has(opcode) && !policy.locks)) return { ...entry, handle: absent };
    const change = CHANGED.get(opcode);
    return { ...entry, handle: translated(change ? change(entry.handle) : entry.handle) };
  });
}
