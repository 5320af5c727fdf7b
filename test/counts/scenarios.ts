// For every opcode requests that go well in a prepared tree, so that errors can be injected into them one by one.
import type { Entry, FuseClient } from '../fuse-client.ts';

export interface Prepared {
  readonly client: FuseClient;
  /** A directory with a file in it, an empty one, and the root's listing, open. */
  readonly dir: Entry;
  readonly empty: Entry;
  readonly rootFh: number;
  /** A file of 3.5 chunks, none of them in memory, with an xattr; open. */
  readonly file: Entry;
  readonly fh: number;
  /** A small file, open, and a symbolic link. */
  readonly other: Entry;
  readonly otherFh: number;
  readonly link: Entry;
  /** Whatever is opened is told to this, where the guest has its number. */
  opened(nodeid: number, fh: number, directory?: boolean): void;
  closed(fh: number): void;
}

export interface Scenario {
  readonly opcode: string;
  readonly what: string;
  run(at: Prepared, attempt: Attempt): Promise<void>;
}

/** Does a request: undefined where it failed or was lost. */
export type Attempt = <T>(request: Promise<T>) => Promise<T | undefined>;

const SCENARIOS: Scenario[] = [];
const scenario = (opcode: string, what: string, run: Scenario['run']): void => {
  SCENARIOS.push({ opcode, what, run });
};
/** Of one request whose result does not matter. */
const simple = (opcode: string, what: string, request: (at: Prepared) => Promise<unknown>): void =>
  scenario(opcode, what, async (at, attempt) => void (await attempt(request(at))));

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);
const lock = (owner: bigint, type: number) => ({ owner, type, start: 0n, end: 9n, pid: 1 });

