// Extended attributes: name spaces, flags, limits.
import { type Behaviours, OTHER, TYPES, USER } from '../calls.ts';

export const xattrs: Behaviours = {
  'xattr: set, read, listed, removed': (t) => {
    t.file('f');
    t.listxattr('f');
    t.setxattr('f', 'user.one', 'value');
    t.setxattr('f', 'user.two', '');
    t.setxattr('f', 'user.three', '\0\xff\n binary');
    t.getxattr('f', 'user.one');
    t.getxattr('f', 'user.two');
    t.getxattr('f', 'user.three');
    t.xattrsize('f', 'user.one');
    t.xattrsize('f', 'user.two');
    t.listxattr('f');
    t.setxattr('f', 'user.one', 'another, longer value');
    t.getxattr('f', 'user.one');
    t.removexattr('f', 'user.one');
    t.getxattr('f', 'user.one');
    t.removexattr('f', 'user.one');
    t.listxattr('f');
  },
  'xattr: XATTR_CREATE and XATTR_REPLACE': (t) => {
    t.file('f');
    t.setxattr('f', 'user.x', 'a', 'XATTR_REPLACE');
    t.setxattr('f', 'user.x', 'b', 'XATTR_CREATE');
    t.setxattr('f', 'user.x', 'c', 'XATTR_CREATE');
    t.getxattr('f', 'user.x');
    t.setxattr('f', 'user.x', 'd', 'XATTR_REPLACE');
    t.getxattr('f', 'user.x');
    t.setxattr('f', 'user.x', 'e', 'XATTR_CREATE|XATTR_REPLACE');
    t.setxattr('f', 'user.y', 'e', 'XATTR_CREATE|XATTR_REPLACE');
    t.setxattr('f', 'user.x', 'f', '8');
    t.listxattr('f');
  },
  'xattr: a buffer that is too small is ERANGE': (t) => {
    t.file('f');
    t.setxattr('f', 'user.x', '0123456789');
    t.getxattr('f', 'user.x', 9);
    t.getxattr('f', 'user.x', 10);
    t.getxattr('f', 'user.x', 1);
    t.listxattr('f', 6);
    t.listxattr('f', 7);
  },
  'xattr: names of 255 bytes, and longer': (t) => {
    t.file('f');
    const name = `user.${'n'.repeat(250)}`;
    t.setxattr('f', name, 'v');
    t.getxattr('f', name);
    t.setxattr('f', `${name}n`, 'v');
    t.getxattr('f', `${name}n`);
    t.removexattr('f', `${name}n`);
    t.setxattr('f', '', 'v');
    t.listxattr('f');
  },
  'xattr: values of 65536 bytes, and longer': (t) => {
    t.file('f');
    t.setxattr('f', 'user.x', 'v'.repeat(65_536));
    t.xattrsize('f', 'user.x');
    t.getxattr('f', 'user.x');
    t.setxattr('f', 'user.x', 'v'.repeat(65_537));
    t.xattrsize('f', 'user.x');
  },
  'xattr: user attributes are for files and directories': (t) => {
    for (const type of TYPES) {
      t.make(type, type);
      t.setxattr(type, 'user.x', 'v');
      t.getxattr(type, 'user.x');
      t.removexattr(type, 'user.x');
    }
  },
  'xattr: trusted ones are for root': (t) => {
    t.file('f', 0o666);
    t.setxattr('f', 'trusted.x', 'v');
    t.getxattr('f', 'trusted.x');
    t.symlink('f', 'l');
    t.setxattr('l', 'trusted.y', 'w');
    t.getxattr('l', 'trusted.y');
    t.as(USER, USER);
    t.setxattr('f', 'trusted.x', 'w');
    t.getxattr('f', 'trusted.x');
    t.removexattr('f', 'trusted.x');
    t.root();
    t.getxattr('f', 'trusted.x');
  },
  'xattr: name spaces that there are not': (t) => {
    t.file('f');
    t.setxattr('f', 'none.x', 'v');
    t.getxattr('f', 'none.x');
    t.removexattr('f', 'none.x');
    t.setxattr('f', 'plain', 'v');
    t.getxattr('f', 'plain');
    t.setxattr('f', 'system.x', 'v');
    t.getxattr('f', 'system.x');
    t.setxattr('f', 'user', 'v');
    t.listxattr('f');
  },
  'xattr: rights': (t) => {
    t.file('f', 0o644);
    t.setxattr('f', 'user.x', 'v');
    t.file('shut', 0o600);
    t.setxattr('shut', 'user.x', 'v');
    t.as(USER, USER);
    t.getxattr('f', 'user.x');
    t.setxattr('f', 'user.x', 'w');
    t.removexattr('f', 'user.x');
    t.getxattr('shut', 'user.x');
    t.listxattr('shut');
  },
  'xattr: of a sticky directory are for its owner': (t) => {
    t.mkdir('d', 0o777);
    t.chmod('d', 0o1777);
    t.chown('d', OTHER, OTHER);
    t.as(USER, USER);
    t.setxattr('d', 'user.x', 'v');
    t.as(OTHER, OTHER);
    t.setxattr('d', 'user.x', 'v');
    t.as(USER, USER);
    t.getxattr('d', 'user.x');
    t.removexattr('d', 'user.x');
  },
  'xattr: belong to the inode, over names': (t) => {
    t.file('f');
    t.setxattr('f', 'user.x', 'v');
    t.link('f', 'g');
    t.rename('f', 'h');
    t.getxattr('g', 'user.x');
    t.setxattr('g', 'user.x', 'w');
    t.getxattr('h', 'user.x');
    t.file('f');
    t.getxattr('f', 'user.x');
    t.renameat2('f', 'h', 'RENAME_EXCHANGE');
    t.getxattr('f', 'user.x');
    t.listxattr('h');
  },
  'xattr: a hundred of them': (t) => {
    t.file('f');
    t.repeat(0, 100, 1, (one) => one.setxattr('f', 'user.attribute-@', 'value @'));
    t.listxattr('f');
    t.repeat(0, 100, 2, (one) => one.removexattr('f', 'user.attribute-@'));
    t.getxattr('f', 'user.attribute-51');
    t.listxattr('f');
  },
};
