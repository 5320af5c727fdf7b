// What a behaviour is written in: system calls, noted down one after the other. Nothing depends on a result, so that a
// program in the guest can be told all of them at once.
import { encode } from './bytes.ts';

/** One system call: its name and arguments, bytes as encode() writes them. */
export interface Step {
  readonly call: string;
  readonly args: readonly string[];
  /** Which fields of a stat count, `name` or `name!` for what it is and not how it compares; else all of the result. */
  readonly fields: readonly string[];
  /** Where Linux's tmpfs does something else than is asked of us: the answer, and why. */
  instead?: { readonly answer: string; readonly reason: string };
}

/** A step's line, as the program in the guest reads it. */
export const lineOf = (step: Step): string => [step.call, ...step.args].join(' ');

/** What a stat may be asked for. Numbers of inodes and times are compared with what the behaviour saw of them before. */
export type Field = 'mode' | 'nlink' | 'uid' | 'gid' | 'rdev' | 'size' | 'room' | 'ino' | Time | `${Time}!`;
type Time = 'atime' | 'mtime' | 'ctime';

/** The types that mknod makes, and those that have a call of their own. */
export type FileType = 'file' | 'dir' | 'fifo' | 'socket' | 'char' | 'block' | 'symlink';
export const TYPES: readonly FileType[] = ['file', 'dir', 'fifo', 'socket', 'char', 'block', 'symlink'];
const NODES = { fifo: 'S_IFIFO', socket: 'S_IFSOCK', char: 'S_IFCHR', block: 'S_IFBLK', file: 'S_IFREG' } as const;

/** Somebody who is not root, and somebody else. */
export const USER = 1000;
export const OTHER = 2000;

const octal = (mode: number): string => `0${mode.toString(8)}`;

const STAMPS_NOTHING = new Set(['stat', 'lstat', 'fstat', 'as', 'umask', 'chdir', 'access', 'close']);

/** Adds to what was noted last. */
export class Noted {
  private readonly step: Step;
  constructor(step: Step) {
    this.step = step;
  }

  /** The answer that we give where that of tmpfs is another. */
  instead(answer: string, reason: string): void {
    this.step.instead = { answer, reason };
  }
}

export class Calls {
  readonly steps: Step[] = [];
  /** A time was looked at since the clock was seen to go on. */
  private looked = false;

  /** Before the first call that may stamp after a look the clock goes on, so that "same" and "later" are certain. */
  private note(call: string, args: readonly (string | number)[], fields: readonly string[] = []): Noted {
    const encoded = args.map((arg) => (typeof arg === 'number' ? String(arg) : encode(arg)));
    return this.step(call, encoded, fields);
  }

  private step(call: string, args: readonly string[], fields: readonly string[]): Noted {
    const step: Step = { call, args, fields };
    if (this.looked && !STAMPS_NOTHING.has(call)) {
      this.steps.push({ call: 'tick', args: [], fields: [] });
      this.looked = false;
    }
    if (fields.some((field) => field.endsWith('time'))) this.looked = true;
    this.steps.push(step);
    return new Noted(step);
  }

  // --- who

  /** Who makes the calls that follow: 0, 0 at first. */
  as(uid: number, gid: number, ...groups: number[]): Noted {
    return this.note('as', [uid, gid, ...groups]);
  }
  root(): Noted {
    return this.as(0, 0);
  }
  /** 0 at first. */
  umask(mask: number): Noted {
    return this.note('umask', [octal(mask)]);
  }
  chdir(path: string): Noted {
    return this.note('chdir', [path]);
  }

  // --- open files, called by a letter

