// The table of opcodes: one line each.
import type { Op } from '../op.ts';
import { access } from './access.ts';
import { bmap } from './bmap.ts';
import { copyFileRange } from './copy-file-range.ts';
import { create } from './create.ts';
import { fallocate } from './fallocate.ts';
import { batchForget, forget } from './forget.ts';
import { fsync, fsyncdir, syncfs } from './fsync.ts';
import { getattr } from './getattr.ts';
import { destroy, init } from './init.ts';
import { interrupt } from './interrupt.ts';
import { ioctl } from './ioctl.ts';
import { link } from './link.ts';
import { getlk, setlk, setlkw } from './locks.ts';
import { lookup } from './lookup.ts';
import { lseek } from './lseek.ts';
import { removemapping, setupmapping } from './mapping.ts';
import { mkdir } from './mkdir.ts';
import { mknod } from './mknod.ts';
import { notifyReply } from './notify-reply.ts';
import { open, opendir } from './open.ts';
import { poll } from './poll.ts';
import { read } from './read.ts';
import { readdir, readdirplus } from './readdir.ts';
import { readlink } from './readlink.ts';
import { flush, release, releasedir } from './release.ts';
import { rename, rename2 } from './rename.ts';
import { rmdir } from './rmdir.ts';
import { setattr } from './setattr.ts';
import { statfs } from './statfs.ts';
import { statx } from './statx.ts';
import { symlink } from './symlink.ts';
import { tmpfile } from './tmpfile.ts';
import { unlink } from './unlink.ts';
import { write } from './write.ts';
import { getxattr, listxattr, removexattr, setxattr } from './xattr.ts';

const entries: readonly Op[] = [
  lookup,
  forget,
  getattr,
  setattr,
  readlink,
  symlink,
  mknod,
  mkdir,
  unlink,
  rmdir,
  rename,
  link,
  open,
  read,
  write,
  statfs,
  release,
  fsync,
  setxattr,
  getxattr,
  listxattr,
  removexattr,
  flush,
  init,
  opendir,
  readdir,
  releasedir,
  fsyncdir,
  getlk,
  setlk,
  setlkw,
  access,
  create,
  interrupt,
  bmap,
  destroy,
  ioctl,
  poll,
  notifyReply,
  batchForget,
  fallocate,
  readdirplus,
  rename2,
  lseek,
  copyFileRange,
  setupmapping,
  removemapping,
  syncfs,
  tmpfile,
  statx,
];

/** By opcode; undefined where there is none. */
export const OPS: readonly (Op | undefined)[] = (() => {
  const table: (Op | undefined)[] = [];
  for (let i = 0; i <= Math.max(...entries.map((entry) => entry.opcode)); i++) table.push(undefined);
  for (const entry of entries) {
    if (table[entry.opcode]) throw new Error(`two entries for opcode ${entry.opcode}`);
    table[entry.opcode] = entry;
  }
  return table;
})();

/** By name, without FUSE_. */
export const OP_BY_NAME: ReadonlyMap<string, Op> = new Map(entries.map((entry) => [entry.name, entry]));
