// unlink and rmdir.
import { type Behaviours, type Calls, type FileType, OTHER, TYPES, USER } from '../calls.ts';

const FILES: readonly FileType[] = TYPES.filter((type) => type !== 'dir');

export const remove: Behaviours = {
  'unlink: of each type, and what is stamped': (t) => {
    for (const type of FILES) {
      t.make(type, 'x');
      t.link('x', 'y');
      t.lstat('y', 'nlink', 'ctime');
      t.stat('.', 'mtime', 'ctime');
      t.unlink('x');
      t.lstat('y', 'nlink', 'ctime', 'mtime');
      t.stat('.', 'mtime', 'ctime');
      t.lstat('x', 'mode');
      t.unlink('y');
    }
  },
  'unlink: EISDIR for a directory, and it stays': (t) => {
    t.mkdir('d');
    t.stat('.', 'mtime');
    t.unlink('d');
    t.stat('.', 'mtime', 'nlink');
    t.mkdir('o', 0o777);
    t.mkdir('o/d');
    t.as(USER, USER);
    t.unlink('o/d');
  },
  'unlink: a link is removed, not what it leads to': (t) => {
    t.file('f', 0o600);
    t.symlink('f', 'l');
    t.unlink('l');
    t.stat('f', 'nlink');
  },
  'unlink: an open file lives on': (t) => {
    t.file('f', 0o644, 'first');
    t.open('a', 'f');
    t.unlink('f');
    t.stat('f', 'mode');
    t.fstat('a', 'nlink', 'size', 'mode');
    t.read('a', 100);
    t.write('a', ' second');
    t.pread('a', 100, 0);
    t.fchmod('a', 0o4711);
    t.fchown('a', USER, OTHER);
    t.ftruncate('a', 3);
    t.fstat('a', 'nlink', 'size', 'mode', 'uid', 'gid');
    t.file('f', 0o600, 'another');
    t.stat('f', 'ino');
    t.pread('a', 100, 0);
    t.close('a');
    t.cat('f');
  },
  'unlink: an open file with another name': (t) => {
    t.file('f', 0o644, 'x');
    t.link('f', 'g');
    t.open('a', 'f');
    t.fstat('a', 'ctime', 'ino');
    t.unlink('f');
    t.fstat('a', 'nlink', 'ctime', 'mtime');
    t.write('a', 'yz');
    t.cat('g');
    t.stat('g', 'ino');
  },
  'unlink: needs the right to write to the directory, not to the file': (t) => {
    t.mkdir('d', 0o777);
    t.file('d/f', 0o000);
    t.mkdir('s', 0o755);
    t.file('s/f', 0o777);
    t.chown('s/f', USER, USER);
    t.as(USER, USER);
    t.unlink('d/f');
    t.unlink('s/f');
    t.unlink('s/none');
  },
  'rmdir: the parent loses a link and is stamped': (t) => {
    t.mkdir('p');
    t.mkdir('p/d');
    t.stat('p', 'nlink', 'mtime', 'ctime');
    t.rmdir('p/d');
    t.stat('p', 'nlink', 'mtime', 'ctime');
    t.stat('p/d', 'mode');
  },
  'rmdir: ENOTDIR for each type but a directory': (t) => {
    for (const type of FILES) {
      t.make(type, type);
      t.rmdir(type);
    }
    t.mkdir('d');
    t.symlink('d', 'l');
    t.rmdir('l');
    t.list('.');
  },
  'rmdir: ENOTEMPTY for each type that is in it': (t) => {
    for (const type of TYPES) {
      t.mkdir('d');
      t.make(type, 'd/x');
      t.stat('d', 'ctime');
      t.rmdir('d');
      t.stat('d', 'ctime', 'nlink');
      t.remove(type, 'd/x');
      t.rmdir('d');
    }
  },
  'rmdir: an open directory lives on without names': (t) => {
    t.mkdir('d');
    t.open('a', 'd', 'O_RDONLY|O_DIRECTORY');
    t.rmdir('d');
    t.fstat('a', 'nlink', 'mode');
    t.fchmod('a', 0o700);
    t.fstat('a', 'nlink', 'mode');
  },
  'rmdir: needs the right to write to the parent': (t) => {
    t.mkdir('p', 0o755);
    t.mkdir('p/d', 0o777);
    t.chown('p/d', USER, USER);
    t.as(USER, USER);
    t.rmdir('p/d');
    t.rmdir('p/none');
  },
  ...Object.fromEntries(
    (['file', 'dir', 'fifo', 'symlink'] as const).map((type) => [
      `a sticky directory: who may remove a ${type}`,
      (t: Calls) => {
        let i = 0;
        for (const dirOwner of [USER, OTHER, 0]) {
          for (const owner of [USER, OTHER, 0]) {
            t.root();
            t.mkdir(`d${++i}`, 0o777);
            t.make(type, `d${i}/x`, 0o777);
            t.lchown(`d${i}/x`, owner, owner);
            t.chown(`d${i}`, dirOwner, dirOwner);
            t.chmod(`d${i}`, 0o1777);
            t.as(USER, USER, OTHER);
            t.remove(type, `d${i}/x`);
          }
        }
      },
    ]),
  ),
  'a sticky directory: a link is added by anybody, and its like removed by root': (t) => {
    t.mkdir('d', 0o777);
    t.chmod('d', 0o1777);
    t.file('d/f', 0o666);
    t.as(USER, USER);
    t.link('d/f', 'd/g');
    t.unlink('d/g');
    t.root();
    t.unlink('d/g');
    t.list('d');
  },
};
