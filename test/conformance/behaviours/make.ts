// mkdir, mkfifo, mknod, and who owns what is made.
import { type Behaviours, type Calls, type FileType, OTHER, TYPES, USER } from '../calls.ts';

const MADE: readonly FileType[] = ['file', 'dir', 'fifo', 'socket', 'char', 'block'];

export const make: Behaviours = {
  ...Object.fromEntries(
    MADE.map((type) => [
      `making a ${type}: type, mode, owner, times of both`,
      (t: Calls) => {
        t.stat('.', 'mtime', 'ctime', 'nlink');
        t.make(type, 'x', 0o751);
        t.lstat('x', 'mode', 'nlink', 'uid', 'gid', 'rdev');
        t.stat('.', 'mtime', 'ctime', 'nlink');
        t.remove(type, 'x');
        t.stat('.', 'mtime', 'ctime', 'nlink');
        t.list('.');
      },
    ]),
  ),
  ...Object.fromEntries(
    MADE.map((type) => [
      `making a ${type}: the umask is taken off`,
      (t: Calls) => {
        for (const mask of [0o022, 0o077, 0o777, 0o070, 0o501]) {
          t.umask(mask);
          t.make(type, `x${mask}`, 0o777);
          t.stat(`x${mask}`, 'mode');
        }
      },
    ]),
  ),
  ...Object.fromEntries(
    MADE.map((type) => [
      `making a ${type}: EEXIST for each type that is there`,
      (t: Calls) => {
        for (const there of TYPES) {
          t.make(there, there);
          t.make(type, there);
        }
        t.list('.');
      },
    ]),
  ),
  'making: set-id and sticky bits of a new mode': (t) => {
    t.mkdir('d', 0o7777);
    t.stat('d', 'mode');
    t.file('f', 0o7777);
    t.stat('f', 'mode');
    t.mkfifo('p', 0o7777);
    t.stat('p', 'mode');
    t.mkdir('o', 0o777);
    t.as(USER, USER);
    t.file('o/f', 0o7777);
    t.stat('o/f', 'mode');
  },
  'making: in a directory with the set-group-ID bit': (t) => {
    t.mkdir('d');
    t.chown('d', 0, OTHER);
    t.chmod('d', 0o2777);
    t.as(USER, USER);
    for (const type of TYPES) {
      if (type === 'char' || type === 'block') continue;
      t.make(type, `d/${type}`, 0o755);
      t.lstat(`d/${type}`, 'mode', 'uid', 'gid');
    }
    t.mkdir('d/dir/deeper', 0o700);
    t.stat('d/dir/deeper', 'mode', 'gid');
  },
  'making: the set-group-ID bit is taken from a file of a foreign group': (t) => {
    t.mkdir('d');
    t.chown('d', 0, OTHER);
    t.chmod('d', 0o2777);
    t.as(USER, USER);
    t.file('d/x', 0o2755);
    t.stat('d/x', 'mode', 'gid');
    t.file('d/no', 0o2745);
    t.stat('d/no', 'mode', 'gid');
    t.as(USER, USER, OTHER);
    t.file('d/member', 0o2755);
    t.stat('d/member', 'mode', 'gid');
    t.mknod('d/node', 'S_IFREG', 0o2755);
    t.stat('d/node', 'mode', 'gid');
  },
  'making: needs the right to write to the directory': (t) => {
    t.mkdir('mine', 0o700);
    t.chown('mine', USER, USER);
    t.mkdir('group', 0o070);
    t.chown('group', OTHER, OTHER);
    t.mkdir('none', 0o555);
    t.mkdir('nosearch', 0o666);
    for (const [who, ...groups] of [[USER], [USER, OTHER], [OTHER]] as const) {
      t.as(who, who, ...groups);
      for (const dir of ['mine', 'group', 'none', 'nosearch']) {
        for (const type of MADE.slice(0, 4)) t.make(type, `${dir}/${type}${who}${groups.length}`);
      }
    }
    t.root();
    t.list('mine');
    t.list('group');
    t.list('none');
    t.list('nosearch');
  },
  'making: nothing is stamped where it fails': (t) => {
    t.mkdir('d', 0o755);
    t.file('d/f');
    t.stat('d', 'mtime', 'ctime', 'nlink');
    t.mkdir('d/f');
    t.mkfifo('d/f');
    t.symlink('x', 'd/f');
    t.as(USER, USER);
    t.mkdir('d/g');
    t.mkfifo('d/g');
    t.root();
    t.stat('d', 'mtime', 'ctime', 'nlink');
  },
  'mknod: device numbers': (t) => {
    let i = 0;
    for (const [major, minor] of [
      [0, 0],
      [1, 3],
      [255, 255],
      [256, 256],
      [4095, 1048575],
    ] as const) {
      t.mknod(`c${i}`, 'S_IFCHR', 0o600, major, minor);
      t.mknod(`b${i}`, 'S_IFBLK', 0o600, major, minor);
      t.stat(`c${i}`, 'mode', 'rdev');
      t.stat(`b${i++}`, 'mode', 'rdev');
    }
    t.mknod('f', 'S_IFREG', 0o600, 1, 3);
    t.stat('f', 'mode', 'rdev');
    t.mknod('p', 'S_IFIFO', 0o600, 1, 3);
    t.stat('p', 'mode', 'rdev');
  },
  'mknod: devices are for root, whiteouts for all': (t) => {
    t.mkdir('d', 0o777);
    t.as(USER, USER);
    t.mknod('d/c', 'S_IFCHR', 0o600, 1, 3);
    t.mknod('d/b', 'S_IFBLK', 0o600, 1, 3);
    t.mknod('d/w', 'S_IFCHR', 0, 0, 0);
    t.mknod('d/s', 'S_IFSOCK', 0o600);
    t.mknod('d/f', 'S_IFREG', 0o600);
    t.list('d');
  },
  'mknod: types that it does not make': (t) => {
    t.mknod('d', 'S_IFDIR', 0o755);
    t.mknod('l', 'S_IFLNK', 0o755);
    t.mknod('x', '0170000', 0o755);
    t.mknod('zero', '0', 0o644);
    t.stat('zero', 'mode', 'size');
    t.list('.');
  },
  'mkdir: a new one is empty, with two links, and its parent has one more': (t) => {
    t.mkdir('d');
    t.list('d');
    t.stat('d', 'nlink');
    t.mkdir('d/a');
    t.mkdir('d/b');
    t.file('d/f');
    t.stat('d', 'nlink');
    t.rmdir('d/a');
    t.stat('d', 'nlink');
  },
  'mkdir: a hundred deep': (t) => {
    let path = 'd';
    for (let i = 0; i < 100; i++) {
      t.mkdir(path);
      path += '/d';
    }
    t.file(path, 0o600, 'deep');
    t.cat(path);
  },
};