  open(fd: string, path: string, flags = 'O_RDWR', mode = 0o644): Noted {
    return this.note('open', [fd, path, flags, octal(mode)]);
  }
  close(fd: string): Noted {
    return this.note('close', [fd]);
  }
  read(fd: string, size: number): Noted {
    return this.note('read', [fd, size]);
  }
  pread(fd: string, size: number, offset: number): Noted {
    return this.note('pread', [fd, size, offset]);
  }
  write(fd: string, data: string): Noted {
    return this.note('write', [fd, data]);
  }
  pwrite(fd: string, data: string, offset: number): Noted {
    return this.note('pwrite', [fd, data, offset]);
  }
  lseek(fd: string, offset: number, whence: string): Noted {
    return this.note('lseek', [fd, offset, whence]);
  }
  ftruncate(fd: string, size: number): Noted {
    return this.note('ftruncate', [fd, size]);
  }
  fallocate(fd: string, mode: string, offset: number, length: number): Noted {
    return this.note('fallocate', [fd, mode, offset, length]);
  }
  /** copy_file_range(2) */
  copy(from: string, at: number, to: string, toAt: number, length: number, flags = 0): Noted {
    return this.note('copy', [from, at, to, toAt, length, flags]);
  }
  fsync(fd: string): Noted {
    return this.note('fsync', [fd]);
  }
  fdatasync(fd: string): Noted {
    return this.note('fdatasync', [fd]);
  }
  fstat(fd: string, ...fields: Field[]): Noted {
    return this.note('fstat', [fd], fields);
  }
  fchmod(fd: string, mode: number): Noted {
    return this.note('fchmod', [fd, octal(mode)]);
  }
  fchown(fd: string, uid: number, gid: number): Noted {
    return this.note('fchown', [fd, uid, gid]);
  }
  futimens(fd: string, atime: string, mtime: string): Noted {
    return this.note('futimens', [fd, atime, mtime]);
  }
  /** linkat() of the open file itself, AT_EMPTY_PATH. */
  flink(fd: string, path: string): Noted {
    return this.note('flink', [fd, path]);
  }
  /** Stores bytes through a shared mapping. Only in the guest. */
  mapwrite(fd: string, offset: number, data: string): Noted {
    return this.note('mapwrite', [fd, offset, data]);
  }

  // --- names

  mkdir(path: string, mode = 0o755): Noted {
    return this.note('mkdir', [path, octal(mode)]);
  }
  rmdir(path: string): Noted {
    return this.note('rmdir', [path]);
  }
  unlink(path: string): Noted {
    return this.note('unlink', [path]);
  }
  link(from: string, to: string): Noted {
    return this.note('link', [from, to]);
  }
  linkat(from: string, to: string, flags: string): Noted {
    return this.note('linkat', [from, to, flags]);
  }
  symlink(target: string, path: string): Noted {
    return this.note('symlink', [target, path]);
  }
  readlink(path: string): Noted {
    return this.note('readlink', [path]);
  }
  rename(from: string, to: string): Noted {
    return this.note('rename', [from, to]);
  }
  renameat2(from: string, to: string, flags: string): Noted {
    return this.note('renameat2', [from, to, flags]);
  }
  mknod(path: string, type: string, mode = 0o644, major = 0, minor = 0): Noted {
    return this.note('mknod', [path, type, octal(mode), major, minor]);
  }
  mkfifo(path: string, mode = 0o644): Noted {
    return this.mknod(path, 'S_IFIFO', mode);
  }
  /** The names in a directory with their types, sorted. */
  list(path: string): Noted {
    return this.note('list', [path]);
  }
  /** Goes back to behind each entry of a listing; gives how many entries there are where it finds the same again. */
  dirseek(path: string): Noted {
    return this.note('dirseek', [path]);
  }
  /** As dirseek(), after every second entry was removed. */
  dirthin(path: string): Noted {
    return this.note('dirthin', [path]);
  }
  /** Removes entries while they are listed through a buffer of so many bytes. */
  dirdrain(path: string, buffer: number): Noted {
    return this.note('dirdrain', [path, buffer]);
  }

  // --- attributes

