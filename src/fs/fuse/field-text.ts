// How each field of a wire struct reads: flags by name, times as dates, modes in words. By struct and field, once.
import { errnoName } from '../../base/errno.ts';
import { type FlagTable, formatFlags } from '../../base/flags.ts';
import type { Struct } from '../../base/struct.ts';
import * as abi from './abi.ts';
import {
  ACCESS_MASK,
  deviceMajor,
  deviceMinor,
  FALLOCATE_FLAGS,
  FS_XFLAGS,
  fsxattr,
  INODE_FLAGS,
  IOCTL,
  inode_flags,
  POLL_EVENTS,
  RENAME_FLAGS,
  SETXATTR_FLAGS,
  STATX_ATTRIBUTES,
} from './linux.ts';
import { modeText, octal, openFlags, timeText } from './text.ts';

type Show = (value: number, fields: Readonly<Record<string, unknown>>) => string;

const flags =
  (table: FlagTable): Show =>
  (value) =>
    formatFlags(value, table);
const time =
  (nsec: string): Show =>
  (value, fields) =>
    timeText(value, fields[nsec] as number);
const times = { atime: time('atimensec'), mtime: time('mtimensec'), ctime: time('ctimensec') };
const umask: Show = (value) => octal(value);
const mode: Show = (value) => modeText(value);
const seconds: Show = (value) => `${value} s`;
const device: Show = (value) => `${deviceMajor(value)}:${deviceMinor(value)}`;
const ioctlCommands = new Map<number, string>(Object.entries(IOCTL).map(([name, value]) => [value, name]));
const ioctlCommand: Show = (value) => ioctlCommands.get(value) ?? `0x${(value >>> 0).toString(16)}`;

const opcodes = new Map<number, string>(Object.entries(abi.FUSE_OPCODE).map(([name, value]) => [value, name]));
const direntTypes: Readonly<Record<number, string>> = {
  1: 'fifo',
  2: 'char device',
  4: 'dir',
  6: 'block device',
  8: 'file',
  10: 'symlink',
  12: 'socket',
};
const lockTypes = ['F_RDLCK', 'F_WRLCK', 'F_UNLCK'];
const seekTypes = ['SEEK_SET', 'SEEK_CUR', 'SEEK_END', 'SEEK_DATA', 'SEEK_HOLE'];

const table = new Map<Struct<object>, Readonly<Record<string, Show>>>();
const show = (type: unknown, fields: Readonly<Record<string, Show>>): void => {
  table.set(type as Struct<object>, fields);
};

show(abi.fuse_in_header, { opcode: (value) => opcodes.get(value) ?? 'unknown' });
show(abi.fuse_out_header, { error: (value) => (value === 0 ? 'ok' : errnoName(-value)) });
show(abi.fuse_attr, { ...times, mode, rdev: device, flags: flags(abi.FUSE_ATTR_FLAGS) });
show(abi.fuse_entry_out, { entry_valid: seconds, attr_valid: seconds });
show(abi.fuse_attr_out, { attr_valid: seconds });
show(abi.fuse_sx_time, { tv_sec: time('tv_nsec') });
show(abi.fuse_statx, { mode, attributes: flags(STATX_ATTRIBUTES), attributes_mask: flags(STATX_ATTRIBUTES) });
show(abi.fuse_statx_in, { getattr_flags: flags(abi.FUSE_GETATTR_FLAGS) });
show(abi.fuse_statx_out, { attr_valid: seconds });
show(abi.fuse_getattr_in, { getattr_flags: flags(abi.FUSE_GETATTR_FLAGS) });
show(abi.fuse_setattr_in, { valid: flags(abi.FATTR), ...times, mode: (value) => octal(value) });
show(abi.fuse_mknod_in, { mode, rdev: device, umask });
show(abi.fuse_mkdir_in, { mode: (value) => octal(value), umask });
show(abi.fuse_rename2_in, { flags: flags(RENAME_FLAGS) });
show(abi.fuse_open_in, { flags: openFlags, open_flags: flags(abi.FUSE_OPEN_FLAGS) });
show(abi.fuse_create_in, { flags: openFlags, mode, umask, open_flags: flags(abi.FUSE_OPEN_FLAGS) });
show(abi.fuse_open_out, { open_flags: flags(abi.FOPEN) });
show(abi.fuse_release_in, { flags: openFlags, release_flags: flags(abi.FUSE_RELEASE_FLAGS) });
show(abi.fuse_read_in, { read_flags: flags(abi.FUSE_READ_FLAGS), flags: openFlags });
show(abi.fuse_write_in, { write_flags: flags(abi.FUSE_WRITE_FLAGS), flags: openFlags });
show(abi.fuse_fsync_in, { fsync_flags: flags(abi.FUSE_FSYNC_FLAGS) });
show(abi.fuse_setxattr_in, {
  flags: flags(SETXATTR_FLAGS),
  setxattr_flags: flags(abi.FUSE_SETXATTR_FLAGS),
});
show(abi.fuse_file_lock, { type: (value) => lockTypes[value] ?? 'unknown' });
show(abi.fuse_lk_in, { lk_flags: flags(abi.FUSE_LK_FLAGS) });
show(abi.fuse_access_in, { mask: flags(ACCESS_MASK) });
show(abi.fuse_init_in, { flags: flags(abi.FUSE_INIT_FLAGS), flags2: flags(abi.FUSE_INIT_FLAGS2) });
show(abi.fuse_init_out, { flags: flags(abi.FUSE_INIT_FLAGS), flags2: flags(abi.FUSE_INIT_FLAGS2) });
show(abi.fuse_ioctl_in, { flags: flags(abi.FUSE_IOCTL_FLAGS), cmd: ioctlCommand });
show(abi.fuse_ioctl_out, { flags: flags(abi.FUSE_IOCTL_FLAGS) });
show(fsxattr, { fsx_xflags: flags(FS_XFLAGS) });
show(inode_flags, { flags: flags(INODE_FLAGS) });
show(abi.fuse_poll_in, { flags: flags(abi.FUSE_POLL_FLAGS), events: flags(POLL_EVENTS) });
show(abi.fuse_poll_out, { revents: flags(POLL_EVENTS) });
show(abi.fuse_fallocate_in, { mode: flags(FALLOCATE_FLAGS) });
show(abi.fuse_lseek_in, { whence: (value) => seekTypes[value] ?? 'unknown' });
show(abi.fuse_setupmapping_in, { flags: flags(abi.FUSE_SETUPMAPPING_FLAGS) });
show(abi.fuse_dirent, { type: (value) => direntTypes[value] ?? 'unknown' });

/** What a field's value means, where the number alone does not say it. */
export function meaning(
  type: Struct<object>,
  name: string,
  value: number,
  fields: Readonly<Record<string, unknown>>,
): string | undefined {
  return table.get(type)?.[name]?.(value, fields);
}

/** Names of the fields that `show` names and their struct has not: for the test that there are none. */
export const unknownFields = (): string[] =>
  [...table].flatMap(([type, fields]) =>
    Object.keys(fields).filter((name) => !type.fields.some((field) => field.name === name)),
  );
