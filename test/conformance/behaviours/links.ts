// Symbolic and hard links.
import { type Behaviours, type Calls, OTHER, TYPES, USER } from '../calls.ts';

export const links: Behaviours = {
  'symlink: what it is': (t) => {
    t.symlink('target', 'l');
    t.lstat('l', 'mode', 'nlink', 'size', 'uid');
    t.readlink('l');
    t.stat('l', 'mode');
    t.file('target', 0o600, 'x');
    t.stat('l', 'mode', 'size');
  },
  'symlink: targets of 1 to 4095 bytes': (t) => {
    for (const length of [1, 59, 60, 255, 256, 1023, 4095]) {
      t.symlink('t'.repeat(length), `l${length}`);
      t.lstat(`l${length}`, 'size');
      t.readlink(`l${length}`);
    }
    t.symlink('t'.repeat(4096), 'l4096');
    t.symlink('', 'empty');
    t.list('.');
  },
  'symlink: targets of any bytes': (t) => {
    t.symlink('\xff\n /../\x01', 'l');
    t.readlink('l');
  },
  'symlink: EEXIST for each type that is there': (t) => {
    for (const type of TYPES) {
      t.make(type, type);
      t.symlink('x', type);
    }
  },
  'symlink: stamps itself and its directory': (t) => {
    t.stat('.', 'mtime', 'ctime');
    t.symlink('x', 'l');
    t.stat('.', 'mtime', 'ctime', 'atime');
    t.symlink('x', 'l');
    t.stat('.', 'mtime', 'ctime');
  },
  'symlink: belongs to who made it, and needs the right to write': (t) => {
    t.mkdir('open', 0o777);
    t.mkdir('shut', 0o755);
    t.as(USER, OTHER);
    t.symlink('x', 'open/l');
    t.symlink('x', 'shut/l');
    t.lstat('open/l', 'uid', 'gid', 'mode');
  },
  'symlink: 40 in a row are followed, 41 are not': (t) => {
    t.file('f', 0o600);
    t.symlink('f', 'l1');
    for (let i = 2; i <= 41; i++) t.symlink(`l${i - 1}`, `l${i}`);
    t.stat('l40', 'mode');
    t.stat('l41', 'mode');
    t.lstat('l41', 'mode');
  },
  'symlink: relative ones start where they lie': (t) => {
    t.mkdir('d');
    t.mkdir('d/e');
    t.file('d/f', 0o600, 'in d');
    t.file('f', 0o644, 'outside');
    t.symlink('../f', 'd/e/l');
    t.symlink('d/e/l', 'm');
    t.cat('d/e/l');
    t.cat('m');
    t.symlink('d/e', 'x');
    t.cat('x/l');
    t.cat('x/../f');
  },
  'readlink: EINVAL for what is no link': (t) => {
    for (const type of TYPES) {
      t.make(type, type);
      t.readlink(type);
    }
  },
  'link: counts, content, one inode': (t) => {
    t.file('a', 0o600, 'one');
    t.link('a', 'b');
    t.mkdir('d');
    t.link('b', 'd/c');
    t.stat('a', 'nlink', 'ino');
    t.stat('d/c', 'nlink', 'ino');
    t.open('a', 'd/c', 'O_WRONLY|O_APPEND');
    t.write('a', ' two');
    t.cat('a');
    t.chmod('b', 0o640);
    t.stat('d/c', 'mode');
    t.unlink('a');
    t.stat('b', 'nlink', 'ino');
    t.unlink('b');
    t.fstat('a', 'nlink');
    t.unlink('d/c');
    t.fstat('a', 'nlink', 'size');
  },
  ...Object.fromEntries(
    TYPES.map((type) => [
      `link: of a ${type}`,
      (t: Calls) => {
        t.make(type, 'a');
        t.lstat('a', 'nlink', 'ctime');
        t.stat('.', 'mtime', 'ctime');
        t.link('a', 'b');
        t.lstat('a', 'nlink', 'ctime', 'mtime');
        t.stat('.', 'mtime', 'ctime');
        t.link('a', 'b');
        t.remove(type, 'a');
        t.lstat('b', 'nlink', 'ctime');
      },
    ]),
  ),
  'link: EEXIST for each type that is there': (t) => {
    t.file('f');
    for (const type of TYPES) {
      t.make(type, type);
      t.link('f', type);
    }
    t.stat('f', 'nlink');
  },
  'link: of a link is the link itself, unless AT_SYMLINK_FOLLOW': (t) => {
    t.file('f', 0o600);
    t.symlink('f', 'l');
    t.link('l', 'm');
    t.lstat('m', 'mode', 'nlink');
    t.linkat('l', 'n', 'AT_SYMLINK_FOLLOW');
    t.lstat('n', 'mode', 'nlink');
    t.linkat('l', 'o', '0x40000000');
  },
  'link: leaves all as it was where it fails': (t) => {
    t.file('f');
    t.file('g');
    t.stat('f', 'ctime', 'nlink');
    t.stat('.', 'mtime');
    t.link('f', 'g');
    t.link('none', 'h');
    t.link('f', 'none/h');
    t.stat('f', 'ctime', 'nlink');
    t.stat('.', 'mtime');
  },
  'link: needs the right to write to the directory': (t) => {
    t.file('f', 0o666);
    t.mkdir('open', 0o777);
    t.mkdir('shut', 0o755);
    t.as(USER, USER);
    t.link('f', 'open/f');
    t.link('f', 'shut/f');
    t.stat('f', 'nlink');
  },
  'link: of an open file, AT_EMPTY_PATH': (t) => {
    t.file('f', 0o644, 'x');
    t.open('a', 'f', 'O_RDONLY');
    t.flink('a', 'g');
    t.stat('g', 'nlink');
    t.unlink('f');
    t.unlink('g');
    t.fstat('a', 'nlink');
    t.flink('a', 'h');
  },
  'link: two hundred names of one file': (t) => {
    t.file('f');
    t.repeat(0, 200, 1, (one) => one.link('f', 'n@'));
    t.stat('f', 'nlink');
    t.repeat(0, 200, 2, (one) => one.unlink('n@'));
    t.stat('n1', 'nlink');
    t.unlink('f');
    t.stat('n199', 'nlink');
  },
};
