// Reading, writing, truncating, holes, fallocate, copy_file_range.
import { type Behaviours, TYPES, USER } from '../calls.ts';

/** A multiple of a page, so that holes begin and end where any file system can have them. */
const UNIT = 61_440;

export const content: Behaviours = {
  'read: up to the end, behind it, nothing': (t) => {
    t.file('f', 0o644, 'abcdef');
    t.open('a', 'f');
    t.read('a', 4);
    t.read('a', 4);
    t.read('a', 4);
    t.read('a', 0);
    t.pread('a', 10, 5);
    t.pread('a', 10, 6);
    t.pread('a', 10, 100_000);
    t.pread('a', 10, -1);
  },
  'write: moves the position, pwrite does not': (t) => {
    t.open('a', 'f', 'O_RDWR|O_CREAT');
    t.write('a', 'abc');
    t.pwrite('a', 'XY', 1);
    t.write('a', 'def');
    t.lseek('a', 0, 'SEEK_CUR');
    t.pread('a', 100, 0);
    t.pwrite('a', 'x', -1);
  },
  'write: across pages and chunks': (t) => {
    t.open('a', 'f', 'O_RDWR|O_CREAT');
    t.write('a', 'a'.repeat(100_000));
    t.pwrite('a', 'b'.repeat(10), 4091);
    t.pwrite('a', 'c'.repeat(10), UNIT - 5);
    t.pwrite('a', 'd'.repeat(300_000), 50_000);
    t.fstat('a', 'size');
    t.pread('a', 100, 4060);
    t.pread('a', 400_000, 0);
  },
  'write: behind the end leaves zeros': (t) => {
    t.open('a', 'f', 'O_RDWR|O_CREAT');
    t.pwrite('a', 'x', 10);
    t.pread('a', 20, 0);
    t.pwrite('a', 'y', 5000);
    t.fstat('a', 'size');
    t.pread('a', 20, 4990);
    t.pread('a', 10_000, 0);
  },
  'O_APPEND: always at the end': (t) => {
    t.file('f', 0o644, 'abc');
    t.open('a', 'f', 'O_RDWR|O_APPEND');
    t.open('b', 'f', 'O_WRONLY|O_APPEND');
    t.read('a', 1);
    t.write('a', 'd');
    t.write('b', 'e');
    t.write('a', 'f');
    t.lseek('a', 0, 'SEEK_SET');
    t.write('a', 'g');
    t.lseek('a', 0, 'SEEK_CUR');
    t.pwrite('a', 'h', 0);
    t.ftruncate('a', 2);
    t.write('b', 'z');
    t.cat('f');
  },
  'lseek: SEEK_SET, SEEK_CUR, SEEK_END': (t) => {
    t.file('f', 0o644, 'abcdef');
    t.open('a', 'f');
    t.lseek('a', 3, 'SEEK_SET');
    t.lseek('a', -1, 'SEEK_CUR');
    t.read('a', 1);
    t.lseek('a', -2, 'SEEK_END');
    t.read('a', 10);
    t.lseek('a', 100, 'SEEK_END');
    t.read('a', 1);
    t.lseek('a', -1, 'SEEK_SET');
    t.lseek('a', -200, 'SEEK_CUR');
    t.lseek('a', 0, 'SEEK_CUR');
    t.lseek('a', 3_000_000_000, 'SEEK_SET');
  },
  'truncate: shorter, longer, and what was cut off is zero': (t) => {
    t.file('f', 0o644, 'a'.repeat(10_000));
    t.truncate('f', 5_000);
    t.stat('f', 'size');
    t.truncate('f', 12_000);
    t.cat('f');
    t.truncate('f', 0);
    t.stat('f', 'size', 'room');
    t.truncate('f', 3);
    t.cat('f');
    t.truncate('f', -1);
  },
  'truncate: of what is no file': (t) => {
    t.mkdir('d');
    t.truncate('d', 0);
    t.make('socket', 's');
    t.truncate('s', 0);
    t.make('fifo', 'p');
    t.truncate('p', 0);
    t.symlink('d', 'l');
    t.truncate('l', 0);
    t.file('f', 0o644, 'x');
    t.symlink('f', 'm');
    t.truncate('m', 0);
    t.stat('f', 'size');
  },
  'truncate: needs the right to write': (t) => {
    t.file('f', 0o644, 'content');
    t.chown('f', USER, USER);
    t.chmod('f', 0o444);
    t.as(USER, USER);
    t.truncate('f', 0);
    t.root();
    t.truncate('f', 3);
    t.stat('f', 'size');
  },
  'truncate: to sizes that no file can have': (t) => {
    t.file('f', 0o644, 'x');
    t.truncate('f', Number.MAX_SAFE_INTEGER);
    t.stat('f', 'size');
    t.open('a', 'f');
    t.ftruncate('a', 2 ** 50);
    t.ftruncate('a', -5);
    t.fallocate('a', '0', 2 ** 50, 1);
    t.fstat('a', 'size');
  },
  'a sparse file of 3 GB': (t) => {
    t.open('a', 'f', 'O_RDWR|O_CREAT');
    t.pwrite('a', 'end', 3_221_225_472);
    t.fstat('a', 'size', 'room');
    t.pread('a', 10, 3_221_225_468);
    t.pread('a', 10, 2_147_483_640);
    t.lseek('a', 0, 'SEEK_END');
    t.write('a', '!');
    t.pread('a', 10, 3_221_225_470);
    t.truncate('f', 2_200_000_000);
    t.fstat('a', 'size', 'room');
  },
  'holes: SEEK_DATA and SEEK_HOLE': (t) => {
    t.open('a', 'f', 'O_RDWR|O_CREAT');
    t.pwrite('a', 'x'.repeat(UNIT), 2 * UNIT);
    t.pwrite('a', 'y'.repeat(UNIT), 5 * UNIT);
    t.ftruncate('a', 8 * UNIT);
    for (const at of [0, 2 * UNIT, 2 * UNIT + 7, 3 * UNIT, 5 * UNIT, 6 * UNIT, 8 * UNIT - 1, 8 * UNIT]) {
      t.lseek('a', at, 'SEEK_DATA');
      t.lseek('a', at, 'SEEK_HOLE');
    }
    t.lseek('a', -1, 'SEEK_DATA');
    t.lseek('a', -1, 'SEEK_HOLE');
  },
  'holes: of a file that is empty, and of one that is all data': (t) => {
    t.open('a', 'f', 'O_RDWR|O_CREAT');
    t.lseek('a', 0, 'SEEK_DATA');
    t.lseek('a', 0, 'SEEK_HOLE');
    t.write('a', 'x'.repeat(3 * UNIT));
    t.lseek('a', 0, 'SEEK_DATA');
    t.lseek('a', 0, 'SEEK_HOLE');
    t.lseek('a', 3 * UNIT - 1, 'SEEK_HOLE');
    t.lseek('a', 3 * UNIT, 'SEEK_HOLE');
    t.lseek('a', 0, 'SEEK_CUR');
  },
  'holes: punched': (t) => {
    t.file('f', 0o644, 'x'.repeat(5 * UNIT));
    t.open('a', 'f');
    t.fallocate('a', 'FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE', UNIT, 2 * UNIT);
    t.fstat('a', 'size', 'room');
    t.lseek('a', 0, 'SEEK_HOLE');
    t.lseek('a', UNIT, 'SEEK_DATA');
    t.pread('a', 4, UNIT - 2);
    t.pread('a', 4, 3 * UNIT - 2);
    t.fallocate('a', 'FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE', 10, 20);
    t.pread('a', 40, 0);
    t.fallocate('a', 'FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE', 4 * UNIT, 100 * UNIT);
    t.fstat('a', 'size');
    t.pread('a', 10, 5 * UNIT - 5);
  },
  'holes: are filled by writing': (t) => {
    t.open('a', 'f', 'O_RDWR|O_CREAT');
    t.ftruncate('a', 3 * UNIT);
    t.fstat('a', 'room');
    t.pwrite('a', 'x'.repeat(UNIT), UNIT);
    t.fstat('a', 'room');
    t.pread('a', 3 * UNIT, 0);
  },
  'fallocate: makes a file longer, or keeps its size': (t) => {
    t.file('f', 0o644, 'abc');
    t.open('a', 'f');
    t.fallocate('a', '0', 0, 2);
    t.fstat('a', 'size');
    t.fallocate('a', '0', 1, 9_999);
    t.fstat('a', 'size');
    t.fallocate('a', 'FALLOC_FL_KEEP_SIZE', 0, 100_000);
    t.fstat('a', 'size');
    t.cat('f');
    t.write('a', 'ABC');
    t.pread('a', 5, 0);
  },
  'fallocate: what is wrong with it': (t) => {
    t.file('f', 0o644, 'abc');
    t.open('a', 'f');
    t.fallocate('a', '0', 0, 0);
    t.fallocate('a', '0', -1, 5);
    t.fallocate('a', '0', 5, -1);
    t.fallocate('a', 'FALLOC_FL_PUNCH_HOLE', 0, 5);
    t.fallocate('a', 'FALLOC_FL_PUNCH_HOLE|FALLOC_FL_ZERO_RANGE|FALLOC_FL_KEEP_SIZE', 0, 5);
    t.fallocate('a', '0x1000', 0, 5);
    t.fallocate('b', '0', 0, 5);
    t.fstat('a', 'size');
  },
  'fallocate: FALLOC_FL_ZERO_RANGE': (t) => {
    const reason = 'tmpfs of Linux has no such mode; ext4 and xfs do this';
    t.file('f', 0o644, 'x'.repeat(30));
    t.open('a', 'f');
    t.fallocate('a', 'FALLOC_FL_ZERO_RANGE', 10, 10).instead('ok', reason);
    t.cat('f').instead('{10*x}{10*%00}{10*x}', reason);
    t.fallocate('a', 'FALLOC_FL_ZERO_RANGE|FALLOC_FL_KEEP_SIZE', 25, 100).instead('ok', reason);
    t.cat('f').instead('{10*x}{10*%00}xxxxx%00%00%00%00%00', reason);
    t.fallocate('a', 'FALLOC_FL_ZERO_RANGE', 28, 10).instead('ok', reason);
    t.fstat('a', 'size').instead('size 38', reason);
  },
  'fallocate: modes that need whole blocks': (t) => {
    t.file('f', 0o644, 'x'.repeat(30));
    t.open('a', 'f');
    t.fallocate('a', 'FALLOC_FL_COLLAPSE_RANGE', 0, 4096);
    t.fallocate('a', 'FALLOC_FL_INSERT_RANGE', 0, 4096);
    t.fstat('a', 'size');
  },
  'copy_file_range: within and between files': (t) => {
    t.file('f', 0o644, '0123456789');
    t.open('a', 'f');
    t.open('b', 'g', 'O_RDWR|O_CREAT');
    t.copy('a', 2, 'b', 0, 3);
    t.copy('a', 0, 'b', 10, 5);
    t.cat('g');
    t.copy('a', 0, 'a', 5, 5);
    t.cat('f');
    t.copy('b', 0, 'a', 100, 3);
    t.fstat('a', 'size');
    t.lseek('a', 0, 'SEEK_CUR');
  },
  'copy_file_range: no further than the end': (t) => {
    t.file('f', 0o644, '0123456789');
    t.open('a', 'f');
    t.open('b', 'g', 'O_RDWR|O_CREAT');
    t.copy('a', 7, 'b', 0, 100);
    t.copy('a', 10, 'b', 0, 100);
    t.copy('a', 11, 'b', 0, 100);
    t.copy('a', 0, 'b', 0, 0);
    t.cat('g');
  },
  'copy_file_range: a range onto itself': (t) => {
    t.file('f', 0o644, '0123456789');
    t.open('a', 'f');
    t.copy('a', 0, 'a', 2, 5);
    t.copy('a', 2, 'a', 0, 5);
    t.copy('a', 0, 'a', 0, 5);
    t.copy('a', 5, 'a', 0, 5);
    t.copy('a', 8, 'a', 10, 100);
    t.cat('f');
  },
  'copy_file_range: of many chunks': (t) => {
    t.open('a', 'f', 'O_RDWR|O_CREAT');
    t.write('a', 'a'.repeat(UNIT));
    t.write('a', 'b'.repeat(UNIT));
    t.write('a', 'c'.repeat(UNIT));
    t.open('b', 'g', 'O_RDWR|O_CREAT');
    t.copy('a', 1000, 'b', 7, 3 * UNIT);
    t.pread('b', 4 * UNIT, 0);
    t.fstat('b', 'size');
  },
  'copy_file_range: what is wrong with it': (t) => {
    t.file('f', 0o644, '0123456789');
    t.file('g', 0o644);
    t.mkdir('d');
    t.open('r', 'f', 'O_RDONLY');
    t.open('w', 'g', 'O_WRONLY');
    t.open('p', 'g', 'O_WRONLY|O_APPEND');
    t.open('d', 'd', 'O_RDONLY');
    t.copy('w', 0, 'w', 0, 5);
    t.copy('r', 0, 'r', 0, 5);
    t.copy('r', 0, 'p', 0, 5);
    t.copy('d', 0, 'w', 0, 5);
    t.copy('r', 0, 'd', 0, 5);
    t.copy('r', 0, 'w', 0, 5, 1);
    t.copy('z', 0, 'w', 0, 5);
    t.cat('g');
  },
  'fsync and fdatasync: of files and directories': (t) => {
    t.file('f', 0o644, 'x');
    t.open('a', 'f');
    t.write('a', 'y');
    t.fsync('a');
    t.fdatasync('a');
    t.unlink('f');
    t.fsync('a');
    t.mkdir('d');
    t.open('b', 'd', 'O_RDONLY');
    t.fsync('b');
    t.close('a');
    t.fsync('a');
  },
  'room: what each file takes': (t) => {
    t.file('empty');
    t.stat('empty', 'size', 'room');
    t.file('one', 0o644, 'x');
    t.stat('one', 'room');
    t.file('many', 0o644, 'x'.repeat(300_000));
    t.stat('many', 'room');
    t.truncate('many', 1_000_000);
    t.stat('many', 'room');
    t.truncate('many', 0);
    t.stat('many', 'room');
    t.statfs('.');
  },
  'a shared mapping writes to the file': {
    guestOnly: 'memory is mapped by a kernel',
    run: (t) => {
      t.file('f', 0o644, 'x'.repeat(10_000));
      t.open('a', 'f');
      t.fstat('a', 'mtime', 'size');
      t.mapwrite('a', 4090, 'across a page');
      t.pread('a', 30, 4080);
      t.fstat('a', 'mtime', 'size');
      t.cat('f');
    },
  },
  'empty files of each type have no content': (t) => {
    for (const type of TYPES) {
      if (type === 'symlink' || type === 'dir') continue;
      t.make(type, type);
      t.stat(type, 'size', 'room');
    }
  },
};