  stat(path: string, ...fields: Field[]): Noted {
    return this.note('stat', [path], fields);
  }
  lstat(path: string, ...fields: Field[]): Noted {
    return this.note('lstat', [path], fields);
  }
  statfs(path: string): Noted {
    return this.note('statfs', [path]);
  }
  access(path: string, mode: string): Noted {
    return this.note('access', [path, mode]);
  }
  chmod(path: string, mode: number): Noted {
    return this.note('chmod', [path, octal(mode)]);
  }
  chown(path: string, uid: number, gid: number): Noted {
    return this.note('chown', [path, uid, gid]);
  }
  lchown(path: string, uid: number, gid: number): Noted {
    return this.note('lchown', [path, uid, gid]);
  }
  truncate(path: string, size: number): Noted {
    return this.note('truncate', [path, size]);
  }
  /** Times are `seconds.nanoseconds` with nine digits behind the point, 'now' or 'omit'. */
  utimensat(path: string, atime: string, mtime: string, flags = '0'): Noted {
    return this.note('utimensat', [path, atime, mtime, flags]);
  }
  /** utimensat() without times. */
  touch(path: string): Noted {
    return this.note('touch', [path]);
  }

  // --- extended attributes; none of the calls follows a link

  setxattr(path: string, name: string, value: string, flags = '0'): Noted {
    return this.note('setxattr', [path, name, value, flags]);
  }
  getxattr(path: string, name: string, room = 65_536): Noted {
    return this.note('getxattr', [path, name, room]);
  }
  /** getxattr() with a size of 0. */
  xattrsize(path: string, name: string): Noted {
    return this.note('xattrsize', [path, name]);
  }
  /** Sorted; 0 means room enough. */
  listxattr(path: string, room = 0): Noted {
    return this.note('listxattr', [path, room]);
  }
  removexattr(path: string, name: string): Noted {
    return this.note('removexattr', [path, name]);
  }

  // --- several at once

  /** Makes what `what` notes, one call, for numbers from `from` on below `to`, with the number in place of each @. */
  repeat(from: number, to: number, step: number, what: (t: Calls) => void): Noted {
    const inner = new Calls();
    what(inner);
    const [once] = inner.steps;
    if (once === undefined || inner.steps.length !== 1) throw new Error('one call can be repeated');
    return this.step('repeat', [String(from), String(to), String(step), once.call, ...once.args], []);
  }

  /** A new file with some content, closed. */
  file(path: string, mode = 0o644, content = ''): Noted {
    return this.note('file', [path, octal(mode), content]);
  }
  /** A file's content. */
  cat(path: string): Noted {
    return this.note('cat', [path]);
  }
  /** Something of a type; a symbolic link leads nowhere. */
  make(type: FileType, path: string, mode = 0o644): Noted {
    if (type === 'file') return this.file(path, mode);
    if (type === 'dir') return this.mkdir(path, mode);
    if (type === 'symlink') return this.symlink('nowhere', path);
    return this.mknod(path, NODES[type], mode, ...(type === 'char' || type === 'block' ? ([240, 7] as const) : []));
  }
  /** The opposite of make(). */
  remove(type: FileType, path: string): Noted {
    return type === 'dir' ? this.rmdir(path) : this.unlink(path);
  }
  /** Runs a program of the guest's. Only in the guest. */
  exec(program: string, argument: string): Noted {
    return this.note('exec', [program, argument]);
  }
}

export interface Behaviour {
  readonly name: string;
  readonly run: (t: Calls) => void;
  /** Why nothing but a kernel can show it. */
  readonly guestOnly?: string;
}

/** A group of behaviours by name. */
export type Behaviours = Readonly<Record<string, Behaviour['run'] | Omit<Behaviour, 'name'>>>;

/** What a behaviour does. */
export function stepsOf(behaviour: Behaviour): Step[] {
  const calls = new Calls();
  behaviour.run(calls);
  return calls.steps;
}
