// What every call says of a path: components that are no directories, too long, missing, closed, links in a circle.
import { type Behaviours, type Calls, type Noted, USER } from '../calls.ts';

/** Each call that takes a path, on `path`; what else it needs is the file `other`. `makes`: it wants nothing there. */
interface PathCall {
  readonly on: (t: Calls, path: string) => Noted;
  readonly makes?: boolean;
}

const CALLS: Readonly<Record<string, PathCall>> = {
  access: { on: (t, path) => t.access(path, 'F_OK') },
  chmod: { on: (t, path) => t.chmod(path, 0o600) },
  chown: { on: (t, path) => t.chown(path, -1, USER) },
  lchown: { on: (t, path) => t.lchown(path, -1, USER) },
  'link, what is there': { on: (t, path) => t.link(path, 'new') },
  'link, what is made': { on: (t, path) => t.link('other', path), makes: true },
  list: { on: (t, path) => t.list(path) },
  mkdir: { on: (t, path) => t.mkdir(path), makes: true },
  mkfifo: { on: (t, path) => t.mkfifo(path), makes: true },
  'mknod of a socket': { on: (t, path) => t.mknod(path, 'S_IFSOCK'), makes: true },
  open: { on: (t, path) => t.open('a', path, 'O_RDONLY') },
  'open with O_CREAT': { on: (t, path) => t.open('a', path, 'O_WRONLY|O_CREAT'), makes: true },
  readlink: { on: (t, path) => t.readlink(path) },
  'rename, what is there': { on: (t, path) => t.rename(path, 'new') },
  'rename, what is made': { on: (t, path) => t.rename('other', path), makes: true },
  rmdir: { on: (t, path) => t.rmdir(path) },
  setxattr: { on: (t, path) => t.setxattr(path, 'user.x', 'v') },
  stat: { on: (t, path) => t.stat(path, 'mode') },
  lstat: { on: (t, path) => t.lstat(path, 'mode') },
  symlink: { on: (t, path) => t.symlink('nowhere', path), makes: true },
  truncate: { on: (t, path) => t.truncate(path, 0) },
  unlink: { on: (t, path) => t.unlink(path) },
  utimensat: { on: (t, path) => t.utimensat(path, 'now', '1.000000000') },
};

const long = 'n'.repeat(256);
function errors(t: Calls, { on, makes }: PathCall): void {
  t.file('other');
  t.file('f');
  t.mkdir('d');
  t.mkdir('closed', 0o700);
  t.file('closed/f');
  on(t, '');
  on(t, 'f/x');
  on(t, 'f/x/y');
  on(t, 'none/x');
  on(t, long);
  on(t, `${long}/x`);
  on(t, `d/${long}`);
  on(t, `.${'/'.repeat(4094)}x`);
  t.symlink('two', 'one');
  t.symlink('one', 'two');
  on(t, 'one/x');
  if (!makes) on(t, 'none');
  t.as(USER, USER);
  on(t, 'closed/f');
  on(t, 'closed/none');
  on(t, 'closed/./../other');
}

const made = ['mkdir', 'mkfifo', 'symlink', 'link', 'rename', 'open'] as const;
const make: Readonly<Record<(typeof made)[number], (t: Calls, path: string) => Noted>> = {
  mkdir: (t, path) => t.mkdir(path),
  mkfifo: (t, path) => t.mkfifo(path),
  symlink: (t, path) => t.symlink('x', path),
  link: (t, path) => t.link('other', path),
  rename: (t, path) => t.rename('other', path),
  open: (t, path) => t.open('a', path, 'O_RDWR|O_CREAT|O_EXCL'),
};

