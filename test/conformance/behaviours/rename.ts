// rename and renameat2.
import { type Behaviours, type Calls, type FileType, OTHER, TYPES, USER } from '../calls.ts';

const SAMPLE: readonly FileType[] = ['file', 'dir', 'fifo', 'symlink'];

export const rename: Behaviours = {
  ...Object.fromEntries(
    TYPES.map((type) => [
      `rename: a ${type} keeps its inode, and what is stamped`,
      (t: Calls) => {
        t.make(type, 'a', 0o640);
        t.mkdir('to');
        t.lstat('a', 'ino', 'ctime', 'mtime');
        t.stat('.', 'mtime', 'ctime', 'nlink');
        t.stat('to', 'mtime', 'ctime', 'nlink');
        t.rename('a', 'to/b');
        t.lstat('to/b', 'ino', 'mode', 'ctime', 'mtime', 'nlink');
        t.stat('.', 'mtime', 'ctime', 'nlink');
        t.stat('to', 'mtime', 'ctime', 'nlink');
        t.lstat('a', 'mode');
      },
    ]),
  ),
  'rename: of each type over each type': (t) => {
    for (const from of TYPES) {
      for (const to of TYPES) {
        t.make(from, `${from}-${to}`);
        t.make(to, `to-${from}-${to}`);
        t.rename(`${from}-${to}`, `to-${from}-${to}`);
        t.lstat(`to-${from}-${to}`, 'mode', 'nlink');
      }
    }
    t.list('.');
  },
  'rename: over a file takes a link from it': (t) => {
    t.file('old', 0o644, 'old');
    t.link('old', 'other');
    t.file('new', 0o644, 'new');
    t.stat('other', 'nlink', 'ctime');
    t.rename('new', 'old');
    t.stat('other', 'nlink', 'ctime');
    t.cat('old');
    t.cat('other');
    t.list('.');
  },
  'rename: over an open file, which lives on': (t) => {
    t.file('old', 0o644, 'old');
    t.open('a', 'old');
    t.file('new', 0o644, 'new');
    t.open('b', 'new');
    t.rename('new', 'old');
    t.fstat('a', 'nlink');
    t.read('a', 10);
    t.write('a', ' more');
    t.fstat('b', 'nlink');
    t.write('b', 'NEW!');
    t.cat('old');
    t.pread('a', 20, 0);
  },
  'rename: two names of one file stay': (t) => {
    t.file('a');
    t.link('a', 'b');
    t.stat('a', 'ctime', 'nlink');
    t.stat('.', 'mtime');
    t.rename('a', 'b');
    t.stat('a', 'ctime', 'nlink');
    t.stat('.', 'mtime');
    t.list('.');
  },
  'rename: onto itself': (t) => {
    t.file('f');
    t.mkdir('d');
    t.rename('f', 'f');
    t.rename('d', 'd');
    t.rename('f', './f');
    t.list('.');
  },
  'rename: a directory over an empty one, and over one that is not': (t) => {
    t.mkdir('a');
    t.file('a/f', 0o600, 'in a');
    t.mkdir('empty');
    t.stat('.', 'nlink');
    t.rename('a', 'empty');
    t.stat('.', 'nlink');
    t.cat('empty/f');
    t.mkdir('b');
    t.rename('b', 'empty');
    t.list('.');
  },
  'rename: over an open directory': (t) => {
    t.mkdir('old');
    t.open('a', 'old', 'O_RDONLY');
    t.mkdir('new');
    t.rename('new', 'old');
    t.fstat('a', 'nlink', 'mode');
    t.list('.');
  },
  'rename: of a directory below itself': (t) => {
    t.mkdir('a');
    t.mkdir('a/b');
    t.mkdir('a/b/c');
    t.rename('a', 'a/x');
    t.rename('a', 'a/b/x');
    t.rename('a', 'a/b/c');
    t.rename('a/b/c', 'a');
    t.rename('a/b/c', 'a/b');
    t.rename('a/b', 'a');
    t.renameat2('a', 'a/b', 'RENAME_EXCHANGE');
    t.renameat2('a/b/c', 'a', 'RENAME_EXCHANGE');
    t.list('a/b');
  },
  'rename: of a directory to another parent moves a link': (t) => {
    t.mkdir('a');
    t.mkdir('b');
    t.mkdir('a/d');
    t.mkdir('a/d/deep');
    t.rename('a/d', 'b/e');
    t.stat('a', 'nlink');
    t.stat('b', 'nlink');
    t.stat('b/e', 'nlink');
    t.list('b/e/..');
    t.mkdir('a/d');
    t.rename('a/d', 'b/e/deep');
    t.stat('a', 'nlink');
    t.stat('b/e', 'nlink');
  },
  'rename: nothing is stamped where it fails': (t) => {
    t.mkdir('a');
    t.mkdir('b');
    t.file('a/f');
    t.mkdir('b/d');
    t.stat('a', 'mtime', 'ctime');
    t.stat('b', 'mtime', 'ctime');
    t.stat('a/f', 'ctime');
    t.rename('a/f', 'b/d');
    t.rename('b/d', 'a/f');
    t.rename('a/none', 'b/x');
    t.rename('a/f', 'b/none/x');
    t.stat('a', 'mtime', 'ctime');
    t.stat('b', 'mtime', 'ctime');
    t.stat('a/f', 'ctime');
  },
  'rename: needs the right to write to both directories': (t) => {
    t.mkdir('open', 0o777);
    t.mkdir('shut', 0o755);
    t.file('open/a', 0o666);
    t.file('shut/b', 0o666);
    t.as(USER, USER);
    t.rename('open/a', 'shut/x');
    t.rename('shut/b', 'open/x');
    t.rename('shut/b', 'shut/x');
    t.rename('shut/b', 'shut/none/x');
    t.rename('open/a', 'open/x');
    t.list('open');
  },
  'rename: a directory of somebody else cannot change its parent': (t) => {
    t.mkdir('a', 0o777);
    t.mkdir('b', 0o777);
    t.mkdir('a/d', 0o755);
    t.as(USER, USER);
    t.rename('a/d', 'a/e');
    t.rename('a/e', 'b/e');
    t.root();
    t.chmod('a/e', 0o777);
    t.as(USER, USER);
    t.rename('a/e', 'b/e');
    t.list('b');
  },
  ...Object.fromEntries(
    SAMPLE.map((type) => [
      `rename: out of a sticky directory, a ${type}`,
      (t: Calls) => {
        t.mkdir('to', 0o777);
        let i = 0;
        for (const dirOwner of [USER, OTHER]) {
          for (const owner of [USER, OTHER]) {
            t.root();
            t.mkdir(`d${++i}`, 0o777);
            t.make(type, `d${i}/x`, 0o777);
            t.lchown(`d${i}/x`, owner, owner);
            t.chown(`d${i}`, dirOwner, dirOwner);
            t.chmod(`d${i}`, 0o1777);
            t.as(USER, USER);
            t.rename(`d${i}/x`, `d${i}/y`);
            t.rename(`d${i}/y`, `to/${i}`);
            t.rename(`d${i}/x`, `to/${i}`);
          }
        }
        t.list('to');
      },
    ]),
  ),
  ...Object.fromEntries(
    SAMPLE.map((type) => [
      `rename: over what is in a sticky directory, a ${type}`,
      (t: Calls) => {
        let i = 0;
        for (const dirOwner of [USER, OTHER]) {
          for (const owner of [USER, OTHER]) {
            t.root();
            t.mkdir(`d${++i}`, 0o777);
            t.make(type, `d${i}/there`, 0o777);
            t.lchown(`d${i}/there`, owner, owner);
            t.chown(`d${i}`, dirOwner, dirOwner);
            t.chmod(`d${i}`, 0o1777);
            t.as(USER, USER);
            t.make(type, `d${i}/mine`, 0o777);
            t.rename(`d${i}/mine`, `d${i}/there`);
            t.list(`d${i}`);
          }
        }
      },
    ]),
  ),
  'rename: names of 255 bytes on both sides': (t) => {
    t.file('a'.repeat(255));
    t.rename('a'.repeat(255), 'b'.repeat(255));
    t.rename('b'.repeat(255), 'c'.repeat(256));
    t.list('.');
  },
  'rename: a link is moved, and not what it leads to': (t) => {
    t.file('f', 0o600);
    t.symlink('f', 'l');
    t.rename('l', 'm');
    t.readlink('m');
    t.stat('f', 'mode');
    t.mkdir('d');
    t.rename('m', 'd/m');
    t.stat('d/m', 'mode');
    t.symlink('d', 'toDir');
    t.rename('f', 'toDir');
    t.lstat('toDir', 'mode');
  },
  'rename and link: EXDEV to another file system': {
    guestOnly: 'it takes a second file system',
    run: (t) => {
      t.file('f');
      t.mkdir('d');
      t.rename('f', '/dev/shm/conformance');
      t.rename('/etc/passwd', 'g');
      t.rename('d', '/dev/shm/conformance');
      t.link('f', '/dev/shm/conformance');
      t.link('/etc/passwd', 'g');
      t.renameat2('f', '/etc/passwd', 'RENAME_EXCHANGE');
      t.list('.');
    },
  },

  'renameat2: flags that do not go together': (t) => {
    t.file('a');
    t.file('b');
    t.renameat2('a', 'b', 'RENAME_NOREPLACE|RENAME_EXCHANGE');
    t.renameat2('a', 'b', 'RENAME_WHITEOUT|RENAME_EXCHANGE');
    t.renameat2('a', 'b', '8');
    t.renameat2('a', 'c', '0');
    t.list('.');
  },
  ...Object.fromEntries(
    TYPES.map((type) => [
      `RENAME_NOREPLACE: a ${type}`,
      (t: Calls) => {
        t.make(type, 'a');
        t.file('there');
        t.stat('.', 'mtime');
        t.renameat2('a', 'there', 'RENAME_NOREPLACE');
        t.renameat2('a', 'a', 'RENAME_NOREPLACE');
        t.stat('.', 'mtime');
        t.renameat2('a', 'b', 'RENAME_NOREPLACE');
        t.list('.');
      },
    ]),
  ),
  'RENAME_EXCHANGE: of two files': (t) => {
    t.file('a', 0o600, 'A');
    t.mkdir('d');
    t.file('d/b', 0o640, 'B');
    t.stat('a', 'ino', 'ctime');
    t.stat('d/b', 'ino', 'ctime');
    t.stat('.', 'mtime');
    t.stat('d', 'mtime');
    t.renameat2('a', 'd/b', 'RENAME_EXCHANGE');
    t.stat('a', 'ino', 'ctime', 'mode', 'nlink');
    t.stat('d/b', 'ino', 'ctime', 'mode', 'nlink');
    t.stat('.', 'mtime', 'nlink');
    t.stat('d', 'mtime', 'nlink');
    t.cat('a');
    t.cat('d/b');
  },
  'RENAME_EXCHANGE: of each type with each': (t) => {
    for (const from of SAMPLE) {
      for (const to of SAMPLE) {
        t.make(from, `${from}-${to}`);
        t.make(to, `to-${from}-${to}`);
        t.renameat2(`${from}-${to}`, `to-${from}-${to}`, 'RENAME_EXCHANGE');
      }
    }
    t.list('.');
    t.stat('.', 'nlink');
  },
  'RENAME_EXCHANGE: of directories that are not empty, and their counts': (t) => {
    t.mkdir('a');
    t.mkdir('b');
    t.mkdir('a/d');
    t.mkdir('a/d/x');
    t.file('b/f', 0o600, 'f');
    t.renameat2('a/d', 'b/f', 'RENAME_EXCHANGE');
    t.stat('a', 'nlink');
    t.stat('b', 'nlink');
    t.list('b/f');
    t.cat('a/d');
    t.stat('b/f/..', 'ino');
    t.stat('b', 'ino');
  },
  'RENAME_EXCHANGE: ENOENT where one is missing': (t) => {
    t.file('a');
    t.renameat2('a', 'none', 'RENAME_EXCHANGE');
    t.renameat2('none', 'a', 'RENAME_EXCHANGE');
    t.renameat2('a', 'a', 'RENAME_EXCHANGE');
    t.list('.');
  },
  'RENAME_EXCHANGE: needs the right to write to both': (t) => {
    t.mkdir('a', 0o777);
    t.mkdir('b', 0o755);
    t.file('a/x');
    t.file('b/x');
    t.mkdir('a/d', 0o755);
    t.mkdir('c', 0o777);
    t.mkdir('c/d', 0o755);
    t.as(USER, USER);
    t.renameat2('a/x', 'b/x', 'RENAME_EXCHANGE');
    t.renameat2('a/d', 'c/d', 'RENAME_EXCHANGE');
    t.renameat2('a/d', 'a/x', 'RENAME_EXCHANGE');
    t.list('a');
  },
  'RENAME_WHITEOUT: leaves a device 0:0 behind': (t) => {
    t.file('a', 0o600, 'x');
    t.renameat2('a', 'b', 'RENAME_WHITEOUT');
    t.lstat('a', 'mode', 'rdev', 'nlink', 'uid');
    t.cat('b');
    t.mkdir('d');
    t.renameat2('d', 'e', 'RENAME_WHITEOUT');
    t.lstat('d', 'mode', 'rdev');
    t.file('f', 0o600, 'y');
    t.renameat2('b', 'f', 'RENAME_WHITEOUT');
    t.cat('f');
    t.list('.');
    t.stat('.', 'nlink');
  },
  'RENAME_WHITEOUT: with RENAME_NOREPLACE': (t) => {
    t.file('a');
    t.file('b');
    t.renameat2('a', 'b', 'RENAME_WHITEOUT|RENAME_NOREPLACE');
    t.renameat2('a', 'c', 'RENAME_WHITEOUT|RENAME_NOREPLACE');
    t.list('.');
  },
};