simple('LOOKUP', 'a name', ({ client }) => client.lookup(1, 'target'));
simple('LOOKUP', 'a name that is not there', ({ client }) => client.lookupEntry(1, 'nothing'));
simple('LOOKUP', 'the parent of a directory', ({ client, dir }) => client.lookup(dir.nodeid, '..'));
scenario('LOOKUP', 'a forgotten nodeid', async ({ client, dir }, attempt) => {
  await client.forget(dir.nodeid);
  await attempt(client.lookup(dir.nodeid, '.'));
});
simple('FORGET', 'all look-ups of one', ({ client, empty }) => client.forget(empty.nodeid));
simple('GETATTR', 'of a file', ({ client, file }) => client.getattr(file.nodeid));
simple('SETATTR', 'a mode', ({ client, file }) => client.setattr(file.nodeid, { valid: 1, mode: 0o100600 }));
simple('SETATTR', 'a size in the middle of a chunk', ({ client, file }) =>
  client.setattr(file.nodeid, { valid: 8, size: 5000 }),
);
simple('READLINK', 'of a link', ({ client, link }) => client.readlink(link.nodeid));
simple('SYMLINK', 'a new one', ({ client }) => client.symlink(1, 'new', 'target'));
simple('MKNOD', 'a new file', ({ client }) => client.mknod(1, 'new', 0o100644));
simple('MKDIR', 'a new one', ({ client }) => client.mkdir(1, 'new'));
simple('UNLINK', 'an open file', ({ client }) => client.unlink(1, 'file'));
simple('UNLINK', 'a file that nobody knows', ({ client }) => client.unlink(1, 'target'));
simple('RMDIR', 'an empty one', ({ client }) => client.rmdir(1, 'empty'));
simple('RENAME', 'over an open file', ({ client }) => client.rename(1, 'target', 1, 'file'));
simple('RENAME2', 'an exchange', ({ client, dir }) => client.rename(1, 'file', dir.nodeid, 'inner', 2));
simple('RENAME2', 'with a whiteout', ({ client, dir }) => client.rename(1, 'file', dir.nodeid, 'moved', 4));
simple('LINK', 'a second name', ({ client, file }) => client.link(file.nodeid, 1, 'new'));
scenario('OPEN', 'a file', async ({ client, file, opened }, attempt) => {
  const fh = await attempt(client.open(file.nodeid));
  if (fh !== undefined) opened(file.nodeid, fh);
});
scenario('OPEN', 'a file, emptied', async ({ client, file, opened }, attempt) => {
  const fh = await attempt(client.open(file.nodeid, 0o1002));
  if (fh !== undefined) opened(file.nodeid, fh);
});
simple('READ', 'two chunks', ({ client, file, fh }) => client.read(file.nodeid, fh, 100, 8000));
simple('WRITE', 'a part of a chunk', ({ client, file, fh }) => client.write(file.nodeid, fh, 100, bytes(10)));
scenario('WRITE', 'more than may be unsaved', async ({ client, file, fh }, attempt) => {
  for (let i = 0; i < 5; i++) await attempt(client.write(file.nodeid, fh, i * 4096, bytes(4096)));
});
simple('STATFS', 'of the mount', ({ client }) => client.statfs());
scenario('RELEASE', 'a file', async ({ client, other, otherFh, closed }, attempt) => {
  await attempt(client.release(other.nodeid, otherFh).then(() => closed(otherFh)));
});
scenario('RELEASE', 'a file without a name, the last that holds it', async (at, attempt) => {
  const { client, other, otherFh, closed } = at;
  await attempt(client.unlink(1, 'other'));
  await client.forget(other.nodeid);
  await attempt(client.release(other.nodeid, otherFh).then(() => closed(otherFh)));
});
scenario('FSYNC', 'after a WRITE', async ({ client, file, fh }, attempt) => {
  await attempt(client.write(file.nodeid, fh, 4096, bytes(4096)));
  await attempt(client.fsync(file.nodeid, fh));
});
simple('SETXATTR', 'a new one', ({ client, file }) => client.setxattr(file.nodeid, 'user.b', bytes(5)));
simple('GETXATTR', 'of a file', ({ client, file }) => client.getxattr(file.nodeid, 'user.a', 100));
simple('LISTXATTR', 'of a file', ({ client, file }) => client.listxattr(file.nodeid, 100));
simple('REMOVEXATTR', 'of a file', ({ client, file }) => client.removexattr(file.nodeid, 'user.a'));
simple('FLUSH', 'a file', ({ client, file, fh }) => client.flush(file.nodeid, fh));
simple('INIT', 'once more', ({ client }) => client.init());
simple('DESTROY', 'with changes that are not stored', async ({ client }) => {
  await client.mknod(1, 'new', 0o100644);
  await client.unlink(1, 'file');
  await client.destroy();
});
scenario('OPENDIR', 'a directory', async ({ client, dir, opened }, attempt) => {
  const fh = await attempt(client.opendir(dir.nodeid));
  if (fh !== undefined) opened(dir.nodeid, fh, true);
});
simple('READDIR', 'the root', ({ client, rootFh }) => client.readdir(1, rootFh, 0));
simple('READDIRPLUS', 'the root', ({ client, rootFh }) => client.readdir(1, rootFh, 0, 4096, true));
simple('READDIRPLUS', 'the root, as far as there is room', ({ client, rootFh }) =>
  client.readdir(1, rootFh, 0, 700, true),
);
scenario('RELEASEDIR', 'the root', async ({ client, rootFh, closed }, attempt) => {
  await attempt(client.releasedir(1, rootFh).then(() => closed(rootFh)));
});
scenario('FSYNCDIR', 'after a MKNOD', async ({ client, rootFh }, attempt) => {
  await attempt(client.mknod(1, 'new', 0o100644));
  await attempt(client.fsyncdir(1, rootFh));
});
simple('GETLK', 'of a file', ({ client, file, fh }) => client.getlk(file.nodeid, fh, lock(1n, 1)));
simple('SETLK', 'of a file', ({ client, file, fh }) => client.setlk(file.nodeid, fh, lock(1n, 1)));
scenario('SETLKW', 'one that is given when another is given back', async ({ client, file, fh }, attempt) => {
  await attempt(client.setlk(file.nodeid, fh, lock(1n, 1)));
  const waiting = attempt(client.setlk(file.nodeid, fh, lock(2n, 1), { wait: true }));
  await attempt(client.setlk(file.nodeid, fh, lock(1n, 2)));
  // Where giving it back failed, closing the file does it.
  await attempt(client.flush(file.nodeid, fh, 1n));
  await waiting;
});
simple('ACCESS', 'of a file', ({ client, file }) => client.access(file.nodeid, 4));
scenario('CREATE', 'a new file', async ({ client, opened }, attempt) => {
  const made = await attempt(client.create(1, 'new'));
  if (made) opened(made.nodeid, made.fh);
});
scenario('CREATE', 'a file that is there, emptied', async ({ client, opened }, attempt) => {
  const made = await attempt(client.create(1, 'target', 0o100644, 0o1102));
  if (made) opened(made.nodeid, made.fh);
});
simple('INTERRUPT', 'of nothing', ({ client }) => client.interrupt(4));
simple('BMAP', 'of a file', ({ client, file }) => client.bmap(file.nodeid, 0, 4096));
simple('IOCTL', 'flags read', ({ client, file, fh }) => client.ioctl(file.nodeid, fh, 0x80046601, { out_size: 4 }));
simple('IOCTL', 'flags set', ({ client, file, fh }) =>
  client.ioctl(file.nodeid, fh, 0x40046602, {}, Uint8Array.of(0x80, 0, 0, 0)),
);
simple('POLL', 'a file', ({ client, file, fh }) => client.poll(file.nodeid, fh, 5));
simple('NOTIFY_REPLY', 'that nobody asked for', ({ client, file }) => client.notifyReply(file.nodeid, 0, bytes(4)));
scenario('BATCH_FORGET', 'two', async ({ client, empty, link }) => {
  const list = [empty.nodeid, link.nodeid].map((nodeid) => [nodeid, client.counts.get(nodeid) ?? 0] as const);
  for (const [nodeid] of list) client.counts.delete(nodeid);
  await client.batchForget(list);
});
for (const [what, mode] of [
  ['room', 0],
  ['a hole', 3],
  ['zeros', 16],
] as const)
  simple('FALLOCATE', what, ({ client, file, fh }) => client.fallocate(file.nodeid, fh, mode, 1000, 9000));
simple('LSEEK', 'a hole', ({ client, file, fh }) => client.lseek(file.nodeid, fh, 0, 4));
simple('COPY_FILE_RANGE', 'of two chunks', ({ client, file, fh, other, otherFh }) =>
  client.copyFileRange([file.nodeid, fh, 100], [other.nodeid, otherFh, 50], 8000),
);
simple('SETUPMAPPING', 'of a file', ({ client, file, fh }) => client.setupmapping(file.nodeid, { fh, len: 4096 }));
simple('REMOVEMAPPING', 'of a file', ({ client, file }) => client.removemapping(file.nodeid, [[0, 4096]]));
scenario('SYNCFS', 'after a MKDIR', async ({ client }, attempt) => {
  await attempt(client.mkdir(1, 'new'));
  await attempt(client.syncfs());
});
scenario('TMPFILE', 'made, and given a name', async ({ client, opened }, attempt) => {
  const made = await attempt(client.tmpfile(1));
  if (!made) return;
  opened(made.nodeid, made.fh);
  await attempt(client.link(made.nodeid, 1, 'new'));
});
simple('STATX', 'of a file', ({ client, file }) => client.statx(file.nodeid, { sx_mask: 0xfff }));

export { SCENARIOS };