export const paths: Behaviours = {
  ...Object.fromEntries(
    Object.entries(CALLS).map(([name, call]) => [`errors of a path: ${name}`, (t: Calls) => errors(t, call)]),
  ),
  ...Object.fromEntries(
    made.map((call) => [
      `names of 255 bytes: ${call}`,
      (t: Calls) => {
        t.file('other');
        make[call](t, 'm'.repeat(255));
        t.lstat('m'.repeat(255), 'nlink');
        t.list('.');
      },
    ]),
  ),
  'a path of 4095 bytes is the longest': (t) => {
    const path = `.${'/'.repeat(4091)}abc`;
    t.file(path, 0o600, 'x');
    t.stat(path, 'mode', 'size');
    t.stat(`/${path}`, 'mode');
    t.rename(path, `.${'/'.repeat(4091)}abd`);
    t.list('.');
    t.unlink(`.${'/'.repeat(4091)}abd`);
  },
  'names of any bytes': (t) => {
    for (const name of [
      ' ',
      '\n',
      '\x01',
      '\x7f',
      '\xff',
      '\xc3\xa9',
      'e\xcc\x81',
      '%',
      '*',
      '\\',
      '..a',
      '...',
      '-',
    ]) {
      t.file(name, 0o644, name);
    }
    t.list('.');
    t.cat('\xff');
    t.cat('e\xcc\x81');
    t.rename('\xff', '\xfe');
    t.cat('\xff');
    t.cat('\xfe');
  },
  'names differ in case and in normal form': (t) => {
    t.file('a', 0o644, 'small');
    t.file('A', 0o644, 'large');
    t.file('\xc3\xa9', 0o644, 'composed');
    t.stat('e\xcc\x81', 'mode');
    t.cat('a');
    t.cat('A');
  },
  'a slash behind a file': (t) => {
    t.file('f', 0o644, 'x');
    t.stat('f/', 'mode');
    t.open('a', 'f/', 'O_RDONLY');
    t.unlink('f/');
    t.truncate('f/', 0);
    t.rename('f/', 'g');
    t.rename('f', 'g/');
    t.link('f/', 'g');
    t.chmod('f/', 0o600);
    t.cat('f');
  },
  'a slash behind a directory': (t) => {
    t.mkdir('d/');
    t.stat('d/', 'mode', 'nlink');
    t.mkdir('d/');
    t.rename('d/', 'e/');
    t.stat('e', 'mode');
    t.rmdir('e/');
    t.list('.');
  },
  'a slash behind a link to a directory': (t) => {
    t.mkdir('d');
    t.symlink('d', 'l');
    t.lstat('l', 'mode');
    t.lstat('l/', 'mode');
    t.readlink('l/');
    t.rmdir('l/');
    t.unlink('l/');
    t.rename('l/', 'm');
    t.list('.');
  },
  'a slash behind a link to nothing': (t) => {
    t.symlink('none', 'l');
    t.mkdir('l/');
    t.mkdir('l');
    t.open('a', 'l/', 'O_RDWR|O_CREAT');
    t.open('a', 'none/', 'O_RDWR|O_CREAT');
    t.lstat('l/', 'mode');
    t.list('.');
  },
  'a slash behind what is made and no directory': (t) => {
    t.file('f');
    t.mkfifo('p/');
    t.symlink('x', 's/');
    t.link('f', 'l/');
    t.rename('f', 'g/');
    t.open('a', 'n/', 'O_RDWR|O_CREAT');
    t.list('.');
  },
  '"." and ".." as what is made, removed, renamed': (t) => {
    t.mkdir('d');
    t.mkdir('d/e');
    t.file('f');
    t.mkdir('d/.');
    t.mkdir('d/..');
    t.rmdir('d/.');
    t.rmdir('d/e/..');
    t.unlink('d/.');
    t.unlink('d/..');
    t.rename('d/.', 'x');
    t.rename('d/..', 'x');
    t.rename('f', 'd/.');
    t.rename('f', 'd/..');
    t.link('f', 'd/.');
    t.symlink('f', 'd/..');
    t.mkfifo('d/.');
    t.open('a', 'd/.', 'O_RDWR|O_CREAT');
    t.list('d');
  },
  '".." leads back, also out of a renamed directory': (t) => {
    t.mkdir('a');
    t.mkdir('a/b');
    t.mkdir('c');
    t.file('c/here', 0o600);
    t.rename('a/b', 'c/b');
    t.stat('c/b/../here', 'mode');
    t.stat('c/b/../../a', 'mode', 'ino');
    t.stat('a', 'ino', 'nlink');
    t.stat('c', 'nlink');
  },
  'a directory that is removed while somebody is in it': (t) => {
    t.mkdir('d');
    t.chdir('d');
    t.rmdir('../d');
    t.file('f');
    t.mkdir('e');
    t.symlink('x', 's');
    t.stat('f', 'mode');
    t.stat('.', 'nlink');
  },
  'the right to search is asked at every step': (t) => {
    t.mkdir('a', 0o711);
    t.mkdir('a/b', 0o711);
    t.file('a/b/f', 0o644, 'x');
    t.as(USER, USER);
    t.cat('a/b/f');
    t.list('a');
    t.root();
    t.chmod('a', 0o744);
    t.as(USER, USER);
    t.cat('a/b/f');
    t.stat('a/b', 'mode');
    t.list('a');
    t.as(USER, USER, 0);
    t.list('a/b');
  },
};
