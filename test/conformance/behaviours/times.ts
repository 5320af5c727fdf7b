// utimensat, and what is stamped when.
import { type Behaviours, type Calls, OTHER, TYPES, USER } from '../calls.ts';

export const times: Behaviours = {
  ...Object.fromEntries(
    TYPES.map((type) => [
      `utimensat: of a ${type}`,
      (t: Calls) => {
        t.make(type, 'x');
        t.lstat('x', 'ctime');
        t.utimensat('x', '1000000001.000000002', '1234567890.123456789', 'AT_SYMLINK_NOFOLLOW');
        t.lstat('x', 'atime!', 'mtime!', 'ctime');
      },
    ]),
  ),
  'utimensat: every nanosecond counts': (t) => {
    t.file('f');
    for (const ns of ['000000000', '000000001', '000000999', '999999999', '500000000', '123456789']) {
      t.utimensat('f', `1500000000.${ns}`, `1600000000.${ns}`);
      t.stat('f', 'atime!', 'mtime!');
    }
  },
  'utimensat: before 1970, after 2038, after 2106': (t) => {
    t.file('f');
    for (const s of ['0', '-1', '-2147483648', '2147483647', '2147483648', '4294967295', '4294967296', '8000000000']) {
      t.utimensat('f', `${s}.000000001`, `${s}.999999999`);
      t.stat('f', 'atime!', 'mtime!');
    }
  },
  'utimensat: UTIME_NOW and UTIME_OMIT': (t) => {
    t.file('f');
    t.utimensat('f', '1.000000000', '2.000000000');
    t.stat('f', 'ctime');
    t.utimensat('f', 'omit', '3.000000000');
    t.stat('f', 'atime!', 'mtime!', 'ctime');
    t.utimensat('f', '4.000000000', 'omit');
    t.stat('f', 'atime!', 'mtime!');
    t.utimensat('f', 'omit', 'omit');
    t.stat('f', 'atime', 'mtime', 'ctime');
    t.utimensat('f', 'now', 'omit');
    t.stat('f', 'atime', 'mtime!', 'ctime');
    t.utimensat('f', '5.000000000', 'now');
    t.stat('f', 'atime!', 'mtime', 'ctime');
    t.utimensat('none', 'omit', 'omit');
  },
  'utimensat: follows a link, unless it must not': (t) => {
    t.file('f');
    t.symlink('f', 'l');
    t.utimensat('l', '5.000000000', '6.000000000');
    t.stat('f', 'atime!', 'mtime!');
    t.utimensat('l', '7.000000000', '8.000000000', 'AT_SYMLINK_NOFOLLOW');
    t.lstat('l', 'mtime!');
    t.stat('f', 'mtime!');
  },
  "utimensat: a time of one's own is for the owner, now for who may write": (t) => {
    t.file('f', 0o666);
    t.chown('f', USER, USER);
    t.file('shut', 0o644);
    t.as(OTHER, OTHER);
    t.utimensat('f', '1.000000000', '1.000000000');
    t.utimensat('f', 'now', '1.000000000');
    t.utimensat('f', 'now', 'omit');
    t.utimensat('f', 'omit', 'now');
    t.utimensat('f', 'now', 'now');
    t.touch('f');
    t.touch('shut');
    t.utimensat('shut', 'now', 'now');
    t.as(USER, USER);
    t.utimensat('f', '1.000000000', '1.000000000');
    t.utimensat('f', 'now', 'omit');
    t.stat('f', 'mtime!');
  },
  'utimensat: nanoseconds that are none': (t) => {
    t.file('f');
    t.utimensat('f', '1.1000000000', '1.000000000');
    t.utimensat('f', '1.000000000', '1.2000000000');
  },
  'futimens: of an open file without a name': (t) => {
    t.file('f');
    t.open('a', 'f', 'O_RDONLY');
    t.unlink('f');
    t.futimens('a', '11.000000000', '12.000000000');
    t.fstat('a', 'atime!', 'mtime!');
  },
  'stamps: of a new file all the same, of its directory two': (t) => {
    t.utimensat('.', '1.000000000', '1.000000000');
    t.file('f');
    t.stat('.', 'atime!');
    t.stat('f', 'mtime', 'ctime');
    t.chmod('f', 0o600);
    t.stat('f', 'mtime', 'ctime', 'atime');
  },
  'stamps: writing sets mtime and ctime': (t) => {
    t.file('f', 0o644, 'x');
    t.open('a', 'f');
    t.fstat('a', 'mtime', 'ctime');
    t.write('a', 'yy');
    t.fstat('a', 'mtime', 'ctime');
    t.pwrite('a', 'z', 0);
    t.fstat('a', 'mtime', 'ctime');
    t.close('a');
    t.stat('f', 'mtime', 'ctime');
  },
  'stamps: writing nothing sets nothing': (t) => {
    t.file('f', 0o644, 'x');
    t.open('a', 'f');
    t.fstat('a', 'mtime', 'ctime');
    t.write('a', '');
    t.fstat('a', 'mtime', 'ctime');
  },
  'stamps: a write after utimensat sets mtime again': (t) => {
    t.file('f', 0o644, 'x');
    t.open('a', 'f');
    t.futimens('a', '1.000000000', '1.000000000');
    t.fstat('a', 'mtime!');
    t.write('a', 'y');
    t.fstat('a', 'mtime', 'atime!');
    t.close('a');
  },
  'stamps: truncating sets mtime and ctime, shorter, longer': (t) => {
    t.file('f', 0o644, 'content');
    t.stat('f', 'mtime', 'ctime');
    t.truncate('f', 3);
    t.stat('f', 'mtime', 'ctime', 'size');
    t.truncate('f', 300);
    t.stat('f', 'mtime', 'ctime', 'size');
    t.open('a', 'f');
    t.ftruncate('a', 5);
    t.stat('f', 'mtime', 'ctime', 'size');
    t.ftruncate('a', 5);
    t.stat('f', 'mtime', 'ctime');
  },
  'stamps: O_TRUNC sets mtime and ctime': (t) => {
    t.file('f', 0o644, 'content');
    t.stat('f', 'mtime', 'ctime');
    t.open('a', 'f', 'O_WRONLY|O_TRUNC');
    t.fstat('a', 'mtime', 'ctime', 'size');
    t.close('a');
    t.open('a', 'f', 'O_WRONLY|O_TRUNC');
    t.fstat('a', 'mtime', 'ctime', 'size');
  },
  'stamps: opening with O_CREAT what is there sets nothing': (t) => {
    t.file('f', 0o644, 'content');
    t.stat('f', 'mtime', 'ctime');
    t.stat('.', 'mtime', 'ctime');
    t.open('a', 'f', 'O_WRONLY|O_CREAT', 0o600);
    t.fstat('a', 'mtime', 'ctime', 'size', 'mode');
    t.stat('.', 'mtime', 'ctime');
  },
  'stamps: fallocate and copy_file_range set mtime and ctime': (t) => {
    t.file('f', 0o644, 'content');
    t.file('g', 0o644, 'content');
    t.stat('f', 'mtime', 'ctime');
    t.stat('g', 'mtime', 'ctime');
    t.open('a', 'f');
    t.open('b', 'g', 'O_RDONLY');
    t.fallocate('a', '0', 0, 100_000);
    t.fstat('a', 'mtime', 'ctime');
    t.copy('b', 0, 'a', 0, 7);
    t.fstat('a', 'mtime', 'ctime');
    t.fstat('b', 'mtime', 'ctime');
  },
  'stamps: xattrs set ctime alone': (t) => {
    t.file('f');
    t.stat('f', 'mtime', 'ctime');
    t.setxattr('f', 'user.x', 'v');
    t.stat('f', 'mtime', 'ctime');
    t.removexattr('f', 'user.x');
    t.stat('f', 'mtime', 'ctime');
    t.removexattr('f', 'user.x');
    t.getxattr('f', 'user.x');
    t.stat('f', 'mtime', 'ctime');
  },
  'stamps: changing what is in a directory sets its times, changing a file does not': (t) => {
    t.mkdir('d');
    t.file('d/f');
    t.stat('d', 'mtime', 'ctime');
    t.chmod('d/f', 0o600);
    t.truncate('d/f', 100);
    t.setxattr('d/f', 'user.x', 'v');
    t.stat('d', 'mtime', 'ctime');
    t.link('d/f', 'd/g');
    t.stat('d', 'mtime', 'ctime');
    t.unlink('d/g');
    t.stat('d', 'mtime', 'ctime');
    t.chmod('d', 0o700);
    t.stat('d', 'mtime', 'ctime');
  },
};
