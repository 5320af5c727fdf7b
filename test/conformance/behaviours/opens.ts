// open and its flags.
import { type Behaviours, type Calls, OTHER, TYPES, USER } from '../calls.ts';

export const opens: Behaviours = {
  'open: O_CREAT makes a file with mode and owner, once': (t) => {
    t.mkdir('d', 0o777);
    t.as(USER, OTHER);
    t.umask(0o022);
    t.open('a', 'd/f', 'O_RDWR|O_CREAT', 0o666);
    t.fstat('a', 'mode', 'uid', 'gid', 'size', 'nlink');
    t.write('a', 'x');
    t.open('b', 'd/f', 'O_RDWR|O_CREAT', 0o600);
    t.fstat('b', 'mode', 'size', 'ino');
    t.fstat('a', 'ino');
  },
  'open: a mode without rights does not count for who makes it': (t) => {
    t.mkdir('d', 0o777);
    t.as(USER, USER);
    t.open('a', 'd/f', 'O_RDWR|O_CREAT', 0);
    t.write('a', 'x');
    t.pread('a', 1, 0);
    t.open('b', 'd/f', 'O_RDONLY');
    t.fstat('a', 'mode');
  },
  'open: O_EXCL fails for each type that is there': (t) => {
    for (const type of TYPES) {
      t.make(type, type);
      t.open('a', type, 'O_RDWR|O_CREAT|O_EXCL');
    }
    t.open('a', 'new', 'O_RDWR|O_CREAT|O_EXCL');
    t.list('.');
  },
  'open: O_CREAT through a link that leads nowhere makes its target': (t) => {
    t.symlink('made', 'l');
    t.open('a', 'l', 'O_WRONLY|O_CREAT', 0o600);
    t.write('a', 'x');
    t.cat('made');
    t.lstat('l', 'mode');
    t.symlink('none/x', 'm');
    t.open('b', 'm', 'O_WRONLY|O_CREAT');
    t.list('.');
  },
  'open: O_NOFOLLOW': (t) => {
    t.file('f');
    t.symlink('f', 'l');
    t.symlink('none', 'n');
    t.mkdir('d');
    t.symlink('d', 'e');
    t.file('d/f');
    t.open('a', 'l', 'O_RDONLY|O_NOFOLLOW');
    t.open('a', 'n', 'O_RDONLY|O_NOFOLLOW');
    t.open('a', 'n', 'O_RDWR|O_CREAT|O_NOFOLLOW');
    t.open('a', 'f', 'O_RDONLY|O_NOFOLLOW');
    t.open('b', 'e/f', 'O_RDONLY|O_NOFOLLOW');
    t.open('c', 'e', 'O_RDONLY|O_NOFOLLOW');
    t.list('.');
  },
  'open: O_DIRECTORY': (t) => {
    for (const type of TYPES) {
      t.make(type, type);
      t.open('a', type, 'O_RDONLY|O_DIRECTORY');
    }
    t.symlink('dir', 'l');
    t.open('b', 'l', 'O_RDONLY|O_DIRECTORY');
    t.open('c', 'new', 'O_RDONLY|O_DIRECTORY|O_CREAT');
    t.list('.');
  },
  'open: a directory for writing': (t) => {
    t.mkdir('d');
    t.open('a', 'd', 'O_WRONLY');
    t.open('a', 'd', 'O_RDWR');
    t.open('a', 'd', 'O_RDONLY|O_TRUNC');
    t.open('a', 'd', 'O_RDONLY|O_CREAT');
    t.open('a', 'd', 'O_RDONLY');
    t.read('a', 10);
    t.write('a', 'x');
    t.ftruncate('a', 0);
    t.fsync('a');
  },
  'open: O_TRUNC': (t) => {
    t.file('f', 0o644, 'content');
    t.link('f', 'g');
    t.open('a', 'f', 'O_RDWR');
    t.read('a', 3);
    t.open('b', 'g', 'O_WRONLY|O_TRUNC');
    t.fstat('a', 'size');
    t.read('a', 10);
    t.write('a', 'x');
    t.cat('f');
    t.open('c', 'f', 'O_RDONLY|O_TRUNC');
    t.fstat('c', 'size');
  },
  'open: O_TRUNC of what is no file does nothing to it': (t) => {
    t.mkfifo('p');
    t.open('a', 'p', 'O_RDONLY|O_NONBLOCK|O_TRUNC');
    t.stat('p', 'mode', 'size');
  },
  'open: O_TRUNC needs the right to write': (t) => {
    t.file('f', 0o644, 'content');
    t.as(USER, USER);
    t.open('a', 'f', 'O_RDONLY|O_TRUNC');
    t.open('a', 'f', 'O_RDWR|O_TRUNC');
    t.cat('f');
  },
  'open: rights of owner, group and others': (t) => {
    for (const mode of [0o700, 0o400, 0o200, 0o070, 0o040, 0o020, 0o007, 0o004, 0o002]) {
      t.root();
      t.file(`f${mode}`, mode);
      t.chown(`f${mode}`, USER, OTHER);
      for (const [uid, gid] of [
        [USER, USER],
        [3000, OTHER],
        [3000, 3000],
      ] as const) {
        t.as(uid, gid);
        t.open('a', `f${mode}`, 'O_RDONLY');
        t.open('a', `f${mode}`, 'O_WRONLY');
        t.open('a', `f${mode}`, 'O_RDWR');
      }
    }
  },
  'open: rights are asked when it is opened, and not later': (t) => {
    t.file('f', 0o666, 'content');
    t.as(USER, USER);
    t.open('a', 'f', 'O_RDWR');
    t.root();
    t.chmod('f', 0o000);
    t.as(USER, USER);
    t.read('a', 3);
    t.write('a', 'XYZ');
    t.ftruncate('a', 6);
    t.open('b', 'f', 'O_RDONLY');
    t.pread('a', 10, 0);
  },
  'open: O_NOATIME is for the owner': (t) => {
    t.file('f', 0o666, 'x');
    t.chown('f', OTHER, OTHER);
    t.as(USER, USER);
    t.open('a', 'f', 'O_RDONLY|O_NOATIME');
    t.as(OTHER, OTHER);
    t.open('a', 'f', 'O_RDONLY|O_NOATIME');
    t.read('a', 5);
  },
  'open: a FIFO without a partner, a socket, a device of no driver': (t) => {
    t.mkfifo('p');
    t.open('a', 'p', 'O_WRONLY|O_NONBLOCK');
    t.open('a', 'p', 'O_RDONLY|O_NONBLOCK');
    t.make('socket', 's');
    t.open('b', 's', 'O_RDONLY');
    t.make('char', 'c');
    t.open('b', 'c', 'O_RDWR');
    t.make('block', 'b');
    t.open('b', 'b', 'O_RDWR');
    t.mknod('w', 'S_IFCHR', 0o600, 0, 0);
    t.open('b', 'w', 'O_RDONLY');
  },
  'open: O_PATH gives a handle of nothing but the name': (t) => {
    t.file('f', 0o000, 'x');
    t.as(USER, USER);
    t.open('a', 'f', 'O_PATH');
    t.fstat('a', 'mode', 'size');
    t.read('a', 1);
    t.symlink('f', 'l');
    t.root();
    t.symlink('f', 'l');
    t.open('b', 'l', 'O_PATH|O_NOFOLLOW');
    t.fstat('b', 'mode', 'size');
  },
  'open: reading and writing only as it was opened': (t) => {
    t.file('f', 0o644, 'content');
    t.open('r', 'f', 'O_RDONLY');
    t.open('w', 'f', 'O_WRONLY');
    t.write('r', 'x');
    t.pwrite('r', 'x', 0);
    t.ftruncate('r', 0);
    t.fallocate('r', '0', 0, 10);
    t.read('w', 1);
    t.pread('w', 1, 0);
    t.write('w', 'C');
    t.read('r', 10);
    t.close('r');
    t.read('r', 1);
    t.close('r');
  },
  'open: one file twice has two positions': (t) => {
    t.file('f', 0o644, 'abcdef');
    t.open('a', 'f');
    t.open('b', 'f');
    t.read('a', 2);
    t.read('b', 3);
    t.write('a', 'XX');
    t.read('b', 3);
    t.cat('f');
  },
  'open: in a directory that cannot be written to': (t) => {
    t.mkdir('d', 0o555);
    t.file('d/f', 0o666);
    t.as(USER, USER);
    t.open('a', 'd/f', 'O_RDWR|O_CREAT');
    t.open('b', 'd/g', 'O_RDWR|O_CREAT');
    t.open('b', 'd/none', 'O_RDWR');
  },

  'O_TMPFILE: a file without a name': (t) => {
    t.mkdir('d');
    t.stat('d', 'mtime', 'ctime', 'nlink');
    t.open('a', 'd', 'O_TMPFILE|O_RDWR', 0o640);
    t.fstat('a', 'mode', 'nlink', 'size', 'uid');
    t.write('a', 'content');
    t.pread('a', 10, 0);
    t.ftruncate('a', 4);
    t.fstat('a', 'size', 'nlink');
    t.list('d');
    t.stat('d', 'mtime', 'ctime', 'nlink');
    t.close('a');
    t.rmdir('d');
  },
  'O_TMPFILE: gets a name by linkat': (t) => {
    t.mkdir('d');
    t.mkdir('e');
    t.open('a', 'd', 'O_TMPFILE|O_WRONLY', 0o600);
    t.write('a', 'content');
    t.flink('a', 'd/f');
    t.fstat('a', 'nlink', 'ino');
    t.stat('d/f', 'nlink', 'ino');
    t.flink('a', 'e/g');
    t.flink('a', 'e/g');
    t.stat('d/f', 'nlink');
    t.close('a');
    t.cat('e/g');
    t.unlink('d/f');
    t.cat('e/g');
  },
  'O_TMPFILE: with O_EXCL it never gets one': (t) => {
    t.mkdir('d');
    t.open('a', 'd', 'O_TMPFILE|O_RDWR|O_EXCL', 0o600);
    t.flink('a', 'd/f');
    t.fstat('a', 'nlink');
    t.list('d');
  },
  'O_TMPFILE: unlinked again, it has no name for good': (t) => {
    t.open('a', '.', 'O_TMPFILE|O_RDWR', 0o600);
    t.flink('a', 'f');
    t.unlink('f');
    t.fstat('a', 'nlink');
    t.flink('a', 'g');
    t.list('.');
  },
  'O_TMPFILE: what is wrong with it': (t) => {
    t.file('f');
    t.mkdir('shut', 0o555);
    t.mkdir('open', 0o777);
    t.open('a', 'f', 'O_TMPFILE|O_RDWR');
    t.open('a', 'none', 'O_TMPFILE|O_RDWR');
    t.open('a', 'open', 'O_TMPFILE|O_RDONLY');
    t.as(USER, OTHER);
    t.open('a', 'shut', 'O_TMPFILE|O_RDWR');
    t.umask(0o027);
    t.open('b', 'open', 'O_TMPFILE|O_RDWR', 0o777);
    t.fstat('b', 'mode', 'uid', 'gid');
  },
  'O_TMPFILE: inherits from a directory with the set-group-ID bit': (t) => {
    t.mkdir('d');
    t.chown('d', 0, OTHER);
    t.chmod('d', 0o2777);
    t.as(USER, USER);
    t.open('a', 'd', 'O_TMPFILE|O_RDWR', 0o2755);
    t.fstat('a', 'mode', 'uid', 'gid');
    t.open('b', 'd', 'O_TMPFILE|O_RDWR', 0o644);
    t.fstat('b', 'mode', 'gid');
  },
  'exec: ETXTBSY while it is written to, EACCES without the right': {
    guestOnly: 'programs are run by a kernel',
    run: (t: Calls) => {
      t.symlink('/bin/busybox', 'busybox');
      t.file('f', 0o755, '#!/bin/sh\nexit $1\n');
      t.exec('./f', '7');
      t.open('a', 'f', 'O_WRONLY');
      t.exec('./f', '7');
      t.close('a');
      t.exec('./f', '9');
      t.chmod('f', 0o644);
      t.exec('./f', '9');
    },
  },
};
