// chmod, chown, access, and the bits that give rights.
import { type Behaviours, type Calls, type FileType, OTHER, TYPES, USER } from '../calls.ts';

const REAL: readonly FileType[] = TYPES.filter((type) => type !== 'symlink');
/** As FUSE_HANDLE_KILLPRIV_V2 has it in include/uapi/linux/fuse.h. */
const LOCKING = 'over FUSE, set-group-ID goes only where the group may execute; else it asks for mandatory locks';
const NOTHING = 'POSIX lets times and set-id bits be where both are -1; FUSE then sends a SETATTR of nothing';

export const attributes: Behaviours = {
  ...Object.fromEntries(
    REAL.map((type) => [
      `chmod: of a ${type}, and what is stamped`,
      (t: Calls) => {
        t.make(type, 'x', 0o644);
        t.stat('x', 'mode', 'ctime', 'mtime');
        t.chmod('x', 0o111);
        t.stat('x', 'mode', 'ctime', 'mtime');
        t.chmod('x', 0o7777);
        t.stat('x', 'mode');
        t.chmod('x', 0);
        t.stat('x', 'mode');
      },
    ]),
  ),
  'chmod: all modes of nine bits that matter': (t) => {
    t.file('f');
    for (let bit = 0; bit < 12; bit++) {
      t.chmod('f', 1 << bit);
      t.stat('f', 'mode');
    }
  },
  'chmod: follows a link': (t) => {
    t.file('f', 0o644);
    t.symlink('f', 'l');
    t.chmod('l', 0o600);
    t.stat('f', 'mode');
    t.lstat('l', 'mode');
  },
  'chmod: is for the owner and root': (t) => {
    t.file('f', 0o666);
    t.chown('f', USER, USER);
    t.as(OTHER, OTHER);
    t.stat('f', 'ctime');
    t.chmod('f', 0o777);
    t.as(USER, OTHER);
    t.chmod('f', 0o640);
    t.stat('f', 'mode', 'ctime');
    t.root();
    t.chmod('f', 0o600);
    t.stat('f', 'mode');
  },
  'chmod: the set-group-ID bit is not for those outside of the group': (t) => {
    t.file('f', 0o755);
    t.chown('f', USER, OTHER);
    t.mkdir('d', 0o755);
    t.chown('d', USER, OTHER);
    t.as(USER, USER);
    t.chmod('f', 0o2755);
    t.stat('f', 'mode');
    t.chmod('f', 0o6755);
    t.stat('f', 'mode');
    t.chmod('d', 0o2755);
    t.stat('d', 'mode');
    t.as(USER, USER, OTHER);
    t.chmod('f', 0o2755);
    t.stat('f', 'mode');
    t.chmod('d', 0o2755);
    t.stat('d', 'mode');
  },
  'chmod: the sticky bit of a file': (t) => {
    t.mkdir('d', 0o777);
    t.as(USER, USER);
    t.file('d/f', 0o644);
    t.chmod('d/f', 0o1644);
    t.stat('d/f', 'mode');
    t.mkdir('d/e');
    t.chmod('d/e', 0o1755);
    t.stat('d/e', 'mode');
  },
  'fchmod: also where the file is open for reading alone, and unlinked': (t) => {
    t.file('f', 0o644);
    t.open('a', 'f', 'O_RDONLY');
    t.fchmod('a', 0o600);
    t.stat('f', 'mode');
    t.unlink('f');
    t.fchmod('a', 0o4755);
    t.fstat('a', 'mode', 'nlink');
    t.as(USER, USER);
    t.fchmod('a', 0o777);
    t.close('a');
    t.fchmod('a', 0o777);
  },
  ...Object.fromEntries(
    TYPES.map((type) => [
      `chown: of a ${type}, and what is stamped`,
      (t: Calls) => {
        t.make(type, 'x');
        t.lstat('x', 'uid', 'gid', 'ctime', 'mtime');
        t.lchown('x', USER, OTHER);
        t.lstat('x', 'uid', 'gid', 'ctime', 'mtime');
        t.lchown('x', -1, USER);
        t.lstat('x', 'uid', 'gid');
        t.lchown('x', OTHER, -1);
        t.lstat('x', 'uid', 'gid', 'mode');
      },
    ]),
  ),
  'chown: follows a link, lchown does not': (t) => {
    t.file('f');
    t.symlink('f', 'l');
    t.chown('l', USER, OTHER);
    t.lstat('l', 'uid', 'gid');
    t.stat('f', 'uid', 'gid');
    t.lchown('l', OTHER, USER);
    t.lstat('l', 'uid', 'gid');
    t.stat('f', 'uid', 'gid');
  },
  'chown: large numbers': (t) => {
    t.file('f');
    t.chown('f', 65536, 2147483647);
    t.stat('f', 'uid', 'gid');
    t.chown('f', 4294967294, 4294967294);
    t.stat('f', 'uid', 'gid');
  },
  'chown: the owner may give it to groups of his own, and to nobody': (t) => {
    t.file('f');
    t.chown('f', USER, USER);
    t.as(USER, USER, 3000);
    t.chown('f', -1, 3000);
    t.stat('f', 'gid');
    t.chown('f', USER, USER);
    t.stat('f', 'gid');
    t.chown('f', -1, OTHER);
    t.chown('f', OTHER, -1);
    t.chown('f', OTHER, USER);
    t.chown('f', -1, -1);
    t.as(OTHER, USER);
    t.chown('f', -1, USER);
    t.chown('f', -1, OTHER);
    t.stat('f', 'uid', 'gid');
  },
  'chown: by an owner takes the set-id bits': (t) => {
    t.file('f', 0o755);
    for (const mode of [0o6755, 0o4755, 0o2755, 0o2745, 0o6711]) {
      t.root();
      t.chown('f', USER, USER);
      t.chmod('f', mode);
      t.as(USER, USER, OTHER);
      t.chown('f', -1, OTHER);
      t.stat('f', 'mode', 'gid');
    }
  },
  'chown: by root takes the set-id bits, of files alone': (t) => {
    t.file('f', 0o755);
    t.mkdir('d', 0o755);
    for (const mode of [0o6755, 0o4700, 0o2755, 0o2745]) {
      t.chmod('f', mode);
      t.chown('f', OTHER, OTHER);
      t.stat('f', 'mode');
      t.chmod('d', mode);
      t.chown('d', OTHER, OTHER);
      t.stat('d', 'mode');
    }
  },
  'chown: to the same owner takes the set-id bits too': (t) => {
    t.file('f', 0o755);
    t.chown('f', USER, USER);
    t.chmod('f', 0o6755);
    t.as(USER, USER);
    t.chown('f', USER, USER);
    t.stat('f', 'mode');
  },
  'chown: with nothing to change': (t) => {
    t.file('f', 0o755);
    t.chown('f', USER, USER);
    t.stat('f', 'uid', 'gid', 'ctime');
    t.chown('f', -1, -1);
    t.stat('f', 'uid', 'gid', 'mode', 'ctime').instead('uid 1000, gid 1000, mode 100755, ctime same', NOTHING);
    t.as(OTHER, OTHER);
    t.chown('f', -1, -1);
  },
  'chown: with nothing to change, and set-id bits': (t) => {
    for (const who of [USER, OTHER, 0]) {
      t.root();
      t.file(`f${who}`, 0o755);
      t.chown(`f${who}`, USER, USER);
      t.chmod(`f${who}`, 0o6755);
      t.as(who, who);
      const answer = t.chown(`f${who}`, -1, -1);
      if (who === OTHER) answer.instead('ok', NOTHING);
      const after = t.stat(`f${who}`, 'mode');
      if (who !== OTHER) after.instead('mode 106755', NOTHING);
    }
  },
  'fchown: of an unlinked file': (t) => {
    t.file('f', 0o755);
    t.open('a', 'f', 'O_RDONLY');
    t.unlink('f');
    t.fchown('a', USER, OTHER);
    t.fstat('a', 'uid', 'gid');
  },
  'access: owner, group and others': (t) => {
    for (const mode of [0o700, 0o070, 0o007, 0o640, 0o421, 0o124]) {
      t.root();
      t.file(`f${mode}`, mode);
      t.chown(`f${mode}`, USER, OTHER);
      for (const [uid, gid] of [
        [0, 0],
        [USER, USER],
        [3000, OTHER],
        [3000, 3000],
      ] as const) {
        t.as(uid, gid);
        t.access(`f${mode}`, 'R_OK');
        t.access(`f${mode}`, 'W_OK');
        t.access(`f${mode}`, 'X_OK');
      }
    }
  },
  'access: root needs one right to run, and none to search': (t) => {
    t.file('f', 0o666);
    t.mkdir('d', 0o000);
    t.access('f', 'X_OK');
    t.access('d', 'R_OK|W_OK|X_OK');
    t.chmod('f', 0o667);
    t.access('f', 'X_OK');
  },
  'writing takes the set-id bits, when root does not write': (t) => {
    for (const mode of [0o6777, 0o4777, 0o2777, 0o2767, 0o1777]) {
      t.root();
      t.file(`f${mode}`, 0o777, 'content');
      t.chmod(`f${mode}`, mode);
      t.as(USER, USER);
      t.open('a', `f${mode}`, 'O_RDWR');
      t.fstat('a', 'mode');
      t.read('a', 1);
      t.fstat('a', 'mode');
      t.write('a', 'x');
      const after = t.fstat('a', 'mode');
      if (mode === 0o2767) after.instead('mode 102767', LOCKING);
      t.close('a');
    }
    t.root();
    t.file('g', 0o777);
    t.chmod('g', 0o6777);
    t.open('a', 'g', 'O_RDWR');
    t.write('a', 'x');
    t.fstat('a', 'mode');
  },
  'truncating takes the set-id bits, when root does not': (t) => {
    for (const who of [USER, 0]) {
      t.root();
      t.file(`f${who}`, 0o777, 'content');
      t.chmod(`f${who}`, 0o6777);
      t.as(who, who);
      t.truncate(`f${who}`, 3);
      t.stat(`f${who}`, 'mode');
      t.root();
      t.chmod(`f${who}`, 0o6777);
      t.as(who, who);
      t.open('a', `f${who}`, 'O_RDWR');
      t.ftruncate('a', 5);
      t.stat(`f${who}`, 'mode');
      t.close('a');
      t.root();
      t.chmod(`f${who}`, 0o6777);
      t.as(who, who);
      t.open('a', `f${who}`, 'O_RDWR|O_TRUNC');
      t.stat(`f${who}`, 'mode', 'size');
      t.close('a');
    }
  },
  'fallocate and copy_file_range take the set-id bits, when root does not': (t) => {
    t.file('from', 0o666, 'some content');
    for (const who of [USER, 0]) {
      t.root();
      t.file(`f${who}`, 0o777, 'content');
      t.chmod(`f${who}`, 0o6777);
      t.as(who, who);
      t.open('a', `f${who}`, 'O_RDWR');
      t.fallocate('a', '0', 0, 100);
      t.fstat('a', 'mode');
      t.root();
      t.fchmod('a', 0o6777);
      t.as(who, who);
      t.open('b', 'from', 'O_RDONLY');
      t.copy('b', 0, 'a', 0, 5);
      t.fstat('a', 'mode');
    }
  },
};
